"""Is there any signal at all, and in which weights.

What a fit finds where labels are shuffled among the data.

Two questions, two answers. *Is there signal*: the AUROC of held-out data against what it is under shuffled
labels. *Which concepts and pairs*: of each weight, how far the classes' mean shares are apart in standard
errors, against the same under shuffled labels, all weights together; those whose false discovery rate
(Benjamini-Hochberg) is below a level are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from ..method.kernels import FoldChangeKernel
from ..method.metrics import auroc
from ..method.tfidf import term_frequencies
from ..scheduling import OnCluster
from ..study.tasks import place_of, study_at
from .problem import stratified_folds

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..method.kernels import LinearKernel
    from ..study import Study
    from ..study.fits import Fit
    from ..study.tasks import Place

__all__ = ["Null", "benjamini_hochberg", "label_null", "masked", "study_null"]

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
    and 1; shuffled, function(list of shuffled labels, seed) that yields what ``_shuffled`` gives for each, in
    order, where it is not done here. A linear kernel's signal is that of the fold-change kernel, which is
    fitted a hundred times as fast. Raises FitError.
    """
    counts, labels = np.asarray(counts, np.float64), np.asarray(labels)
    if np.bincount(labels, minlength=2).min() < 2:
        raise FitError("a null by shuffled labels needs two data of each class at least")
    rng = np.random.default_rng(seed)
    shares = term_frequencies(counts)
    own, apart = _shuffled(kernel, counts, shares, labels, seed)
    drawn = [rng.permutation(labels) for _ in range(n)]
    found = (
        (_shuffled(kernel, counts, shares, each, seed) for each in drawn)
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


def _shuffled(
    kernel: FoldChangeKernel, counts: np.ndarray, shares: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[float, np.ndarray]:
    """AUROC of held-out data under labels (n_data,), and how far each weight's classes are apart.

    (float, (p,)).
    """
    if not isinstance(kernel, FoldChangeKernel):
        kernel = FoldChangeKernel(alpha=1e10, pseudo=0.1, shrink=True)
    return _held_out_auroc(kernel, counts, labels, seed), np.abs(_apart(shares, labels))


def masked(coef: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """A kernel (p,) of the weights that are kept alone."""
    return np.where(kept, coef, 0.0)


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


def study_null(
    study: Study,
    n: int = 200,
    seed: int = 0,
    level: float = LEVEL,
    fit: Fit | None = None,
    progress: Callable[..., object] | None = None,
    on: OnCluster | None = None,
) -> tuple[Null, np.ndarray]:
    """The Null of a study's fit, edits and all, over its weights.

    (Null, kernel (p,) of the weights that stand out).

    Parameters: as ``label_null``; fit (default: the current one); on, where labels are shuffled, from
    ``scheduling.scheduler`` (default: here). ``kept`` and ``p_values`` are over all p weights of the fit;
    weights that the expert pinned stay in the kernel. Raises FitError.
    """
    from ..study.counts import compact_coef, expand

    fit, _ = study._fitted(fit)
    kernel, compact, labels = _evidence_of(study, fit)
    with place_of(study, on) as place:
        there = None
        if isinstance(on, OnCluster):
            there = partial(_shuffle_there, on, place, fit.id, study.target)
        found = label_null(kernel, compact, labels, n, seed, level, progress, there)
    active, k, radius = fit.state.active(fit.n_concepts), fit.n_concepts, fit.radius
    p_values = expand(found.p_values, active, k, radius)
    kept = expand(found.kept, active, k, radius)
    pinned = fit.coef != fit.fitted_coef
    full = Null(found.auroc, found.shuffled, found.p_signal, p_values, kept, level)
    assert len(compact_coef(fit.coef, active, k, radius)) == compact.shape[1]
    return full, masked(fit.coef, kept | pinned)


def _evidence_of(study: Study, fit: Fit) -> tuple[FoldChangeKernel, np.ndarray, np.ndarray]:
    """What a fit was fitted on: unfitted kernel, counts (n_data, p_active), labels (n_data,) of 0 and 1."""
    _, counts = study._layer(fit.centroids, fit.settings)
    there = fit.summary["predictions"].keys()
    rows = [row for row in study._rows if row.uid in there and row.split != "test"]
    labels = [fit.state.labels.get(row.uid, row.label) for row in rows]
    rows = [row for row, label in zip(rows, labels) if label is not None]
    labels = np.array([int(label == fit.target) for label in labels if label is not None])
    return fit.settings.make_kernel(), counts.compact([(row.uid, None) for row in rows], fit.state), labels


_SHUFFLED_AT_ONCE = 10


def _shuffle_there(
    on: OnCluster, place: Place, fit: int, target: int, drawn: list[np.ndarray], seed: int
) -> list[tuple[float, np.ndarray]]:
    """As ``_shuffled`` of each, on workers, which take the counts from the study."""
    items = [
        (start, drawn[start : start + _SHUFFLED_AT_ONCE]) for start in range(0, len(drawn), _SHUFFLED_AT_ONCE)
    ]
    found = {done.item[0]: done.get() for done in on.run(_shuffled_at, items, place, fit, target, seed)}
    return [each for start in sorted(found) for each in found[start]]


def _shuffled_at(place: Any, fit: Fit, target: Any, seed: int, item: Any) -> Any:
    kernel, counts, shares = _evidence_at(place, fit, target)
    return [_shuffled(kernel, counts, shares, labels, seed) for labels in item[1]]


@lru_cache(maxsize=1)
def _evidence_at(place: Any, fit: Fit, target: Any) -> Any:
    study = study_at(place)
    study = study if study.target == target else study.of_class(target)
    kernel, counts, _ = _evidence_of(study, study.load_fit(fit))
    counts = np.asarray(counts, np.float64)
    return kernel, counts, term_frequencies(counts)
