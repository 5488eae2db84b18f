"""Prospect kernels: one weight a monogram, one a skip-bigram.

Learned from counts and labels of whole data.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from .calibration import evidence
from .estimator import Estimator
from .shrinkage import ADAPTIVE, adaptive_weights, shrunken
from .tfidf import inverse_document_frequencies, term_frequencies, tfidf

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["KERNELS", "TEST_OFF", "FoldChangeKernel", "LinearKernel", "check_labels", "make_kernel"]


TEST_OFF = 1e10  # an alpha this large switches the significance test off
_PSEUDO = 1e-10
_EXACT_UP_TO = (
    8  # scipy's own rule: the exact Mann-Whitney distribution if a group is this small and nothing ties
)


def check_labels(labels: np.ndarray) -> np.ndarray:
    """Labels (n_data,) as int64 of 0 and 1, both there. Raises FitError."""
    labels = np.asarray(labels)
    if not labels.size:
        raise FitError("there are no labelled data to fit on")
    ones = labels == 1 if labels.dtype.kind in "biuf" else None
    if ones is None or not (ones | (labels == 0)).all():
        found = sorted({str(each) for each in labels.tolist()})
        raise FitError(f"labels must be the numbers 0 and 1, got {', '.join(found[:5])}")
    if ones.all() or not ones.any():
        raise FitError(
            f"all {labels.size} labelled data are of class {labels[0]}: a kernel needs data of both classes"
        )
    return labels.astype(np.int64)


class _Kernel(Estimator):
    """What both kernels share: checking input."""

    def _check(
        self, counts: np.ndarray, labels: np.ndarray, weights: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        counts = np.asarray(counts)
        labels = np.asarray(labels)
        if counts.ndim != 2 or labels.shape != (len(counts),):
            raise FitError(
                f"counts {counts.shape} and labels {labels.shape} do not belong together: give one row per"
                " datum"
            )
        if counts.dtype.kind not in "biuf":
            raise FitError(f"counts must be numbers, got {counts.dtype}")
        if not np.isfinite(counts).all():
            raise FitError("counts contain values that are not finite")
        weights = np.ones(len(counts)) if weights is None else np.asarray(weights, np.float64)
        if weights.shape != labels.shape or not (weights > 0).all() or not np.isfinite(weights).all():
            raise FitError("weights must be positive numbers, one per datum")
        return counts, check_labels(labels), weights


class FoldChangeKernel(_Kernel):
    """Log2 fold change of mean TF-IDF, class 1 over class 0, kept where it is large and significant.

    ``coef = log2((mean over class 1 + 1e-10) / (mean over class 0 + 1e-10))`` where ``p * P <= alpha``
    (two-sided Mann-Whitney U, Bonferroni over the P features) and ``|coef| >= tau``, else 0. ``alpha >=
    1e10``: no test.

    With a ``pseudo`` above 0 it is the fold change of mean shares instead, ``log2((mean share over class 1 +
    e) / (mean share over class 0 + e))`` where e = pseudo / P, without idf: a feature seldom seen says less.
    ``shrink`` then draws every weight towards 0 by how much it varies between data of one class; nothing has
    to be chosen. "adaptive": each by its own evidence, see ``adaptive_weights``. True: all by one rule, x t /
    (t + s), s its squared standard error, t the variance between features that is beyond error.

    Parameters: alpha, tau (in log2 units), pseudo (0: the authors' kernel), shrink (False, True or
    "adaptive"). Attributes after ``fit``:
    ``coef_`` (p,), ``fold_change_`` (p,) before thresholding, ``p_values_`` (p,), uncorrected (NaN without
    test), ``n_features_in_``. Raises FitError. Source: paper section 3.2, METHOD.md "fold-change".
    """

    name = "fold-change"
    unit = "log2 fold change"

    def __init__(
        self, alpha: float = 0.05, tau: float = 0.0, pseudo: float = 0.0, shrink: bool | str = False
    ) -> None:
        self.alpha = alpha
        self.tau = tau
        self.pseudo = pseudo
        self.shrink = shrink

    def fit(self, counts: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Self:
        """Fit on counts (n_data, p) and labels (n_data,) of 0 and 1; ``weights`` (n_data,).

        How much each datum counts.
        """
        counts, labels, weights = self._check(counts, labels, weights)
        weighted = term_frequencies(counts) if self.pseudo > 0 else tfidf(counts)
        ones, zeros = weighted[labels == 1], weighted[labels == 0]
        own, other = weights[labels == 1], weights[labels == 0]
        small = self.pseudo / weighted.shape[1] if self.pseudo > 0 else _PSEUDO
        means = [
            np.average(part, axis=0, weights=each) + small for part, each in ((ones, own), (zeros, other))
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.log2(np.divide(*means))
        # A negative idf can turn the ratio negative; such a feature has no fold change.
        change = np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0)
        self.fold_change_ = change
        keep = np.abs(change) >= self.tau
        if self.alpha < TEST_OFF:
            self.p_values_ = rank_sum_p_values(ones, zeros)
            keep &= self.p_values_ * weighted.shape[1] <= self.alpha
        else:
            self.p_values_ = np.full(weighted.shape[1], np.nan)
        if self.shrink:
            errors = sum(_relative_error(*each) for each in zip((ones, zeros), (own, other), means))
            draw = adaptive_weights if self.shrink == ADAPTIVE else shrunken
            change = draw(change, errors / np.log(2) ** 2)
        self.coef_ = np.where(keep, change, 0.0)
        self.n_features_in_ = weighted.shape[1]
        return self

    def evidence(self, counts: np.ndarray, coef: np.ndarray | None = None) -> np.ndarray:
        """Evidence for class 1 of each datum, its map's sum over its counts: (n_data,).

        ``coef``: in place of ``coef_``.
        """
        return evidence(counts, self.coef_ if coef is None else coef)


def _relative_error(part: np.ndarray, weights: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Squared standard error of the natural logarithm of a weighted mean, every column: (p,)."""
    around = part - np.average(part, axis=0, weights=weights)
    n = weights.sum() ** 2 / (weights**2).sum()
    return np.average(around**2, axis=0, weights=weights) / n / mean**2


