"""What every slide reader offers: regions of level 0 as RGB, at any scale, white outside the slide."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from ....errors import SlideError

__all__ = ["Level", "Slide", "plausible_mpp", "pyramid_levels", "square_mpp"]

# A rectangle that needs more source pixels than this is resampled piece by piece (96 MB of RGB a piece).
_MAX_SOURCE_PIXELS = 32_000_000
_SQUARE = 0.02  # by how much a pixel's height may differ from its width, as a share
# One call never returns more than this: a typing error must not take the machine's memory.
_MAX_REGION_PIXELS = 1_000_000_000


@dataclass(frozen=True)
class Level:
    """One level of a pyramid: its size in its own pixels, and level-0 pixels per pixel of it."""

    width: int
    height: int
    downsample: float


def plausible_mpp(mpp: float | None, low: float = 0.05, high: float = 20.0) -> float | None:
    """Return `mpp` (um per pixel) if it can be that of a slide, else None (72 dpi is 353 um: not a slide)."""
    if mpp is None or not math.isfinite(mpp) or not low <= mpp <= high:
        return None
    return float(mpp)


def square_mpp(
    across: float | None, down: float | None, name: str, low: float = 0.05, high: float = 20.0
) -> float | None:
    """Return um per pixel of a slide that states them `across` and `down`; None where no slide has such ones.

    Raises
    ------
    SlideError
        They are more than 2 % apart: tiles would be no squares in microns.
    """
    mpp = plausible_mpp(across, low, high)
    if not (across and down and min(across, down) > 0 and math.isfinite(across + down)):
        return mpp
    if abs(across - down) <= _SQUARE * min(across, down):
        return mpp
    if mpp is None and plausible_mpp(down, low, high) is None:
        return None
    raise SlideError(
        f"{name} says that its pixels are {across:.4g} x {down:.4g} microns, which is not square: resample it"
        " (vips resize --vscale), or correct what it states, and export it again"
    )


def pyramid_levels(sizes: list[tuple[int, int]]) -> tuple[Level, ...]:
    """Return levels for (width, height) pairs, largest first.

    A level half as large was made with a factor of exactly 2 even where an odd size was rounded: 2221 -> 1110
    is 2, not 2.0009, which would shift the far corner by a pixel.
    """
    if min(min(size) for size in sizes) < 1:
        raise SlideError(
            f"a level of {' x '.join(map(str, min(sizes)))} pixels is not a picture: the file is damaged,"
            " copy it again"
        )
    width, height = sizes[0]
    levels = []
    for w, h in sizes:
        downsample = (width / w + height / h) / 2
        whole = max(1, round(downsample))
        if w in (width // whole, -(-width // whole)) and h in (
            height // whole,
            -(-height // whole),
        ):
            downsample = float(whole)
        levels.append(Level(w, h, downsample))
    return tuple(levels)


class Slide(ABC):
    """An open slide. A reader sets the attributes and implements `_read`; everything else follows.

    Attributes
    ----------
    path : Path
    format : str
    width, height : int
        Level-0 pixels.
    mpp : float or None
        Micrometres per level-0 pixel, None where the file does not say.
    objective_power : float or None
    levels : tuple of Level
        Largest first. Label and macro images are never among them.
    bounds : (int, int, int, int) or None x, y, width and height in level-0 pixels of what was scanned, where
        the file says so. Coordinates here start at the corner of the whole slide all the same; QuPath's start
        at the corner of the bounds.
    """

    path: Path
    format: str
    width: int
    height: int
    mpp: float | None = None
    objective_power: float | None = None
    levels: tuple[Level, ...]
    bounds: tuple[int, int, int, int] | None = None

    @abstractmethod
    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Return (height, width, 3) uint8 for a rectangle that is inside `level`, in its own pixels."""

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> np.ndarray:
        """Return a region as (height, width, 3) uint8 RGB; what is outside the slide is white.

        Parameters
        ----------
        x, y : int
            Upper left corner in level-0 pixels; may be negative.
        width, height : int
            In pixels of `level`.

        Raises
        ------
        SlideError
            The level does not exist, the region is empty or absurdly large, or its pixels cannot be decoded.
        """
        width, height = int(width), int(height)
        if not 0 <= level < len(self.levels):
            raise SlideError(f"{self.path.name}: no level {level}; it has levels 0 to {len(self.levels) - 1}")
        self._check_size(width, height)
        of = self.levels[level]
        return self._window(
            level,
            math.floor(x / of.downsample + 0.5),
            math.floor(y / of.downsample + 0.5),
            width,
            height,
        )

    def read_scaled(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        out_width: int,
        out_height: int,
    ) -> np.ndarray:
        """Return the level-0 rectangle (fractions allowed) resampled to (out_height, out_width, 3) uint8 RGB.

        Read from the coarsest level that is still fine enough, then area-filtered: nothing aliases.

        Raises
        ------
        SlideError
            An empty rectangle or output, or pixels that cannot be decoded.
        """
        out_width, out_height = int(out_width), int(out_height)
        self._check_size(out_width, out_height)
        if not (width > 0 and height > 0 and math.isfinite(x + y + width + height)):
            raise SlideError(f"{self.path.name}: cannot read an empty rectangle ({width} x {height})")
        level = self.best_level(min(width / out_width, height / out_height))
        down = self.levels[level].downsample
        box = (x / down, y / down, width / down, height / down)
        out = np.empty((out_height, out_width, 3), np.uint8)
        self._resample(level, box, out)
        return out

    def thumbnail(self, max_side: int = 512) -> np.ndarray:
        """Return the whole slide as (h, w, 3) uint8 RGB, its longer side `max_side` pixels at most."""
        scale = min(1.0, max_side / max(self.width, self.height))
        out_width, out_height = (
            max(1, round(self.width * scale)),
            max(1, round(self.height * scale)),
        )
        return self.read_scaled(0, 0, self.width, self.height, out_width, out_height)

    def best_level(self, downsample: float) -> int:
        """Return the index of the coarsest level at most `downsample` times smaller than level 0."""
        best = 0
        for index, level in enumerate(self.levels):
            if self.levels[best].downsample < level.downsample <= downsample * 1.001:
                best = index
        return best

    def close(self) -> None:  # noqa: B027 - a reader that holds nothing open has nothing to do
        """Release the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        mpp = "unknown mpp" if self.mpp is None else f"{self.mpp:g} um/px"
        return f"<{type(self).__name__} {self.path.name} {self.width} x {self.height}, {mpp}>"

    def _check_size(self, width: int, height: int) -> None:
        if width < 1 or height < 1 or width * height > _MAX_REGION_PIXELS:
            raise SlideError(f"{self.path.name}: cannot read a region of {width} x {height} pixels")

    def _window(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Return a rectangle of `level` in its own pixels, white where it leaves the level."""
        of = self.levels[level]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, of.width), min(y + height, of.height)
        if (left, top, right, bottom) == (x, y, x + width, y + height):
            return self._read(level, x, y, width, height)
        out = np.full((height, width, 3), 255, np.uint8)
        if right > left and bottom > top:
            out[top - y : bottom - y, left - x : right - x] = self._read(
                level, left, top, right - left, bottom - top
            )
        return out

    def _resample(self, level: int, box: tuple[float, float, float, float], out: np.ndarray) -> None:
        """Fill `out` from a rectangle of `level` (x, y, width, height in its own pixels)."""
        x, y, width, height = box
        rows, cols = out.shape[:2]
        if width * height > _MAX_SOURCE_PIXELS and max(rows, cols) > 1:
            if rows >= cols:
                half = rows // 2
                cut = height * half / rows
                self._resample(level, (x, y, width, cut), out[:half])
                self._resample(level, (x, y + cut, width, height - cut), out[half:])
            else:
                half = cols // 2
                cut = width * half / cols
                self._resample(level, (x, y, cut, height), out[:, :half])
                self._resample(level, (x + cut, y, width - cut, height), out[:, half:])
            return
        if (width, height) == (cols, rows) and float(x).is_integer() and float(y).is_integer():
            out[...] = self._window(level, int(x), int(y), cols, rows)
            return
        # The filter looks beyond the rectangle by its own reach, so that neighbouring tiles meet without a
        # seam; but not beyond the slide, where the white would bleed into the slide's last pixels.
        of = self.levels[level]
        reach_x, reach_y = (
            math.ceil(max(1.0, width / cols)) + 1,
            math.ceil(max(1.0, height / rows)) + 1,
        )
        left = min(math.floor(x), max(0, math.floor(x) - reach_x))
        top = min(math.floor(y), max(0, math.floor(y) - reach_y))
        right = max(math.ceil(x + width), min(of.width, math.ceil(x + width) + reach_x))
        bottom = max(math.ceil(y + height), min(of.height, math.ceil(y + height) + reach_y))
        source = Image.fromarray(self._window(level, left, top, right - left, bottom - top))
        # Pillow stretches a filter by the scale when it shrinks, which is what keeps it from aliasing.
        shrinks = width >= cols and height >= rows
        out[...] = source.resize(
            (cols, rows),
            Image.Resampling.HAMMING if shrinks else Image.Resampling.BILINEAR,
            box=(x - left, y - top, x - left + width, y - top + height),
        )
