"""What changes in the pairs of a grid when some tokens change their concept and none appears or goes.

Only the neighbourhoods of those tokens are looked at: reachability in the box around one, a row of it a word of bits.
"""

import numpy as np
from numba import njit, prange

from .bits import lowest_bit

__all__ = ["pairs_moved"]


@njit(nogil=True, cache=True)
def _reach(raster, y, x, radius, allowed, across, reach):
    """Which cells of the box around (y, x) are within ``radius`` hops: bit j of reach[i] is the cell (y - r + i, x - r + j)."""
    height, width = raster.shape
    side = 2 * radius + 1
    one = np.uint64(1)
    for i in range(side):
        row = y - radius + i
        word = np.uint64(0)
        if 0 <= row < height:
            for j in range(max(0, radius - x), min(side, width - x + radius)):
                if raster[row, x - radius + j] >= 0:
                    word |= one << np.uint64(j)
        allowed[i] = word
        reach[i] = np.uint64(0)
    reach[radius] = one << np.uint64(radius)
    for hop in range(1, radius + 1):
        for i in range(radius - hop, radius + hop + 1):
            across[i] = reach[i] | (reach[i] << one) | (reach[i] >> one)
        for i in range(radius - hop, radius + hop + 1):
            word = across[i]
            if i > radius - hop:
                word |= across[i - 1]
            if i < radius + hop:
                word |= across[i + 1]
            reach[i] = word & allowed[i]


@njit(nogil=True, cache=True, parallel=True)
def pairs_moved(before, after, rows, columns, n_concepts, radius, n_slots):
    """Ordered pairs within ``radius`` hops that are there after less those before: (K, K) int64.

    Parameters: before, after (H, W) int16, -1 in the same cells; rows, columns (m,) of all cells that differ.
    """
    found = np.zeros((n_slots, n_concepts, n_concepts), np.int64)
    n = rows.size
    for slot in prange(n_slots):
        side = 2 * radius + 1
        allowed, across, reach = np.zeros(side, np.uint64), np.zeros(side, np.uint64), np.zeros(side, np.uint64)
        change = found[slot]
        for index in range(slot * n // n_slots, (slot + 1) * n // n_slots):
            y, x = rows[index], columns[index]
            old, new = before[y, x], after[y, x]
            _reach(before, y, x, radius, allowed, across, reach)
            for i in range(side):
                word = reach[i]
                while word != 0:
                    column = x - radius + np.int64(lowest_bit(word))
                    word &= word - np.uint64(1)
                    was, is_now = before[y - radius + i, column], after[y - radius + i, column]
                    change[old, was] -= 1
                    change[new, is_now] += 1
                    if was == is_now:  # else it is in the list itself
                        change[was, old] -= 1
                        change[was, new] += 1
    return found.sum(axis=0)