def rank_sum_p_values(ones: np.ndarray, zeros: np.ndarray) -> np.ndarray:
    """Two-sided Mann-Whitney U p-value of every column: (p,), NaN where all values are equal.

    scipy picks the exact distribution for small groups without ties. That choice belongs to a column, so
    columns with ties and columns without are tested apart; as one array they would all get one answer.
    """
    from scipy.stats import (
        mannwhitneyu,
    )  # late, as scikit-learn's parts: they take longer to load than most fits

    both = np.sort(np.concatenate([ones, zeros]), axis=0)
    tied = (both[1:] == both[:-1]).any(axis=0)
    exact = ~tied & (min(len(ones), len(zeros)) <= _EXACT_UP_TO)
    p_values = np.full(ones.shape[1], np.nan)
    for columns, method in ((exact, "exact"), (~exact, "asymptotic")):
        if columns.any():
            with np.errstate(invalid="ignore", divide="ignore"):
                tested = mannwhitneyu(ones[:, columns], zeros[:, columns], axis=0, method=method)
            p_values[columns] = tested.pvalue
    return p_values


class LinearKernel(_Kernel):
    """Coefficients of an elastic-net logistic regression on standardised TF-IDF.

    Parameters: l1_ratio, C (inverse strength), max_iter, seed. Attributes after ``fit``: ``coef_`` (p,),
    ``intercept_``, ``idf_``, ``scaler_``, ``n_features_in_``. Raises FitError. Source: METHOD.md "linear"
    (saga solver).
    """

    name = "linear"
    unit = "log odds per standard deviation"

    def __init__(self, l1_ratio: float = 0.5, C: float = 1.0, max_iter: int = 3000, seed: int = 0) -> None:
        self.l1_ratio = l1_ratio
        self.C = C
        self.max_iter = max_iter
        self.seed = seed

    def fit(self, counts: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Self:
        """Fit on counts (n_data, p) and labels (n_data,) of 0 and 1; ``weights`` (n_data,).

        How much each datum counts.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        counts, labels, weights = self._check(counts, labels, weights)
        model = LogisticRegression(
            solver="saga", l1_ratio=self.l1_ratio, C=self.C, max_iter=self.max_iter, random_state=self.seed
        )
        with warnings.catch_warnings():
            # 3000 passes are the method; whether the last digit has settled is not the user's concern.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.idf_ = inverse_document_frequencies(counts)
            self.scaler_ = StandardScaler()
            model.fit(self.scaler_.fit_transform(tfidf(counts)), labels, sample_weight=weights)
        self.coef_ = model.coef_[0].astype(np.float64)
        self.intercept_ = float(model.intercept_[0])
        self.n_features_in_ = counts.shape[1]
        return self

    def evidence(self, counts: np.ndarray, coef: np.ndarray | None = None) -> np.ndarray:
        """Evidence for class 1 of each datum, the regression's own log odds: (n_data,).

        ``coef``: in place of ``coef_``.
        """
        features = self.scaler_.transform(term_frequencies(counts) * self.idf_)
        return features @ (self.coef_ if coef is None else np.asarray(coef, np.float64)) + self.intercept_


KERNELS: dict[str, type[FoldChangeKernel] | type[LinearKernel]] = {
    "fold-change": FoldChangeKernel,
    "linear": LinearKernel,
}


def make_kernel(name: str, **parameters: Any) -> FoldChangeKernel | LinearKernel:
    """An unfitted kernel by name: "fold-change" (alpha, tau) or "linear" (l1_ratio, ...). Raises FitError."""
    if name not in KERNELS:
        raise FitError(f"there is no kernel {name!r}: choose one of {', '.join(KERNELS)}")
    known = KERNELS[name]().get_params()
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise FitError(f"the {name} kernel has no parameter {unknown[0]!r}: choose from {', '.join(known)}")
    return KERNELS[name](**parameters)
