"""Layer II, first half: concept monograms and skip-bigrams of a data sprite (paper section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import get_num_threads

from ..errors import GraphError
from . import soft
from ._compiled.changed import pairs_changed
from ._compiled.grid import count_pairs_on_grid
from ._compiled.sparse import count_pairs_on_edges
from .features import n_features, pack_pairs

if TYPE_CHECKING:
    from .graphs import TokenGraph

__all__ = ["count_concepts", "check_sprite", "merge_counts", "recount"]

_RECOUNT_SHARE = 0.2  # of the tokens: where more have moved, counting all is as fast


def count_concepts(
    graph: TokenGraph, concepts: np.ndarray, n_concepts: int, radius: int, threads: int | None = None
) -> np.ndarray:
    """How often each concept, and each pair of concepts within ``radius`` hops, occurs.

    Parameters
    ----------
    graph : TokenGraph of n tokens
    concepts : (n,) int, the data sprite; -1 marks a token outside (excluded): not counted, and a wall to the
        others; or (n, K) uint8, shares of several concepts per token (see ``soft``): then counts are real
        numbers
    n_concepts : K
    radius : receptive field r >= 0, in hops
    threads : 1 = on the calling thread alone, as where many data are counted side by side; default: all that
        numba has

    Returns (p,) int64 (of shares: float64), p = K + K(K+1)/2 (p = K if r = 0): monograms, then pairs i <= j;
    a distinct unordered pair counts twice, a token's pair with itself once. Raises GraphError for a sprite
    that does not fit the graph.

    Examples
    --------
    Two tiles of concept 0 and one of concept 1, in a row: how often each is there, then pairs 00, 01, 11.

    >>> from prospector_core import TokenGraph
    >>> count_concepts(TokenGraph.from_chain(3, reach=1), [0, 0, 1], n_concepts=2, radius=1).tolist()
    [2, 1, 4, 2, 1]
    """
    if soft.is_soft(concepts):
        if np.shape(concepts)[-1] != n_concepts:
            raise GraphError(f"shares are of {np.shape(concepts)[-1]} concepts, but K is {n_concepts}")
        return soft.count_units(graph, concepts, radius, threads) / soft.UNIT
    concepts = check_sprite(graph, concepts, n_concepts, radius)
    radius = int(radius)
    inside = concepts[concepts >= 0]
    mono = np.bincount(inside, minlength=n_concepts).astype(np.int64)
    if radius == 0:
        return mono
    if not inside.size:
        return np.zeros(n_features(n_concepts, radius), np.int64)
    threads = threads or get_num_threads()
    if graph.fits_raster(radius):
        pairs = count_pairs_on_grid(graph.to_raster(concepts, -1, np.int16), n_concepts, radius, threads)
    else:
        pairs = count_pairs_on_edges(graph.indptr, graph.indices, concepts, n_concepts, radius, threads)
    return pack_pairs(mono, pairs)


def recount(
    graph: TokenGraph,
    concepts: np.ndarray,
    n_concepts: int,
    radius: int,
    before: np.ndarray,
    counts: np.ndarray,
    threads: int | None = None,
) -> np.ndarray:
    """``count_concepts`` where the counts of an earlier sprite are known.

    Equal to the last digit, and faster for few moves.

    Parameters: graph, concepts, n_concepts, radius, threads as ``count_concepts``; before (n,) int, the
    earlier sprite, of the same K; counts (p,) int64, its counts. Returns (p,) int64. Raises GraphError.
    """
    concepts, before = (check_sprite(graph, each, n_concepts, radius) for each in (concepts, before))
    n_new = np.count_nonzero(concepts != before)
    if not n_new:
        return np.array(counts)
    if not radius or n_new > _RECOUNT_SHARE * graph.n or not graph.fits_raster(radius):
        return count_concepts(graph, concepts, n_concepts, radius, threads)
    old, new = (graph.to_raster(each, -1, np.int16) for each in (before, concepts))
    pairs = pairs_changed(old, new, n_concepts, int(radius), threads or get_num_threads())
    mono = np.subtract(*(np.bincount(each[each >= 0], minlength=n_concepts) for each in (concepts, before)))
    pairs[np.diag_indices(n_concepts)] += mono  # a token's pair with itself
    return counts + pack_pairs(mono, pairs)


def check_sprite(graph: TokenGraph, concepts: np.ndarray, n_concepts: int, radius: int) -> np.ndarray:
    """The sprite as (n,) int64, checked against graph, K and radius. Raises GraphError."""
    concepts = np.asarray(concepts)
    if concepts.shape != (graph.n,):
        raise GraphError(
            f"the sprite has shape {concepts.shape} but the graph {graph.n} tokens: give one concept"
            " per token"
        )
    if concepts.size and not np.issubdtype(concepts.dtype, np.integer):
        raise GraphError(f"concept ids must be integers, got {concepts.dtype}")
    if not (0 <= radius < np.inf and int(radius) == radius):
        raise GraphError(f"the radius must be a whole number of hops >= 0, got {radius}")
    if not 0 < n_concepts < 2**15:
        raise GraphError(f"the number of concepts must be 1..32767, got {n_concepts}")
    if concepts.size and (concepts.max() >= n_concepts or concepts.min() < -1):
        raise GraphError(f"concept ids must be -1..{n_concepts - 1}, got {concepts.min()}..{concepts.max()}")
    return concepts.astype(np.int64)


def merge_counts(counts: np.ndarray, groups: np.ndarray, n_concepts: int, radius: int) -> np.ndarray:
    """Counts as if concepts had been merged from the start, exactly and without recounting.

    Parameters: counts (..., p) int; groups (K,) int, new id 0..K'-1 of each concept, or -1 to drop a
    concept's columns (right only for concepts that do not occur: dropping one that does needs a recount, as
    gaps separate). Returns (..., p') int64.
    """
    counts = np.asarray(counts)
    groups = np.asarray(groups)
    kept = int(groups.max()) + 1
    target = np.full(counts.shape[-1], -1, np.int64)
    target[:n_concepts] = groups
    if radius:
        i, j = np.triu_indices(n_concepts)
        a, b = groups[i], groups[j]
        low, high = np.minimum(a, b), np.maximum(a, b)
        index = kept + low * kept - low * (low - 1) // 2 + (high - low)
        target[n_concepts:] = np.where(low < 0, -1, index)
    merged = np.zeros((*counts.shape[:-1], n_features(kept, radius)), np.int64)
    used = target >= 0
    np.add.at(merged.T, target[used], counts.T[used])
    return merged
