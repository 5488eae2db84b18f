"""Slides and channels as lazy arrays.

One level a halving, read piece by piece when looked at, whatever the file's own levels are.
"""

import logging

import dask.array as da
import numpy as np

from prospector_core.errors import ProspectorError, SlideError
from prospector_core.store.cache import Cache
from viewers.slide_tiles import max_level, tile_pixels

__all__ = ["channel_levels", "label_levels", "slide_levels"]

TILE = 512  # pixels that are read at once, a side
CHUNK = 2048  # pixels of one task of dask, a side: few tasks, though a level may have ten billion pixels
CACHE_BYTES = 192 << 20
_SMALLEST = 1024  # the coarsest level's longer side is this at most
_UNREADABLE = 200  # grey

log = logging.getLogger(__name__)


def slide_levels(slide, cache_bytes=CACHE_BYTES):
    """Levels of an open slide, largest first, each half of the one before.

    List of (h, w, 3) uint8 dask arrays.

    Only what is asked for is read; decoded tiles are kept up to ``cache_bytes`` for all levels together. What
    cannot be read is grey. The slide must stay open.
    """
    cache, top, levels = Cache(cache_bytes), max_level(slide.width, slide.height), []
    while True:
        level = _Level(slide, top - len(levels), 1 << len(levels), cache)
        name = f"slide-{id(cache)}-{len(levels)}"
        chunks = (CHUNK, CHUNK, 3)
        levels.append(da.from_array(level, chunks, name=name, asarray=False, fancy=False, inline_array=True))
        if max(level.shape) <= _SMALLEST:
            return levels


def channel_levels(image, channel):
    """Levels of a channel of a `readers.under.ChannelImage`, largest first: list of (h, w) dask arrays.

    What cannot be read is 0.
    """
    return _planes(image, channel, lambda pixels: pixels)


def label_levels(labels, numbers):
    """Levels of a `readers.under.LabelImage` with a number in place of each cell.

    List of (h, w) dask arrays, 0 beside cells.

    Parameters: numbers, (n,) uint16, of each token.
    """
    table = np.append(numbers, 0).astype(np.uint16)  # the last is that of no token, -1
    return _planes(labels, 0, lambda pixels: table[labels.tokens(pixels)])


def _planes(image, channel, seen):
    made = []
    for level in range(image.n_levels):
        plane, name = _Plane(image, channel, level, seen), f"under-{id(image)}-{channel}-{level}-{id(seen)}"
        made.append(
            da.from_array(
                plane, (CHUNK // 2, CHUNK // 2), name=name, asarray=False, fancy=False, inline_array=True
            )
        )
    return made


class _Plane:
    """One level of one channel, as much of an array as dask needs."""

    ndim = 2

    def __init__(self, image, channel, level, seen):
        self._image, self._channel, self._level, self._seen = image, channel, level, seen
        self.shape = image.shape(level)
        self.dtype = seen(
            np.zeros((1, 1), image.dtype if not level else image.read(channel, level, 0, 0, 0, 0).dtype)
        ).dtype

    def __getitem__(self, key):
        key = key if isinstance(key, tuple) else (key,)
        rows, columns = (*key, *[slice(None)] * (2 - len(key)))
        (top, bottom, down), (left, right, across) = (
            rows.indices(self.shape[0]),
            columns.indices(self.shape[1]),
        )
        try:
            part = self._image.read(self._channel, self._level, top, max(bottom, top), left, max(right, left))
        except ProspectorError as error:
            log.warning("%s", error)
            part = np.zeros((max(bottom - top, 0), max(right - left, 0)), self._image.dtype)
        return self._seen(part).astype(self.dtype, copy=False)[::down, ::across]


class _Level:
    """One level, as much of an array as dask needs: shape, dtype, and rectangles of it."""

    ndim, dtype = 3, np.dtype(np.uint8)

    def __init__(self, slide, number, scale, cache):
        self._slide, self._number, self._cache = slide, number, cache
        self.shape = (-(-slide.height // scale), -(-slide.width // scale), 3)
        self._failed = False

    def __getitem__(self, key):
        key = key if isinstance(key, tuple) else (key,)
        rows, columns, colours = (*key, *[slice(None)] * (3 - len(key)))
        (top, bottom, down), (left, right, across) = (
            rows.indices(self.shape[0]),
            columns.indices(self.shape[1]),
        )
        out = np.empty((max(0, bottom - top), max(0, right - left), 3), np.uint8)
        for row in range(top // TILE, -(-bottom // TILE)):
            for column in range(left // TILE, -(-right // TILE)):
                y, x = row * TILE, column * TILE
                tile = self._tile(row, column)
                part = tile[max(top - y, 0) : bottom - y, max(left - x, 0) : right - x]
                at = max(y - top, 0), max(x - left, 0)
                out[at[0] : at[0] + part.shape[0], at[1] : at[1] + part.shape[1]] = part
        return out[::down, ::across, colours]

    def _tile(self, row, column):
        key = (self._number, row, column)
        tile = self._cache.get(key)
        if tile is None:
            try:
                tile = tile_pixels(self._slide, self._number, column, row, TILE)
            except SlideError as error:
                if not self._failed:  # said once, not at every move
                    self._failed = True
                    log.warning("%s", error)
                return np.full((TILE, TILE, 3), _UNREADABLE, np.uint8)
            self._cache.put(key, tile)
        return tile
