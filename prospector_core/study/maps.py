"""Prospect maps of a study's data: where a class lies, by the kernel of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..colour_limits import map_limit
from ..method import prospecting
from ..scheduling import InProcess
from ..store.derived import unchanged
from ..store.maps import read_map, write_map
from ..store.removal import own_place
from .cached_counts import compact_coef
from .concepts import tokens_of
from .views import fit_view, layer
from .worker_context import Place, place_of, seen_at

if TYPE_CHECKING:
    from .data import Datum
    from .fits import FitView
    from .study import Study

__all__ = [
    "StrongestClass",
    "evidence",
    "predictions",
    "prospect",
    "provisional_map",
    "provisional_version",
    "save_map",
    "save_maps",
    "score_limit",
    "some_spread",
    "strongest_class",
]

_LIMIT_DATA, _LIMIT_TOKENS = 200, 500_000  # what the limit of the scores is taken from, at most


@dataclass(frozen=True)
class StrongestClass:
    """Which class each token speaks for most.

    Attributes
    ----------
    classes : (n,) int64
        -1 for excluded tokens.
    margin : (n,) float64
        How far it is ahead of the next, NaN for excluded tokens.
    scales : (n_classes,) float64
        The score of the strongest colour of each class, which scores are divided by.
    """

    classes: np.ndarray
    margin: np.ndarray
    scales: np.ndarray


def prospect(study: Study, datum: Any, view: Any = None) -> np.ndarray:
    """A datum's prospect map: (n,) float64, NaN for excluded tokens.

    Parameters
    ----------
    study : Study
    datum : Datum, uid or name
    view : FitView, Fit or number of a fit
        Default: the latest fit, from the class that the study is seen from.
    """
    datum, view = study.datum(datum), fit_view(study, view)

    def of(stamp: str) -> tuple[tuple, np.ndarray]:
        key = ("map", view.key, datum.uid, stamp)
        scores = study.memory.get(key)
        if scores is None and view.id > 0 and not view.plain:
            scores = read_map(_map_file(study, datum, view), stamp, view.fit.digest())
        return key, _computed(study, datum, view) if scores is None else scores

    key, scores = unchanged(lambda: study.stamp(datum), of)
    scores.setflags(write=False)
    study.memory.put(key, scores)
    return scores


def _computed(study: Study, datum: Datum, view: FitView) -> np.ndarray:
    tokens = tokens_of(study, datum, view)
    how = view.n_concepts, view.radius, view.settings.diffusive, view.smoothing
    return prospecting.prospect(study.graph(datum), tokens, view.coef, *how)


def _map_file(study: Study, datum: Datum, view: FitView) -> Path:
    folder = study.path / "fits" / str(view.id) / "maps"
    if view.mask is not None:
        folder = folder / f"fdr-{view.mask.level:g}"
    if study.several:
        folder = folder / f"class-{view.target}"
    return own_place(study.path, folder / f"{datum.uid}.npy")


def save_maps(
    study: Study,
    data: Iterable[Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    on: Any = None,
) -> dict[str, Path]:
    """Compute the latest fit's maps (of the class that the study is seen from) and keep them.

    Parameters
    ----------
    study : Study
    data : list of Datum, uid or name
        Default: all embedded.
    progress : function(done, total)
    on : where it runs, from ``scheduling.scheduler`` (default: here)

    Returns
    -------
    {uid: path}
    """
    study.database.check_writable()
    view = fit_view(study)
    uids = [datum.uid for datum in (map(study.datum, data) if data else study.embedded())]
    written = {}
    on = on or InProcess()
    with place_of(study, on) as place:
        for done in on.run(_save_map_at, uids, place, view.id, study.target):
            written[done.item] = done.get()
            if progress:
                progress(len(written), len(uids))
    return {uid: written[uid] for uid in uids}


def save_map(study: Study, datum: Any, view: Any = None) -> Path:
    """Compute a datum's map under a fit and keep it in the study. Returns its path."""
    study.database.check_writable()
    datum, view = study.datum(datum), fit_view(study, view)
    stamp, scores = unchanged(
        lambda: study.stamp(datum), lambda stamp: (stamp, _computed(study, datum, view))
    )
    path = _map_file(study, datum, view)
    write_map(path, np.asarray(scores), stamp, view.fit.digest(), study.path)
    return path


