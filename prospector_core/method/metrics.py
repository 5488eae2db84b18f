"""How well a map finds what it should, and how well probabilities are meant.

Average precision comes first (METHOD.md, metrics).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from .graphs import TokenGraph

__all__ = [
    "Regions",
    "auroc",
    "authors_auprc",
    "average_precision",
    "bootstrap_interval",
    "calibration",
    "chance_precision",
    "map_metrics",
    "otsu",
    "regions_of",
    "thresholded",
    "tolerant_precision",
]

N_THRESHOLDS = 21  # fixed ones, on the map scaled to 0..1, as the authors have them


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """AP of one datum's map: scores (n,), truth (n,) bool.

    NaN scores rank last; NaN if no token is positive.
    """
    truth = np.asarray(truth, bool)
    if not truth.any():
        return float("nan")
    from sklearn.metrics import average_precision_score  # late: it takes a second to load

    return float(average_precision_score(truth, _ranked_last(scores)))


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve of one datum's map, or of datum predictions.

    NaN if only one class is there.

    Examples
    --------
    >>> auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    truth = np.asarray(truth, bool)
    if truth.all() or not truth.any():
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, _ranked_last(scores)))


def authors_auprc(scores: np.ndarray, truth: np.ndarray) -> float:
    """The authors' AUPRC: trapezoids under the precision-recall curve.

    It rewards ties: only for parity with their tables.

    A constant map scores (1 + prevalence) / 2. NaN if no token is positive.
    """
    truth = np.asarray(truth, bool)
    if not truth.any():
        return float("nan")
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(truth, _ranked_last(scores))
    return float(-np.trapezoid(precision, recall))


def otsu(values: np.ndarray) -> float:
    """Otsu's threshold of values (n,).

    The cut between two of them that parts them best; the largest where all are equal.
    """
    values = np.sort(np.asarray(values, np.float64))
    n = len(values)
    if not n or values[0] == values[-1]:
        return float(values[-1]) if n else float("nan")
    total, low = values.sum(), np.cumsum(values)[:-1]
    count = np.arange(1, n)
    between = count * (n - count) * (low / count - (total - low) / (n - count)) ** 2
    between[values[1:] == values[:-1]] = -1  # a cut between equal values is none
    return float(values[int(np.argmax(between)) + 1])


def thresholded(chosen: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Sensitivity, specificity, precision, dice, jaccard, mcc and balanced accuracy of chosen tokens.

    Dict of floats.

    Parameters: chosen (n,) bool, truth (n,) bool. What is divided by nothing is 0 (NaN where truth has one
    class only).
    """
    chosen, truth = np.asarray(chosen, bool), np.asarray(truth, bool)
    tp, fp = float((chosen & truth).sum()), float((chosen & ~truth).sum())
    fn, tn = float((~chosen & truth).sum()), float((~chosen & ~truth).sum())

    def share(a: float, b: float) -> float:
        return a / b if b else 0.0

    one_class = not truth.any() or truth.all()
    sensitivity = share(tp, tp + fn) if truth.any() else float("nan")
    specificity = share(tn, tn + fp) if not truth.all() else float("nan")
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": share(tp, tp + fp),
        "dice": share(2 * tp, 2 * tp + fp + fn),
        "jaccard": share(tp, tp + fp + fn),
        "mcc": share(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
        "balanced_accuracy": float("nan") if one_class else (sensitivity + specificity) / 2,
    }


def chance_precision(n: int, positives: int) -> float:
    """The average precision that a random order of n tokens has on average, of which some are positive.

    It is above their share: the more, the fewer tokens there are. Exact where nothing ties. NaN without a
    positive token.
    """
    if not positives or n < positives:
        return float("nan")
    if n == 1:
        return 1.0
    first = float((1 / np.arange(1, n + 1)).sum()) / n
    return first + (positives - 1) / (n - 1) * (1 - first)


