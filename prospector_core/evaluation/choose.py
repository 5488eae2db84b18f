"""Choosing settings without truth: by what labels of data alone can tell.

Four things are looked at for each candidate, on the data that may be fitted on:

- **log loss** and **auroc** of held-out data, from their whole evidence;
- **top auroc**: the same from the mean of the best twentieth of their tokens' scores, as a class that lives
  in a small part
  of a datum should be told by that part;
- **stability**: how alike the maps are of kernels fitted on one half of the data and on the other.

The first candidate, the settings to begin with, stays unless labels say clearly otherwise: another one has to
lower the log loss on every one of several splits, by more than three standard errors of the difference, datum
by datum (there are dozens of candidates), to predict better than a coin, and to be no less stable. Where the
first already tells (nearly) all held-out data apart, labels can say no more, and it stays. Among those that
do, candidates are ranked by each of log loss, top auroc and stability, and the mean rank decides; of equals
the earlier candidate. With few data nearly every candidate predicts them all, and a choice among them would
be chance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from ..method.calibration import Calibration
from ..method.folds import stratified_folds
from ..method.metrics import auroc
from ..scheduling import InProcess, OnCluster
from ..study.settings import GIVEN, FitSettings
from .heads import FittedHead, centroids_of, counts_of, suggested_for
from .problem import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from .problem import Problem
    from .studies import AtPlace

__all__ = ["Choice", "LabelScores", "auto_candidates", "choose", "choose_tokens", "label_scores"]

_TOP = 0.05  # share of a datum's tokens
_HALVINGS = 3
_SPLITS = 3  # of the data into five parts, each of which is held out in turn
_ERRORS = 3  # standard errors that a candidate has to be better by
_EPSILON = 1e-6
_ALL_APART = 0.99  # AUROC of held-out data


@dataclass(frozen=True)
class LabelScores:
    """What labels alone say of settings; see the module.

    Higher is better, but for log_loss, the mean of ``losses`` (n_data,); ``splits``, that of each split.
    """

    log_loss: float
    auroc: float
    top_auroc: float
    stability: float
    losses: tuple = field(default=(), repr=False)
    splits: tuple = field(default=(), repr=False)


@dataclass(frozen=True)
class Choice:
    """The outcome of a search: candidates and scores, lists in order.

    Ranks (n,), mean ranks, 1 = best; clear (n,) bool, those that labels clearly prefer to the first; best, an
    index; names of candidates that are more than settings; first, what the first one is called.
    """

    candidates: list
    scores: list
    ranks: np.ndarray
    clear: np.ndarray
    best: int
    names: tuple = ()
    first: str = "the settings to begin with"

    @property
    def settings(self) -> FitSettings | str:
        """FitSettings that won."""
        return self.candidates[self.best]

    @property
    def why(self) -> str:
        """Why the winner won, in one line."""
        won, others = self.scores[self.best], len(self.candidates)
        if not self.best:
            if won.auroc >= _ALL_APART:
                return f"{self.first}: they tell the held-out data apart, and labels can say no more"
            rest = (
                "the other one does not predict" if others == 2 else f"none of {others - 1} others predicts"
            )
            return f"{self.first}: {rest} held-out data clearly better as stably"
        places = {
            "log loss": 1 + sum(each.log_loss < won.log_loss for each in self.scores),
            "top auroc": 1 + sum(each.top_auroc > won.top_auroc for each in self.scores),
            "stability": 1 + sum(each.stability > won.stability for each in self.scores),
        }
        n_clear = int(self.clear.sum())
        said = ", ".join(f"{name} {place}{_ordinal(place)}" for name, place in places.items())
        return (
            f"{'the only one' if n_clear == 1 else f'one of {n_clear}'} clearly better than {self.first}; "
            f"mean rank {self.ranks[self.best]:.1f} of {others}: {said}"
        )

    def rows(self) -> list[dict[str, float | str]]:
        """One dict a candidate, best first: settings that differ, scores, mean rank."""
        order = np.argsort(self.ranks, kind="stable")
        return [
            {
                **{name: getattr(self.candidates[i], name) for name in _SHOWN},
                **shown(self.scores[i]),
                "mean_rank": float(self.ranks[i]),
                "clearly_better": bool(self.clear[i]),
                "chosen": int(i) == self.best,
            }
            for i in order
        ]


_SHOWN = ("concepts", "radius", "kernel", "softness", "centre", "pseudo", "shrink")


def _ordinal(n: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(n if n < 20 else n % 10, "th")


def auto_candidates(problem: Problem, train: object | None = None) -> list[FitSettings]:
    """What ``--auto`` tries, the suggested settings first: list of FitSettings."""
    usual, authors = suggested_for(problem, train), FitSettings()
    if problem.given is not None:
        authors = replace(authors, concepts=usual.concepts, quantizer=GIVEN)
        found = [
            replace(usual, radius=r, pseudo=pseudo, shrink=s)
            for r in (1, 2, 0)
            for pseudo, s in ((usual.pseudo, usual.shrink), (0.1, usual.shrink), (usual.pseudo, False))
        ]
        return found + [replace(authors, radius=r) for r in (1, 2)]
    sizes = sorted(
        {usual.concepts, max(2, usual.concepts // 2), usual.concepts * 2},
        key=lambda k: (k != usual.concepts, k),
    )
    found = [
        replace(usual, concepts=k, radius=r, softness=softness, centre=centre)
        for k in sizes
        for r in (1, 2)
        for softness, centre in ((0.25, 0.5), (0.25, 0.0), (0.5, 0.5), (0.0, 0.5), (0.0, 0.0))
    ]
    found += [replace(authors, concepts=k, radius=r) for k in sizes for r in (1, 2)]
    return list(dict.fromkeys([usual, *found]))


def choose(
    problem: Problem,
    train: np.ndarray,
    candidates: list[FitSettings] | None = None,
    seed: int = 0,
    progress: Callable[..., object] | None = None,
    on: InProcess | OnCluster | None = None,
    source: AtPlace | None = None,
) -> Choice:
    """Search candidates by labels alone: Choice.

    Parameters: source, where a worker finds the problem (see ``problem.opened``; default: it travels as a
    whole); progress, function(done, total, FitSettings, LabelScores); on, where candidates are looked at,
    from ``scheduling.scheduler`` (default: here).
    """
    candidates = auto_candidates(problem, train) if candidates is None else list(candidates)
    scores, on = {}, on or InProcess()
    source = source if source is not None and isinstance(on, OnCluster) else problem
    items = list(enumerate(candidates))
    for done in on.run(_scores_of, items, source, np.asarray(train), seed):
        at, settings = done.item
        scores[at] = done.get()
        if progress:
            progress(len(scores), len(candidates), settings, scores[at])
    return decide(candidates, [scores[at] for at in range(len(candidates))])


def _scores_of(source: Problem, train: np.ndarray, seed: int, item: tuple[int, FitSettings]) -> LabelScores:
    return label_scores(opened(source), train, item[1], seed)


def choose_tokens(
    kinds: dict[str, Problem], train: np.ndarray, seed: int = 0, progress: Callable[..., object] | None = None
) -> Choice:
    """Which tokens (or which encoder) to use, by labels alone.

    Choice over ``names``, with the settings that each would begin with.

    Parameters: kinds, {name: Problem} of the same data. The finest tokens come first, hence stay unless
    another kind is clearly better: where labels cannot tell them apart, finer tokens say more exactly where.
    """
    names = sorted(kinds, key=lambda name: -sum(graph.n for graph in kinds[name].graphs))
    settings, scores = [suggested_for(kinds[name], train) for name in names], []
    for name, each in zip(names, settings):
        scores.append(label_scores(kinds[name], train, each, seed))
        if progress:
            progress(len(scores), len(names), each, scores[-1])
    return replace(decide(settings, scores), names=tuple(names), first="the finest tokens")


def decide(candidates: list[FitSettings | str] | str, scores: list[LabelScores]) -> Choice:
    """The Choice that these LabelScores amount to."""
    table = np.array([[each.log_loss, -each.top_auroc, -each.stability] for each in scores])
    ranks = np.mean([rankdata(np.nan_to_num(column, nan=np.inf)) for column in table.T], axis=0)
    first, clear = scores[0], np.zeros(len(scores), bool)
    exhausted = first.auroc >= _ALL_APART
    for at, each in enumerate(scores[1:] if not exhausted else (), start=1):
        gain = np.array(first.losses) - np.array(each.losses)
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        always = all(own < other for own, other in zip(each.splits, first.splits))
        predicts = _surely_below(np.array(each.losses), np.log(2))  # else less wrong is all it is
        better = always and predicts and gain.mean() > _ERRORS * error
        clear[at] = better and each.stability >= first.stability
    best = int(np.argmin(np.where(clear, ranks, np.inf))) if clear.any() else 0
    return Choice(list(candidates), list(scores), ranks, clear, best)


def _surely_below(losses: np.ndarray, bound: float) -> bool:
    """Whether a mean is below a bound by more than its standard error."""
    return bool(losses.mean() + losses.std() / np.sqrt(len(losses)) < bound)


def shown(scores: LabelScores) -> dict[str, float]:
    """LabelScores as plain values, without each datum's loss."""
    return {name: getattr(scores, name) for name in ("log_loss", "auroc", "top_auroc", "stability")}


