"""Which fit, and which class's kernel, a study is looked at through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInputError, FitError
from ..store.removal import own_place
from .assignments import Sprites
from .cached_counts import Counts
from .fit_records import check_fit
from .fits import Fit, FitView
from .journal import CurationState
from .kept_fit import embeddings_of, load_kept
from .layouts import graph_of
from .records import check_edits, fit_row
from .settings import FitSettings

if TYPE_CHECKING:
    from pathlib import Path

    from .data import Datum
    from .study import Study

__all__ = [
    "class_index",
    "class_views",
    "fit_folder",
    "fit_view",
    "fits",
    "layer",
    "load_fit",
    "newer_embeddings",
    "others",
    "seen_from",
    "several",
    "sides",
    "sprites_of",
    "view_of",
    "naming",
]


# ---- classes


def several(study: Study) -> bool:
    """Whether there are more than two classes, and so one kernel per class."""
    return len(study.classes) > 2


def class_index(study: Study, key: Any) -> int:
    """The number of a class, given as number or name. Raises BadInputError."""
    if key in study.classes:
        return study.classes.index(key)
    if isinstance(key, (int, np.integer)) and 0 <= key < len(study.classes):
        return int(key)
    raise BadInputError(
        f"the study {study.name!r} has no class {key!r}: its classes are {', '.join(study.classes)}"
    )


def sides(study: Study) -> tuple[str, str]:
    """What negative and positive weights and scores speak for, in words.

    ("for normal", "for tumour"), or of several classes ("against tumour", "for tumour").
    """
    name = study.classes[study.target]
    return f"against {name}" if study.several else f"for {study.classes[1 - study.target]}", f"for {name}"


def others(study: Study) -> str:
    """What all but the class that the study is seen from are called: the other class, or "other classes"."""
    return "other classes" if study.several else study.classes[1 - study.target]


def seen_from(study: Study, key: int | str | FitView) -> Study:
    """The same study, with the same memory, where another view is the default.

    Maps, explanations, weights and edits are then of that class, and of that fit. With two classes the study
    is always seen from class 1: negative weights and scores speak for class 0.

    Parameters
    ----------
    study : Study
    key : int, str or FitView
        A class, by number or name; or a view, for looking and exporting.

    Raises BadInputError, FitError.
    """
    if isinstance(key, FitView):
        return replace(study, target=key.target, through=key)
    target = class_index(study, key)
    if study.several:
        return study.memory.make(
            ("seen from", target), lambda: replace(study, target=target, chosen=target, through=None)
        )
    if target != study.target:
        raise FitError(
            f"{study.name!r} has two classes and one kernel: negative weights and scores speak for {key!r}"
        )
    return study


def class_views(study: Study) -> list[Study]:
    """What to look at to see every class.

    This study alone, or where there are several classes and none was chosen, the study seen from each.
    """
    if study.chosen is not None:
        return [study]
    return [seen_from(study, target) for target in range(len(study.classes))]


# ---- fits


def view_of(study: Study) -> FitView | None:
    """The latest fit as the study is seen from its class, or None before the first."""
    row = study.database.read("SELECT MAX(id) FROM fits")[0]
    return None if row[0] is None else load_fit(study, row[0])


def load_fit(study: Study, id: int) -> FitView:
    """A fit by number, the latest previews too, as the study is seen. Raises StudyDamagedError, FitError."""
    through = study.through
    if through is not None and (through.id, through.target) == (id, study.target):
        return through
    return study.memory.make(("fit", id), lambda: _checked(study, id)).view(study.target)


def _checked(study: Study, id: int) -> Fit:
    fit = load_kept(study.path, study.database, id)
    check_fit(fit, study, fit_folder(study, id))
    check_edits(study, fit.state)
    return fit


def fit_view(study: Study, view: Fit | FitView | int | None = None) -> FitView:
    """What is looked at: a view as it is; a fit, or the number of one, as the study is seen.

    Default: the latest fit. Raises FitError where there is none.
    """
    if isinstance(view, Fit):
        return view.view(study.target)
    if isinstance(view, (int, np.integer)):
        return study.load_fit(int(view))
    view = study.view if view is None else view
    if view is None:
        raise FitError("the study has not been fitted yet: run `prospector fit` first")
    return view


def fits(study: Study) -> list[tuple[int, str, int, FitSettings, dict[str, Any]]]:
    """Every fit: list of (id, time, journal entry, settings, summary), oldest first."""
    rows = study.database.read("SELECT id, at, journal, settings, summary FROM fits ORDER BY id")
    return [
        (id, at, journal, FitSettings(**settings), summary)
        for id, at, journal, settings, summary in (fit_row(study.database.path, row) for row in rows)
    ]


def fit_folder(study: Study, id: int) -> Path:
    """Where a fit is kept, by number. Raises StudyDamagedError where a link leads there."""
    return own_place(study.path, study.path / "fits" / str(id))


def newer_embeddings(study: Study, view: Fit | FitView | int | None = None) -> list[Datum]:
    """Data whose embeddings are others than those that a fit (default: the latest) was made of.

    Maps are of the embeddings as they are. A fit that was made before this was kept says nothing of it.
    """
    if view is None and (view := view_of(study)) is None:
        return []
    known = embeddings_of(study.database, fit_view(study, view).id)
    stamps = study.store.stamps()
    return [study.datum(uid) for uid, stamp in known.items() if stamps.get(uid, stamp) != stamp]


def naming(study: Study, view: Fit | FitView) -> CurationState:
    """The CurationState that names and colours of a fit come from: today's, or a preview's own."""
    return view.state if view.id < 0 else study.curation.state


# ---- what a fit is counted with


def layer(study: Study, centroids: np.ndarray, settings: FitSettings) -> tuple[Sprites, Counts]:
    """Sprites and counts of concepts with these centres, (K, d) float32; all views of a study share them."""
    key = ("layer", centroids.tobytes(), settings.radius, settings.softness, settings.centre)

    def make() -> tuple[Sprites, Counts]:
        sprites = sprites_of(study, centroids, settings)
        return sprites, Counts(sprites, lambda uid: graph_of(study, uid), settings.radius)

    return study.memory.make(key, make)


def sprites_of(study: Study, centroids: np.ndarray, settings: FitSettings) -> Sprites:
    """Sprites of concepts with these centres, (K, d) float32."""
    # the store is asked for each time: its address may be allowed meanwhile
    vectors, stamp = lambda uid: study.store.vectors(uid), lambda uid: study.store.stamp(uid)
    return Sprites(study.path / "derived", centroids, vectors, study.memory, settings, stamp)
