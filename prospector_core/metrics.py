"""How well a map finds what it should: average precision first (METHOD.md, metrics)."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

__all__ = ["average_precision", "auroc"]


def average_precision(scores, truth):
    """AP of one datum's map: scores (n,), truth (n,) bool. NaN scores rank last; NaN if no token is positive."""
    truth = np.asarray(truth, bool)
    if not truth.any():
        return float("nan")
    return float(average_precision_score(truth, _ranked_last(scores)))


def auroc(scores, truth):
    """Area under the ROC curve of one datum's map, or of datum predictions; NaN if only one class is there."""
    truth = np.asarray(truth, bool)
    if truth.all() or not truth.any():
        return float("nan")
    return float(roc_auc_score(truth, _ranked_last(scores)))


def _ranked_last(scores):
    scores = np.asarray(scores, np.float64)
    known = np.isfinite(scores)
    return np.where(known, scores, np.nextafter(scores[known].min(), -np.inf) if known.any() else 0.0)
