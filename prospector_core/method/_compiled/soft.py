"""Soft membership: shares of concepts a token, and what is counted and scored from them.

Shares are whole numbers, (n, K) uint8, that sum to 255 a token (0: the token is outside): counts stay whole
numbers, and are the same on every machine and in any order. Neighbourhoods as in ``sparse``.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from numba import njit, prange

from .sparse import search

__all__ = [
    "ONE",
    "add_products",
    "count_shares",
    "look_over",
    "neighbours_of_shares",
    "score_one",
    "score_shares",
    "shares_of",
]

ONE = 255  # a whole token, in units of its shares


@njit(nogil=True, cache=True)
def _square_distances(tokens: np.ndarray, across: np.ndarray, sums: np.ndarray, out: np.ndarray) -> None:
    """Squared distances (4, K) of tokens (4, d) to centroids, given as ``across`` (d, K), float64.

    D is a multiple of 4.

    Four sums a distance, by the dimension's remainder, in ``sums`` (4, 4, K): its terms are always added in
    the same order. The inner loop runs over concepts, which need not wait for each other.
    """
    sums[:] = 0.0
    for at in range(across.shape[0]):
        row, some = across[at], sums[at & 3]
        zero, one, two, three = some[0], some[1], some[2], some[3]
        w, x, y, z = tokens[0, at], tokens[1, at], tokens[2, at], tokens[3, at]
        for k in range(row.size):
            zero[k] += (w - row[k]) * (w - row[k])
            one[k] += (x - row[k]) * (x - row[k])
            two[k] += (y - row[k]) * (y - row[k])
            three[k] += (z - row[k]) * (z - row[k])
    for i in range(4):
        for k in range(out.shape[1]):
            out[i, k] = (sums[0, i, k] + sums[1, i, k]) + (sums[2, i, k] + sums[3, i, k])


@njit(nogil=True, cache=True)
def _shares_some(
    vectors: np.ndarray,
    across: np.ndarray,
    nearest: np.ndarray,
    temperature: float,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    wide, k = across.shape[0], out.shape[1]
    dim = vectors.shape[1]
    reach = temperature * (log(ONE) + 0.01)  # farther than this beyond the nearest a share is below 1 / 255
    tokens, distances, sums = (
        np.zeros((4, wide)),
        np.empty((4, across.shape[1])),
        np.empty((4, 4, across.shape[1])),
    )
    for start in range(first, last, 4):
        n = min(4, last - start)
        for i in range(n):
            tokens[i, :dim] = vectors[start + i]
        _square_distances(tokens, across, sums, distances)
        for i in range(n):
            far, shares = distances[i], out[start + i]
            home = nearest[start + i]
            least = far[home]
            total = 0.0
            for concept in range(k):
                beyond = max(far[concept] - least, 0.0)
                far[concept] = exp(-beyond / temperature) if beyond < reach else 0.0
                total += far[concept]
            left = ONE
            for concept in range(k):
                share = int(ONE * far[concept] / total) if concept != home else 0
                shares[concept] = share
                left -= share
            shares[home] = left


@njit(nogil=True, cache=True, parallel=True)
def _shares_slots(
    vectors: np.ndarray,
    across: np.ndarray,
    nearest: np.ndarray,
    temperature: float,
    out: np.ndarray,
    n_slots: int,
) -> None:
    n = len(vectors)
    for slot in prange(n_slots):
        _shares_some(
            vectors, across, nearest, temperature, out, slot * n // n_slots, (slot + 1) * n // n_slots
        )


def shares_of(
    vectors: np.ndarray,
    centroids: np.ndarray,
    nearest: np.ndarray,
    temperature: float,
    out: np.ndarray,
    n_threads: int,
) -> None:
    """Fill ``out`` (n, K) uint8 with shares.

    255 exp(-d^2 / temperature) / sum, rounded down; the nearest concept has the rest.

    Sums run in a fixed order, so that no machine's way of adding decides. One thread: on the calling one
    alone.
    """
    k, dim = centroids.shape
    across = np.zeros((dim + -dim % 4, k + -k % 4))  # zeros change no distance
    across[:dim, :k] = centroids.T
    if n_threads == 1:
        _shares_some(vectors, across, nearest, temperature, out, 0, len(vectors))
    else:
        _shares_slots(vectors, across, nearest, temperature, out, 4 * n_threads)


@njit(nogil=True, cache=True)
def look_over(shares: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is known of shares (n, K) uint8 after one look at each.

    Returns a copy with zeros added to K (n, ``wide``) uint8; sum of each token's shares (n,) int64; of each
    concept's (K,) int64.
    """
    n, k = shares.shape
    copy = np.zeros((n, wide), np.uint8)
    tokens, concepts = np.empty(n, np.int64), np.zeros(k, np.int64)
    for start in range(0, n, 256):  # few enough that 16 bits hold the sums
        some = np.zeros(k, np.uint16)
        for token in range(start, min(start + 256, n)):
            own, new, total = shares[token], copy[token], 0
            for concept in range(k):
                new[concept] = own[concept]
                some[concept] += own[concept]
                total += own[concept]
            tokens[token] = total
        for concept in range(k):
            concepts[concept] += some[concept]
    return copy, tokens, concepts


