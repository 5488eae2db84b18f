"""Shares of concepts around tokens of a grid with holes: as ``grid``, where a token belongs to several concepts.

The box of (2r+1) x (2r+1) cells slides over the grid as there, its columns and window being sums of shares; shares of
tokens that cannot be reached within r hops leave again. A token costs a few vector additions, whatever the radius.
Integers until a score is made, so results do not depend on how rows are shared between threads.
"""

import numpy as np
from numba import njit, prange

from .bits import lowest_bit
from .grid import ROWS, dilate, pack, shift_row
from .soft import ONE, score_one

__all__ = ["count_shares_on_grid", "neighbours_of_shares_on_grid", "score_shares_on_grid"]

_STRIP = 256  # columns handled together: shares of one strip stay in the cache
_NARROW = np.zeros(0, np.uint16)  # sums of shares in a box of up to 15 x 15 cells: twice as many to a vector
_WIDE, _WIDEST = np.zeros(0, np.int32), np.zeros(0, np.int64)
_NARROW_RADIUS = 7
_FLUSH = 128  # tokens whose products fit in 32 bits: 128 x 255 x 65535 < 2^31
COUNT, SCORE, KEEP = 0, 1, 2


@njit(nogil=True, cache=True)
def _shift_columns(index, shares, y_gone, y_new, x0, radius, columns):
    """Move the sums of columns down: row ``y_gone`` leaves, row ``y_new`` enters."""
    height, width = index.shape
    first = x0 - radius
    low = max(0, -first)
    high = min(columns.shape[0], width - first)
    if 0 <= y_gone < height:
        for i in range(low, high):
            token = index[y_gone, first + i]
            if token >= 0:
                own, column = shares[token], columns[i]
                for k in range(column.size):
                    column[k] -= own[k]
    if 0 <= y_new < height:
        for i in range(low, high):
            token = index[y_new, first + i]
            if token >= 0:
                own, column = shares[token], columns[i]
                for k in range(column.size):
                    column[k] += own[k]


@njit(nogil=True, cache=True)
def _add_box(width, x0, n_columns, radius, columns, window, weight, around):
    """Add weight x (shares in the box of each column) to ``around``, from the sums of columns."""
    window[:] = 0
    for i in range(2 * radius):  # columns[i] belongs to column x0 - radius + i
        column = columns[i]
        for k in range(window.size):
            window[k] += column[k]
    for x in range(min(n_columns, width - x0)):
        come, gone, sums = columns[x + 2 * radius], columns[x], around[x]
        for k in range(window.size):
            total = window[k] + come[k]
            sums[k] += weight * total
            window[k] = total - gone[k]


@njit(nogil=True, cache=True)
def _remove_unreached(index, shares, y, x0, hop, radius, n_words, reach, here, weight, around):
    """Take out of the box every token that is in it but more than ``hop`` hops away."""
    ring = 2 * radius + 1
    centre = radius + 1
    own = here[y % ring, radius * n_words : (radius + 1) * n_words]
    for dy in range(max(-hop, -y), min(hop, index.shape[0] - 1 - y) + 1):
        row = index[y + dy]
        for dx in range(-hop, hop + 1):
            plane = (radius + dx) * n_words
            tokens = here[(y + dy) % ring, plane : plane + n_words]
            reached = reach[centre + dy, plane + n_words : plane + 2 * n_words]
            for w in range(n_words):
                word = tokens[w] & ~reached[w] & own[w]
                while word != 0:
                    x = 64 * w + np.int64(lowest_bit(word))
                    other, sums = shares[row[x0 + x + dx]], around[x]
                    for k in range(sums.size):
                        sums[k] -= weight * other[k]
                    word &= word - np.uint64(1)


@njit(nogil=True, cache=True)
def _add_products(words, around, sums):
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
def _count_row(row, words, around, products, counts):
    """Add to ``counts`` what the tokens of a stretch of a row see around them."""
    done = 0
    for x in range(row.size):
        if row[x] >= 0:
            _add_products(words[row[x]], around[x], products)
            done += 1
            if done == _FLUSH:
                counts += products
                products[:] = 0
                done = 0
    counts += products
    products[:] = 0


