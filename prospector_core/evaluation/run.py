"""Methods compared on a problem: maps of data that were not fitted on, scored against the truth of their tokens."""

import time
from dataclasses import asdict, dataclass, field

import numpy as np

from ..errors import BadInputError
from ..metrics import auroc, bootstrap_interval, calibration, map_metrics, regions_of
from ..study.fit import FitSettings
from .baselines import BASELINES, run_baseline
from .choose import choose, shown
from .fast import fast_ap
from .heads import authors_protocol, fit_head, forget, outcome_of, suggested_for

__all__ = ["HEADS", "Evaluation", "evaluate", "few_labels", "method_names"]

HEADS = (
    "prospector",
    "prospector, chosen by labels",
    "authors' protocol, tuned with truth",
    "authors' settings, untuned",
)
_FEW = (2, 4, 8, 16, 32, 64)
_FEW_METHODS = ("prospector", "authors' settings, untuned", "nearest centroid", "attention MIL", "mean-pool")
_REPEATS = 5
_LINEAR_DATA = 200  # training data up to which the authors' grid includes the linear kernel, which takes minutes beyond


@dataclass
class Evaluation:
    """What came of a comparison, as plain values.

    Attributes: problem, dict on the set; rows, list of dicts, one a method and datum; summary, list of dicts, one a method, best
    AP first; few, list of dicts, one a method, number of labels and repeat; searches, list of dicts on choosing by labels, one a fold;
    null, dict or None; seconds, of it all.
    """

    problem: dict
    rows: list
    summary: list
    few: list = field(default_factory=list)
    searches: list = field(default_factory=list)
    null: dict | None = None
    seconds: float = 0.0


def method_names(baselines, sweep=True):
    """Names of methods: "all", "none", or baselines separated by commas; ``sweep``: also settings chosen by labels.

    Raises BadInputError.
    """
    heads = HEADS if sweep else tuple(name for name in HEADS if name != "prospector, chosen by labels")
    if baselines in (None, "none", ""):
        return [*heads, "constant", "random"]
    if baselines == "all":
        return [*heads, *BASELINES]
    chosen = [each.strip() for each in baselines.split(",")]
    for name in chosen:
        if name not in BASELINES:
            raise BadInputError(f"there is no baseline {name!r}: choose from {', '.join(BASELINES)}, or all")
    return [*heads, *dict.fromkeys(["constant", "random", *chosen])]


def evaluate(problem, methods, seed=0, few=False, progress=lambda text: None, folds=None, keep=None):
    """Compare methods on a problem: Evaluation. Folds are fitted and scored one after the other.

    Parameters: few, whether to measure few labels too; folds, only so many; keep, function(Evaluation), called after each fold.
    """
    started = time.perf_counter()
    rows, searches, costs, predicted = [], [], {}, {}
    used = problem.folds if folds is None else problem.folds[:folds]
    for number, (train, test) in enumerate(used):
        for method in methods:
            progress(f"{problem.name}: fold {number + 1} of {len(used)}, {method}")
            for name, outcome in _outcomes(problem, method, train, test, seed, searches, progress).items():
                rows += _scored(problem, name, number, outcome, test)
                costs.setdefault(name, []).append((outcome.seconds, outcome.parameters, outcome.note))
                predicted.setdefault(name, []).extend((outcome.probability[int(i)], problem.labels[i]) for i in test)
        forget(problem)
        found = _whole(problem, rows, costs, predicted, searches, started)
        if keep:
            keep(found)
    if few:
        found.few = few_labels(problem, seed=seed, progress=progress)
    found.seconds = time.perf_counter() - started
    return found


def _whole(problem, rows, costs, predicted, searches, started):
    summary = [
        _summary(name, [row for row in rows if row["method"] == name], costs[name], predicted[name]) for name in costs
    ]
    summary.sort(key=lambda each: -np.nan_to_num(each["ap"], nan=-1))
    return Evaluation(about_of(problem), rows, summary, searches=list(searches), seconds=time.perf_counter() - started)


def add_outcome(evaluation, problem, name, outcome):
    """Put one more method's outcome, on some of the problem's data, into an Evaluation."""
    test = sorted(outcome.maps)
    rows = _scored(problem, name, 0, outcome, test)
    if rows:
        predicted = [(outcome.probability[i], problem.labels[i]) for i in test if np.isfinite(outcome.probability[i])]
        summary = _summary(name, rows, [(outcome.seconds, outcome.parameters, outcome.note)], predicted)
        evaluation.rows += rows
        evaluation.summary = sorted([*evaluation.summary, summary], key=lambda each: -np.nan_to_num(each["ap"], nan=-1))


def about_of(problem):
    """What a report says of a problem: dict of plain values."""
    return {
        "name": problem.name,
        "about": problem.about,
        "data": len(problem.ids),
        "class_1": int(problem.labels.sum()),
        "tokens": int(sum(graph.n for graph in problem.graphs)),
        "folds": len(problem.folds),
        "prevalence": problem.prevalence,
    }


