"""Shares of concepts around tokens of a grid with holes.

As ``grid``, where a token belongs to several concepts.

The box of (2r+1) x (2r+1) cells slides over the grid as there, its columns and window being sums of shares;
shares of tokens that cannot be reached within r hops leave again. A token costs a few vector additions,
whatever the radius. Integers until a score is made, so results do not depend on how rows are shared between
threads.
"""

from __future__ import annotations

from typing import NamedTuple

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


class _Walk(NamedTuple):
    """What all parts of a walk over a grid share.

    places (H, W) int32, token or -1; packed, where tokens are, a bit a cell; cells (H, W, K) uint8 shares;
    words, the same 8 at a time; kind and wide, arrays of the types in which shares, and products of them,
    are added up; radius; ball_weights (radius + 1,).
    """

    places: np.ndarray
    packed: np.ndarray
    cells: np.ndarray
    words: np.ndarray
    kind: np.ndarray
    wide: np.ndarray
    radius: int
    ball_weights: np.ndarray


class _Wanted(NamedTuple):
    """What is made of the shares around each token: scores, by mono (K,) and table (K, K), or themselves.

    They go into ``out``, a row a token.
    """

    mono: np.ndarray
    table: np.ndarray
    out: np.ndarray


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
    walk: _Walk,
    y: int,
    x0: int,
    hop: int,
    reach: np.ndarray,
    here: np.ndarray,
    weight: int,
    around: np.ndarray,
) -> None:
    """Take out of the box every token that is in it but more than ``hop`` hops away."""
    cells, radius, n_words = walk.cells, walk.radius, _STRIP // 64
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
    walk: _Walk, item: int, task: int, products: np.ndarray, counts: np.ndarray, wanted: _Wanted
) -> None:
    """One strip of columns x one block of rows.

    ``task``: COUNT into ``counts``; SCORE or KEEP into ``wanted.out``, a row a token.
    """
    index, packed, cells, radius = walk.places, walk.packed, walk.cells, walk.radius
    height, width = index.shape
    n_bins, n_words = cells.shape[2], _STRIP // 64
    n_strips = (width + _STRIP - 1) // _STRIP
    x0, y0 = (item % n_strips) * _STRIP, (item // n_strips) * ROWS
    n_columns = min(_STRIP, width - x0)
    ring = 2 * radius + 1
    here = np.zeros((ring, ring * n_words), np.uint64)
    reach = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    across = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    hops = np.flatnonzero(walk.ball_weights)
    columns = np.zeros((hops.size, (n_columns + ring - 1) * n_bins), walk.kind.dtype)
    double, spare = np.zeros(columns.shape[1], walk.kind.dtype), np.zeros(columns.shape[1], walk.kind.dtype)
    around = np.zeros((n_columns, n_bins), walk.kind.dtype)
    mixed = np.zeros(n_bins)
    most = room = (2**31 - 1) // (ONE * ONE * ring * ring)  # tokens whose products 32 bits can hold
    for y in range(y0 - radius, y0 + radius):
        shift_row(packed, y, x0 // 64, radius, n_words, here[y % ring].reshape(ring, n_words))
    for j in range(hops.size):
        for y in range(y0 - hops[j] - 1, y0 + hops[j]):
            _add_row(cells, y, x0 - hops[j], columns[j, : (n_columns + 2 * hops[j]) * n_bins])
    for y in range(y0, min(height, y0 + ROWS)):
        new = y + radius
        shift_row(packed, new, x0 // 64, radius, n_words, here[new % ring].reshape(ring, n_words))
        reach[:] = 0
        middle = (radius + 1) * n_words
        for w in range(n_words):
            reach[radius + 1, middle + w] = here[y % ring, radius * n_words + w]
        around[:] = 0
        j = 0
        for hop in range(radius + 1):
            if hop > 0:
                dilate(reach, across, here, y, hop, radius, n_words)
            weight = walk.ball_weights[hop]
            if weight != 0:
                sums = columns[j, : (n_columns + 2 * hop) * n_bins]
                _take_row(cells, y - hop - 1, x0 - hop, sums)
                _add_row(cells, y + hop, x0 - hop, sums)
                _add_box(sums, 2 * hop + 1, n_bins, weight, double, spare, around.reshape(around.size))
                _remove_unreached(walk, y, x0, hop, reach, here, weight, around)
                j += 1
        tokens = index[y, x0 : x0 + n_columns]
        if task == COUNT:
            words = walk.words[y, x0 : x0 + n_columns]
            room = count_row(tokens, words, around, products, counts, room, most)
        else:
            _use_row(tokens, cells[y, x0 : x0 + n_columns], around, task, wanted, mixed)
    if task == COUNT:
        move_products(products, counts)


@njit(nogil=True, cache=True)
def _use_row(
    tokens: np.ndarray, cells: np.ndarray, around: np.ndarray, task: int, wanted: _Wanted, mixed: np.ndarray
) -> None:
    """Score, or keep, what is around the tokens of a row."""
    mono, table, out = wanted
    for x in range(tokens.size):
        token = tokens[x]
        if token >= 0:
            if task == SCORE:
                out[token, 0] = score_one(cells[x], around[x], mono, table, mixed)
            else:
                for k in range(out.shape[1]):
                    out[token, k] = around[x, k]


@njit(nogil=True, cache=True)
def _walk_slot(walk: _Walk, slot: int, n_slots: int, task: int, wanted: _Wanted) -> np.ndarray:
    """Every n_slots-th item, so that tissue and glass are shared out evenly."""
    n_strips = (walk.places.shape[1] + _STRIP - 1) // _STRIP
    counts = np.zeros((walk.cells.shape[2], walk.cells.shape[2]), np.int64)
    products = np.zeros(counts.shape, walk.wide.dtype)
    for item in range(slot, n_strips * ((walk.places.shape[0] + ROWS - 1) // ROWS), n_slots):
        _walk_item(walk, item, task, products, counts, wanted)
    return counts


@njit(nogil=True, cache=True, parallel=True)
def _walk_slots(walk: _Walk, n_slots: int, task: int, wanted: _Wanted) -> np.ndarray:
    counts = np.zeros((n_slots, walk.cells.shape[2], walk.cells.shape[2]), np.int64)
    for slot in prange(n_slots):
        counts[slot] = _walk_slot(walk, slot, n_slots, task, wanted)
    return counts.sum(axis=0)


def _walk(
    index: np.ndarray,
    shares: np.ndarray,
    radius: int,
    ball_weights: np.ndarray,
    task: int,
    wanted: _Wanted,
    n_threads: int,
) -> np.ndarray:
    nothing = np.zeros((1, shares.shape[1]), np.uint8)  # at -1, hence where there is no token
    cells = np.concatenate([shares, nothing]).take(index, axis=0, mode="wrap")
    narrow = radius <= _NARROW_RADIUS and ball_weights.sum() == 1
    # products of narrow sums are gathered in 32 bits, and added up in 64 every so many tokens
    kind, wide = (_NARROW, _WIDE) if narrow else (_WIDE, _WIDEST)
    words, packed = cells.view(np.uint64), pack(index >= 0)
    walk = _Walk(index, packed, cells, words, kind, wide, radius, ball_weights)
    if n_threads == 1:
        return _walk_slot(walk, 0, 1, task, wanted)
    return _walk_slots(walk, 4 * n_threads, task, wanted)


_NO_OUT, _NO_TABLE = np.zeros((0, 0)), np.zeros((0, 0))


def count_shares_on_grid(index: np.ndarray, shares: np.ndarray, radius: int, n_threads: int) -> np.ndarray:
    """As ``soft.count_shares``, on a grid: (K, K) int64 in units of 1 / 255^2.

    Parameters: index (H, W) int32, token or -1 where there is none; shares (n, K) uint8, K a multiple of 8
    (see ``soft.padded``); radius 1..MAX_RADIUS; n_threads, 1: this thread alone.
    """
    weights = np.zeros(radius + 1, np.int64)
    weights[radius] = 1
    return _walk(
        index, shares, radius, weights, COUNT, _Wanted(_NO_TABLE.ravel(), _NO_TABLE, _NO_OUT), n_threads
    )


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
    _walk(index, shares, radius, ball_weights, SCORE, _Wanted(mono, table, scores), n_threads)
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
    _walk(index, shares, radius, ball_weights, KEEP, _Wanted(_NO_TABLE.ravel(), _NO_TABLE, kept), n_threads)
    return kept
