"""Neighbourhoods on any token graph: a breadth-first search a token over its adjacency (CSR), in parallel.

Used for chains, contacts and given edges, and for grids too sparse or radii too large for ``grid``.
Cost: the edges inside each ball. Memory: one stamp a token and thread.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

__all__ = ["ball", "count_pairs_on_edges", "neighbours_on_edges", "score_on_edges", "search"]


@njit(nogil=True, cache=True)
def search(
    indptr: np.ndarray,
    indices: np.ndarray,
    concepts: np.ndarray,
    start: int,
    radius: int,
    stamp: np.ndarray,
    queue: np.ndarray,
    ends: np.ndarray,
) -> int:
    """Tokens within ``radius`` hops of ``start``, nearest first, in ``queue``.

    ``ends[h]`` is how many are within h hops.

    Excluded tokens (concept < 0) are walls. ``stamp`` must not contain ``start + 1`` on entry.
    """
    mark = start + 1
    queue[0] = start
    stamp[start] = mark
    ends[0] = 1
    low, high = 0, 1
    for hop in range(1, radius + 1):
        fill = high
        for i in range(low, high):
            token = queue[i]
            for e in range(indptr[token], indptr[token + 1]):
                other = indices[e]
                if stamp[other] != mark and concepts[other] >= 0:
                    stamp[other] = mark
                    queue[fill] = other
                    fill += 1
        low, high = high, fill
        ends[hop] = fill
    return ends[radius]


@njit(nogil=True, cache=True)
def _count_some(
    indptr: np.ndarray,
    indices: np.ndarray,
    concepts: np.ndarray,
    first: int,
    last: int,
    n_concepts: int,
    radius: int,
) -> np.ndarray:
    """Ordered pairs whose first token is one of ``first`` .. ``last - 1``."""
    n = concepts.size
    counts = np.zeros((n_concepts, n_concepts), np.int64)
    stamp = np.zeros(n, np.int64)
    queue = np.empty(n, np.int64)
    ends = np.empty(radius + 1, np.int64)
    for token in range(first, last):
        concept = concepts[token]
        if concept >= 0:
            for i in range(search(indptr, indices, concepts, token, radius, stamp, queue, ends)):
                counts[concept, concepts[queue[i]]] += 1
    return counts


@njit(nogil=True, cache=True, parallel=True)
def _count_slots(
    indptr: np.ndarray, indices: np.ndarray, concepts: np.ndarray, n_concepts: int, radius: int, n_slots: int
) -> np.ndarray:
    n = concepts.size
    counts = np.zeros((n_slots, n_concepts, n_concepts), np.int64)
    for slot in prange(n_slots):
        first, last = slot * n // n_slots, (slot + 1) * n // n_slots
        counts[slot] = _count_some(indptr, indices, concepts, first, last, n_concepts, radius)
    return counts.sum(axis=0)


def count_pairs_on_edges(
    indptr: np.ndarray,
    indices: np.ndarray,
    concepts: np.ndarray,
    n_concepts: int,
    radius: int,
    n_threads: int,
) -> np.ndarray:
    """Ordered pairs of concepts within ``radius`` hops: (K, K) int64, symmetric, self-pairs included."""
    if n_threads == 1:
        return _count_some(indptr, indices, concepts, 0, concepts.size, n_concepts, radius)
    return _count_slots(indptr, indices, concepts, n_concepts, radius, 4 * n_threads)


@njit(nogil=True, cache=True, parallel=True)
def score_on_edges(
    indptr: np.ndarray,
    indices: np.ndarray,
    concepts: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    radius: int,
    hop_weights: np.ndarray,
    n_slots: int,
) -> np.ndarray:
    """Prospect scores (n,) float64.

    A score is ``mono[c]`` + sum of ``table[c, c']`` x ``hop_weights[hops]``; NaN where concept < 0.
    """
    n = concepts.size
    scores = np.full(n, np.nan)
    for slot in prange(n_slots):
        stamp = np.zeros(n, np.int64)
        queue = np.empty(n, np.int64)
        ends = np.empty(radius + 1, np.int64)
        histogram = np.zeros(mono.size)
        for token in range(slot * n // n_slots, (slot + 1) * n // n_slots):
            concept = concepts[token]
            if concept < 0:
                continue
            search(indptr, indices, concepts, token, radius, stamp, queue, ends)
            # Counting first and weighing after makes the sum independent of the order of tokens.
            histogram[:] = 0.0
            low = 0
            for hop in range(radius + 1):
                for i in range(low, ends[hop]):
                    histogram[concepts[queue[i]]] += hop_weights[hop]
                low = ends[hop]
            score = 0.0
            for k in range(mono.size):
                score += table[concept, k] * histogram[k]
            scores[token] = mono[concept] + score
    return scores


@njit(nogil=True, cache=True, parallel=True)
def neighbours_on_edges(
    indptr: np.ndarray,
    indices: np.ndarray,
    concepts: np.ndarray,
    n_concepts: int,
    radius: int,
    hop_weights: np.ndarray,
    n_slots: int,
) -> np.ndarray:
    """Concepts around every token, a neighbour at h hops weighing hop_weights[h].

    (n, K) float64, 0 where concept < 0.
    """
    n = concepts.size
    kept = np.zeros((n, n_concepts))
    for slot in prange(n_slots):
        stamp = np.zeros(n, np.int64)
        queue = np.empty(n, np.int64)
        ends = np.empty(radius + 1, np.int64)
        for token in range(slot * n // n_slots, (slot + 1) * n // n_slots):
            if concepts[token] < 0:
                continue
            search(indptr, indices, concepts, token, radius, stamp, queue, ends)
            low = 0
            for hop in range(radius + 1):
                for i in range(low, ends[hop]):
                    kept[token, concepts[queue[i]]] += hop_weights[hop]
                low = ends[hop]
    return kept


@njit(nogil=True, cache=True)
def ball(
    indptr: np.ndarray, indices: np.ndarray, concepts: np.ndarray, start: int, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens within ``radius`` hops of ``start`` (nearest first) and their hop distances."""
    n = concepts.size
    queue = np.empty(n, np.int64)
    ends = np.empty(radius + 1, np.int64)
    size = search(indptr, indices, concepts, start, radius, np.full(n, -1, np.int64), queue, ends)
    hops = np.zeros(size, np.int64)
    for hop in range(1, radius + 1):
        hops[ends[hop - 1] : ends[hop]] = hop
    return queue[:size].copy(), hops
