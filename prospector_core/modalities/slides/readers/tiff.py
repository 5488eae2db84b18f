"""Aperio SVS, pyramidal TIFF and OME-TIFF: tiles are fetched by their offset and decoded by imagecodecs."""

from __future__ import annotations

import logging
import os
import struct
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tifffile

from ....errors import SlideError
from ....store.cache import Cache
from .slide import Slide, pyramid_levels
from .strips import StripImage
from .tiff_layout import read_layout
from .tiff_page import Page, UnsupportedTiff

__all__ = ["TiffSlide"]

# Its warnings would reach a terminal beside our own one-line errors.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class TiffSlide(Slide):
    """A slide in a TIFF container.

    Parameters
    ----------
    path : path
    cache_bytes : int
        Decoded tiles kept in memory.

    Raises
    ------
    SlideError
        Not a TIFF, or cut short: tiles that would be beyond the end of the file are noticed here, not later.
    UnsupportedTiff
        Not an 8- or 16-bit grey, palette or RGB image in a compression that can be decoded here.
    """

    def __init__(self, path: str | os.PathLike[str], cache_bytes: int = 64 * 2**20) -> None:
        self.path = Path(path)
        self._cache = Cache(cache_bytes)
        self._lock = threading.Lock()
        self._strips: dict[int, StripImage] = {}
        self._file: BinaryIO | None = open(self.path, "rb")  # noqa: SIM115 - held until close()
        try:
            size = os.fstat(self._file.fileno()).st_size
            _check_directories(self._file, size, self.path.name)
            try:
                # A handle with a name of our own: tifffile reads "x.ndpi" and "x.ome.tif" otherwise, whatever
                # they are.
                self._file.seek(0)
                with tifffile.TiffFile(self._file, name="slide.tif") as tif:
                    self.format, pages, self.mpp, self.objective_power = read_layout(tif, self.path.name)
                    self._pages = [Page(page, self.path) for page in pages]
            except (UnsupportedTiff, SlideError):
                raise
            except Exception as error:
                raise SlideError(
                    f"{self.path.name} is not a TIFF that can be read ({error}); copy or export it again"
                ) from error
            for page in self._pages:
                if page.end > size:
                    raise SlideError(
                        f"{self.path.name} is cut short: it has {size:,} bytes and its image data reach to "
                        f"byte {page.end:,}; copy it again from the scanner or archive"
                    )
        except BaseException:
            self.close()
            raise
        self.levels = pyramid_levels([(page.width, page.height) for page in self._pages])
        self.width, self.height = self.levels[0].width, self.levels[0].height
        for level, page in enumerate(self._pages):
            # Strips that the cache cannot hold would be decoded again and again for every row of tiles.
            if not page.is_tiled and 3 * page.width * page.height > cache_bytes:
                self._strips[level] = StripImage(page.width, page.height, page.tile_height)

    def close(self) -> None:
        """Release the file and the decoded tiles."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
        for strips in self._strips.values():
            strips.close()
        self._cache.clear()

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        page = self._pages[level]
        if level in self._strips:
            pixels = self._strips[level].pixels(lambda index: self._decoded(level, page, index))
            if pixels is not None:
                return np.array(pixels[y : y + height, x : x + width])
        out = np.empty((height, width, 3), np.uint8)
        for row in range(y // page.tile_height, (y + height - 1) // page.tile_height + 1):
            for col in range(x // page.tile_width, (x + width - 1) // page.tile_width + 1):
                left, top = col * page.tile_width, row * page.tile_height
                x0, y0 = max(x, left), max(y, top)
                x1, y1 = (
                    min(x + width, left + page.tile_width),
                    min(y + height, top + page.tile_height),
                )
                target = out[y0 - y : y1 - y, x0 - x : x1 - x]
                tile = self._tile(level, page, row * page.tiles_across + col)
                if tile is None:
                    target[...] = 255
                    continue
                part = tile[y0 - top : y1 - top, x0 - left : x1 - left]
                if part.shape != target.shape:
                    raise self._damaged(level, row * page.tiles_across + col, "too few pixels")
                target[...] = part
        return out

    def _tile(self, level: int, page: Page, index: int) -> np.ndarray | None:
        """Return one tile as (h, w, 3) uint8, or None where the file has none (never scanned: white)."""
        key = (level, index)
        tile = self._cache.get(key)
        if tile is None:
            tile = self._decoded(level, page, index)
            if tile is not None:
                self._cache.put(key, tile)
        return tile

    def _decoded(self, level: int, page: Page, index: int) -> np.ndarray | None:
        """Return one tile as `_tile` does, read from the file."""
        planes = []
        for plane in range(page.planes):
            segment = plane * page.tiles_across * page.tiles_down + index
            count = page.bytecounts[segment] if segment < len(page.bytecounts) else 0
            if count == 0:
                return None
            if segment >= len(page.offsets):
                raise self._damaged(level, index, "it has no place in the file")
            data = self._bytes(page.offsets[segment], count)
            try:
                page.check_content(data)
                decoded = page.decode(data, segment, jpegtables=page.jpegtables)[0]
            except Exception as error:
                raise self._damaged(level, index, error) from error
            planes.append(decoded[0])
        try:
            tile = page.to_rgb(planes[0] if len(planes) == 1 else np.concatenate(planes, axis=-1))
        except (ValueError, IndexError, TypeError) as error:
            raise self._damaged(level, index, error) from error
        if tile.ndim != 3 or tile.shape[-1] != 3:
            raise self._damaged(level, index, "it holds no picture")
        return tile

    def _bytes(self, offset: int, count: int) -> bytes:
        file = self._file
        if file is None:
            raise SlideError(f"{self.path.name} was closed; open it again")
        try:
            if hasattr(os, "pread"):  # needs no lock, hence no waiting between threads
                data = os.pread(file.fileno(), count, offset)
            else:
                with self._lock:
                    file.seek(offset)
                    data = file.read(count)
        except (OSError, ValueError) as error:
            raise SlideError(
                f"{self.path.name} cannot be read any more ({error}); is its drive connected?"
            ) from error
        if len(data) != count:
            raise SlideError(f"{self.path.name} is cut short at byte {offset + len(data):,}; copy it again")
        return data

    def _damaged(self, level: int, index: int, why: object) -> SlideError:
        return SlideError(
            f"{self.path.name}: tile {index} of level {level} is damaged ({why}); copy the slide again"
        )


def _check_directories(file: BinaryIO, size: int, name: str) -> None:
    """Follow the chain of page directories: none may be beyond the end (a file cut short), nor be met twice.

    tifffile stops at such a link without a word, and the slide would just lack its lower levels.
    """
    header = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(header[:2])
    if order is None or len(header) < 8:
        raise SlideError(f"{name} is not a TIFF; is it the right file?")
    big = struct.unpack(order + "H", header[2:4])[0] == 43
    try:
        offset = (
            struct.unpack(order + "Q", header[8:16])[0] if big else struct.unpack(order + "I", header[4:8])[0]
        )
        seen = set()
        while offset:
            if offset in seen:
                raise SlideError(
                    f"{name} is damaged: the list of its pages runs in a circle; copy it again, or export it"
                    " again"
                )
            seen.add(offset)
            file.seek(offset)
            count = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))[0]
            file.seek(offset + (8 if big else 2) + count * (20 if big else 12))
            offset = struct.unpack(order + ("Q" if big else "I"), file.read(8 if big else 4))[0]
    except (struct.error, OSError, OverflowError) as error:
        raise SlideError(
            f"{name} is cut short: it has {size:,} bytes and a page of it is beyond; copy it again"
        ) from error
    if not seen:
        raise SlideError(f"{name} holds no image")