def _save_map_at(place: Place, fit: int, target: int, uid: str) -> Path:
    return save_map(seen_at(place, target), uid, fit)


# ---- maps of data that are being embedded


def provisional_map(study: Study, datum: Any, view: Any = None) -> Any:
    """What the map of a datum that is being embedded looks like by now; None before and after."""
    return study.kind.partial_map(study, study.datum(datum).uid, fit_view(study, view))


def provisional_version(study: Study, datum: Any, view: Any = None) -> tuple | None:
    """A value that changes when ``provisional_map`` does, None where there is none; cheap to ask for."""
    return study.kind.partial_version(study, study.datum(datum).uid, fit_view(study, view))


# ---- what maps come to


def score_limit(study: Study, view: Any = None) -> float:
    """Score of the strongest colour of a fit's class, the same for every datum, so that colours compare.

    The 99.5 % quantile of the size of scores over the embedded data; of many or large ones, over some that
    are spread over the study and hold half a million tokens: an edit must not wait for the maps of all.
    """
    view = fit_view(study, view)
    data = some_spread(study, study.embedded())
    return study.memory.make(
        ("score limit", view.key, study.content(data)),  # pages ask at every rerun
        lambda: map_limit([study.prospect(datum, view) for datum in data]),
    )


def some_spread(study: Study, data: list[Datum]) -> list[Datum]:
    """Some of the data, evenly over all of them.

    200 at most, and no more once they hold half a million tokens.
    """
    # steps of the golden ratio: however many are taken, they lie apart
    order = np.argsort(np.arange(len(data)) * ((5**0.5 - 1) / 2) % 1, kind="stable") if data else []
    taken, tokens = [], 0
    for index in map(int, order[:_LIMIT_DATA]):
        if tokens >= _LIMIT_TOKENS:
            break
        taken.append(index)
        tokens += study.n_tokens(data[index])
    return [data[index] for index in sorted(taken)]


def strongest_class(study: Study, datum: Any, view: Any = None) -> StrongestClass:
    """The class that each token of a datum speaks for most.

    Scores of different kernels are made comparable by dividing each class's by its score of the strongest
    colour (``score_limit``). Of two classes it is class 1 where the score is positive, else class 0.
    """
    view = fit_view(study, view)
    if study.several:
        views = [view.seen_from(target) for target in range(len(study.classes))]
        scales = np.array([study.score_limit(one) for one in views])
        scores = np.stack([study.prospect(datum, one) for one in views]) / scales[:, None]
    else:
        scales = np.full(2, study.score_limit(view))
        scores = study.prospect(datum, view) / scales[0] * np.array([[-1.0], [1.0]])
    known = np.isfinite(scores).all(axis=0)
    two = np.sort(scores, axis=0)[-2:]
    winner = np.where(known, scores.argmax(axis=0), -1)
    return StrongestClass(winner, np.where(known, two[1] - two[0], np.nan), scales)


def predictions(study: Study, view: Any = None) -> dict[str, float]:
    """P of the fit's class of every embedded datum: {uid: float}; held out where it was fitted on.

    P of every class, and the predicted one: ``FitView.probabilities(uid)``, ``FitView.predicted(uid)``.
    """
    return dict(fit_view(study, view).summary["predictions"])


def evidence(study: Study, view: Any = None) -> dict[str, float]:
    """Total evidence of every embedded datum, from cached counts: {uid: float}.

    The sum of its map as it is before smoothing.
    """
    view, data = fit_view(study, view), study.embedded()
    if view.settings.diffusive:  # weighs neighbours by distance: no longer a sum over counts
        return {datum.uid: float(np.nansum(study.prospect(datum, view.unsmoothed))) for datum in data}
    _, counts = layer(study, view.centroids, view.settings)
    active = view.state.active(view.n_concepts)
    compact = counts.compact([(datum.uid, None) for datum in data], view.state)
    totals = compact @ compact_coef(view.coef, active, view.n_concepts, view.radius) / counts.unit
    return {datum.uid: float(total) for datum, total in zip(data, totals)}
