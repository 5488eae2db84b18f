"""One piece of an evaluation: a method on a fold, or all methods on a draw of few labels.

Pieces run here or on workers, the same.

A piece is told where its problem comes from, not the problem: a worker reads it once. What it gives back are
plain values.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..method.counting import count_concepts
from ..method.graphs import TokenGraph
from ..method.metrics import map_metrics, regions_of
from ..method.prospecting import prospect
from ..method.soft import count_units
from ..study.settings import FitSettings
from .baselines import SMOOTHED, run_baseline
from .choose import choose, choose_tokens, shown
from .fast import fast_ap
from .heads import authors_protocol, fit_head, forget, outcome_of, suggested_for
from .problem import opened
from .quantizers import OF, asked, outcomes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .choose import Choice
    from .heads import Outcome
    from .problem import Problem

__all__ = [
    "BY_LABELS",
    "HEADS",
    "TOKENS",
    "Item",
    "OfSet",
    "OfStudy",
    "Part",
    "one_thread",
    "opened",
    "scored_rows",
    "work",
]

BY_LABELS, TOKENS = "prospector, chosen by labels", "prospector, tokens chosen by labels"
HEADS = ("prospector", BY_LABELS, TOKENS, "authors' protocol, tuned with truth", "authors' settings, untuned")
_LINEAR_DATA = (
    200  # training data up to which the authors' grid includes the linear kernel, which takes minutes beyond
)
_ONE_WAY = (
    "mean-pool, SHAP",
    "mean-pool, occlusion",
    "mean-pool, integrated gradients",
    "attention MIL",
    "attention MIL, integrated gradients",
    "attention MIL, single",
)  # of explaining one classifier


@dataclass(frozen=True)
class OfSet:
    """The problem that is a set of the folder PROSPECTOR_DATA; ``kept``: folder of embeddings."""

    name: str
    kept: str | None = None

    def load(self) -> Any:
        """Problem. Raises BadInputError, MissingExtraError."""
        from .datasets import load_set

        return load_set(self.name, kept=None if self.kept is None else Path(self.kept))


@dataclass(frozen=True)
class OfStudy:
    """The problem that is a study with the truth of its tokens.

    Paths as text; beside, studies of the same data; groups, a table of groups or folds.
    """

    path: str
    truth: str
    target: int
    seed: int = 0
    beside: tuple = ()
    groups: str | None = None

    def load(self) -> Any:
        """Problem. Raises BadInputError, StudyError."""
        from ..study import Study
        from .groups import grouped
        from .studies import problem_beside
        from .truth import read_truth

        study = Study.open(self.path).seen_from(self.target)
        others = [Study.open(path).seen_from(self.target) for path in self.beside]
        found = problem_beside(study, others, read_truth(study, Path(self.truth)), self.seed)
        return found if self.groups is None else grouped(found, Path(self.groups), self.seed)


@dataclass(frozen=True)
class Item:
    """What is to be done: ``methods`` on a fold.

    With ``labels``, they are fitted on so many training data per class, drawn by ``repeat``. ``draw``: which
    of several seeds everything random begins with; ``anew``: its folds, too, where the problem allows.
    """

    fold: int
    methods: tuple
    labels: int = 0
    repeat: int = 0
    draw: int = 0
    anew: bool = False


@dataclass
class Part:
    """What came of an Item.

    It holds ``rows``, one dict per method and datum; ``costs``, {name: dict}; ``predicted``, {name: list of
    (P, label)}; ``searches``, list of dicts; and ``few``, one dict per method.
    """

    rows: list
    costs: dict
    predicted: dict
    searches: list
    few: list


def work(source: Problem, seed: int, item: Item) -> Part:
    """Do one Item: Part. The same wherever it runs, but for the seconds."""
    problem = opened(source)
    _warm()
    with one_thread():
        try:
            return _few(problem, seed, item) if item.labels else _whole(problem, seed, item)
        finally:
            if item.labels:
                forget(problem)


@lru_cache(maxsize=1)
def _warm() -> None:
    """Compile what maps are made by, once a process: it is no part of what a method costs."""
    graph, shares = (
        TokenGraph.from_chain(4, reach=1),
        np.full((4, 2), 127, np.uint8) + np.array([1, 0], np.uint8),
    )
    grid = TokenGraph.from_grid(np.argwhere(np.ones((2, 2), bool)))
    for each in (graph, grid):
        count_units(each, shares, 1)
        for tokens in (shares, shares.argmax(axis=1)):
            count_concepts(each, tokens, 2, 1)
            prospect(each, tokens, np.zeros(5), 2, 1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, libraries use one thread.

    Sums are added in one order, and seconds of the processor are those of the work.
    """
    import numba
    from threadpoolctl import threadpool_limits

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(before)


