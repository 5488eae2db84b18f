"""Fits of a study: fitting and refitting kernels, previews of edits, what changed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FitError, StoreNotAllowedError
from ..method.quantizers import ConceptTree
from ..scheduling import InProcess, OnCluster
from .assignments import Sprites
from .cached_counts import Counts
from .change import Change
from .concept_search import default_settings, find_concepts
from .data import as_given, fitted_on
from .fits import Fit, FitView, Kernels
from .journal import CurationState, Entry, last_id, read_journal, replay
from .kernel_fit import fit_kernel
from .layouts import graph_of
from .preview import Draft
from .records import check_edits
from .settings import GIVEN, FitSettings
from .views import fit_folder, fit_view, layer, view_of
from .worker_context import Place, place_of, study_at

if TYPE_CHECKING:
    import numpy as np

    from .data import Datum
    from .study import Study

__all__ = [
    "change",
    "computed_kernels",
    "count",
    "count_there",
    "counts_in",
    "fit",
    "preview",
    "refit",
    "settings",
]

_unsaved = itertools.count(-1, -1)  # ids of previews: no two in one process, and none that the database gives


def settings(study: Study) -> FitSettings:
    """FitSettings of the latest fit (defaults before the first)."""
    view = view_of(study)
    return view.settings if view else default_settings(study)


def fit(
    study: Study,
    settings: FitSettings | None = None,
    progress: Callable[[str], None] | None = None,
    on: Any = None,
    **changes: Any,
) -> Change:
    """Find concepts (layer I) and fit the kernels (layer II).

    Edits of earlier concepts no longer apply; corrected labels stay.

    Parameters
    ----------
    study : Study
    settings : FitSettings
        Default: ``default_settings``; or any of its fields as keywords.
    progress : function(text)
    on : where data are read and counted, from ``scheduling.scheduler`` (default: here)

    Raises FitError, EmbeddingError.
    """
    study.database.check_writable()
    settings = replace(settings or default_settings(study), **changes).check()
    if settings.quantizer == GIVEN:
        given = study.given_concepts()
        if given is None:
            raise FitError(
                f"the encoder {study.embedding['encoder']} brings no concepts of its own: let k-means look"
                " for them"
            )
        settings = replace(settings, concepts=len(given[0]))
    while (change := _fit(study, settings, progress or (lambda text: None), on or InProcess())) is None:
        pass
    return change


def _fit(study: Study, settings: FitSettings, say: Callable[[str], None], on: Any) -> Change | None:
    last = last_id(study.database)
    data = fitted_on(study)
    _check_labels(study, data)
    if settings.quantizer == GIVEN:
        centroids, tree = study.given_concepts()[1], None
    else:
        centroids, tree = find_concepts(study, data, settings, say, on)
    say("counting concepts and pairs")
    # no "before": with other concepts, kernels cannot be compared weight by weight
    return _fit_kernel(study, last, settings, centroids, tree, None, ("fit", asdict(settings)), on)


def _check_labels(study: Study, data: Sequence[Datum]) -> None:
    """Raise FitError where data are not of every class, StoreNotAllowedError where none may be read."""
    if not data and (why := study.address.refusal()) is not None:
        raise StoreNotAllowedError(why)
    if not data:
        raise FitError("no labelled datum has been embedded: run `prospector embed` first")
    labels = {datum.label for datum in data}
    if len(labels) < 2:
        only = study.classes[labels.pop()]
        raise FitError(
            f"all {len(data)} embedded data are labelled {only!r}: a kernel needs data of "
            + ("every class" if study.several else "both classes")
        )
    missing = [name for label, name in enumerate(study.classes) if label not in labels]
    if missing:
        raise FitError(
            f"no embedded datum is labelled {missing[0]!r}: one kernel per class needs data of every"
            " class; embed some, or make the study without that class"
        )


def refit(study: Study, on: Any = None) -> Change:
    """Fit layer II only, from cached counts, under all edits so far. Returns what moved.

    Parameters
    ----------
    study : Study
    on : where data are counted that have to be, from ``scheduling.scheduler`` (default: here)
    """
    study.database.check_writable()
    while True:
        last, before = last_id(study.database), fit_view(study)
        change = _fit_kernel(study, last, before.settings, before.centroids, before.tree, before, on=on)
        if change is not None:
            return change


def preview(study: Study, edit: Callable[[Any], Any]) -> Change:
    """What a refit would give if an edit were made: Change, whose ``after`` is kept nowhere.

    Writes nothing. ``after`` works wherever a fit can be given: ``study.prospect(datum, change.after)``.

    Parameters
    ----------
    study : Study
    edit : function(curation)
        Makes one or more edits with the methods and checks of ``study.curation``; edits that wait for a refit
        count too.

    Raises CurationError, FitError.
    """
    before = fit_view(study)
    draft = Draft(study)
    edit(draft)
    edits = json.dumps([(entry.action, entry.payload) for entry in draft.edits])
    key = ("preview", before.id, draft.base, edits, study.content())  # pages ask at every rerun

    def compute() -> Fit:
        kernels = computed_kernels(study, before.settings, before.centroids, draft.state)
        what = before.settings, before.centroids, kernels, draft.state, before.tree
        after = Fit(next(_unsaved), draft.base, *what)
        study.memory.put(("fit", after.id), after)
        return after

    after = study.memory.make(key, compute).view(study.target)
    return study.memory.make((*key, study.target), lambda: Change(study, before, after))


def change(study: Study, before: int | Fit | FitView, after: int | Fit | FitView | None = None) -> Change:
    """What changed from one fit to another, by number or as a view (``after`` None: the latest)."""
    return Change(study, fit_view(study, before), fit_view(study, after))


def _fit_kernel(
    study: Study,
    last: int,
    settings: FitSettings,
    centroids: np.ndarray,
    tree: ConceptTree | None,
    before: FitView | None,
    entry: tuple[str, dict] | None = None,
    on: Any = None,
) -> Change | None:
    """Fit what the journal amounts to at id ``last`` (and with ``entry``, this fit's own).

    None if someone edited meanwhile: then nothing is kept. The database is free for others until the end.
    """
    own, stamps = [Entry(last + 1, "", *entry)] if entry else [], study.store.stamps()
    state = replay(read_journal(study.database, last) + own)
    check_edits(study, state)
    if isinstance(on, OnCluster):  # what the workers count is then found in the study
        count_there(study, on, study.embedded(), centroids, settings, state)
    kernels = computed_kernels(study, settings, centroids, state)
    with study.database.transaction() as connection:
        if last_id(study.database) != last:
            return None
        journal = study.log.record(connection, *entry) if entry else last
        row = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "journal": journal,
            "settings": json.dumps(asdict(settings)),
            "summary": json.dumps(kernels.summary),
            "author": study.log.author,
            "embeddings": json.dumps({uid: stamps.get(uid, "") for uid in kernels.summary["predictions"]}),
        }
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        id = connection.execute(f"INSERT INTO fits ({names}) VALUES ({marks})", tuple(row.values())).lastrowid
        after = Fit(id, journal, settings, centroids, kernels, state, tree)
        connection.execute("UPDATE fits SET digest = ? WHERE id = ?", (after.digest(), id))
        study.database.check()
        after.save(fit_folder(study, id))  # before the commit: a fit that the database knows is there
    study.memory.put(("fit", id), after)
    return Change(study, before, after.view(study.target))


def computed_kernels(
    study: Study,
    settings: FitSettings,
    centroids: np.ndarray,
    state: CurationState,
    rows: Sequence[Datum] | None = None,
    counts: Counts | None = None,
) -> Kernels:
    """The kernels of data under a CurationState.

    Parameters
    ----------
    study : Study
    settings : FitSettings
    centroids : (K, d) float32
    state : CurationState
    rows : list of Datum
        With the labels given at first (default: those embedded by now).
    counts : Counts
        Default: the study's own, with all it keeps.
    """
    counts = layer(study, centroids, settings)[1] if counts is None else counts
    rows = as_given(study, study.embedded()) if rows is None else rows
    labels = {row.uid: state.labels.get(row.uid, row.label) for row in rows}
    trained = {row.uid for row in rows if row.split != "test"}
    return fit_kernel(counts, [row.uid for row in rows], labels, trained, state, settings, study.classes)


# ---- counting


def count_there(
    study: Study,
    on: Any,
    data: Sequence[Datum],
    centroids: np.ndarray,
    settings: FitSettings,
    state: CurationState,
    folder: str | None = None,
) -> None:
    """Have workers count data, and the regions marked on them, as ``count`` does; what they find is kept."""
    there = {datum.uid for datum in data}
    marked = [region for region in state.regions if region.evidence != "ignore" and region.datum in there]
    rows = [(datum.uid, None) for datum in data] + [(region.datum, region) for region in marked]
    with place_of(study, on) as place:
        for done in on.run(_count_at, rows, place, centroids, settings, state, folder):
            done.get()


def count(
    study: Study,
    centroids: np.ndarray,
    settings: FitSettings,
    state: CurationState,
    datum: Any,
    region: Any = None,
    folder: str | None = None,
) -> None:
    """Count a datum (or a Region of it) under a CurationState, as a fit of these settings does.

    What is found is kept, in ``folder`` or with the study's own derived arrays.
    """
    if folder is None:
        counts = layer(study, centroids, settings)[1]
    else:
        counts = counts_in(study, folder, centroids, settings)
    counts.cached(study.datum(datum).uid, state, region)


def counts_in(study: Study, folder: str | Path, centroids: np.ndarray, settings: FitSettings) -> Counts:
    """Counts whose derived arrays lie in a folder of their own."""
    store = study.store
    sprites = Sprites(Path(folder), centroids, store.vectors, None, settings, store.stamp)
    return Counts(sprites, lambda uid: graph_of(study, uid), settings.radius)


def _count_at(
    place: Place,
    centroids: np.ndarray,
    settings: FitSettings,
    state: CurationState,
    folder: str | None,
    row: tuple[str, Any],
) -> None:
    """As ``count``; ``row``: (uid, Region or None)."""
    count(study_at(place), centroids, settings, state, *row, folder=folder)