def _outcomes(problem, method, train, test, seed, searches, progress):
    """{name: Outcome}: of a method that is several, one each."""
    started = time.perf_counter()
    if method == "prospector":
        return {method: outcome_of(fit_head(problem, train, suggested_for(problem, train)), test, started)}
    if method == "authors' settings, untuned":
        return {method: outcome_of(fit_head(problem, train, _authors(problem)), test, started)}
    if method == "authors' protocol, tuned with truth":
        head, score = authors_protocol(problem, train, linear=len(train) <= _LINEAR_DATA)
        return {
            method: outcome_of(head, test, started, f"{_settings(head.settings)}; AP {score:.2f} where it was tuned")
        }
    if method == "prospector, chosen by labels":
        choice = choose(
            problem, train, seed=seed,
            progress=lambda done, total, *_: progress(f"{problem.name}: searching settings, {done} of {total}"),
        )  # fmt: skip
        outcome = outcome_of(fit_head(problem, train, choice.settings), test, started, _settings(choice.settings))
        searches.append(_loss(problem, train, test, choice))
        return {method: outcome}
    found = run_baseline(method, problem, train, test, seed)
    return found if isinstance(found, dict) else {method: found}


def _authors(problem):
    usual = suggested_for(problem)
    return FitSettings() if problem.given is None else FitSettings(concepts=usual.concepts, quantizer=usual.quantizer)


def _settings(settings):
    said = f"K {settings.concepts}, r {settings.radius}, {settings.kernel}"
    if settings.softness or settings.pseudo:
        return f"{said}, softness {settings.softness:g}, centre {settings.centre:g}"
    return f"{said}, alpha {settings.alpha:g}, tau {settings.tau:g}"


def _loss(problem, train, test, choice):
    """What choosing by labels costs against choosing with the truth of the data that are scored (which no one has)."""
    aps = []
    for settings in choice.candidates:
        head = fit_head(problem, train, settings)
        aps.append(
            float(np.mean([fast_ap(problem.of_cells(head.map(i), i), problem.truth[i]) for i in problem.scored(test)]))
        )
    return {
        "chosen": _settings(choice.settings), "why": choice.why, "ap": aps[choice.best], "suggested_ap": aps[0],
        "best": _settings(choice.candidates[int(np.argmax(aps))]), "best_ap": max(aps), "loss": max(aps) - aps[choice.best],
        "suggested_loss": max(aps) - aps[0],
        "candidates": [
            {"settings": _settings(s), **shown(score), "mean_rank": float(rank), "ap": ap}
            for s, score, rank, ap in zip(choice.candidates, choice.scores, choice.ranks, aps)
        ],
    }  # fmt: skip


def _scored(problem, name, fold, outcome, test):
    rows = []
    for i in problem.scored(test):
        graph, truth = problem.graph_of_cells(i), problem.truth[i]
        found = map_metrics(problem.of_cells(outcome.maps[int(i)], i), truth, graph)
        rows.append(
            {"method": name, "fold": fold, "datum": problem.ids[i], **found, **asdict(regions_of(truth, graph))}
        )
    return rows


def _summary(name, rows, costs, predicted):
    mean, low, high = bootstrap_interval([row["ap"] for row in rows])
    folds = sorted({row["fold"] for row in rows})
    by_fold = [float(np.nanmean([row["ap"] for row in rows if row["fold"] == fold])) for fold in folds]
    p, y = (np.array(each) for each in zip(*predicted))
    said = calibration(p, y)
    other = {
        key: float(np.nanmean([row[key] for row in rows]))
        for key in rows[0]
        if key not in ("method", "fold", "datum", "ap", "prevalence", "components", "size", "dispersion")
    } if rows else {}  # fmt: skip
    return {
        "method": name, "ap": mean, "ap_low": low, "ap_high": high, "ap_folds": by_fold, "data_scored": len(rows), **other,
        "datum_auroc": auroc(p, y == 1), "datum_brier": said["brier"], "datum_ece": said["ece"], "calibration": said["curve"],
        "seconds": float(np.mean([each[0] for each in costs])), "parameters": int(np.mean([each[1] for each in costs])),
        "notes": [each[2] for each in costs if each[2]],
    }  # fmt: skip


def few_labels(problem, numbers=_FEW, methods=_FEW_METHODS, repeats=_REPEATS, seed=0, progress=lambda text: None):
    """AP against the number of labelled data a class: list of dicts (method, labels, repeat, ap). The first fold's test data."""
    train, test = problem.folds[0]
    rng, rows = np.random.default_rng(seed), []
    largest = min(int((problem.labels[train] == label).sum()) for label in (0, 1))
    for n in [n for n in numbers if n <= largest]:
        for repeat in range(repeats):
            some = np.sort(
                np.concatenate([rng.choice(train[problem.labels[train] == c], n, replace=False) for c in (0, 1)])
            )
            progress(f"{problem.name}: {n} labels a class, draw {repeat + 1} of {repeats}")
            for method in methods:
                for name, outcome in _outcomes(
                    problem, method, some, test, seed + repeat, [], lambda text: None
                ).items():
                    if name in ("mean-pool, SHAP", "mean-pool, occlusion", "mean-pool, integrated gradients"):
                        continue  # one way of explaining the same classifier is enough
                    aps = [
                        fast_ap(problem.of_cells(outcome.maps[int(i)], i), problem.truth[i])
                        for i in problem.scored(test)
                    ]
                    rows.append({"method": name, "labels": n, "repeat": repeat, "ap": float(np.mean(aps))})
            forget(problem)
    return rows
