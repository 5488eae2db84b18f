"""Shares of concepts around tokens of a grid with holes.

As ``grid``, where a token belongs to several concepts.

The box of (2r+1) x (2r+1) cells slides over the grid as there, its columns and window being sums of shares;
shares of tokens that cannot be reached within r hops leave again. A token costs a few vector additions,
whatever the radius. Integers until a score is made, so results do not depend on how rows are shared between
threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from .bits import lowest_bit
from .products import count_row, move_products
from .reach import ROWS, dilate, pack, shift_row
from .soft import ONE, score_one

__all__ = ["count_shares_on_grid", "neighbours_of_shares_on_grid", "score_shares_on_grid"]

_STRIP = 256  # columns handled together: shares of one strip stay in the cache
_NARROW = np.zeros(0, np.uint16)  # sums of shares in a box of up to 15 x 15 cells: twice as many to a vector
_WIDE, _WIDEST = np.zeros(0, np.int32), np.zeros(0, np.int64)
_NARROW_RADIUS = 7
COUNT, SCORE, KEEP = 0, 1, 2


# Sums run over cells and concepts at once, in loops from zero over flat arrays: they become vector code.


@njit(nogil=True, cache=True)
def _meeting(cells: np.ndarray, y: int, first: int, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of row ``y`` and the sums of columns that they belong to, both flat.

    The first sum is of column ``first``.
    """
    height, width, n_bins = cells.shape
    low = max(0, -first)
    high = min(columns.size // n_bins, width - first)
    if not (0 <= y < height and low < high):
        y = high = low = 0  # none meet
        first = 0
    row = cells[y, first + low : first + high].reshape((high - low) * n_bins)
    return row, columns[low * n_bins : high * n_bins]


@njit(nogil=True, cache=True)
def _add_row(cells: np.ndarray, y: int, first: int, columns: np.ndarray) -> None:
    """Add the shares of row ``y`` to the sums of columns.

    The first of which is column ``first`` of the grid.
    """
    row, sums = _meeting(cells, y, first, columns)
    for i in range(sums.size):
        sums[i] += row[i]


@njit(nogil=True, cache=True)
def _take_row(cells: np.ndarray, y: int, first: int, columns: np.ndarray) -> None:
    """The reverse of ``_add_row``."""
    row, sums = _meeting(cells, y, first, columns)
    for i in range(sums.size):
        sums[i] -= row[i]


@njit(nogil=True, cache=True)
def _add_box(
    columns: np.ndarray,
    side: int,
    n_bins: int,
    weight: int,
    double: np.ndarray,
    spare: np.ndarray,
    around: np.ndarray,
) -> None:
    """Add weight x (sums of ``side`` columns from each on) to ``around``, flat (columns x concepts).

    Sums of 1, 2, 4 ... columns are made each from the one before; those that make up ``side`` are added.
    """
    first = double[: columns.size]
    for i in range(columns.size):
        first[i] = columns[i]
    offset, power = 0, 1
    while True:
        if side & power:
            part = double[offset * n_bins : offset * n_bins + around.size]
            if weight == 1:
                for i in range(around.size):
                    around[i] += part[i]
            else:
                for i in range(around.size):
                    around[i] += weight * part[i]
            offset += power
        if 2 * power > side:
            return
        n = columns.size - (2 * power - 1) * n_bins
        now, ahead, twice = double[:n], double[power * n_bins : power * n_bins + n], spare[:n]
        for i in range(n):
            twice[i] = now[i] + ahead[i]
        double, spare = spare, double
        power *= 2


@njit(nogil=True, cache=True)
def _remove_unreached(
    cells: np.ndarray,
    y: int,
    x0: int,
    hop: int,
    radius: int,
    n_words: int,
    reach: np.ndarray,
    here: np.ndarray,
    weight: int,
    around: np.ndarray,
) -> None:
    """Take out of the box every token that is in it but more than ``hop`` hops away."""
    ring = 2 * radius + 1
    centre = radius + 1
    own = here[y % ring, radius * n_words : (radius + 1) * n_words]
    for dy in range(max(-hop, -y), min(hop, cells.shape[0] - 1 - y) + 1):
        row = cells[y + dy]
        for dx in range(-hop, hop + 1):
            plane = (radius + dx) * n_words
            tokens = here[(y + dy) % ring, plane : plane + n_words]
            reached = reach[centre + dy, plane + n_words : plane + 2 * n_words]
            for w in range(n_words):
                word = tokens[w] & ~reached[w] & own[w]
                while word != 0:
                    x = 64 * w + np.int64(lowest_bit(word))
                    other, sums = row[x0 + x + dx], around[x]
                    for k in range(sums.size):
                        sums[k] -= weight * other[k]
                    word &= word - np.uint64(1)


@njit(nogil=True, cache=True)
def _walk_item(
    index: np.ndarray,
    packed: np.ndarray,
    cells: np.ndarray,
    words: np.ndarray,
    kind: np.ndarray,
    item: int,
    n_strips: int,
    radius: int,
    ball_weights: np.ndarray,
    task: int,
    products: np.ndarray,
    counts: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    out: np.ndarray,
) -> None:
    """One strip of columns x one block of rows.

    ``task``: COUNT into ``counts``; SCORE or KEEP into ``out``, a row a token.

    ``kind``: an array of the type in which shares are added up.
    """
    height, width = index.shape
    n_bins, n_words = cells.shape[2], _STRIP // 64
    x0 = (item % n_strips) * _STRIP
    y0 = (item // n_strips) * ROWS
    n_columns = min(_STRIP, width - x0)
    ring = 2 * radius + 1
    here = np.zeros((ring, ring * n_words), np.uint64)
    reach = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    across = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    hops = np.flatnonzero(ball_weights)
    columns = np.zeros((hops.size, (n_columns + ring - 1) * n_bins), kind.dtype)
    double, spare = np.zeros(columns.shape[1], kind.dtype), np.zeros(columns.shape[1], kind.dtype)
    around = np.zeros((n_columns, n_bins), kind.dtype)
    mixed = np.zeros(n_bins)
    most = room = (2**31 - 1) // (ONE * ONE * ring * ring)  # tokens whose products 32 bits can hold
    for y in range(y0 - radius, y0 + radius):
        shift_row(packed, y, x0 // 64, radius, n_words, here[y % ring].reshape(ring, n_words))
    for j in range(hops.size):
        for y in range(y0 - hops[j] - 1, y0 + hops[j]):
            _add_row(cells, y, x0 - hops[j], columns[j, : (n_columns + 2 * hops[j]) * n_bins])
    for y in range(y0, min(height, y0 + ROWS)):
        shift_row(
            packed, y + radius, x0 // 64, radius, n_words, here[(y + radius) % ring].reshape(ring, n_words)
        )
        reach[:] = 0
        middle = (radius + 1) * n_words
        for w in range(n_words):
            reach[radius + 1, middle + w] = here[y % ring, radius * n_words + w]
        around[:] = 0
        j = 0
        for hop in range(radius + 1):
            if hop > 0:
                dilate(reach, across, here, y, hop, radius, n_words)
            weight = ball_weights[hop]
            if weight != 0:
                sums = columns[j, : (n_columns + 2 * hop) * n_bins]
                _take_row(cells, y - hop - 1, x0 - hop, sums)
                _add_row(cells, y + hop, x0 - hop, sums)
                _add_box(sums, 2 * hop + 1, n_bins, weight, double, spare, around.reshape(around.size))
                _remove_unreached(cells, y, x0, hop, radius, n_words, reach, here, weight, around)
                j += 1
        tokens = index[y, x0 : x0 + n_columns]
        if task == COUNT:
            room = count_row(tokens, words[y, x0 : x0 + n_columns], around, products, counts, room, most)
            continue
        for x in range(n_columns):
            token = tokens[x]
            if token >= 0:
                if task == SCORE:
                    out[token, 0] = score_one(cells[y, x0 + x], around[x], mono, table, mixed)
                else:
                    for k in range(out.shape[1]):
                        out[token, k] = around[x, k]
    if task == COUNT:
        move_products(products, counts)


@njit(nogil=True, cache=True)
def _walk_slot(
    index: np.ndarray,
    packed: np.ndarray,
    cells: np.ndarray,
    words: np.ndarray,
    kind: np.ndarray,
    wide: np.ndarray,
    slot: int,
    n_slots: int,
    radius: int,
    ball_weights: np.ndarray,
    task: int,
    mono: np.ndarray,
    table: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    """Every n_slots-th item, so that tissue and glass are shared out evenly."""
    n_strips = (index.shape[1] + _STRIP - 1) // _STRIP
    counts = np.zeros((cells.shape[2], cells.shape[2]), np.int64)
    products = np.zeros(counts.shape, wide.dtype)
    for item in range(slot, n_strips * ((index.shape[0] + ROWS - 1) // ROWS), n_slots):
        _walk_item(
            index,
            packed,
            cells,
            words,
            kind,
            item,
            n_strips,
            radius,
            ball_weights,
            task,
            products,
            counts,
            mono,
            table,
            out,
        )
    return counts


@njit(nogil=True, cache=True, parallel=True)
def _walk_slots(
    index: np.ndarray,
    packed: np.ndarray,
    cells: np.ndarray,
    words: np.ndarray,
    kind: np.ndarray,
    wide: np.ndarray,
    n_slots: int,
    radius: int,
    ball_weights: np.ndarray,
    task: int,
    mono: np.ndarray,
    table: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    counts = np.zeros((n_slots, cells.shape[2], cells.shape[2]), np.int64)
    for slot in prange(n_slots):
        counts[slot] = _walk_slot(
            index,
            packed,
            cells,
            words,
            kind,
            wide,
            slot,
            n_slots,
            radius,
            ball_weights,
            task,
            mono,
            table,
            out,
        )
    return counts.sum(axis=0)


def _walk(
    index: np.ndarray,
    shares: np.ndarray,
    radius: int,
    ball_weights: np.ndarray,
    task: int,
    mono: np.ndarray,
    table: np.ndarray,
    out: np.ndarray,
    n_threads: int,
) -> np.ndarray:
    inside = index >= 0
    nothing = np.zeros((1, shares.shape[1]), np.uint8)  # at -1, hence where there is no token
    cells = np.concatenate([shares, nothing]).take(index, axis=0, mode="wrap")
    narrow = radius <= _NARROW_RADIUS and ball_weights.sum() == 1
    # products of narrow sums are gathered in 32 bits, and added up in 64 every so many tokens
    kind, wide = (_NARROW, _WIDE) if narrow else (_WIDE, _WIDEST)
    shapes = cells, cells.view(np.uint64), kind, wide
    arguments: Any = radius, ball_weights, task, mono, table, out
    if n_threads == 1:
        return _walk_slot(index, pack(inside), *shapes, 0, 1, *arguments)
    return _walk_slots(index, pack(inside), *shapes, 4 * n_threads, *arguments)


_NO_OUT, _NO_TABLE = np.zeros((0, 0)), np.zeros((0, 0))


def count_shares_on_grid(index: np.ndarray, shares: np.ndarray, radius: int, n_threads: int) -> np.ndarray:
    """As ``soft.count_shares``, on a grid: (K, K) int64 in units of 1 / 255^2.

    Parameters: index (H, W) int32, token or -1 where there is none; shares (n, K) uint8, K a multiple of 8
    (see ``soft.padded``); radius 1..MAX_RADIUS; n_threads, 1: this thread alone.
    """
    weights = np.zeros(radius + 1, np.int64)
    weights[radius] = 1
    return _walk(index, shares, radius, weights, COUNT, _NO_TABLE[0:0].ravel(), _NO_TABLE, _NO_OUT, n_threads)


def score_shares_on_grid(
    index: np.ndarray,
    shares: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    radius: int,
    ball_weights: np.ndarray,
    n_threads: int,
) -> np.ndarray:
    """As ``soft.score_shares``, on a grid: (n,) float64, NaN outside.

    ``ball_weights`` (radius + 1,) int64 of nested balls.
    """
    scores = np.full((len(shares), 1), np.nan)
    _walk(index, shares, radius, ball_weights, SCORE, mono, table, scores, n_threads)
    return scores[:, 0]


def neighbours_of_shares_on_grid(
    index: np.ndarray,
    shares: np.ndarray,
    n_concepts: int,
    radius: int,
    ball_weights: np.ndarray,
    n_threads: int,
) -> np.ndarray:
    """Shares around every token in units of 1 / 255, weighted as in ``score_shares_on_grid``.

    (n, n_concepts) float64.
    """
    kept = np.zeros((len(shares), n_concepts))
    _walk(index, shares, radius, ball_weights, KEEP, _NO_TABLE.ravel(), _NO_TABLE, kept, n_threads)
    return kept
