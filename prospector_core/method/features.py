"""The order of the p features: K monograms, then the K(K+1)/2 skip-bigrams (i <= j, row by row)."""

from __future__ import annotations

from math import isqrt

import numpy as np

from ..errors import FitError

__all__ = ["n_features", "n_concepts_of", "pair_index", "unpack", "pack_pairs", "feature_names"]


def n_features(n_concepts: int, radius: int) -> int:
    """P = K for radius 0, else K + K(K+1)/2."""
    return n_concepts if radius == 0 else n_concepts + n_concepts * (n_concepts + 1) // 2


def n_concepts_of(p: int, radius: int) -> int:
    """K from p; the inverse of ``n_features``. Raises FitError if no K fits."""
    k = p if radius == 0 else (isqrt(9 + 8 * p) - 3) // 2
    if n_features(k, radius) != p:
        raise FitError(f"{p} is not a number of features at radius {radius}: it must be K + K(K+1)/2")
    return k


def pair_index(i: int, j: int, n_concepts: int) -> int | np.ndarray:
    """Position of the skip-bigram of concepts i and j (any order, arrays allowed) among the p features."""
    low, high = np.minimum(i, j), np.maximum(i, j)
    return n_concepts + low * n_concepts - low * (low - 1) // 2 + (high - low)


def unpack(coef: np.ndarray, n_concepts: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (p,) as monograms (K,) and a symmetric table of skip-bigrams (K, K).

    Zeros if there are none.
    """
    coef = np.asarray(coef, np.float64)
    mono = np.ascontiguousarray(coef[:n_concepts])
    table = np.zeros((n_concepts, n_concepts))
    if coef.size > n_concepts:
        i, j = np.triu_indices(n_concepts)
        table[i, j] = table[j, i] = coef[n_concepts:]
    return mono, table


def pack_pairs(mono: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """X of METHOD.md from mono (K,) and ordered pairs B (K, K): distinct unordered pairs count twice."""
    both = pairs + pairs.T
    np.fill_diagonal(both, np.diag(pairs))
    return np.concatenate([mono, both[np.triu_indices(len(mono))]])


def feature_names(names: list[int | str], radius: int) -> list[int | str]:
    """Readable names of the p features: a concept's name, or "a + b" for a pair."""
    if radius == 0:
        return list(names)
    i, j = np.triu_indices(len(names))
    return list(names) + [f"{names[a]} + {names[b]}" for a, b in zip(i, j)]
