"""Hamamatsu NDPI, MIRAX, Leica, Philips, Ventana and the other formats that OpenSlide reads."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ....errors import MissingExtraError, SlideError
from .slide import Level, Slide, square_mpp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["OpenSlideSlide", "detect_vendor"]


def _openslide() -> ModuleType:
    try:
        import openslide
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            "this slide format needs OpenSlide: pip install openslide-python openslide-bin"
        ) from error
    return openslide


def detect_vendor(path: str | os.PathLike[str]) -> str | None:
    """Return OpenSlide's name of a file's format ("aperio", "hamamatsu", ...), or None."""
    try:
        return _openslide().OpenSlide.detect_format(str(path))
    except MissingExtraError:
        return None


class OpenSlideSlide(Slide):
    """A slide read through OpenSlide. Its associated images (label, macro) are never touched.

    Raises
    ------
    SlideError
        OpenSlide cannot open it, or parts of it are missing.
    MissingExtraError
        OpenSlide is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        openslide = _openslide()
        try:
            self._slide = openslide.OpenSlide(str(self.path))
            properties = self._slide.properties
            sizes, downsamples = (
                self._slide.level_dimensions,
                self._slide.level_downsamples,
            )
        except openslide.OpenSlideError as error:
            raise SlideError(
                f"{self.path.name} cannot be opened ({error}); copy it again with the files beside it"
            ) from error
        if (
            not sizes
            or min(min(size) for size in sizes) < 1
            or not all(d > 0 and math.isfinite(d) for d in downsamples)
        ):
            self._slide.close()
            raise SlideError(f"{self.path.name} has a level without pixels: it is damaged, copy it again")
        self.format = properties.get(openslide.PROPERTY_NAME_VENDOR, "OpenSlide")
        self.levels = tuple(Level(w, h, d) for (w, h), d in zip(sizes, downsamples, strict=True))
        self.width, self.height = sizes[0]
        across, down = (
            _float(properties.get(name))
            for name in (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)
        )
        try:
            self.mpp = square_mpp(across, down, self.path.name, 0.01, 1000.0)
        except SlideError:
            self._slide.close()
            raise
        self.objective_power = _float(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER))
        self.bounds = _bounds(properties)
        self._error = openslide.OpenSlideError

    def close(self) -> None:
        """Release the file."""
        self._slide.close()

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        down = self.levels[level].downsample
        try:
            region = self._slide.read_region((round(x * down), round(y * down)), level, (width, height))
        except (self._error, ValueError) as error:
            raise SlideError(f"{self.path.name}: a region cannot be read ({error}); copy it again") from error
        # What was never scanned is transparent.
        white = Image.new("RGBA", region.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(white, region).convert("RGB"))


def _bounds(properties: Mapping[str, str]) -> tuple[int, int, int, int] | None:
    """Return x, y, width and height of what was scanned, or None; a width that is not stated is 0."""
    found = [_float(properties.get(f"openslide.bounds-{side}")) for side in ("x", "y", "width", "height")]
    if found[0] is None and found[1] is None:
        return None
    return tuple(int(value or 0) for value in found)


def _float(text: str | None) -> float | None:
    try:
        found = float(text) if text is not None else None
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None