def label_scores(problem: Problem, train: np.ndarray, settings: FitSettings, seed: int = 0) -> LabelScores:
    """What labels of the data ``train`` say of settings: LabelScores.

    Concepts are those of all of them, as in a study.
    """
    centroids = centroids_of(problem, train, settings)
    counts, labels = counts_of(problem, train, centroids, settings), problem.labels[train]
    probability, top = np.empty((_SPLITS, len(train))), np.empty(len(train))
    for split in range(_SPLITS):
        for rest, out in stratified_folds(labels, 5, seed + split):
            kernel = settings.make_kernel().fit(counts[rest], labels[rest])
            curve = Calibration.fit(kernel.evidence(counts[rest]), labels[rest])
            probability[split, out] = curve.predict(kernel.evidence(counts[out]))
            if not split:  # maps take longest
                head = FittedHead(problem, settings, centroids, kernel, curve)
                top[out] = [_top(head.map(train[i])) / max(np.abs(kernel.coef_).max(), _EPSILON) for i in out]
    clipped = np.clip(probability, _EPSILON, 1 - _EPSILON)
    by_split = -np.where(labels == 1, np.log(clipped), np.log(1 - clipped))
    losses = by_split.mean(axis=0)
    alike = [
        _alike(problem, train, settings, centroids, counts, labels, seed + at) for at in range(_HALVINGS)
    ]
    return LabelScores(
        float(losses.mean()),
        float(np.mean([auroc(each, labels == 1) for each in probability])),
        auroc(top, labels == 1),
        float(np.mean(alike)),
        tuple(losses.tolist()),
        tuple(by_split.mean(axis=1).tolist()),
    )


def _top(scores: np.ndarray) -> float:
    known = np.sort(scores[np.isfinite(scores)])
    return float(known[-max(1, round(_TOP * len(known))) :].mean()) if len(known) else 0.0


def _alike(
    problem: Problem,
    train: np.ndarray,
    settings: FitSettings,
    centroids: np.ndarray,
    counts: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> float:
    """Correlation of the maps of two kernels, each of one half of the data."""
    halves = stratified_folds(labels, 2, seed)
    heads = [
        FittedHead(problem, settings, centroids, settings.make_kernel().fit(counts[some], labels[some]), None)
        for some, _ in halves
    ]
    some = np.random.default_rng(seed).permutation(len(train))[:64]
    one, other = (np.concatenate([head.map(train[i]) for i in some]) for head in heads)
    known = np.isfinite(one) & np.isfinite(other)
    if not (np.ptp(one[known]) > 0 and np.ptp(other[known]) > 0):
        return 0.0
    return float(np.corrcoef(rankdata(one[known]), rankdata(other[known]))[0, 1])
