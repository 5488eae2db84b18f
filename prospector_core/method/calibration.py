"""Datum-level prediction: from a kernel's evidence to the probability of class 1."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .tfidf import term_frequencies

__all__ = ["evidence", "Calibration"]


def evidence(counts: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """Mean evidence of a datum: counts . coef / total count.

    ``counts . coef`` is exactly the sum of the datum's prospect map, so this is the map's sum made comparable
    between data of different sizes. Parameters: counts (n_data, p), coef (p,). Returns (n_data,) float64.
    """
    return term_frequencies(counts) @ np.asarray(coef, np.float64)


class Calibration:
    """Logistic curve from evidence to probability.

    Fitted by Platt's method (targets smoothed, so it never saturates).

    Attributes: slope, offset; P(class 1) = 1 / (1 + exp(-(slope * evidence + offset))).
    """

    def __init__(self, slope: float = 0.0, offset: float = 0.0) -> None:
        self.slope = float(slope)
        self.offset = float(offset)

    @classmethod
    def fit(cls, scores: np.ndarray, labels: np.ndarray) -> Calibration:
        """Fit on scores (n,) and labels (n,) of 0 and 1."""
        scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
        n1, n0 = (labels == 1).sum(), (labels == 0).sum()
        target = np.where(labels == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
        middle, spread = scores.mean(), scores.std()
        flat = cls(0.0, np.log(target.mean() / (1 - target.mean())))
        if not spread > 0:
            return flat
        z = (scores - middle) / spread

        slope, offset = _newton(z, target)
        if slope <= 0:
            return flat  # more evidence never means less probability
        return cls(slope / spread, offset - slope * middle / spread)

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """P(class 1) of each score: (n,) float64."""
        return expit(self.slope * np.asarray(scores, np.float64) + self.offset)


def _newton(z: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Slope and offset that minimise the cross-entropy of expit(slope z + offset) with targets inside (0, 1).

    Two unknowns and a convex loss: Newton's method with halved steps needs a handful of passes over the data.
    Sums are numpy's own, in a fixed order.
    """
    at, logit, loss = np.zeros(2), np.zeros(len(z)), np.inf
    for _ in range(100):
        p = expit(logit)
        error, curved = p - target, p * (1 - p)
        gradient = np.array([(error * z).sum(), error.sum()])
        a, b, c = (curved * z * z).sum(), (curved * z).sum(), curved.sum()
        determinant = a * c - b * b
        if not determinant > 0:
            break
        step = np.array([c * gradient[0] - b * gradient[1], a * gradient[1] - b * gradient[0]]) / determinant
        last = (step * gradient).sum() <= 1e-12 * len(
            z
        )  # what is left to gain: the step after this one is rounding
        while True:
            logit = (at[0] - step[0]) * z + (at[1] - step[1])
            new = (np.logaddexp(0, logit) - target * logit).sum()
            if new <= loss or last:
                break
            step /= 2
        at, loss = at - step, new
        if last:
            break
    return at
