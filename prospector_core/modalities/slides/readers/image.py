"""PNG and JPEG: decoded once, kept in memory with its halved copies."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from ....errors import SlideError
from ....store.memory import check_memory, memory_errors
from .slide import Slide, pyramid_levels, square_mpp

__all__ = ["ImageSlide"]

_BYTES, _TURNED = (
    9,
    24,
)  # a pixel of RGB, of others that are turned into it: all copies that are held at one time

# Pillow's own limit knows no way out; `check_memory` stands in its place, and looks before anything is
# unpacked.
Image.MAX_IMAGE_PIXELS = None


class ImageSlide(Slide):
    """A plain image as a slide.

    Raises
    ------
    SlideError
        Not an image, damaged, or too large to be held in memory (decompression bombs are refused unread).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            with (
                Image.open(self.path, formats=("PNG", "JPEG")) as image,
                memory_errors(self.path, SlideError),
            ):
                need = image.width * image.height * (_BYTES if image.mode == "RGB" else _TURNED)
                what = (
                    f"a plain image of {image.width:,} x {image.height:,} pixels (a pyramidal TIFF would not:"
                    " vips tiffsave --tile --pyramid --compression jpeg)"
                )
                check_memory(need, self.path, what, SlideError)
                self.format = image.format or "image"
                pixels, self.mpp = _rgb(image), _mpp(image, self.path.name)
        except (
            OSError,
            SyntaxError,
            ValueError,
            IndexError,
            TypeError,
            OverflowError,
            struct.error,
            zlib.error,
        ) as error:
            if isinstance(error, SlideError):
                raise
            raise SlideError(
                f"{self.path.name} is damaged or not an image ({error}); copy it again"
            ) from error
        self._images = []
        while True:
            half = pixels.reduce(2) if max(pixels.size) > 512 else None
            self._images.append(np.asarray(pixels))
            if half is None:
                break
            pixels = half  # the larger one goes: two copies of it are enough
        self.levels = pyramid_levels([(one.shape[1], one.shape[0]) for one in self._images])
        self.width, self.height = self.levels[0].width, self.levels[0].height

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        return self._images[level][y : y + height, x : x + width].copy()


def _rgb(image: Image.Image) -> Image.Image:
    """Return a decoded RGB copy; transparent pixels become white, 16-bit grey becomes 8-bit."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert(
            "RGB"
        )
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def _mpp(image: Image.Image, name: str) -> float | None:
    """Return microns per pixel by the dots an inch that the file states, where that can be a slide's."""
    try:
        across, down = (25400.0 / float(dots) for dots in image.info["dpi"])
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return None
    return square_mpp(across, down, name)
