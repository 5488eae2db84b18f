"""Inference: from a sprite and a prospect kernel to one attribution score per token, and its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import get_num_threads

from ..errors import GraphError
from . import soft
from ._compiled.grid import neighbours_on_grid, score_on_grid
from ._compiled.soft import neighbours_of_shares, score_shares
from ._compiled.soft_grid import neighbours_of_shares_on_grid, score_shares_on_grid
from ._compiled.sparse import neighbours_on_edges, score_on_edges
from .counting import check_sprite
from .features import n_features, unpack
from .graphs import TokenGraph
from .smoothing import smoothed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check", "check_coef", "hop_weights", "neighbour_blocks", "neighbour_counts", "prospect"]

_BLOCK_CELLS = 8_000_000  # numbers per part of ``neighbour_blocks``: some 100 MB while it is made
_MAX_DIFFUSIVE_GRID_RADIUS = (
    12  # hop weights are 2^r-fold integers on the grid: beyond this they could overflow
)


def prospect(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    diffusive: bool = False,
    smoothing: int = 0,
) -> np.ndarray:
    """Attribution score of every token.

    The score is the weight of the token's concept plus the weights of its pairs within ``radius`` hops.

    Parameters
    ----------
    graph : TokenGraph of n tokens
    concepts : (n,) int sprite; -1 marks an excluded token (no score, and a wall to the others); or (n, K)
        uint8 shares of several concepts per token (see ``soft``), which weigh what it would score as each of
        them
    coef : (p,) float prospect kernel, order of ``count_concepts``; or (n_classes, p)
    n_concepts, radius : K and r
    diffusive : weigh a neighbour at h hops by 2^-h instead of 1 (paper: diffusive variant)
    smoothing : steps; above 0 a score is a mean of its own and of those around it (see ``smoothing``)

    Returns (n,) float64, or (n_classes, n); NaN for excluded tokens. Raises GraphError for sizes that do not
    fit.

    Examples
    --------
    Concept 1 speaks for the class, and so does its being next to concept 0.

    >>> from prospector_core import TokenGraph
    >>> chain = TokenGraph.from_chain(4, reach=1)
    >>> prospect(chain, [0, 0, 0, 1], coef=[0.0, 2.0, 0.0, 0.5, 0.0], n_concepts=2, radius=1).tolist()
    [0.0, 0.0, 0.5, 2.5]
    """
    coef = np.asarray(coef, np.float64)
    if coef.ndim == 2:
        how = n_concepts, radius, diffusive, smoothing
        return np.stack([prospect(graph, concepts, row, *how) for row in coef])
    if smoothing:
        return smoothed(graph, prospect(graph, concepts, coef, n_concepts, radius, diffusive), smoothing)
    if soft.is_soft(concepts):
        mono, table = check_coef(coef, n_concepts, radius)
        shares, outside, _ = soft.checked(graph, concepts, n_concepts, radius)
        return _score_soft(graph, shares, outside, mono, table, int(radius), diffusive)
    concepts, mono, table = check(graph, concepts, coef, n_concepts, radius)
    return _score_hard(graph, concepts, mono, table, int(radius), diffusive)


def _score_hard(
    graph: TokenGraph, concepts: np.ndarray, mono: np.ndarray, table: np.ndarray, radius: int, diffusive: bool
) -> np.ndarray:
    """As ``prospect``, of a sprite."""
    if not graph.n:
        return np.empty(0)
    if radius == 0:
        return np.where(concepts >= 0, mono[concepts], np.nan)
    threads = get_num_threads()
    if _on_grid(graph, radius, diffusive):
        raster = graph.to_raster(concepts, -1, np.int16)
        # The grid kernel counts in integers: diffusive weights come 2^r-fold, and the table is scaled back
        # (exactly).
        scaled = table / 2.0**radius if diffusive else table
        weights = _ball_weights(radius, diffusive)
        return graph.from_raster(score_on_grid(raster, mono, scaled, radius, weights, threads))
    weights = hop_weights(radius, diffusive)
    return score_on_edges(graph.indptr, graph.indices, concepts, mono, table, radius, weights, 4 * threads)


def _score_soft(
    graph: TokenGraph,
    shares: np.ndarray,
    outside: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    radius: int,
    diffusive: bool,
) -> np.ndarray:
    mono, table = soft.padded(mono), soft.padded(soft.padded(table).T).T.copy()
    threads = get_num_threads()
    if radius and _on_grid(graph, radius, diffusive):
        scaled = table / 2.0**radius if diffusive else table
        weights = _ball_weights(radius, diffusive)
        return score_shares_on_grid(
            soft.places(graph, outside), shares, mono, scaled, radius, weights, threads
        )
    weights = hop_weights(radius, diffusive)
    return score_shares(
        *_adjacency(graph, radius), outside, shares, mono, table, radius, weights, 4 * threads
    )


def _on_grid(graph: TokenGraph, radius: int, diffusive: bool) -> bool:
    """Whether the fast grid kernels can score this."""
    return graph.fits_raster(radius) and not (diffusive and radius > _MAX_DIFFUSIVE_GRID_RADIUS)


def check(
    graph: TokenGraph, concepts: np.ndarray, coef: np.ndarray, n_concepts: int, radius: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sprite (n,) and weights as (K,), (K, K), checked. Raises GraphError."""
    return check_sprite(graph, concepts, n_concepts, radius), *check_coef(coef, n_concepts, radius)


