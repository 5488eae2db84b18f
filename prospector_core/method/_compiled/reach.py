"""Which tokens of a grid with holes are reached within so many hops: 64 tokens at once, one bit each."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["LANES", "MAX_RADIUS", "ROWS", "dilate", "pack", "shift_row"]

LANES = 8  # concept axis padded to a multiple of this, so that inner loops have no remainder
MAX_RADIUS = 31  # the offset shift below must stay within one 64-bit word
ROWS = 48  # rows a work item: enough to pay for its warm-up of 2r rows, small enough to share out


def pack(cells: np.ndarray) -> np.ndarray:
    """Cells (H, W) bool as one bit a column.

    Returns (H, words + 2) uint64, with an empty word at either end of each row.
    """
    height, width = cells.shape
    bits = np.zeros((height, 64 * (-(-width // 64) + 2)), np.uint8)
    bits[:, 64 : 64 + width] = cells
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


@njit(nogil=True, cache=True)
def shift_row(packed: np.ndarray, y: int, word0: int, radius: int, n_words: int, planes: np.ndarray) -> None:
    """Bits of row ``y`` at every column offset.

    Planes[dx, w] bit b = is there a token at column 64 (word0 + w) + b + dx.
    """
    planes[:] = 0
    if y < 0 or y >= packed.shape[0]:
        return
    n_words = min(n_words, packed.shape[1] - 2 - word0)
    before = packed[y, word0 : word0 + n_words]
    words = packed[y, word0 + 1 : word0 + 1 + n_words]
    after = packed[y, word0 + 2 : word0 + 2 + n_words]
    for w in range(n_words):
        planes[radius, w] = words[w]
    for shift in range(1, radius + 1):
        left = np.uint64(shift)
        right = np.uint64(64 - shift)
        ahead = planes[radius + shift]
        behind = planes[radius - shift]
        for w in range(n_words):
            ahead[w] = (words[w] >> left) | (after[w] << right)
            behind[w] = (words[w] << left) | (before[w] >> right)


# The slices below give LLVM loops from zero over arrays that it can prove in range: they become vector code.


@njit(nogil=True, cache=True)
def dilate(
    reach: np.ndarray, across: np.ndarray, here: np.ndarray, y: int, hop: int, radius: int, n_words: int
) -> None:
    """One hop: ``reach`` at hop - 1 becomes ``reach`` at hop. Offsets beyond the hop stay empty."""
    ring = 2 * radius + 1
    centre = radius + 1
    span = (2 * hop + 1) * n_words
    start = (centre - hop) * n_words
    for dy in range(-hop - 1, hop + 2):
        row = across[centre + dy, start : start + span]
        if -hop < dy < hop:
            left = reach[centre + dy, start - n_words : start - n_words + span]
            middle = reach[centre + dy, start : start + span]
            right = reach[centre + dy, start + n_words : start + n_words + span]
            for i in range(span):
                row[i] = left[i] | middle[i] | right[i]
        else:
            row[:] = 0
    for dy in range(-hop, hop + 1):
        target = reach[centre + dy, start : start + span]
        above = across[centre + dy - 1, start : start + span]
        same = across[centre + dy, start : start + span]
        below = across[centre + dy + 1, start : start + span]
        # planes of `here` start at offset -radius, those of `reach` one further left (a rim of zeros)
        tokens = here[(y + dy) % ring, start - n_words : start - n_words + span]
        for i in range(span):
            target[i] = (above[i] | same[i] | below[i]) & tokens[i]