@njit(nogil=True, cache=True)
def _walk_item(index, packed, shares, words, kind, item, n_strips, radius, ball_weights, task, products, counts, mono, table, out):
    """One strip of columns x one block of rows. ``task``: COUNT into ``counts``; SCORE or KEEP into ``out``, a row a token.

    ``kind``: an array of the type in which shares are added up.
    """
    height, width = index.shape
    n_bins, n_words = shares.shape[1], _STRIP // 64
    x0 = (item % n_strips) * _STRIP
    y0 = (item // n_strips) * ROWS
    ring = 2 * radius + 1
    here = np.zeros((ring, ring * n_words), np.uint64)
    reach = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    across = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    hops = np.flatnonzero(ball_weights)
    columns = np.zeros((hops.size, _STRIP + ring, n_bins), kind.dtype)
    window, around = np.zeros(n_bins, kind.dtype), np.zeros((_STRIP, n_bins), kind.dtype)
    mixed = np.zeros(n_bins)
    for y in range(y0 - radius, y0 + radius):
        shift_row(packed, y, x0 // 64, radius, n_words, here[y % ring].reshape(ring, n_words))
    for j in range(hops.size):
        for y in range(y0 - hops[j] - 1, y0 + hops[j]):
            _shift_columns(index, shares, -1, y, x0, hops[j], columns[j])
    for y in range(y0, min(height, y0 + ROWS)):
        shift_row(packed, y + radius, x0 // 64, radius, n_words, here[(y + radius) % ring].reshape(ring, n_words))
        reach[:] = 0
        middle = (radius + 1) * n_words
        for w in range(n_words):
            reach[radius + 1, middle + w] = here[y % ring, radius * n_words + w]
        around[:] = 0
        j = 0
        for hop in range(radius + 1):
            if hop > 0:
                dilate(reach, across, here, y, hop, radius, n_words)
            weight = np.int32(ball_weights[hop])
            if weight != 0:
                _shift_columns(index, shares, y - hop - 1, y + hop, x0, hop, columns[j])
                _add_box(width, x0, _STRIP, hop, columns[j], window, weight, around)
                _remove_unreached(index, shares, y, x0, hop, radius, n_words, reach, here, weight, around)
                j += 1
        if task == COUNT:
            _count_row(index[y, x0 : x0 + _STRIP], words, around, products, counts)
            continue
        for x in range(min(_STRIP, width - x0)):
            token = index[y, x0 + x]
            if token >= 0:
                if task == SCORE:
                    out[token, 0] = score_one(shares[token], around[x], mono, table, mixed)
                else:
                    for k in range(out.shape[1]):
                        out[token, k] = around[x, k]


@njit(nogil=True, cache=True)
def _walk_slot(index, packed, shares, words, kind, wide, slot, n_slots, radius, ball_weights, task, mono, table, out):
    """Every n_slots-th item, so that tissue and glass are shared out evenly."""
    n_strips = (index.shape[1] + _STRIP - 1) // _STRIP
    counts = np.zeros((shares.shape[1], shares.shape[1]), np.int64)
    products = np.zeros(counts.shape, wide.dtype)
    for item in range(slot, n_strips * ((index.shape[0] + ROWS - 1) // ROWS), n_slots):
        _walk_item(
            index, packed, shares, words, kind, item, n_strips, radius, ball_weights, task, products, counts, mono, table, out
        )
    return counts


@njit(nogil=True, cache=True, parallel=True)
def _walk_slots(index, packed, shares, words, kind, wide, n_slots, radius, ball_weights, task, mono, table, out):
    counts = np.zeros((n_slots, shares.shape[1], shares.shape[1]), np.int64)
    for slot in prange(n_slots):
        counts[slot] = _walk_slot(
            index, packed, shares, words, kind, wide, slot, n_slots, radius, ball_weights, task, mono, table, out
        )
    return counts.sum(axis=0)


def _walk(index, shares, radius, ball_weights, task, mono, table, out, n_threads):
    narrow = radius <= _NARROW_RADIUS and ball_weights.sum() == 1
    # products of narrow sums are gathered in 32 bits, and added up in 64 every so many tokens
    shapes = shares, shares.view(np.uint64), *((_NARROW, _WIDE) if narrow else (_WIDE, _WIDEST))
    arguments = radius, ball_weights, task, mono, table, out
    if n_threads == 1:
        return _walk_slot(index, pack(index >= 0), *shapes, 0, 1, *arguments)
    return _walk_slots(index, pack(index >= 0), *shapes, 4 * n_threads, *arguments)


_NO_OUT, _NO_TABLE = np.zeros((0, 0)), np.zeros((0, 0))


def count_shares_on_grid(index, shares, radius, n_threads):
    """As ``soft.count_shares``, on a grid: (K, K) int64 in units of 1 / 255^2.

    Parameters: index (H, W) int32, token or -1 where there is none; shares (n, K) uint8, K a multiple of 8 (see
    ``soft.padded``); radius 1..MAX_RADIUS; n_threads, 1: this thread alone.
    """
    weights = np.zeros(radius + 1, np.int64)
    weights[radius] = 1
    return _walk(index, shares, radius, weights, COUNT, _NO_TABLE[0:0].ravel(), _NO_TABLE, _NO_OUT, n_threads)


def score_shares_on_grid(index, shares, mono, table, radius, ball_weights, n_threads):
    """As ``soft.score_shares``, on a grid: (n,) float64, NaN outside. ``ball_weights`` (radius + 1,) int64 of nested balls."""
    scores = np.full((len(shares), 1), np.nan)
    _walk(index, shares, radius, ball_weights, SCORE, mono, table, scores, n_threads)
    return scores[:, 0]


def neighbours_of_shares_on_grid(index, shares, n_concepts, radius, ball_weights, n_threads):
    """Shares around every token in units of 1 / 255, weighted as in ``score_shares_on_grid``: (n, n_concepts) float64."""
    kept = np.zeros((len(shares), n_concepts))
    _walk(index, shares, radius, ball_weights, KEEP, _NO_TABLE.ravel(), _NO_TABLE, kept, n_threads)
    return kept
