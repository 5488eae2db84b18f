"""A slide that is not available: its size alone, white all over, for maps to be on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .slide import Slide, pyramid_levels

__all__ = ["BlankSlide"]


class BlankSlide(Slide):
    """White pixels of a slide's size.

    Parameters: width, height, in level-0 pixels; mpp, microns per pixel or None.
    """

    format = "blank"

    def __init__(self, width: int, height: int, mpp: float | None = None) -> None:
        self.path, self.width, self.height, self.mpp = Path("blank"), int(width), int(height), mpp
        sizes = [(self.width, self.height)]
        while max(sizes[-1]) > 512:
            sizes.append(tuple(max(1, side // 2) for side in sizes[-1]))
        self.levels = pyramid_levels(sizes)

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), 255, np.uint8)
