"""Is there any signal at all, and in which weights.

What a fit finds where labels are shuffled among the data.

Two questions, two answers. *Is there signal*: the AUROC of held-out data against what it is under shuffled
labels. *Which concepts and pairs*: of each weight, how far the classes' mean shares are apart in standard
errors, against the same under shuffled labels, all weights together; those whose false discovery rate
(Benjamini-Hochberg) is below a level are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from .folds import stratified_folds
from .kernels import FoldChangeKernel
from .metrics import auroc
from .tfidf import term_frequencies

if TYPE_CHECKING:
    from collections.abc import Callable

    from .kernels import LinearKernel

__all__ = ["LEVEL", "Null", "benjamini_hochberg", "label_null", "shuffled_evidence"]

LEVEL = 0.05


@dataclass(frozen=True)
class Null:
    """What shuffled labels say of a fit.

    Attributes: auroc, of held-out data; shuffled (n,), the same under shuffled labels; p_signal, share of
    those (and one) that reach it; p_values (p,) of weights; kept (p,) bool, those below the false discovery
    rate ``level``, none where there is no signal (p_signal above 0.05); level.
    """

    auroc: float
    shuffled: np.ndarray
    p_signal: float
    p_values: np.ndarray
    kept: np.ndarray
    level: float

    @property
    def signal(self) -> bool:
        """Whether data are told apart better than by shuffled labels."""
        return self.p_signal <= LEVEL

    @property
    def sentence(self) -> str:
        """The answer in plain words."""
        usual = (
            f"AUROC {self.auroc:.2f}; shuffled labels give {self.shuffled.mean():.2f}, p ="
            f" {self.p_signal:.3f}"
        )
        if not self.signal:
            return f"no evidence: the labels are predicted no better than shuffled ones ({usual})"
        n = int(self.kept.sum())
        return (
            f"evidence: the labels are predicted better than shuffled ones ({usual}); {n} of {len(self.kept)}"
            " weights stand out"
        )


def benjamini_hochberg(p_values: list[float] | np.ndarray, level: float = LEVEL) -> np.ndarray:
    """Which hypotheses to reject at a false discovery rate: (n,) bool.

    Those without a p-value (NaN) are kept out.
    """
    p = np.asarray(p_values, np.float64)
    known = np.flatnonzero(np.isfinite(p))
    reject = np.zeros(len(p), bool)
    if known.size:
        order = known[np.argsort(p[known], kind="stable")]
        below = np.flatnonzero(p[order] <= level * np.arange(1, known.size + 1) / known.size)
        if below.size:
            reject[order[: below[-1] + 1]] = True
    return reject


def label_null(
    kernel: FoldChangeKernel | LinearKernel,
    counts: np.ndarray,
    labels: np.ndarray,
    n: int = 200,
    seed: int = 0,
    level: float = LEVEL,
    progress: Callable[..., object] | None = None,
    shuffled: Callable | None = None,
) -> Null:
    """Shuffle the labels n times: Null.

    Parameters: progress, function(done, total); kernel, unfitted; counts (n_data, p); labels (n_data,) of 0
    and 1; shuffled, function(list of shuffled labels, seed) that yields what ``shuffled_evidence`` gives for
    each, in order, where it is not done here. A linear kernel's signal is that of the fold-change kernel,
    which is fitted a hundred times as fast. Raises FitError.
    """
    counts, labels = np.asarray(counts, np.float64), np.asarray(labels)
    if np.bincount(labels, minlength=2).min() < 2:
        raise FitError("a null by shuffled labels needs two data of each class at least")
    rng = np.random.default_rng(seed)
    shares = term_frequencies(counts)
    own, apart = shuffled_evidence(kernel, counts, shares, labels, seed)
    drawn = [rng.permutation(labels) for _ in range(n)]
    found = (
        (shuffled_evidence(kernel, counts, shares, each, seed) for each in drawn)
        if shuffled is None
        else shuffled(drawn, seed)
    )
    aurocs, null = np.empty(n), np.empty((n, counts.shape[1]))
    for at, (aurocs[at], null[at]) in enumerate(found):
        if progress:
            progress(at + 1, n)
    occurs = (counts > 0).any(axis=0)
    pool = np.sort(null[:, occurs].ravel())
    reached = len(pool) - np.searchsorted(pool, apart - 1e-12)
    p_values = np.where(occurs, (1 + reached) / (1 + len(pool)), np.nan)
    p_signal = float((1 + (aurocs >= own - 1e-12).sum()) / (1 + n))
    kept = benjamini_hochberg(p_values, level) & (p_signal <= LEVEL)
    return Null(own, aurocs, p_signal, p_values, kept, level)


def shuffled_evidence(
    kernel: FoldChangeKernel | LinearKernel,
    counts: np.ndarray,
    shares: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> tuple[float, np.ndarray]:
    """AUROC of held-out data under labels (n_data,), and how far each weight's classes are apart.

    (float, (p,)).
    """
    if not isinstance(kernel, FoldChangeKernel):
        kernel = FoldChangeKernel(alpha=1e10, pseudo=0.1, shrink=True)
    return _held_out_auroc(kernel, counts, labels, seed), np.abs(_apart(shares, labels))


def _apart(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far the classes' mean shares are apart, in standard errors: (p,)."""
    one, zero = shares[labels == 1], shares[labels == 0]
    error = np.sqrt(one.var(axis=0) / len(one) + zero.var(axis=0) / len(zero))
    usual = np.median(error[error > 0]) if (error > 0).any() else 1.0
    return (one.mean(axis=0) - zero.mean(axis=0)) / (
        error + 0.1 * usual
    )  # a little added: few data vary little by chance


def _held_out_auroc(kernel: FoldChangeKernel, counts: np.ndarray, labels: np.ndarray, seed: int) -> float:
    found = np.empty(len(labels))
    for train, test in stratified_folds(labels, 5, seed):
        fitted = kernel.fit(counts[train], labels[train])
        evidence, usual = fitted.evidence(counts[test]), fitted.evidence(counts[train])
        found[test] = (evidence - usual.mean()) / (usual.std() or 1.0)
    return auroc(found, labels == 1)
