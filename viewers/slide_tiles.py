"""Tiles of a slide: how its levels are counted, and the pixels of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["TILE_SIZE", "max_level", "tile_pixels"]

TILE_SIZE = 512
"""Side of a tile, px."""


def max_level(width: int, height: int) -> int:
    """Number of halvings after which a slide is one pixel: the level of full resolution."""
    return max(0, math.ceil(math.log2(max(width, height, 1))))


def tile_pixels(
    slide: Any, level: int, column: int, row: int, tile_size: int = TILE_SIZE
) -> np.ndarray | None:
    """Pixels of one tile.

    Parameters
    ----------
    slide : Slide
        From :func:`prospector_core.modalities.slides.readers.open_slide`.
    level : int
        0 to ``max_level(slide.width, slide.height)``; the last is full resolution.
    column, row : int
        Tile position at that level.
    tile_size : int
        Side, px.

    Returns
    -------
    (height, width, 3) uint8, or None if there is no such tile
        Both sides are ``tile_size`` except at the right and lower edge.
    """
    top = max_level(slide.width, slide.height)
    if not 0 <= level <= top:
        return None
    scale = 1 << (top - level)
    level_width, level_height = -(-slide.width // scale), -(-slide.height // scale)
    left, upper = column * tile_size, row * tile_size
    if not (0 <= left < level_width and 0 <= upper < level_height):
        return None
    width, height = (
        min(tile_size, level_width - left),
        min(tile_size, level_height - upper),
    )
    for index, stored in enumerate(slide.levels):
        # A stored level may be a pixel narrower than ours: its downsample then differs by less than a pixel
        # in all.
        if abs(stored.downsample / scale - 1) * max(stored.width, stored.height) < 1.5:
            return slide.read_region(left * scale, upper * scale, width, height, index)
    x, y = left * scale, upper * scale
    # The last column of a level may stand for less than `scale` pixels. The viewer stretches it over what
    # there is.
    span_x, span_y = (
        min(width * scale, slide.width - x),
        min(height * scale, slide.height - y),
    )
    return slide.read_scaled(x, y, span_x, span_y, width, height)
