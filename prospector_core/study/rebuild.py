"""Fits made again from nothing but the embeddings, the labels and the journal.

They are compared with those that are kept.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError, ProspectorError, StudyDamagedError
from ..scheduling import OnCluster
from .concept_search import find_concepts
from .fits import Fit
from .fitting import computed_kernels, count_there, counts_in
from .journal import read_journal, replay
from .kept_fit import load_kept
from .settings import GIVEN
from .views import fit_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from ..scheduling import InProcess
    from .study import Study

__all__ = ["Rebuilt", "rebuild_fits"]

_ROUNDING = 1e-6  # weights and predictions that differ by less are the same but for rounding


@dataclass(frozen=True)
class Rebuilt:
    """What became of one fit.

    Attributes: fit, its number; kind, "fit" or "refit"; journal, its last entry; result, "same" (to the last
    bit), "close" (but for rounding), "differs" or "failed"; damaged, whether the kept one cannot be used;
    repaired; says, what differs or went wrong, in words.
    """

    fit: int
    kind: str
    journal: int
    result: str
    damaged: bool
    repaired: bool
    says: str

    @property
    def good(self) -> bool:
        """Whether the kept fit is what the journal says, or is again."""
        return (self.result == "same" and not self.damaged) or self.repaired


def rebuild_fits(
    study: Study,
    into: str | os.PathLike[str] | None = None,
    repair: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    on: InProcess | OnCluster | None = None,
) -> list[Rebuilt]:
    """Make every fit of a study again and compare: list of Rebuilt, oldest first.

    No cached sprite or count is used.

    Parameters
    ----------
    study : Study
    into : folder, new or empty, in which to keep what was made: one folder per fit
    repair : put fits that were made again in place of damaged ones; maps kept with those have to be made
        again
    progress : function(done, total, text)
    on : where data are read and counted, from ``scheduling.scheduler`` (default: here)

    Raises BadInputError, StorageFullError, StudyError.
    """
    into = None if into is None else Path(into)
    if into is not None and into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadInputError(f"{into} exists already: give a new or empty folder to rebuild into")
    rows = study.fits()
    digests = dict(study.database.read("SELECT id, digest FROM fits"))
    actions = {entry.id: entry.action for entry in read_journal(study.database)}
    found, concepts, fitted_at = [], None, set()
    # workers have only the study's folder in common
    beside = study.path.resolve() if isinstance(on, OnCluster) else None
    with tempfile.TemporaryDirectory(prefix=".prospector-", dir=beside) as derived:
        for done, (id, _, journal, settings, summary) in enumerate(rows):
            kind = "fit" if actions.get(journal) == "fit" and journal not in fitted_at else "refit"
            fitted_at.add(journal)
            if progress:
                progress(done, len(rows), f"rebuilding fit {id}")
            try:
                made = _make(
                    study, id, journal, settings, summary, concepts if kind == "refit" else None, derived, on
                )
            except ProspectorError as error:
                concepts = None if kind == "fit" else concepts
                damaged = _kept(study, id) is None
                found.append(Rebuilt(id, kind, journal, "failed", damaged, False, str(error)))
                continue
            concepts = made.centroids, made.tree
            if into is not None:
                made.save(into / str(id))
            found.append(_compare(study, made, kind, summary, digests[id], repair))
    if progress:
        progress(len(rows), len(rows), "rebuilding")
    return found


def _make(study, id, journal, settings, summary, concepts, derived, on):
    """One fit from the embeddings and the journal.

    ``concepts``: centroids and tree of the fit that it refitted.
    """
    state = replay(read_journal(study.database, journal))
    there = summary["predictions"].keys()  # what was embedded when it was made
    labels = {row.uid: state.labels.get(row.uid, row.label) for row in study.table.rows}
    rows = [row for row in study.table.rows if row.uid in there]
    gone = [row.name for row in rows if not study.is_embedded(row)]
    if gone:
        raise BadInputError(f"the embeddings of {gone[0]} are gone: run `prospector embed` first")
    if concepts is None:
        sampled = [row for row in rows if labels[row.uid] is not None and row.split != "test"]
        if settings.quantizer == GIVEN:
            concepts = study.given_concepts()[1], None
        else:
            concepts = find_concepts(study, sampled, settings, on=on)
    centroids, tree = concepts
    if isinstance(on, OnCluster):
        count_there(study, on, rows, centroids, settings, state, derived)
    kernels = computed_kernels(
        study, settings, centroids, state, rows, counts_in(study, derived, centroids, settings)
    )
    return Fit(id, journal, settings, centroids, kernels, state, tree)


def _kept(study, id):
    """The fit as it is kept; None if it cannot be read, or is not what was written."""
    try:
        return load_kept(study.path, study.database, id)
    except StudyDamagedError:
        return None


def _compare(study, made, kind, summary, digest, repair):
    kept = _kept(study, made.id)
    if kept is not None:
        same = made.digest() == kept.digest()
    elif digest:
        same = made.digest() == digest
    else:  # made before digests were kept: the database has the predictions
        same = made.summary["predictions"] == summary["predictions"]
    says = [] if kept is not None else ["what is kept is damaged"]
    largest = 0.0
    if not same:
        largest, parts = _difference(made, kept, summary["predictions"])
        says.append(
            f"differs in {', '.join(parts) or 'its bytes'}"
            + (f" (by {largest:.1g} at most)" if parts else "")
        )
    result = "same" if same else "close" if largest <= _ROUNDING else "differs"
    repaired = bool(repair and kept is None and result != "differs")
    if repaired:
        with (
            study.database.transaction() as connection
        ):  # what differs by rounding is what was written from now on
            connection.execute(
                "UPDATE fits SET digest = ?, summary = ? WHERE id = ?",
                (made.digest() if digest else "", json.dumps(made.summary), made.id),
            )
            made.save(fit_folder(study, made.id))
        study.memory.drop(("fit", made.id))
        says.append("repaired")
    return Rebuilt(made.id, kind, made.journal, result, kept is None, repaired, "; ".join(says))


def _difference(made, kept, predictions):
    """Largest difference, and what differs, by name. Without a kept fit only predictions can be compared."""
    again = made.summary["predictions"]
    nothing = [np.nan] * made.n_classes if made.several else np.nan
    pairs = {"predictions": ([again.get(uid, nothing) for uid in predictions], list(predictions.values()))}
    if kept is not None:
        curves = ([[curve.slope, curve.offset] for curve in one.kernels.calibration] for one in (made, kept))
        one, two = made.kernels, kept.kernels
        pairs = {
            "concepts' centres": (made.centroids, kept.centroids),
            "fitted weights": (one.fitted_coef, two.fitted_coef),
            "weights": (one.coef, two.coef),
            "calibration": tuple(curves),
            **pairs,
        }
    largest, parts = 0.0, []
    for name, (a, b) in pairs.items():
        a, b = np.asarray(a, float), np.asarray(b, float)
        if a.shape != b.shape:
            return np.inf, [*parts, name]
        if not np.array_equal(a, b):
            parts.append(name)
            gap = np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)))
            largest = np.inf if np.isnan(gap) else max(largest, float(gap))
    return largest, parts
