"""PNG and JPEG: decoded once, kept in memory with its halved copies."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import SlideError
from .slide import Slide, plausible_mpp, pyramid_levels

__all__ = ["ImageSlide"]

_MAX_PIXELS = 250_000_000  # 750 MB of RGB


class ImageSlide(Slide):
    """A plain image as a slide.

    Raises
    ------
    SlideError
        Not an image, damaged, or too large to be held in memory (decompression bombs are refused unread).
    """

    def __init__(self, path: str | os.PathLike[str], max_pixels: int = _MAX_PIXELS) -> None:
        self.path = Path(path)
        too_large = SlideError(
            f"{self.path.name} has more than {max_pixels:,} pixels, too many for a plain image; "
            "convert it to a pyramidal TIFF (vips tiffsave --tile --pyramid --compression jpeg)"
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(self.path, formats=("PNG", "JPEG")) as image:
                    if image.width * image.height > max_pixels:
                        raise too_large
                    self.format = image.format or "image"
                    dpi = image.info.get("dpi", (0, 0))[0]
                    pixels = _rgb(image)
        except Image.DecompressionBombError:
            raise too_large from None
        except (OSError, SyntaxError, ValueError) as error:
            if isinstance(error, SlideError):
                raise
            raise SlideError(f"{self.path.name} is damaged or not an image ({error}); copy it again") from error
        self.mpp = plausible_mpp(25400.0 / float(dpi)) if dpi else None
        images = [pixels]
        while max(pixels.size) > 512:
            pixels = pixels.reduce(2)
            images.append(pixels)
        self._images = [np.asarray(one) for one in images]
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
        return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
    return image.convert("RGB")
