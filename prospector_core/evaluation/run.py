"""Methods compared on a problem.

Maps of data that were not fitted on, scored against the truth of their tokens.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError
from ..method.metrics import auroc, bootstrap_interval, calibration, chance_precision
from ..scheduling import InProcess
from .baselines import BASELINES
from .quantizers import methods_of
from .tasks import BY_LABELS, HEADS, TOKENS, Item, opened, scored_rows, work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from ..scheduling import OnCluster
    from .problem import Problem
    from .tasks import Part

__all__ = ["HEADS", "Evaluation", "evaluate", "method_names"]

_FEW = (2, 4, 8, 16, 32, 64)
_FEW_METHODS = (
    "prospector",
    "authors' settings, untuned",
    "nearest centroid",
    "attention MIL",
    "mean-pool",
    "graph attention + mask",
)
_REPEATS = 5
_NOT_MEASURES = ("method", "fold", "datum", "draw", "ap", "prevalence", "components", "size", "dispersion")
_WITHOUT_SEED = ("constant",)
_NETWORKS = ("attention MIL", "mean-pool", "graph attention + mask")


@dataclass
class Evaluation:
    """What came of a comparison, as plain values.

    Attributes: problem, dict on the set; rows, list of dicts, one per method and datum; summary, list of
    dicts, one per method, best AP first; few, list of dicts, one per method, number of labels and repeat;
    searches, list of dicts on choosing by labels, one per fold and kind of choice; null, dict or None;
    seconds, of the processor, of it all.
    """

    problem: dict
    rows: list
    summary: list
    few: list = field(default_factory=list)
    searches: list = field(default_factory=list)
    null: dict | None = None
    seconds: float = 0.0


def method_names(baselines: str, sweep: bool = True, quantizers: str | None = None) -> list[str]:
    """Names of methods: "all", "none", or baselines separated by commas; ``sweep``.

    Also settings chosen by labels; quantizers, to be compared too, see ``quantizers.methods_of``.

    Raises BadInputError.
    """
    heads = HEADS if sweep else tuple(name for name in HEADS if name != BY_LABELS)
    heads = (*heads, *methods_of(quantizers))
    if baselines in (None, "none", ""):
        return [*heads, "constant", "random"]
    if baselines == "all":
        return [*heads, *BASELINES]
    chosen = [each.strip() for each in baselines.split(",")]
    for name in chosen:
        if name not in BASELINES:
            raise BadInputError(f"there is no baseline {name!r}: choose from {', '.join(BASELINES)}, or all")
    return [*heads, *dict.fromkeys(["constant", "random", *chosen])]


def evaluate(
    source: Problem,
    methods: list[str],
    seed: int = 0,
    few: bool = False,
    progress: Callable[..., object] | None = lambda done, total, text: None,
    folds: int | None = None,
    on: OnCluster | None = None,
    seeds: int = 1,
) -> Evaluation:
    """Compare methods on a problem: Evaluation.

    Parameters: source, a Problem, or where one comes from (``tasks.OfSet``, ``tasks.OfStudy``), which alone
    can be sent to workers; few, whether to measure few labels too; folds, only so many; on, where it runs,
    from ``scheduling.scheduler`` (default: here); seeds, how many seeds, from ``seed`` on, everything
    random of a method begins with in turn: concepts, networks, what is held out to choose by, and, unless
    ``folds`` is said, the folds (``Problem.folds_of``). The numbers are the same wherever it runs, but for
    the seconds. Raises BadInputError, FitError.
    """
    started, problem, on = time.process_time(), opened(source), on or InProcess()
    n_folds = len(problem.folds) if folds is None else min(folds, len(problem.folds))
    if not problem.others:
        methods = [method for method in methods if method != TOKENS]
    items = [
        Item(fold, (method,), draw=draw, anew=folds is None)
        for fold in range(n_folds)
        for method in methods
        for draw in range(1 if method in _WITHOUT_SEED else seeds)
    ]
    items += few_items(problem, methods) if few else []
    parts = {}
    for done in on.run(work, items, source, seed):
        parts[done.item] = done.get()
        progress(len(parts), len(items), f"{problem.name}: {_words(done.item, n_folds)}")
    problem.cache.clear()
    parts = [
        parts[item] for item in items
    ]  # in the order in which they were asked for, whichever was done first
    found = _gathered(problem, parts)
    spent = sum(cost["seconds"] for part in parts for cost in part.costs.values())
    found.seconds = max(time.process_time() - started, spent)
    return found


def few_items(problem: Problem, methods: list[str]) -> list[Item]:
    """Draws of few labels, each from the training data of another fold: list of Item.

    ``methods``: those of them that take part.
    """
    taking = tuple(method for method in methods if method in _FEW_METHODS)
    found = []
    for n in _FEW:
        for repeat in range(_REPEATS):
            fold = repeat % len(problem.folds)
            if n <= np.bincount(problem.labels[problem.folds[fold][0]], minlength=2).min():
                found.append(Item(fold, taking, n, repeat))
    return found


def _words(item: Item, n_folds: int) -> str:
    if item.labels:
        return f"{item.labels} labels per class, draw {item.repeat + 1}"
    return f"fold {item.fold + 1} of {n_folds}, {', '.join(item.methods)}"


def _gathered(problem: Problem, parts: list[Part]) -> Evaluation:
    """All parts as one Evaluation."""
    rows = [row for part in parts for row in part.rows]
    costs, predicted = {}, {}
    for part in parts:
        for name, cost in part.costs.items():
            costs.setdefault(name, []).append(cost)
            predicted.setdefault(name, []).extend(part.predicted[name])
    summary = [
        _summary(name, [row for row in rows if row["method"] == name], costs[name], predicted[name])
        for name in costs
    ]
    about, seen = about_of(problem), {row["datum"]: row["prevalence"] for row in rows}
    if seen:  # of the data that are scored, which with one fold are not all
        about["prevalence"] = float(np.mean(list(seen.values())))
        about["chance_ap"] = _chance(problem, seen)
    return Evaluation(
        about,
        rows,
        _best_first(summary),
        [row for part in parts for row in part.few],
        [search for part in parts for search in part.searches],
    )


def _chance(problem: Problem, ids: Collection[str] | None = None) -> float:
    """The AP of a random map: mean over the data that are scored, or over those of ``ids`` alone."""
    scored = [i for i in problem.scored(range(len(problem.ids))) if ids is None or problem.ids[i] in ids]
    found = [chance_precision(len(problem.truth[i]), int(np.sum(problem.truth[i]))) for i in scored]
    return float(np.mean(found)) if found else float("nan")


def _best_first(
    summary: list[dict[str, float | list[float] | str]],
) -> list[dict[str, float | list[float] | str]]:
    return sorted(summary, key=lambda each: -np.nan_to_num(each["ap"], nan=-1))


def add_outcome(evaluation: Any, problem: Problem, name: str, outcome: Any) -> None:
    """Put one more method's outcome, on some of the problem's data, into an Evaluation."""
    test = sorted(outcome.maps)
    rows = scored_rows(problem, name, 0, outcome, test)
    if rows:
        predicted = [
            (outcome.probability[i], problem.labels[i]) for i in test if np.isfinite(outcome.probability[i])
        ]
        cost = {
            "seconds": outcome.seconds,
            "parameters": outcome.parameters,
            "note": outcome.note,
            "epochs": 0,
        }
        evaluation.rows += rows
        evaluation.summary = _best_first([*evaluation.summary, _summary(name, rows, [cost], predicted)])


def about_of(problem: Problem) -> dict[str, float | str]:
    """What a report says of a problem: dict of plain values."""
    return {
        "name": problem.name,
        "about": problem.about,
        "data": len(problem.ids),
        "class_1": int(problem.labels.sum()),
        "tokens": int(sum(graph.n for graph in problem.graphs)),
        "folds": len(problem.folds),
        "prevalence": problem.prevalence,
        "chance_ap": _chance(problem),
    }


def _by_seed(rows: list[dict[str, float | str]]) -> np.ndarray:
    """AP of each datum and seed: (n_data, n_seeds)."""
    found: dict[tuple, dict[int, float]] = {}
    for row in rows:
        found.setdefault(row["datum"], {})[row.get("draw", 0)] = row["ap"]
    return np.array([[each[draw] for draw in sorted(each)] for each in found.values()]).reshape(
        len(found), -1
    )


def _summary(
    name: str,
    rows: list[dict[str, float | str]],
    costs: list[dict[str, float | str]],
    predicted: list[tuple[float, int]],
) -> dict[str, float | list[float] | str]:
    by_seed = _by_seed(rows)
    mean, low, high = bootstrap_interval(by_seed)
    _, data_low, data_high = bootstrap_interval(by_seed.mean(axis=1))
    _, seed_low, seed_high = bootstrap_interval(by_seed.mean(axis=0))
    folds = sorted({row["fold"] for row in rows})
    by_fold = [float(np.nanmean([row["ap"] for row in rows if row["fold"] == fold])) for fold in folds]
    p, y = (np.array(each) for each in zip(*predicted))
    meant = calibration(p, y)
    other = (
        {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0] if key not in _NOT_MEASURES}
        if rows
        else {}
    )
    return {
        "method": name,
        "ap": mean,
        "ap_low": low,
        "ap_high": high,
        "ap_data_low": data_low,
        "ap_data_high": data_high,
        "ap_seeds_low": seed_low,
        "ap_seeds_high": seed_high,
        "ap_folds": by_fold,
        "ap_seeds": [float(each) for each in by_seed.mean(axis=0)] if rows else [],
        "data_scored": len(by_seed),
        **other,
        "datum_auroc": auroc(p, y == 1),
        "datum_brier": meant["brier"],
        "datum_ece": meant["ece"],
        "calibration": meant["curve"],
        "seconds": float(np.mean([each["seconds"] for each in costs])),
        "parameters": int(np.mean([each["parameters"] for each in costs])),
        "epochs": int(np.mean([each["epochs"] for each in costs])),
        "notes": [each["note"] for each in costs if each["note"]],
    }
