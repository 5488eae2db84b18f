"""One page of a TIFF file: where its tiles are, and how their colours are told."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import tifffile

from ....errors import SlideError
from ....store.memory import check_memory

__all__ = ["Page", "UnsupportedTiff"]

_JPEG2000_YCBCR = 33003  # its colours are turned by OpenSlide, not by the codec

_ASSOCIATED = 1  # of the tag ExtraSamples

_MOST_TILES = 50_000_000  # of one level: 200,000 x 200,000 pixels have 600,000 of 256


class UnsupportedTiff(Exception):
    """A TIFF that is sound, but not of a kind read here.

    Attributes
    ----------
    elsewhere : bool
        Whether another reader may know better (a rare compression), or the image is simply not a colour
        picture.
    """

    def __init__(self, why: str, elsewhere: bool = False) -> None:
        super().__init__(why)
        self.elsewhere = elsewhere


class Page:
    """What is needed of one TIFF page to fetch and decode its tiles (strips count as wide tiles)."""

    def __init__(self, page: tifffile.TiffPage, path: Path) -> None:
        self.width, self.height = page.imagewidth, page.imagelength
        self._jpeg = page.compression in _JPEGS
        samples = page.samplesperpixel
        if (
            page.dtype not in (np.dtype("u1"), np.dtype("u2"))
            or samples not in (1, 3, 4)
            or page.imagedepth != 1
        ):
            raise UnsupportedTiff(f"{samples} channels of {page.dtype}")
        if page.compression == _JPEG2000_YCBCR:
            raise UnsupportedTiff("JPEG 2000 in YCbCr", elsewhere=True)
        if page.compression != 1 and not _can_decode(page.compression):
            raise UnsupportedTiff(f"compression {page.compression!r}", elsewhere=True)
        self.is_tiled = page.is_tiled
        if page.is_tiled:
            self.tile_width, self.tile_height = page.tilewidth, page.tilelength
        else:
            self.tile_width, self.tile_height = (
                self.width,
                min(page.rowsperstrip, self.height),
            )
        if min(self.width, self.height, self.tile_width, self.tile_height) < 1:
            raise SlideError(
                f"{path.name} has an image of {self.width} x {self.height} pixels: it is damaged, copy it"
                " again"
            )
        # as decoded, and as RGB
        need = self.tile_width * self.tile_height * (samples * page.dtype.itemsize + 4)
        what = (
            f"a {'tile' if page.is_tiled else 'strip'} of {self.tile_width:,} x {self.tile_height:,} pixels"
        )
        check_memory(need, path, what, SlideError)
        self.tiles_across = math.ceil(self.width / self.tile_width)
        self.tiles_down = math.ceil(self.height / self.tile_height)
        self.planes = samples if page.planarconfig == 2 else 1
        if self.tiles_across * self.tiles_down > _MOST_TILES:
            raise SlideError(
                f"{path.name} says that it has {self.tiles_across * self.tiles_down:,} tiles: it is damaged,"
                " copy it again"
            )
        self.offsets = tuple(page.dataoffsets)
        self.bytecounts = tuple(page.databytecounts)
        wanted = self.tiles_across * self.tiles_down * self.planes
        if (
            min(len(self.offsets), len(self.bytecounts)) < wanted
        ):  # looked for one by one it would take for ever
            raise SlideError(
                f"{path.name} says that it has {wanted:,} tiles and lists"
                f" {min(len(self.offsets), len(self.bytecounts)):,}: it is damaged, copy it again"
            )
        self.jpegtables = page.jpegtables
        self.decode = page.decode  # a closure that holds neither the page nor its file
        self._bits = page.bitspersample
        self._colormap = page.colormap if page.photometric == tifffile.PHOTOMETRIC.PALETTE else None
        # A fourth channel is transparency only where the file says so; "unspecified" may hold anything.
        self._alpha = int(page.extrasamples[0]) if page.extrasamples and samples == 4 else 0
        self._inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        if page.photometric not in _PHOTOMETRICS:
            raise UnsupportedTiff(f"photometric {page.photometric!r}", elsewhere=True)

    def check_content(self, data: bytes) -> None:
        """Raise ValueError for a JPEG that says it is larger than its tile.

        It would be unpacked all the same.
        """
        sides = _jpeg_sides(data) if self._jpeg else None
        if sides and sides[0] * sides[1] > 4 * self.tile_width * self.tile_height + 2**20:
            raise ValueError(f"it holds a picture of {sides[0]:,} x {sides[1]:,} pixels")

    @property
    def end(self) -> int:
        """The byte after the last one that any tile needs."""
        return max(
            (o + c for o, c in zip(self.offsets, self.bytecounts, strict=False) if c),
            default=0,
        )

    def to_rgb(self, pixels: np.ndarray) -> np.ndarray:
        """Turn decoded (h, w, samples) of 8 or 16 bits into (h, w, 3) uint8."""
        if self._colormap is not None:
            pixels = np.moveaxis(self._colormap[:, pixels[..., 0]], 0, -1)
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        if self._inverted:
            pixels = 255 - pixels
        if pixels.shape[-1] == 1:
            return np.repeat(pixels, 3, axis=-1)
        if pixels.shape[-1] == 4:
            colour, alpha = pixels[..., :3], pixels[..., 3:].astype(np.uint16)
            if self._alpha and (alpha != 255).any():
                if self._alpha == _ASSOCIATED:  # its colours are multiplied by it already
                    return np.minimum(colour + (255 - alpha), 255).astype(np.uint8)
                return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
            pixels = colour
        return np.ascontiguousarray(pixels)


_PHOTOMETRICS = (
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.YCBCR,
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.PALETTE,
)

_JPEGS = (6, 7, 33003, 33004, 33005, 34712, 34892, 33007)

# Those that say how large they are before they are unpacked, or are unpacked to no more than is asked for.
_COMPRESSIONS = (1, 5, 8, 32773, 32946, 34925, 50000, 50001, *_JPEGS)


def _jpeg_sides(data: bytes) -> tuple[int, int] | None:
    """Return width and height that a JPEG or JPEG 2000 says it has; None where it does not."""
    if data[:4] == b"\xff\x4f\xff\x51" and len(data) >= 16:
        return struct.unpack_from(">II", data, 8)
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + max(2, length)
    return None


def _can_decode(compression: int) -> bool:
    if compression not in _COMPRESSIONS:
        return False
    try:
        return tifffile.TIFF.DECOMPRESSORS[compression] is not None
    except KeyError:
        return False