@njit(nogil=True, cache=True)
def add_products(own: np.ndarray, around: np.ndarray, counts: np.ndarray) -> None:
    """Add to ``counts`` (K, K) int64 a token's shares times those around it, (K,) integers."""
    for concept in range(own.size):
        share = np.int64(own[concept])
        if share:
            row = counts[concept]
            for other in range(around.size):
                row[other] += share * np.int64(around[other])


@njit(nogil=True, cache=True)
def score_one(
    own: np.ndarray, around: np.ndarray, mono: np.ndarray, table: np.ndarray, mixed: np.ndarray
) -> float:
    """Score of a token of shares ``own`` (K,) uint8 with ``around`` (K,), units of 1 / 255, about it.

    K is a multiple of 8.

    ``mixed`` (K,) is scratch. Sums run in one order, here and on a grid: the same bits either way.
    """
    base = 0.0
    mixed[:] = 0.0
    for concept in range(own.size):
        share = np.float64(own[concept])
        if share != 0.0:
            base += share * mono[concept]
            row = table[concept]
            for other in range(mixed.size):
                mixed[other] += share * row[other]
    a = b = c = d = 0.0
    for other in range(0, mixed.size, 4):
        a += mixed[other] * around[other]
        b += mixed[other + 1] * around[other + 1]
        c += mixed[other + 2] * around[other + 2]
        d += mixed[other + 3] * around[other + 3]
    return (base + ((a + b) + (c + d)) / ONE) / ONE


@njit(nogil=True, cache=True)
def _count_some(
    indptr: np.ndarray,
    indices: np.ndarray,
    outside: np.ndarray,
    shares: np.ndarray,
    first: int,
    last: int,
    radius: int,
) -> np.ndarray:
    n, k = shares.shape
    counts = np.zeros((k, k), np.int64)
    stamp = np.zeros(n, np.int64)
    queue = np.empty(n, np.int64)
    ends = np.empty(radius + 1, np.int64)
    around = np.empty(k, np.int64)
    for token in range(first, last):
        if outside[token] < 0:
            continue
        around[:] = 0
        for i in range(search(indptr, indices, outside, token, radius, stamp, queue, ends)):
            other = queue[i]
            for concept in range(k):
                around[concept] += shares[other, concept]
        add_products(shares[token], around, counts)
    return counts


@njit(nogil=True, cache=True, parallel=True)
def _count_slots(
    indptr: np.ndarray,
    indices: np.ndarray,
    outside: np.ndarray,
    shares: np.ndarray,
    radius: int,
    n_slots: int,
) -> np.ndarray:
    n, k = shares.shape
    counts = np.zeros((n_slots, k, k), np.int64)
    for slot in prange(n_slots):
        first, last = slot * n // n_slots, (slot + 1) * n // n_slots
        counts[slot] = _count_some(indptr, indices, outside, shares, first, last, radius)
    return counts.sum(axis=0)


