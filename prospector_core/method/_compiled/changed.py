"""What changes in the pairs of a grid when some tokens change their concept, come or go.

Two tokens v and u are a pair while each can be reached from the other within r hops. A pair changes where v
or u does, or where a token that came or went opens or closes the way between them. Reachability before and
after is computed for 64 tokens at once, one bit each, as in ``grid``; only bits that differ are looked at.
Which of two tokens comes first does not matter, so half of the offsets do. Rows of the grid with nothing new
nearby are passed over.

Integers all the way, so results do not depend on how rows are shared between threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from .bits import lowest_bit
from .reach import ROWS, dilate, pack, shift_row

__all__ = ["pairs_changed"]

_WORDS = 4  # words of a row handled together: as many as a vector of the processor holds


class _Walk(NamedTuple):
    """What all parts of a walk over a grid share.

    before, after (H, W) int16; packed: tokens before, tokens after, cells that differ, a bit each; new_rows,
    from ``_new_rows``; walls, whether tokens came or went; radius.
    """

    before: np.ndarray
    after: np.ndarray
    packed: np.ndarray
    new_rows: np.ndarray
    walls: bool
    radius: int


@njit(nogil=True, cache=True)
def _reach_row(
    reach: np.ndarray, across: np.ndarray, here: np.ndarray, y: int, radius: int, n_words: int
) -> None:
    """Which tokens are within ``radius`` hops of those of row ``y``: planes of offsets, see ``grid``."""
    reach[:] = 0
    middle = (radius + 1) * n_words
    own = here[y % (2 * radius + 1)]
    for w in range(n_words):
        reach[radius + 1, middle + w] = own[radius * n_words + w]
    for hop in range(1, radius + 1):
        dilate(reach, across, here, y, hop, radius, n_words)


@njit(nogil=True, cache=True)
def _count_changed(
    walk: _Walk,
    y: int,
    x0: int,
    reach_before: np.ndarray,
    reach_after: np.ndarray,
    differs: np.ndarray,
    change: np.ndarray,
) -> None:
    """Take out of ``change`` the pairs of row ``y`` that are no more, and add those that are new."""
    before, after, radius, n_words = walk.before, walk.after, walk.radius, _WORDS
    ring = 2 * radius + 1
    own = differs[y % ring, radius * n_words : (radius + 1) * n_words]
    for dy in range(min(radius, before.shape[0] - 1 - y) + 1):
        for dx in range(-radius if dy else 1, radius + 1):
            plane = (radius + dx) * n_words
            other = differs[(y + dy) % ring, plane : plane + n_words]
            was = reach_before[radius + 1 + dy, plane + n_words : plane + 2 * n_words]
            is_now = reach_after[radius + 1 + dy, plane + n_words : plane + 2 * n_words]
            for w in range(n_words):
                word = (was[w] ^ is_now[w]) | ((was[w] | is_now[w]) & (own[w] | other[w]))
                while word != 0:
                    bit = lowest_bit(word)
                    word &= word - np.uint64(1)
                    # unsigned: numba then leaves out its support for negative indices
                    x = np.uint64(x0 + 64 * w + np.int64(bit))
                    z = np.uint64(np.int64(x) + dx)
                    if (was[w] >> bit) & np.uint64(1):
                        change[np.uint64(before[y, x]), np.uint64(before[y + dy, z])] -= 1
                    if (is_now[w] >> bit) & np.uint64(1):
                        change[np.uint64(after[y, x]), np.uint64(after[y + dy, z])] += 1


@njit(nogil=True, cache=True)
def _walk_item(walk: _Walk, item: int, change: np.ndarray) -> None:
    """One strip of columns x one block of rows."""
    before, packed, new_rows, walls, radius = walk.before, walk.packed, walk.new_rows, walk.walls, walk.radius
    n_strips = new_rows.shape[0]
    n_words = _WORDS
    x0 = (item % n_strips) * 64 * n_words
    y0 = (item // n_strips) * ROWS
    y1 = min(before.shape[0], y0 + ROWS)
    ring = 2 * radius + 1
    here = np.zeros((3, ring, ring * n_words), np.uint64)
    reach = np.zeros((2, ring + 2, (ring + 2) * n_words), np.uint64)
    across = np.zeros((ring + 2, (ring + 2) * n_words), np.uint64)
    filled = y0 - radius  # rows from here on are not in ``here`` yet
    strip = item % n_strips
    for y in range(y0, y1):
        if new_rows[strip, y + 2 * radius + 1] == new_rows[strip, y]:
            continue  # nothing new within r rows
        for row in range(max(filled, y - radius), y + radius + 1):
            for each in range(3):
                shift_row(
                    packed[each],
                    row,
                    x0 // 64,
                    radius,
                    n_words,
                    here[each, row % ring].reshape(ring, n_words),
                )
        filled = y + radius + 1
        _reach_row(reach[0], across, here[0], y, radius, n_words)
        if walls:
            _reach_row(reach[1], across, here[1], y, radius, n_words)
        _count_changed(walk, y, x0, reach[0], reach[1 if walls else 0], here[2], change)


@njit(nogil=True, cache=True)
def _walk_slot(walk: _Walk, slot: int, n_slots: int, n_concepts: int) -> np.ndarray:
    """Every n_slots-th item, so that tissue and glass are shared out evenly."""
    change = np.zeros((n_concepts, n_concepts), np.int64)
    n_strips = walk.new_rows.shape[0]
    for item in range(slot, n_strips * ((walk.before.shape[0] + ROWS - 1) // ROWS), n_slots):
        _walk_item(walk, item, change)
    return change


@njit(nogil=True, cache=True, parallel=True)
def _walk_slots(walk: _Walk, n_slots: int, n_concepts: int) -> np.ndarray:
    found = np.zeros((n_slots, n_concepts, n_concepts), np.int64)
    for slot in prange(n_slots):
        found[slot] = _walk_slot(walk, slot, n_slots, n_concepts)
    return found.sum(axis=0)


def pairs_changed(
    before: np.ndarray, after: np.ndarray, n_concepts: int, radius: int, n_threads: int
) -> np.ndarray:
    """Ordered pairs of distinct tokens within ``radius`` hops that are there after less those before.

    (K, K) int64.

    Parameters: before, after (H, W) int16, concept id or -1 where there is no token; radius 1..MAX_RADIUS;
    n_threads, 1: this thread alone.
    """
    differs = before != after
    there = before >= 0, after >= 0
    packed = np.stack([pack(each) for each in (*there, differs)])
    new_rows, walls = _new_rows(differs, radius), bool((there[0] != there[1]).any())
    walk = _Walk(before, after, packed, new_rows, walls, radius)
    if n_threads == 1:
        found = _walk_slot(walk, 0, 1, n_concepts)
    else:
        found = _walk_slots(walk, 4 * n_threads, n_concepts)
    return found + found.T


def _new_rows(differs: np.ndarray, radius: int) -> np.ndarray:
    """How many rows above each row hold a cell that differs, for each strip.

    The cell is in the strip or within ``radius`` of it.

    Rows are counted from ``radius`` above the grid: (strips, H + 2 radius + 1) int64.
    """
    height, width = differs.shape
    side = 64 * _WORDS
    strips = -(-width // side)
    found = np.zeros((strips, height + 2 * radius + 1), np.int64)
    for strip in range(strips):
        near = differs[:, max(0, strip * side - radius) : (strip + 1) * side + radius].any(axis=1)
        found[strip, radius + 1 : radius + 1 + height] = near
    return found.cumsum(axis=1)