def _whole(problem: Problem, seed: int, item: Item) -> Part:
    train, test = problem.folds_of(item.draw if item.anew else 0)[item.fold]
    if problem.cache.get("fold") != (here := (item.fold, item.draw if item.anew else 0)):
        forget(problem)
        problem.cache["fold"] = here
    part = Part([], {}, {}, [], [])
    for method in item.methods:
        searches = [] if item.draw else part.searches
        for name, outcome in _outcomes(problem, method, train, test, seed + item.draw, searches).items():
            rows = scored_rows(problem, name, item.fold, outcome, test)
            part.rows += [{**row, "draw": item.draw} for row in rows]
            part.costs[name] = {
                key: getattr(outcome, key) for key in ("seconds", "parameters", "note", "epochs")
            }
            part.predicted[name] = [(outcome.probability[int(i)], int(problem.labels[i])) for i in test]
    return part


def _few(problem: Problem, seed: int, item: Item) -> Part:
    train, test = problem.folds[item.fold]
    rng = np.random.default_rng([seed, item.labels, item.repeat])
    drawn = [rng.choice(train[problem.labels[train] == c], item.labels, replace=False) for c in (0, 1)]
    some, part = np.sort(np.concatenate(drawn)), Part([], {}, {}, [], [])
    for method in item.methods:
        for name, outcome in _outcomes(problem, method, some, test, seed + item.repeat, []).items():
            if name not in _ONE_WAY and not name.endswith(SMOOTHED):
                said = {"method": name, "labels": item.labels, "repeat": item.repeat, "fold": item.fold}
                part.few.append(
                    {**said, "ap": _mean_ap(problem, outcome.maps, test), "seconds": outcome.seconds}
                )
    return part


def _mean_ap(problem: Problem, maps: dict[int, np.ndarray], test: list[int] | np.ndarray) -> float:
    return float(
        np.mean([fast_ap(problem.of_cells(maps[int(i)], i), problem.truth[i]) for i in problem.scored(test)])
    )


def _outcomes(
    problem: Problem, method: str, train: np.ndarray, test: np.ndarray, seed: int, searches: list[Any]
) -> dict[str, Outcome]:
    """{name: Outcome}: of a method that is several, one each. What was searched is added to ``searches``."""
    started = time.process_time()
    if method == "prospector":
        settings = replace(suggested_for(problem, train), seed=seed)
        return {method: outcome_of(fit_head(problem, train, settings), test, started)}
    if method == "authors' settings, untuned":
        settings = replace(_authors(problem), seed=seed)
        return {method: outcome_of(fit_head(problem, train, settings), test, started)}
    if method == "authors' protocol, tuned with truth":
        head, score = authors_protocol(problem, train, linear=len(train) <= _LINEAR_DATA, seed=seed)
        note = f"{said(head.settings)}; AP {score:.2f} where it was tuned"
        return {method: outcome_of(head, test, started, note)}
    if method == BY_LABELS:
        choice = choose(problem, train, seed=seed)
        outcome = outcome_of(fit_head(problem, train, choice.settings), test, started, said(choice.settings))
        searches.append(_loss(problem, train, test, choice))
        return {method: outcome}
    if method == TOKENS:
        kinds = {problem.tokens: problem, **problem.others}
        choice = choose_tokens(kinds, train, seed=seed)
        chosen = kinds[choice.names[choice.best]]
        head = fit_head(chosen, train, choice.settings)
        outcome = outcome_of(head, test, started, choice.names[choice.best])
        # as the first kind of token is scored: in the cells that both share
        outcome.maps = {
            i: problem.spread(chosen.of_cells(scores, i), i) for i, scores in outcome.maps.items()
        }
        searches.append(_loss_of_tokens(kinds, train, test, choice))
        return {method: outcome}
    if quantizers := asked(method):
        found, choice = outcomes_of(problem, quantizers, train, test, seed, time.process_time)
        aps = [_mean_ap(problem, each.maps, test) for each in found.values()]
        searches.append(_costs(OF, choice.names, choice, aps))
        return found
    found = run_baseline(method, problem, train, test, seed)
    return found if isinstance(found, dict) else {method: found}


