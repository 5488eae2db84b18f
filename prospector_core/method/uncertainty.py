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
from .smoothing import smoothed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .graphs import TokenGraph
    from .kernels import FoldChangeKernel

__all__ = ["SURE", "TokenUncertainty", "bootstrap_kernels", "token_uncertainty"]

SURE = 0.95  # share of resamples that must agree on a token's sign
_CELLS = 2**24  # numbers of maps that are smoothed together: 128 MB
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
    smoothing: int = 0,
) -> TokenUncertainty:
    """Standard error and certainty of sign of a map.

    Parameters: graph, concepts, n_concepts, radius, diffusive, smoothing as ``prospect``; coef (p,);
    resampled (n, p) from ``bootstrap_kernels``. Returns TokenUncertainty.
    """
    own = unpack(coef, n_concepts)
    others = [unpack(each, n_concepts) for each in resampled]
    monos = np.stack([own[0], *(mono for mono, _ in others)])  # (1 + n, K)
    tables = np.stack([own[1], *(table for _, table in others)])  # (1 + n, K, K)
    found = TokenUncertainty(*(np.full(graph.n, np.nan) for _ in range(3)))
    concepts = np.asarray(concepts)

    def parts(some: slice) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return _scores(graph, concepts, monos[some], tables[some], n_concepts, radius, diffusive)

    if smoothing:
        _summarise_smoothed(graph, parts, len(monos), smoothing, found)
        return found
    for some, scores in parts(slice(None)):
        found.score[some] = scores[:, 0]
        found.error[some] = scores[:, 1:].std(axis=1, ddof=1) if scores.shape[1] > 2 else np.nan
        found.agreement[some] = (np.sign(scores[:, 1:]) == np.sign(scores[:, :1])).mean(axis=1)
    return found


def _scores(
    graph: TokenGraph,
    concepts: np.ndarray,
    monos: np.ndarray,
    tables: np.ndarray,
    n_concepts: int,
    radius: int,
    diffusive: bool,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores under several kernels, monos (k, K) and tables (k, K, K), of some tokens at a time.

    Yields (tokens (m,), scores (m, k)); excluded tokens are in none.
    """
    shared = soft.is_soft(concepts)
    inside = np.asarray(concepts.any(axis=1) if shared else concepts >= 0)
    for part, around in neighbour_blocks(graph, concepts, n_concepts, radius, diffusive):
        if not shared:
            for concept in range(n_concepts):
                rows = np.flatnonzero(concepts[part] == concept)
                for start in range(0, rows.size, _BLOCK):
                    here = rows[start : start + _BLOCK]
                    yield part[here], around[here] @ tables[:, concept].T + monos[:, concept]
            continue
        for start in range(0, part.size, _BLOCK):
            here = np.arange(start, min(start + _BLOCK, part.size))
            here = here[inside[part[here]]]
            if not here.size:
                continue
            own = concepts[part[here]] / soft.ONE
            scores = own @ monos.T
            for concept in range(n_concepts):
                rows = np.flatnonzero(own[:, concept])
                if rows.size:
                    scores[rows] += own[rows, concept, None] * (around[here[rows]] @ tables[:, concept].T)
            yield part[here], scores


def _summarise_smoothed(
    graph: TokenGraph,
    parts: Callable[[slice], Iterator[tuple[np.ndarray, np.ndarray]]],
    n_kernels: int,
    smoothing: int,
    found: TokenUncertainty,
) -> None:
    """Fill in what smoothed maps under several kernels say: some kernels at a time, whole maps of each."""
    at_once = max(1, _CELLS // max(graph.n, 1))
    total, squares, agree = (np.zeros(graph.n) for _ in range(3))
    for start in range(0, n_kernels, at_once):
        some = slice(start, min(start + at_once, n_kernels))
        maps = np.full((graph.n, some.stop - start), np.nan)
        for tokens, scores in parts(some):
            maps[tokens] = scores
        maps = smoothed(graph, maps, smoothing)
        if not start:
            found.score[:], maps = maps[:, 0], maps[:, 1:]
        away = maps - found.score[:, None]
        total += away.sum(axis=1)
        squares += (away**2).sum(axis=1)
        agree += (np.sign(maps) == np.sign(found.score)[:, None]).sum(axis=1)
    n, known = n_kernels - 1, np.isfinite(found.score)
    if n > 1:
        found.error[:] = np.sqrt(np.maximum(squares - total**2 / n, 0.0) / (n - 1))
    found.agreement[known] = agree[known] / max(n, 1)
