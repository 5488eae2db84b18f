"""What is under points, tile by tile for a browser.

Channels in grey, borders of cells in a label image, outlines as numbers.
"""

from __future__ import annotations

from functools import cached_property

import imagecodecs
import numpy as np

from viewers.point_pictures import spacing_of

__all__ = ["CONTRASTS", "SIDE", "BorderTiles", "ChannelTiles", "OutlineTiles"]

SIDE = 512
"""Pixels a side of a tile."""

CONTRASTS = {"usual": (1.0, 99.8), "strong": (10.0, 99.0), "whole": (0.0, 100.0)}
"""Percentiles of a channel between which it is shown, by name."""

_ACROSS = 24  # tokens per side of a tile of outlines, about


class _Tiles:
    suffix = "png"

    def __init__(self, pyramid):
        self.pyramid = pyramid

    def _rect(self, level, row, column):
        """(level of the pyramid, top, bottom, left, right) of a tile, None where there is none.

        ``level``: 0 is the coarsest.
        """
        down = self.pyramid.n_levels - 1 - level
        if down < 0:
            return None
        rows, columns = self.pyramid.shape(down)
        top, left = row * SIDE, column * SIDE
        return (
            (down, top, min(top + SIDE, rows), left, min(left + SIDE, columns))
            if top < rows and left < columns
            else None
        )


class ChannelTiles(_Tiles):
    """Channels of a ChannelImage as 8-bit grey; the channel is what the address calls a concept.

    Parameters: image; contrast, one of CONTRASTS.
    """

    def __init__(self, image, contrast):
        super().__init__(image)
        self._percentiles = CONTRASTS[contrast]

    def tile(self, level, row, column, view):
        """PNG bytes, or None if there is no such tile."""
        rect, channel = self._rect(level, row, column), view.concept
        if rect is None or channel is None or channel >= len(self.pyramid.channels):
            return None
        low, high = self.pyramid.limits(channel, *self._percentiles)
        values = self.pyramid.read(channel, *rect).astype(np.float32)
        grey = np.clip((np.nan_to_num(values) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        return bytes(imagecodecs.png_encode(grey, level=1))


class BorderTiles(_Tiles):
    """Borders of the cells of a LabelImage: white lines on nothing."""

    def tile(self, level, row, column, view):
        """PNG bytes, or None if there is no such tile."""
        rect = self._rect(level, row, column)
        if rect is None:
            return None
        down, top, bottom, left, right = rect
        labels = self.pyramid.read(0, down, max(top - 1, 0), bottom, max(left - 1, 0), right)
        edge = np.zeros(labels.shape, bool)
        edge[1:] |= labels[1:] != labels[:-1]
        edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        edge = edge[min(top, 1) :, min(left, 1) :]
        pixels = np.full((*edge.shape, 4), 255, np.uint8)
        pixels[..., 3] = np.where(edge, 255, 0)
        return bytes(imagecodecs.png_encode(pixels, level=1))


class OutlineTiles:
    """Outlines of the tokens whose places are in one square of the plane.

    The bytes are n, the ids (n) and starts (n + 1) as uint32, then x, y as float32.

    Parameters: outlines, `readers.under.Outlines`; positions (n, 2); middle, that x and y count from.
    Attributes: origin (x, y), side of a square. Level 0 is the only one.
    """

    suffix = "bin"

    def __init__(self, outlines, positions, middle):
        self._outlines, self._positions, self._middle = (
            outlines,
            np.asarray(positions, float)[:, :2],
            np.asarray(middle, float)[:2],
        )
        self.origin = self._positions.min(axis=0)
        self.side = spacing_of(self._positions) * _ACROSS

    @cached_property
    def _squares(self):
        """(tokens by square, squares ascending, where each begins)."""
        at = np.floor((self._positions - self.origin) / self.side).astype(np.int64)
        key = at[:, 1] * 100_000 + at[:, 0]
        order = np.argsort(key, kind="stable")
        found, starts = np.unique(key[order], return_index=True)
        return order, found, np.append(starts, len(order))

    def tile(self, level, row, column, view):
        """Bytes; also of a square without tokens. None for another level."""
        if level:
            return None
        order, found, starts = self._squares
        at = int(np.searchsorted(found, row * 100_000 + column))
        there = at < len(found) and found[at] == row * 100_000 + column
        tokens = np.sort(order[starts[at] : starts[at + 1]]) if there else np.empty(0, np.int64)
        rings = [self._outlines.ring(token) - self._middle for token in tokens]
        ends = np.cumsum([0, *(len(ring) for ring in rings)])
        head = np.concatenate([[len(tokens)], tokens, ends]).astype("<u4")
        return head.tobytes() + np.concatenate([*rings, np.empty((0, 2))]).astype("<f4").tobytes()
