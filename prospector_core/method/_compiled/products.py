"""Products of shares of the tokens of a grid and those around them, gathered in few bits, added up in 64."""

from __future__ import annotations

import numpy as np
from numba import njit

from .bits import lowest_bit
from .soft import ONE

__all__ = ["count_row", "move_products"]


@njit(nogil=True, cache=True)
def _add_products(words: np.ndarray, around: np.ndarray, sums: np.ndarray) -> None:
    """Add to ``sums`` (K, K) a token's shares, ``words`` (K / 8,) of 8 shares each, times those around it."""
    for w in range(words.size):
        word = words[w]
        while word != 0:
            byte = lowest_bit(word) >> np.uint64(3)
            share = np.int32((word >> (byte << np.uint64(3))) & np.uint64(ONE))
            word &= ~(np.uint64(ONE) << (byte << np.uint64(3)))
            row = sums[np.uint64(8 * w) + byte]
            for other in range(around.size):
                row[other] += share * np.int32(around[other])


@njit(nogil=True, cache=True)
def count_row(
    tokens: np.ndarray,
    words: np.ndarray,
    around: np.ndarray,
    products: np.ndarray,
    counts: np.ndarray,
    room: int,
    most: int,
) -> int:
    """Add to ``products`` what the tokens of a stretch of a row see around them.

    They go to ``counts`` before they could overflow, after ``most`` tokens; there is room for ``room`` more:
    returned.
    """
    for x in range(tokens.size):
        if tokens[x] >= 0:
            if room == 0:
                move_products(products, counts)
                room = most
            _add_products(words[x], around[x], products)
            room -= 1
    return room


@njit(nogil=True, cache=True)
def move_products(products: np.ndarray, counts: np.ndarray) -> None:
    """Add ``products`` to ``counts``, and start them again from zero."""
    for i in range(counts.shape[0]):
        for j in range(counts.shape[1]):
            counts[i, j] += products[i, j]
            products[i, j] = 0