def check_coef(coef: np.ndarray, n_concepts: int, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of concepts (K,) and of pairs (K, K), checked. Raises GraphError."""
    coef = np.asarray(coef, np.float64)
    p = n_features(n_concepts, radius)
    if coef.shape != (p,):
        raise GraphError(
            f"K={n_concepts}, r={radius} needs {p} weights, got {coef.shape}: fit again with this K and r"
        )
    if not np.isfinite(coef).all():
        raise GraphError(f"weight {int(np.argmin(np.isfinite(coef)))} of the prospect kernel is not finite")
    return unpack(coef, n_concepts)


def _adjacency(graph: TokenGraph, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Indptr and indices of a graph; without edges where none are asked for."""
    return (
        (graph.indptr, graph.indices) if radius else (np.zeros(graph.n + 1, np.int64), np.empty(0, np.int64))
    )


def hop_weights(radius: int, diffusive: bool) -> np.ndarray:
    """Weight of a neighbour at each hop distance 0..r: (r + 1,) float64."""
    return (
        np.where(np.arange(radius + 1) > 0, 0.5 ** np.arange(radius + 1), 0.0)
        if diffusive
        else np.ones(radius + 1)
    )


def _ball_weights(radius: int, diffusive: bool) -> np.ndarray:
    """The same as weights of the nested balls N_0..N_r, times 2^r if diffusive: (r + 1,) int64."""
    hops = hop_weights(radius, diffusive) * (2**radius if diffusive else 1)
    return (hops - np.append(hops[1:], 0.0)).astype(np.int64)


def neighbour_counts(
    graph: TokenGraph, concepts: np.ndarray, n_concepts: int, radius: int, diffusive: bool = False
) -> np.ndarray:
    """How many tokens of each concept are within ``radius`` hops of every token.

    The token itself is included. In the diffusive variant, tokens are weighted.

    A token's score under any kernel is ``mono[c] + table[c] . row``: many kernels can be scored from one
    pass. Parameters as ``prospect``. Returns (n, K) float64, rows of excluded tokens 0. Memory n x K: one
    datum at a time.
    """
    if soft.is_soft(concepts):
        if not radius:
            return np.zeros((graph.n, n_concepts))
        shares, outside, _ = soft.checked(graph, concepts, n_concepts, radius)
        if _on_grid(graph, radius, diffusive):
            weights, index = _ball_weights(int(radius), diffusive), soft.places(graph, outside)
            kept = neighbours_of_shares_on_grid(
                index, shares, n_concepts, int(radius), weights, get_num_threads()
            )
            return kept / (soft.ONE * (2.0 ** int(radius) if diffusive else 1.0))
        weights = hop_weights(int(radius), diffusive)
        return neighbours_of_shares(
            graph.indptr,
            graph.indices,
            outside,
            shares[:, :n_concepts],
            int(radius),
            weights,
            4 * get_num_threads(),
        )
    concepts = check_sprite(graph, concepts, n_concepts, radius)
    if not graph.n or radius == 0:
        return np.zeros((graph.n, n_concepts))
    threads = get_num_threads()
    if _on_grid(graph, radius, diffusive):
        raster = graph.to_raster(concepts, -1, np.int16)
        kept = neighbours_on_grid(raster, n_concepts, radius, _ball_weights(radius, diffusive), threads)
        return graph.from_raster(kept) / (2.0**radius if diffusive else 1.0)
    weights = hop_weights(radius, diffusive)
    return neighbours_on_edges(
        graph.indptr, graph.indices, concepts, n_concepts, radius, weights, 4 * threads
    )


def neighbour_blocks(
    graph: TokenGraph,
    concepts: np.ndarray,
    n_concepts: int,
    radius: int,
    diffusive: bool = False,
    cells: int = _BLOCK_CELLS,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """``neighbour_counts`` in parts that fit in memory: yields (tokens (m,), counts (m, K)).

    Parameters as ``neighbour_counts``; a part has at most about ``cells`` places of the grid times K. Only
    grids are cut.
    """
    if not graph.n or graph.raster_shape is None or np.prod(graph.raster_shape) * n_concepts <= cells:
        yield np.arange(graph.n), neighbour_counts(graph, concepts, n_concepts, radius, diffusive)
        return
    if not soft.is_soft(concepts):
        concepts = check_sprite(graph, concepts, n_concepts, radius)
    rows = graph.positions[:, 0]
    step = max(1, cells // (graph.raster_shape[1] * n_concepts))
    for first in range(int(rows.min()), int(rows.max()) + 1, step):
        # A path of r hops leaves the rows of the part by r at most.
        near = np.flatnonzero((rows >= first - radius) & (rows < first + step + radius))
        inside = (rows[near] >= first) & (rows[near] < first + step)
        if inside.any():
            part = TokenGraph.from_grid(graph.positions[near])
            yield near[inside], neighbour_counts(part, concepts[near], n_concepts, radius, diffusive)[inside]
