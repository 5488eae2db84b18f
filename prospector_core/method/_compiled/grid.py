"""Geodesic neighbourhoods on an 8-connected grid with holes, exactly, in tens of nanoseconds a token.

A plain breadth-first search a token visits (2r+1)^2 cells and their 8 neighbours. Here two cheap things
replace it:

1. *The box.* Histograms of concepts in the full (2r+1) x (2r+1) box slide over the grid: a column histogram
   gains one row and loses one, the window gains one column and loses one. Cost a token: a few vector
   additions, whatever the radius.
2. *What the box has too much.* A token of the box that cannot be reached within r hops (a gap in the tissue
   is in between) must leave the histogram again. Reachability is computed for 64 tokens at once, one bit
   each: the plane ``reach[dy, dx]`` holds, for 64 neighbouring tokens v, whether v + (dy, dx) is within h
   hops of v. One hop is a 3 x 3 dilation *over the offsets*, masked by where tokens are. In solid tissue
   nothing is left to correct; every hole costs what it blocks.

Integers all the way, so results do not depend on how rows are shared between threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from .bits import lowest_bit
from .reach import LANES, ROWS, dilate, pack, shift_row

__all__ = ["count_pairs_on_grid", "neighbours_on_grid", "score_on_grid"]

_STRIP = 1024  # columns handled together: buffers of one strip stay in the cache
# what is not asked for
_NO_TABLE, _NO_SCORES, _NOT_KEPT = np.zeros((1, 1)), np.zeros((0, 0)), np.zeros((0, 0, 0), np.int32)


class _Walk(NamedTuple):
    """What all parts of a walk over a grid share.

    raster (H, W) int16, concept id or -1; packed, where tokens are, a bit a cell; strips of n_words x 64
    columns; items (strips x blocks of rows); radius; hop_weights (radius + 1,) of nested balls; n_bins, K
    rounded up.
    """

    raster: np.ndarray
    packed: np.ndarray
    n_words: int
    n_strips: int
    n_items: int
    radius: int
    hop_weights: np.ndarray
    n_bins: int


class _Wanted(NamedTuple):
    """What is made of the concepts around each token.

    They are kept where ``kept`` (H, W, K) is given; else scored into ``scores`` (H, W) if that is not empty:
    mono[c] + table[c] . histogram; else counted.
    """

    table: np.ndarray
    mono: np.ndarray
    scores: np.ndarray
    kept: np.ndarray


@njit(nogil=True, cache=True)
def _add_box(
    n: int, radius: int, columns: np.ndarray, window: np.ndarray, weight: int, histograms: np.ndarray
) -> None:
    """Add weight x (concepts in the box of each of ``n`` columns of a row) to ``histograms``.

    They are summed from column histograms.
    """
    n_bins = window.shape[0]
    window[:] = 0
    for i in range(2 * radius):  # columns[i] belongs to the i-th raster column from ``radius`` to the left
        for k in range(n_bins):
            window[k] += columns[i, k]
    for x in range(n):
        for k in range(n_bins):
            total = window[k] + columns[x + 2 * radius, k]
            histograms[x, k] += weight * total
            window[k] = total - columns[x, k]


@njit(nogil=True, cache=True)
def _shift_columns(
    raster: np.ndarray, y_gone: int, y_new: int, x0: int, radius: int, columns: np.ndarray
) -> None:
    """Move the column histograms down: row ``y_gone`` leaves, row ``y_new`` enters."""
    height, width = raster.shape
    first = x0 - radius
    low = max(0, -first)
    high = min(columns.shape[0], width - first)
    if 0 <= y_gone < height:
        for i in range(low, high):
            concept = raster[y_gone, first + i]
            if concept >= 0:
                columns[i, concept] -= 1
    if 0 <= y_new < height:
        for i in range(low, high):
            concept = raster[y_new, first + i]
            if concept >= 0:
                columns[i, concept] += 1


@njit(nogil=True, cache=True)
def _remove_unreached(
    walk: _Walk,
    y: int,
    x0: int,
    hop: int,
    reach: np.ndarray,
    here: np.ndarray,
    weight: int,
    histograms: np.ndarray,
) -> None:
    """Take out of the box histograms every token that is in the box but more than ``hop`` hops away."""
    raster, radius, n_words = walk.raster, walk.radius, walk.n_words
    ring = 2 * radius + 1
    centre = radius + 1
    own = here[y % ring, radius * n_words : (radius + 1) * n_words]
    for dy in range(max(-hop, -y), min(hop, raster.shape[0] - 1 - y) + 1):
        concepts = raster[y + dy]
        for dx in range(-hop, hop + 1):
            plane = (radius + dx) * n_words
            tokens = here[(y + dy) % ring, plane : plane + n_words]
            reached = reach[centre + dy, plane + n_words : plane + 2 * n_words]
            for w in range(n_words):
                word = tokens[w] & ~reached[w] & own[w]
                while word != 0:
                    x = 64 * w + np.int64(lowest_bit(word))
                    # unsigned: numba then leaves out its support for negative indices
                    histograms[np.uint64(x), np.uint64(concepts[np.uint64(x0 + x + dx)])] -= weight
                    word &= word - np.uint64(1)


@njit(nogil=True, cache=True)
def _use_row(
    row: np.ndarray, y: int, x0: int, histograms: np.ndarray, counts: np.ndarray, wanted: _Wanted
) -> None:
    """Keep, count or score the histograms of a row's tokens; ``row``: their concepts, -1 for none."""
    table, mono, scores, kept = wanted
    n_bins = histograms.shape[1]
    for x in range(row.size):
        concept = row[x]
        if concept < 0:
            continue
        if kept.size:
            for k in range(kept.shape[2]):
                kept[y, x0 + x, k] = histograms[x, k]
        elif scores.size == 0:
            for k in range(n_bins):
                counts[concept, k] += histograms[x, k]
        else:
            # Four running sums in a fixed order: fast, and the same bits on every machine.
            a = b = c = d = 0.0
            for k in range(0, n_bins, 4):
                a += table[concept, k] * histograms[x, k]
                b += table[concept, k + 1] * histograms[x, k + 1]
                c += table[concept, k + 2] * histograms[x, k + 2]
                d += table[concept, k + 3] * histograms[x, k + 3]
            scores[y, x0 + x] = mono[concept] + ((a + b) + (c + d))