def _authors(problem: Problem) -> FitSettings:
    usual = suggested_for(problem)
    return (
        FitSettings()
        if problem.given is None
        else FitSettings(concepts=usual.concepts, quantizer=usual.quantizer)
    )


def said(settings: FitSettings) -> str:
    """FitSettings in a few words."""
    words = f"K {settings.concepts}, r {settings.radius}, {settings.kernel}"
    if settings.softness or settings.pseudo:
        return f"{words}, softness {settings.softness:g}, centre {settings.centre:g}"
    return f"{words}, alpha {settings.alpha:g}, tau {settings.tau:g}"


def _loss(
    problem: Problem, train: np.ndarray, test: np.ndarray, choice: Choice
) -> dict[str, float | list[dict[str, Any]] | str]:
    """What choosing by labels costs against choosing with the truth of the scored data, which no one has."""
    aps = [_ap_of(problem, train, test, settings) for settings in choice.candidates]
    return _costs("settings", [said(each) for each in choice.candidates], choice, aps)


def _loss_of_tokens(
    kinds: dict[str, Problem], train: np.ndarray, test: np.ndarray, choice: Choice
) -> dict[str, float | list[dict[str, Any]] | str]:
    aps = [_ap_of(kinds[name], train, test, each) for name, each in zip(choice.names, choice.candidates)]
    return _costs("tokens", choice.names, choice, aps)


def _ap_of(problem: Problem, train: np.ndarray, test: np.ndarray, settings: FitSettings) -> float:
    head = fit_head(problem, train, settings)
    return _mean_ap(problem, {int(i): head.map(i) for i in problem.scored(test)}, test)


def _costs(
    what: str, names: list[str] | tuple[str, ...], choice: Choice, aps: list[float]
) -> dict[str, float | list[dict[str, Any]] | str]:
    return {
        "of": what,
        "chosen": names[choice.best],
        "why": choice.why,
        "ap": aps[choice.best],
        "suggested_ap": aps[0],
        "best": names[int(np.argmax(aps))],
        "best_ap": max(aps),
        "loss": max(aps) - aps[choice.best],
        "suggested_loss": max(aps) - aps[0],
        "candidates": [
            {"settings": name, **shown(score), "mean_rank": float(rank), "ap": ap}
            for name, score, rank, ap in zip(names, choice.scores, choice.ranks, aps)
        ],
    }


def scored_rows(
    problem: Problem, name: str, fold: int, outcome: Outcome, test: list[int] | np.ndarray
) -> list[dict[str, float | str]]:
    """Every measure of a method's maps, one dict a datum that is scored."""
    rows = []
    for i in problem.scored(test):
        graph, truth = problem.graph_of_cells(i), problem.truth[i]
        found = map_metrics(problem.of_cells(outcome.maps[int(i)], i), truth, graph)
        rows.append(
            {
                "method": name,
                "fold": fold,
                "datum": problem.ids[i],
                **found,
                **asdict(regions_of(truth, graph)),
            }
        )
    return rows