def count_shares(
    indptr: np.ndarray,
    indices: np.ndarray,
    outside: np.ndarray,
    shares: np.ndarray,
    radius: int,
    n_threads: int,
) -> np.ndarray:
    """Ordered pairs of concepts within ``radius`` hops, a pair of tokens adding the product of their shares.

    (K, K) int64.

    In units of 1 / 255^2. ``outside`` (n,) int64: -1 where a token is outside. One thread: on the calling one
    alone.
    """
    if n_threads == 1:
        return _count_some(indptr, indices, outside, shares, 0, len(shares), radius)
    return _count_slots(indptr, indices, outside, shares, radius, 4 * n_threads)


@njit(nogil=True, cache=True, parallel=True)
def score_shares(
    indptr: np.ndarray,
    indices: np.ndarray,
    outside: np.ndarray,
    shares: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    radius: int,
    hop_weights: np.ndarray,
    n_slots: int,
) -> np.ndarray:
    """Prospect scores (n,) float64.

    A score is the sum of shares x (mono + sum of table x shares around x hop_weights); NaN outside.

    K is a multiple of 8 (see ``score_one``).
    """
    n, k = shares.shape
    scores = np.full(n, np.nan)
    for slot in prange(n_slots):
        stamp = np.zeros(n, np.int64)
        queue = np.empty(n, np.int64)
        ends = np.empty(radius + 1, np.int64)
        around, mixed = np.zeros(k), np.zeros(k)
        for token in range(slot * n // n_slots, (slot + 1) * n // n_slots):
            if outside[token] >= 0:
                if radius > 0:
                    _around(
                        indptr,
                        indices,
                        outside,
                        shares,
                        token,
                        radius,
                        hop_weights,
                        stamp,
                        queue,
                        ends,
                        around,
                    )
                scores[token] = score_one(shares[token], around, mono, table, mixed)
    return scores


@njit(nogil=True, cache=True)
def _around(
    indptr: np.ndarray,
    indices: np.ndarray,
    outside: np.ndarray,
    shares: np.ndarray,
    token: int,
    radius: int,
    hop_weights: np.ndarray,
    stamp: np.ndarray,
    queue: np.ndarray,
    ends: np.ndarray,
    around: np.ndarray,
) -> None:
    """Shares around a token, each times the weight of its hop distance, in ``around`` (K,).

    They are in units of 1 / 255.
    """
    search(indptr, indices, outside, token, radius, stamp, queue, ends)
    around[:] = 0.0
    low = 0
    for hop in range(radius + 1):
        if hop_weights[hop] != 0.0:
            for i in range(low, ends[hop]):
                other = queue[i]
                for concept in range(around.size):
                    around[concept] += hop_weights[hop] * shares[other, concept]
        low = ends[hop]


@njit(nogil=True, cache=True, parallel=True)
def neighbours_of_shares(
    indptr: np.ndarray,
    indices: np.ndarray,
    outside: np.ndarray,
    shares: np.ndarray,
    radius: int,
    hop_weights: np.ndarray,
    n_slots: int,
) -> np.ndarray:
    """Shares of concepts around every token, a neighbour at h hops weighing hop_weights[h].

    (n, K) float64, 0 outside.
    """
    n, k = shares.shape
    kept = np.zeros((n, k))
    for slot in prange(n_slots):
        stamp = np.zeros(n, np.int64)
        queue = np.empty(n, np.int64)
        ends = np.empty(radius + 1, np.int64)
        for token in range(slot * n // n_slots, (slot + 1) * n // n_slots):
            if outside[token] >= 0:
                _around(
                    indptr,
                    indices,
                    outside,
                    shares,
                    token,
                    radius,
                    hop_weights,
                    stamp,
                    queue,
                    ends,
                    kept[token],
                )
        kept[slot * n // n_slots : (slot + 1) * n // n_slots] /= ONE
    return kept
