"""How sure a map is: what refitting the kernel on bootstrap resamples of the data does to every token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from . import soft
from .estimator import unfitted
from .features import unpack
from .prospecting import neighbour_blocks

if TYPE_CHECKING:
    from .graphs import TokenGraph
    from .kernels import FoldChangeKernel

__all__ = ["SURE", "TokenUncertainty", "bootstrap_kernels", "token_uncertainty"]

SURE = 0.95  # share of resamples that must agree on a token's sign
_BLOCK = 8192  # tokens scored together: their scores under all resamples stay small


def bootstrap_kernels(
    kernel: FoldChangeKernel,
    counts: np.ndarray,
    labels: np.ndarray,
    n: int = 200,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Kernels fitted on data drawn with replacement, class by class.

    Parameters: kernel, unfitted; counts (n_data, p); labels (n_data,) of 0 and 1; n resamples; seed; weights
    (n_data,), how much each datum counts. Returns (n, p) float64. Raises FitError.
    """
    counts, labels = np.asarray(counts), np.asarray(labels)
    groups = [np.flatnonzero(labels == label) for label in (0, 1)]
    if not all(len(group) for group in groups):
        raise FitError("a bootstrap needs data of both classes")
    rng = np.random.default_rng(seed)
    fits = np.empty((n, counts.shape[1]))
    for index in range(n):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        drawn = None if weights is None else np.asarray(weights)[rows]
        fits[index] = unfitted(kernel).fit(counts[rows], labels[rows], drawn).coef_
    return fits


@dataclass(frozen=True)
class TokenUncertainty:
    """Of every token: ``error`` (n,) standard error of its score.

    ``agreement`` (n,) share of resamples whose score has the sign of ``score`` (n,), the score under the
    kernel of all data. NaN for excluded tokens.
    """

    score: np.ndarray
    error: np.ndarray
    agreement: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.score.nbytes + self.error.nbytes + self.agreement.nbytes

    @property
    def unsure(self) -> np.ndarray:
        """Tokens whose sign is not certain: (n,) bool."""
        return ~(self.agreement >= SURE)


def token_uncertainty(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    resampled: np.ndarray,
    n_concepts: int,
    radius: int,
    diffusive: bool = False,
) -> TokenUncertainty:
    """Standard error and certainty of sign of a map.

    Parameters: graph, concepts, n_concepts, radius, diffusive as ``prospect``; coef (p,); resampled (n, p)
    from ``bootstrap_kernels``. Returns TokenUncertainty.
    """
    own = unpack(coef, n_concepts)
    others = [unpack(each, n_concepts) for each in resampled]
    monos = np.stack([own[0], *(mono for mono, _ in others)])  # (1 + n, K)
    tables = np.stack([own[1], *(table for _, table in others)])  # (1 + n, K, K)
    score, error, agreement = (np.full(graph.n, np.nan) for _ in range(3))
    concepts = np.asarray(concepts)
    if soft.is_soft(concepts):
        _of_shares(graph, concepts, monos, tables, n_concepts, radius, diffusive, (score, error, agreement))
        return TokenUncertainty(score, error, agreement)
    for part, around in neighbour_blocks(graph, concepts, n_concepts, radius, diffusive):
        for concept in range(n_concepts):
            rows = np.flatnonzero(concepts[part] == concept)
            for start in range(0, rows.size, _BLOCK):
                here = rows[start : start + _BLOCK]
                some = part[here]
                scores = around[here] @ tables[:, concept].T + monos[:, concept]  # (m, 1 + n)
                _summarise(scores, some, score, error, agreement)
    return TokenUncertainty(score, error, agreement)


def _of_shares(
    graph: TokenGraph,
    shares: np.ndarray,
    monos: np.ndarray,
    tables: np.ndarray,
    n_concepts: int,
    radius: int,
    diffusive: bool,
    into: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """As above, where a token belongs to several concepts: their scores, by its shares."""
    inside = np.asarray(shares.any(axis=1))
    for part, around in neighbour_blocks(graph, shares, n_concepts, radius, diffusive):
        for start in range(0, part.size, _BLOCK):
            here = np.arange(start, min(start + _BLOCK, part.size))
            here = here[inside[part[here]]]
            if not here.size:
                continue
            own = shares[part[here]] / soft.ONE
            scores = own @ monos.T  # (m, 1 + n)
            for concept in range(n_concepts):
                rows = np.flatnonzero(own[:, concept])
                if rows.size:
                    scores[rows] += own[rows, concept, None] * (around[here[rows]] @ tables[:, concept].T)
            _summarise(scores, part[here], *into)


def _summarise(
    scores: np.ndarray, some: np.ndarray, score: np.ndarray, error: np.ndarray, agreement: np.ndarray
) -> None:
    """What scores (m, 1 + n), the token's own first, say of the tokens ``some``."""
    score[some] = scores[:, 0]
    error[some] = scores[:, 1:].std(axis=1, ddof=1) if scores.shape[1] > 2 else np.nan
    agreement[some] = (np.sign(scores[:, 1:]) == np.sign(scores[:, :1])).mean(axis=1)
