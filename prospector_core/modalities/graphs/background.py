"""What is under the points of a study of cells.

Channels, label images and outlines, read piece by piece as they are looked at.
"""

from __future__ import annotations

import math
import threading
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ...errors import GraphError
from ...store.memory import check_chunks, check_memory
from ...store.readable import require_readable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tifffile import TiffPageSeries

__all__ = [
    "ChannelImage",
    "LabelImage",
    "Outlines",
    "Stored",
    "check_tiles",
    "halvings",
    "stored_tiff",
]

_SMALLEST = 512  # pixels that the longer side of the coarsest level has at most
_ROWS = 2048  # of a finer level that are read together where a coarser one is made of them
_MOST_CHANNELS = 10_000
_CORNERS = 24  # of a circle's outline


class Stored:
    """One stored level: an array that is read by slices, whatever the order of its axes.

    Parameters: array, anything with shape, dtype and slicing; axes, a letter an axis ("CYX", "YXS"), of which
    all but X, Y and the channels (C or S) must be 1 long. Raises GraphError.
    """

    def __init__(self, array: Any, axes: Any, name: str) -> None:
        axes = "".join({"S": "C", "I": "C", "Q": "C"}.get(axis, axis) for axis in axes.upper())
        odd = [axis for axis, n in zip(axes, array.shape) if axis not in "XYC" and n > 1]
        if odd or axes.count("C") > 1 or not {"X", "Y"} <= set(axes):
            raise GraphError(
                f"{name} has the axes {axes}: one of channels beside rows and columns is understood (no"
                " stack, no time)"
            )
        self._array, self._axes, self._name = array, axes, name
        self.height, self.width = (int(array.shape[axes.index(axis)]) for axis in "YX")
        self.n_channels = int(array.shape[axes.index("C")]) if "C" in axes else 1
        self.dtype = np.dtype(array.dtype)
        self._lock = threading.Lock()
        if min(self.height, self.width, self.n_channels) < 1 or self.n_channels > _MOST_CHANNELS:
            raise GraphError(f"{name} has the sides {array.shape}: it is damaged, or no image of channels")
        check_chunks(array, name, GraphError)

    def read(self, channel: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
        """A rectangle of one channel: (bottom - top, right - left)."""
        at = {"Y": slice(top, bottom), "X": slice(left, right), "C": channel}
        rows, columns = max(bottom - top, 0), max(right - left, 0)
        need = rows * columns * (self.dtype.itemsize + 4)
        check_memory(need, self._name, f"a part of {columns:,} x {rows:,} pixels", GraphError)
        try:
            with self._lock:
                part = np.asarray(self._array[tuple(at.get(axis, 0) for axis in self._axes)])
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise GraphError(f"{self._name} cannot be read ({error}): copy it again") from error
        return part.T if self._axes.index("X") < self._axes.index("Y") else part


def stored_tiff(path: Path) -> Any:
    """Levels of a TIFF, the largest first: list of Stored, and the open file.

    Nothing is read yet. Raises GraphError.
    """
    import tifffile
    import zarr

    require_readable(path, GraphError)
    try:
        file = tifffile.TiffFile(path)
        series = file.series[0]
        check_tiles(series, path)
        levels = [
            Stored(zarr.open(series.aszarr(level=at), mode="r"), level.axes, path.name)
            for at, level in enumerate(series.levels)
        ]
    except GraphError:
        raise
    except Exception as error:  # of many kinds, by many libraries
        raise GraphError(f"{path.name} is not a TIFF that can be read ({error}): export it again") from error
    return [level for level in levels if level.n_channels == levels[0].n_channels], file


def check_tiles(series: TiffPageSeries, path: Path) -> None:
    """Raise GraphError where a tile or strip of an image is larger than it may be: it is unpacked whole."""
    for level in series.levels:
        page = level.keyframe
        sides = " x ".join(f"{side:,}" for side in page.chunks)
        check_memory(
            math.prod(page.chunks) * page.dtype.itemsize, path, f"a tile or strip of {sides}", GraphError
        )


def halvings(width: Any, height: Any) -> Any:
    """How often an image is halved until its longer side is short: the number of its coarsest level."""
    return max(0, int(np.ceil(np.log2(max(width, height, 1) / _SMALLEST))))


class _Pyramid:
    """Levels, each half of the one before, of what is stored: level 0 is full size.

    Parameters: stored, list of Stored, the largest first; matrix, (2, 3), takes (x, y, 1) in pixels of level
    0, whose upper left corner is 0, 0, to the coordinates of the tokens; name.
    """

    def __init__(self, stored: Any, matrix: Any, name: str, keep: Any = None) -> None:
        self.stored, self.matrix, self.name, self._keep = stored, np.asarray(matrix, float), name, keep
        self.width, self.height = stored[0].width, stored[0].height
        self.n_levels = halvings(self.width, self.height) + 1
        self.dtype = stored[0].dtype

    def shape(self, level: Any) -> Any:
        """(rows, columns) of a level."""
        return -(-self.height >> level), -(-self.width >> level)

    def read(self, channel: Any, level: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
        """A rectangle of a channel at a level, in pixels of that level: (rows, columns)."""
        rows, columns = self.shape(level)
        bottom, right = min(bottom, rows), min(right, columns)
        scale = 1 << level
        stored = next(
            each
            for each in reversed(self.stored)
            if round(self.width / each.width) <= scale and scale % max(1, round(self.width / each.width)) == 0
        )
        step = scale // max(1, round(self.width / stored.width))
        if step == 1:
            part = stored.read(channel, top, min(bottom, stored.height), left, min(right, stored.width))
            return (
                np.pad(
                    part, [(0, bottom - top - part.shape[0]), (0, right - left - part.shape[1])], mode="edge"
                )
                if part.size
                else np.zeros((bottom - top, right - left), self.dtype)
            )
        out = np.zeros((bottom - top, right - left), self._made)
        strip = max(1, _ROWS // step)
        for first in range(top, bottom, strip):
            last = min(first + strip, bottom)
            fine = stored.read(
                channel,
                first * step,
                min(last * step, stored.height),
                left * step,
                min(right * step, stored.width),
            )
            out[first - top : last - top] = self._shrunk(fine, step, last - first, right - left)
        return out


class ChannelImage(_Pyramid):
    """An image of channels. Attributes.

    Channels, their names; is_rgb, whether they are red, green and blue as they are.
    """

    _made = np.float32

    def __init__(self, stored: Any, matrix: Any, name: str, channels: Any = None, keep: Any = None) -> None:
        super().__init__(stored, matrix, name, keep)
        n = stored[0].n_channels
        self.channels = (
            list(map(str, channels))
            if channels and len(channels) == n
            else [f"channel {i + 1}" for i in range(n)]
        )
        plain = {
            "r",
            "g",
            "b",
            "red",
            "green",
            "blue",
            *map(str, range(4)),
            "channel 1",
            "channel 2",
            "channel 3",
            "channel 4",
        }
        self.is_rgb = (
            n in (3, 4) and self.dtype == np.uint8 and {each.lower() for each in self.channels} <= plain
        )
        self._percentiles = {}

    def _shrunk(self, fine: Any, step: Any, rows: Any, columns: Any) -> Any:
        fine = np.pad(
            fine, [(0, rows * step - fine.shape[0]), (0, columns * step - fine.shape[1])], mode="edge"
        )
        return fine.reshape(rows, step, columns, step).mean(axis=(1, 3), dtype=np.float32)

    def limits(self, channel: Any, low: float = 1.0, high: float = 99.8) -> Any:
        """Values between which a channel is shown: percentiles of its coarsest level."""
        if self.is_rgb:
            return 0.0, 255.0
        if channel not in self._percentiles:
            level = self.n_levels - 1
            values = self.read(channel, level, 0, self.shape(level)[0], 0, self.shape(level)[1])
            values = values[np.isfinite(values)].astype(np.float64)
            self._percentiles[channel] = np.sort(values) if values.size else np.zeros(1)
        bottom, top = np.percentile(self._percentiles[channel], [low, high])
        return float(bottom), float(top) if top > bottom else float(bottom) + 1.0


class LabelImage(_Pyramid):
    """An image whose pixels have the number of their cell, 0 where there is none.

    Its attribute ``numbers``, {number: token}, is made when asked for.
    """

    def __init__(self, stored: Any, matrix: Any, name: str, numbers: Any, keep: Any = None) -> None:
        super().__init__(stored, matrix, name, keep)
        self._numbers = numbers

    @property
    def _made(self) -> Any:
        return self.dtype

    def _shrunk(self, fine: Any, step: Any, rows: Any, columns: Any) -> Any:
        part = fine[step // 2 :: step, step // 2 :: step][:rows, :columns]
        return np.pad(part, [(0, rows - part.shape[0]), (0, columns - part.shape[1])])

    @cached_property
    def numbers(self) -> Any:
        """(numbers of the cells, ascending; their tokens)."""
        known = np.asarray(self._numbers(), np.int64)
        order = np.argsort(known, kind="stable")
        return known[order], order

    def tokens(self, pixels: Any) -> Any:
        """The token of each pixel, -1 where there is none. ``pixels``: of `read`."""
        numbers, tokens = self.numbers
        at = np.minimum(np.searchsorted(numbers, pixels), len(numbers) - 1)
        return np.where(numbers[at] == pixels, tokens[at], -1)


class Outlines:
    """Outlines of cells in the coordinates of the tokens.

    Parameters: shapes, function that gives shapely geometries (polygons, or points), one per token, and the
    radii of points (or None); matrix, (2, 3), takes them to the coordinates. Nothing is read before it is
    looked at.
    """

    def __init__(self, shapes: Any, matrix: Any) -> None:
        self._shapes, self.matrix = shapes, np.asarray(matrix, float)

    @cached_property
    def rings(self) -> Any:
        """(vertices (m, 2), starts (n + 1,)).

        The outer ring of token t is vertices[starts[t]:starts[t + 1]]; of several parts, the largest.
        """
        geometries, radii = self._shapes()
        if radii is not None:
            turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
            ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
            centres = shapely.get_coordinates(shapely.centroid(geometries))
            vertices = (centres[:, None] + np.asarray(radii, float)[:, None, None] * ring).reshape(-1, 2)
            starts = np.arange(len(centres) + 1) * _CORNERS
        else:
            parts, owner = shapely.get_parts(geometries, return_index=True)
            largest = np.lexsort((-shapely.area(parts), owner))
            first = np.unique(owner[largest], return_index=True)
            chosen = np.full(len(geometries), None, object)
            chosen[first[0]] = parts[largest][first[1]]
            rings = shapely.get_exterior_ring(chosen)
            vertices, owner = shapely.get_coordinates(rings, return_index=True)
            starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(geometries)))])
        return vertices @ self.matrix[:, :2].T + self.matrix[:, 2], starts.astype(np.int64)

    def ring(self, token: int) -> Any:
        """The outline of one token: (m, 2)."""
        vertices, starts = self.rings
        return vertices[starts[token] : starts[token + 1]]