@njit(nogil=True, cache=True)
def _walk_item(walk: _Walk, item: int, counts: np.ndarray, wanted: _Wanted) -> None:
    """One strip of columns x one block of rows: histograms row by row, then kept, counted or scored."""
    raster, packed, radius, n_words, n_bins = walk.raster, walk.packed, walk.radius, walk.n_words, walk.n_bins
    height, width = raster.shape
    x0 = (item % walk.n_strips) * 64 * n_words
    y0 = (item // walk.n_strips) * ROWS
    n_columns = 64 * n_words
    n = min(n_columns, width - x0)
    ring = 2 * radius + 1
    here = np.zeros((ring, ring * n_words), np.uint64)
    reach = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    across = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    hops = np.flatnonzero(walk.hop_weights)
    columns = np.zeros((hops.size, n_columns + ring, n_bins), np.int32)
    window = np.zeros(n_bins, np.int32)
    histograms = np.zeros((n_columns, n_bins), np.int32)
    for y in range(y0 - radius, y0 + radius):
        shift_row(packed, y, x0 // 64, radius, n_words, here[y % ring].reshape(ring, n_words))
    for j in range(hops.size):
        for y in range(y0 - hops[j] - 1, y0 + hops[j]):
            _shift_columns(raster, -1, y, x0, hops[j], columns[j])
    for y in range(y0, min(height, y0 + ROWS)):
        new = y + radius
        shift_row(packed, new, x0 // 64, radius, n_words, here[new % ring].reshape(ring, n_words))
        reach[:] = 0
        own = here[y % ring]
        middle = (radius + 1) * n_words
        for w in range(n_words):
            reach[radius + 1, middle + w] = own[radius * n_words + w]
        histograms[:] = 0
        j = 0
        for hop in range(radius + 1):
            if hop > 0:
                dilate(reach, across, here, y, hop, radius, n_words)
            weight = walk.hop_weights[hop]
            if weight != 0:
                _shift_columns(raster, y - hop - 1, y + hop, x0, hop, columns[j])
                _add_box(n, hop, columns[j], window, weight, histograms)
                _remove_unreached(walk, y, x0, hop, reach, here, weight, histograms)
                j += 1
        _use_row(raster[y, x0 : x0 + n], y, x0, histograms, counts, wanted)


@njit(nogil=True, cache=True)
def _walk_slot(walk: _Walk, slot: int, n_slots: int, wanted: _Wanted) -> np.ndarray:
    """Every n_slots-th item, so that tissue and glass are shared out evenly."""
    counts = np.zeros((walk.n_bins, walk.n_bins), np.int64)
    for item in range(slot, walk.n_items, n_slots):
        _walk_item(walk, item, counts, wanted)
    return counts


@njit(nogil=True, cache=True, parallel=True)
def _walk_slots(walk: _Walk, n_slots: int, wanted: _Wanted) -> np.ndarray:
    counts = np.zeros((n_slots, walk.n_bins, walk.n_bins), np.int64)
    for slot in prange(n_slots):
        counts[slot] = _walk_slot(walk, slot, n_slots, wanted)
    return counts.sum(axis=0)


def _walk(
    raster: np.ndarray, radius: int, hop_weights: np.ndarray, n_bins: int, wanted: _Wanted, n_threads: int
) -> np.ndarray:
    """Concepts around tokens, added up by concept.

    (n_bins, n_bins); on this thread alone if ``n_threads`` is 1.
    """
    height, width = raster.shape
    n_words = min(_STRIP // 64, (width + 63) // 64)
    n_strips = (width + 64 * n_words - 1) // (64 * n_words)
    n_items = n_strips * ((height + ROWS - 1) // ROWS)
    walk = _Walk(raster, pack(raster >= 0), n_words, n_strips, n_items, radius, hop_weights, n_bins)
    if n_threads == 1:
        return _walk_slot(walk, 0, 1, wanted)
    return _walk_slots(walk, 4 * n_threads, wanted)


def _bins(n_concepts: int) -> int:
    return -(-n_concepts // LANES) * LANES


def count_pairs_on_grid(raster: np.ndarray, n_concepts: int, radius: int, n_threads: int) -> np.ndarray:
    """Ordered pairs of concepts within ``radius`` hops on a grid.

    Parameters: raster (H, W) int16, concept id or -1 where there is no token; radius 1..MAX_RADIUS.
    Returns (K, K) int64, symmetric, a token's pair with itself included.
    """
    hop_weights = np.zeros(radius + 1, np.int64)
    hop_weights[radius] = 1
    n_bins = _bins(n_concepts)
    wanted = _Wanted(_NO_TABLE, _NO_TABLE[0], _NO_SCORES, _NOT_KEPT)
    counts = _walk(raster, radius, hop_weights, n_bins, wanted, n_threads)
    return counts[:n_concepts, :n_concepts]


def score_on_grid(
    raster: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    radius: int,
    hop_weights: np.ndarray,
    n_threads: int,
) -> np.ndarray:
    """Prospect scores on a grid: mono[c] + sum over neighbours of table[c, c'], neighbours weighted by hop.

    Parameters: raster (H, W) int16, -1 where there is no token; mono (K,), table (K, K) float64;
    hop_weights (radius + 1,) int64, weight of the *ball* of each hop (see ``prospecting``).
    Returns (H, W) float64, NaN where there is no token.
    """
    n_concepts = len(mono)
    n_bins = _bins(n_concepts)
    padded = np.zeros((n_bins, n_bins))
    padded[:n_concepts, :n_concepts] = table
    scores = np.full(raster.shape, np.nan)
    wanted = _Wanted(padded, np.ascontiguousarray(mono), scores, _NOT_KEPT)
    _walk(raster, radius, hop_weights, n_bins, wanted, n_threads)
    return scores


def neighbours_on_grid(
    raster: np.ndarray, n_concepts: int, radius: int, hop_weights: np.ndarray, n_threads: int
) -> np.ndarray:
    """Concepts around every token, neighbours weighted by hop as in ``score_on_grid``.

    (H, W, K) int32, 0 off tissue.
    """
    kept = np.zeros((*raster.shape, n_concepts), np.int32)
    wanted = _Wanted(_NO_TABLE, _NO_TABLE[0], _NO_SCORES, kept)
    _walk(raster, radius, hop_weights, _bins(n_concepts), wanted, n_threads)
    return kept