def map_metrics(scores: np.ndarray, truth: np.ndarray, graph: TokenGraph | None = None) -> dict[str, float]:
    """Every metric of one datum's map: dict of floats; AP first.

    Parameters: scores (n,), NaN = excluded, ranked last; truth (n,) bool; graph, TokenGraph (default: without
    "tolerant_precision"). The thresholded ones are given at Otsu's threshold ("otsu_..."), at twice the mean
    of the map scaled to 0..1 ("mean2_...") and at the best of 21 fixed ones by Dice ("best_...": that looks
    at the truth).
    """
    scores, truth = _ranked_last(scores), np.asarray(truth, bool)
    spread = scores.max() - scores.min() if scores.size else 0.0
    scaled = (scores - scores.min()) / spread if spread > 0 else np.zeros(len(scores))
    found = {
        "ap": average_precision(scores, truth),
        "ap_above_chance": average_precision(scores, truth) - chance_precision(len(truth), int(truth.sum())),
        "auroc": auroc(scores, truth),
        "authors_auprc": authors_auprc(scores, truth),
    }
    cut = otsu(scaled) if spread > 0 else np.inf
    mean2 = 2 * scaled.mean() if spread > 0 else np.inf
    fixed = [thresholded(scaled >= level, truth) for level in np.linspace(0, 1, N_THRESHOLDS)]
    best = max(fixed, key=lambda each: each["dice"])
    for name, values in (
        ("otsu", thresholded(scaled >= cut, truth)),
        ("mean2", thresholded(scaled >= mean2, truth)),
        ("best", best),
    ):
        found |= {f"{name}_{key}": value for key, value in values.items()}
    if graph is not None:
        found["tolerant_precision"] = tolerant_precision(scaled >= cut, truth, graph)
    return found


def tolerant_precision(chosen: np.ndarray, truth: np.ndarray, graph: TokenGraph) -> float:
    """Share of chosen tokens that are positive or next to a positive one (one hop).

    Float, 0 if none is chosen.
    """
    chosen, truth = np.asarray(chosen, bool), np.asarray(truth, bool)
    if not chosen.any():
        return 0.0
    return float(within_one_hop(truth, graph)[chosen].mean())


def within_one_hop(tokens: np.ndarray, graph: TokenGraph) -> np.ndarray:
    """Tokens (n,) bool, and those next to them: (n,) bool."""
    tokens = np.asarray(tokens, bool)
    if not len(tokens):
        return tokens
    start = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
    near = tokens.copy()
    near[start[tokens[graph.indices]]] = True
    return near


@dataclass(frozen=True)
class Regions:
    """What the positive regions of a datum are like.

    Prevalence, share of positive tokens; components, how many connected regions; size, their mean tokens;
    dispersion = components / size.
    """

    prevalence: float
    components: int
    size: float
    dispersion: float


def regions_of(truth: np.ndarray, graph: TokenGraph) -> Regions:
    """Regions of a datum: truth (n,) bool on its token graph."""
    truth = np.asarray(truth, bool)
    tokens = np.flatnonzero(truth)
    if not tokens.size:
        return Regions(0.0, 0, 0.0, 0.0)
    start = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
    kept = truth[start] & truth[graph.indices]
    links = csr_matrix((np.ones(kept.sum()), (start[kept], graph.indices[kept])), shape=(graph.n, graph.n))
    _, names = connected_components(links, directed=False)
    components = len(np.unique(names[tokens]))
    size = tokens.size / components
    return Regions(float(truth.mean()), components, float(size), float(components / size))


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, n: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of data's values and its percentile bootstrap interval over data.

    Values (n_data,), or (n_data, n_seeds): then over data and seeds, both drawn. Returns (mean, low, high);
    data with NaN values are left out.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    values = values[known if values.ndim == 1 else known.all(axis=1)]
    if not values.size:
        return (float("nan"),) * 3
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(values), (n, len(values)))
    if values.ndim == 2:
        seeds = random.integers(0, values.shape[1], (n, values.shape[1]))
        means = np.array([values[rows][:, some].mean() for rows, some in zip(drawn, seeds)])
    else:
        means = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)


def calibration(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 10
) -> dict[str, float | list[tuple[float, float, int]]]:
    """How far predicted probabilities can be taken at their word.

    Parameters: probabilities (n,) of class 1; labels (n,) of 0 and 1; bins of equal width. Returns dict:
    "brier", mean squared error; "ece", expected calibration error; "curve", list of (mean probability, share
    of class 1, data) of each bin that is not empty.
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    place = np.minimum((p * bins).astype(int), bins - 1)
    curve = [
        (float(p[place == b].mean()), float(y[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]
    error = sum(abs(mean - share) * count for mean, share, count in curve) / max(len(p), 1)
    return {
        "brier": float(((p - y) ** 2).mean()) if len(p) else float("nan"),
        "ece": float(error),
        "curve": curve,
    }


def _ranked_last(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    known = np.isfinite(scores)
    return np.where(known, scores, np.nextafter(scores[known].min(), -np.inf) if known.any() else 0.0)
