"""Which three concepts are near a token: counted over tokens, and scored a token."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["count_present", "score_present", "triple_index"]


@njit(nogil=True, cache=True)
def triple_index(i: int, j: int, k: int, n_concepts: int) -> int:
    """Where i < j < k is among all triples in lexicographic order."""
    a, b = n_concepts - i, n_concepts - j
    before_i = n_concepts * (n_concepts - 1) * (n_concepts - 2) // 6 - a * (a - 1) * (a - 2) // 6
    before_j = (a - 1) * (a - 2) // 2 - b * (b - 1) // 2
    return before_i + before_j + k - j - 1


@njit(nogil=True, cache=True)
def _found(present: np.ndarray, token: int, here: np.ndarray) -> int:
    """Fill ``here`` with the concepts that are near a token, ascending: how many."""
    m = 0
    for concept in range(present.shape[1]):
        if present[token, concept]:
            here[m] = concept
            m += 1
    return m


@njit(nogil=True, cache=True)
def count_present(present: np.ndarray, counts: np.ndarray) -> None:
    """Add to ``counts`` (K choose 3,) int64 the tokens of ``present`` (n, K) bool near all three concepts."""
    k = present.shape[1]
    here = np.empty(k, np.int64)
    for token in range(len(present)):
        m = _found(present, token, here)
        for a in range(m):
            for b in range(a + 1, m):
                for c in range(b + 1, m):
                    counts[triple_index(here[a], here[b], here[c], k)] += 1


@njit(nogil=True, cache=True)
def score_present(present: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> None:
    """Add to ``scores`` (n,) float64 the ``weights`` (K choose 3,) of triples in ``present`` (n, K) bool."""
    k = present.shape[1]
    here = np.empty(k, np.int64)
    for token in range(len(present)):
        m = _found(present, token, here)
        total = 0.0
        for a in range(m):
            for b in range(a + 1, m):
                for c in range(b + 1, m):
                    total += weights[triple_index(here[a], here[b], here[c], k)]
        scores[token] += total
