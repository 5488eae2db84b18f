"""Average precision where it is asked for a hundred thousand times."""

from __future__ import annotations

import numpy as np

__all__ = ["fast_ap"]


def fast_ap(scores: np.ndarray, truth: np.ndarray) -> float:
    """As ``metrics.average_precision``, for scores that are numbers: float.

    Scores are (n,), and truth (n,) has a positive token.
    """
    scores, truth = np.asarray(scores, np.float64), np.asarray(truth, bool)
    if np.isnan(scores).any():
        known = np.isfinite(scores)
        scores = np.where(known, scores, scores[known].min(initial=0.0) - 1.0)
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    ranked = scores[order]
    last = np.append(
        np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1
    )  # of each group of equal scores
    found = hits[last]
    gained = np.diff(found, prepend=0)
    return float((gained * found / (last + 1)).sum() / hits[-1])
