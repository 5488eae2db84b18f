"""Maps of what exceeds chance alone: the weights of a fit that shuffled labels do not reach.

What shuffled labels give is computed once a fit, and kept in the study's folder under the fit's digest and
what its embeddings are known by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..method.null import LEVEL, Null, benjamini_hochberg, label_null, shuffled_evidence
from ..method.tfidf import term_frequencies
from ..scheduling import OnCluster
from ..store.derived import DerivedArrays
from .cached_counts import expand
from .fits import FitView
from .views import fit_view, layer, seen_from
from .worker_context import Place, place_of, study_at

if TYPE_CHECKING:
    from .study import Study

__all__ = ["LEVEL", "LEVELS", "known_null", "masked", "masked_study", "no_signal", "null_of", "study_null"]

LEVELS = (0.01, 0.05, 0.1, 0.2)
"""False discovery rates to choose from."""

_SHUFFLES = 200
_ONE_SIDED = 1.645  # standard deviations that 5 % of a normal distribution are above
_SHUFFLED_AT_ONCE = 10


def null_of(
    study: Study,
    view: Any = None,
    level: float = LEVEL,
    n: int = _SHUFFLES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Null:
    """The Null of a fit at a false discovery rate: computed once, then read again.

    Parameters
    ----------
    study : Study
    view : FitView, Fit or number of a fit
        Default: the latest.
    level : float
        The false discovery rate.
    n : int
        Shuffles.
    seed : int
    progress : function(done, total)
        Told while it is computed.

    Raises FitError.
    """
    view = fit_view(study, view)
    packed = _arrays(study).get(
        _key(study, view, n, seed),
        lambda: _packed(study_null(study, n, seed, view=view, progress=progress)),
    )
    return _unpacked(packed, level)


def known_null(
    study: Study, view: Any = None, level: float = LEVEL, n: int = _SHUFFLES, seed: int = 0
) -> Null | None:
    """As ``null_of`` where it has been computed before, else None."""
    packed = _arrays(study).peek(_key(study, fit_view(study, view), n, seed))
    return None if packed is None else _unpacked(packed, level)


def no_signal(view: FitView) -> str | None:
    """A line for the user where held-out data are told apart no better than chance, else None.

    The held-out AUROC (of several classes: their mean) is to be 1.645 standard deviations of that of random
    scores above 0.5, one-sided 5 %. Labels alone are used, and nothing is fitted. None where nothing was held
    out.
    """
    summary = view.summary
    if not summary["held_out_folds"]:
        return None
    n = summary["fitted_on"]
    counts = np.array(summary.get("class_counts") or [summary.get("positive") or 0], np.float64)
    counts = counts[(counts > 0) & (counts < n)]
    score = summary["held_out_auroc"]
    if not len(counts) or not np.isfinite(score):
        return None
    spread = np.sqrt((n + 1) / (12 * counts * (n - counts))).mean()  # of a rank sum, as an AUROC
    if score > 0.5 + _ONE_SIDED * spread:
        return None
    return (
        f"Held out: {summary['held_out_accuracy']:.0%} of {n} right, AUROC {score:.2f}: no better than"
        " chance; the map may mean nothing"
    )


def masked(view: FitView, null: Null) -> FitView:
    """A view with the weights that a Null keeps, and those that the expert pinned; all others are 0."""
    return FitView(view.fit, view.target, null)


def masked_study(
    study: Study, level: float = LEVEL, progress: Callable[[int, int], None] | None = None
) -> tuple[Study, Null]:
    """A study seen through the mask, for looking and exporting; edits are made on the study itself.

    Raises FitError.
    """
    view = fit_view(study)
    null = null_of(study, view, level, progress=progress)
    return seen_from(study, masked(view, null)), null


def _arrays(study: Study) -> DerivedArrays:
    return DerivedArrays(study.path / "derived" / "nulls", study.memory, study.path)


def _key(study: Study, view: FitView, n: int, seed: int) -> str:
    of = study.content([row for row in study.table.rows if row.uid in view.summary["predictions"]])
    return f"{view.fit.digest()[:24]}-{of}-{view.id}-{view.target}-{n}-{seed}"


def _packed(null: Null) -> np.ndarray:
    """A Null as one array, whatever its level."""
    return np.concatenate([[null.auroc, null.p_signal, len(null.shuffled)], null.shuffled, null.p_values])


def _unpacked(array: np.ndarray, level: float) -> Null:
    n = int(array[2])
    shuffled, p_values = array[3 : 3 + n], array[3 + n :]
    p_signal = float(array[1])
    kept = benjamini_hochberg(p_values, level) & (p_signal <= LEVEL)
    return Null(float(array[0]), shuffled, p_signal, p_values, kept, level)


# ---- shuffling the labels of a study


def study_null(
    study: Study,
    n: int = 200,
    seed: int = 0,
    level: float = LEVEL,
    view: Any = None,
    progress: Callable[[int, int], None] | None = None,
    on: Any = None,
) -> Null:
    """The Null of a study's fit, edits and all; ``kept`` and ``p_values`` are over all p weights of the fit.

    Parameters
    ----------
    study : Study
    n, seed, level, progress
        As of ``label_null``.
    view : FitView, Fit or number of a fit
        Default: the latest.
    on : where labels are shuffled, from ``scheduling.scheduler`` (default: here)

    Raises FitError.
    """
    view = fit_view(study, view)
    kernel, counts, labels = _evidence_of(study, view)
    with place_of(study, on) as place:
        there = None
        if isinstance(on, OnCluster):
            there = partial(_shuffled_there, on, place, view.id, study.target)
        null = label_null(kernel, counts, labels, n, seed, level, progress, there)
    where = view.state.active(view.n_concepts), view.n_concepts, view.radius
    p_values, kept = expand(null.p_values, *where), expand(null.kept, *where)
    return Null(null.auroc, null.shuffled, null.p_signal, p_values, kept, level)


def _evidence_of(study: Study, view: FitView) -> tuple[Any, np.ndarray, np.ndarray]:
    """Unfitted kernel, counts (n_data, p_active) and labels (n_data,) of 0 and 1 of the data of a fit."""
    _, counts = layer(study, view.centroids, view.settings)
    there = view.summary["predictions"].keys()
    rows = [row for row in study.table.rows if row.uid in there and row.split != "test"]
    labels = {row.uid: view.state.labels.get(row.uid, row.label) for row in rows}
    uids = [uid for uid, label in labels.items() if label is not None]
    compact = counts.compact([(uid, None) for uid in uids], view.state)
    return view.settings.make_kernel(), compact, np.array([int(labels[uid] == view.target) for uid in uids])


def _shuffled_there(
    on: Any, place: Place, fit: int, target: int, drawn: list[np.ndarray], seed: int
) -> Iterator[tuple[float, np.ndarray]]:
    """What shuffled labels give, from workers, which take the counts from the study."""
    items = [
        (start, drawn[start : start + _SHUFFLED_AT_ONCE]) for start in range(0, len(drawn), _SHUFFLED_AT_ONCE)
    ]
    parts = {done.item[0]: done.get() for done in on.run(_shuffled_at, items, place, fit, target, seed)}
    return (one for start in sorted(parts) for one in parts[start])


def _shuffled_at(
    place: Place, fit: int, target: int, seed: int, item: tuple[int, list[np.ndarray]]
) -> list[tuple[float, np.ndarray]]:
    study = study_at(place)

    def compute() -> tuple[Any, np.ndarray, np.ndarray]:
        view = fit_view(study, fit).seen_from(target)
        kernel, counts, _ = _evidence_of(study, view)
        counts = np.asarray(counts, np.float64)
        return kernel, counts, term_frequencies(counts)

    kernel, counts, shares = study.memory.make(("shuffled", fit, target, study.content()), compute)
    return [shuffled_evidence(kernel, counts, shares, labels, seed) for labels in item[1]]
