"""Aperio SVS, pyramidal TIFF and OME-TIFF: tiles are fetched by their offset and decoded by imagecodecs."""

from __future__ import annotations

import logging
import math
import os
import re
import struct
import threading
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np
import tifffile

from ....errors import SlideError
from ....store.cache import Cache
from .slide import Slide, plausible_mpp, pyramid_levels
from .tiff_page import Page, UnsupportedTiff

__all__ = ["TiffSlide"]

# Its warnings would reach a terminal beside our own one-line errors.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_NOT_THE_SLIDE = re.compile(r"label|macro|overview|thumbnail|barcode", re.IGNORECASE)
_UNIT_UM = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "nm": 1e-3,
    "Å": 1e-4,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "in": 25400.0,
}


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
        self._file: BinaryIO | None = open(self.path, "rb")  # noqa: SIM115 - held until close()
        try:
            size = os.fstat(self._file.fileno()).st_size
            _check_directories(self._file, size, self.path.name)
            try:
                # A handle with a name of our own: tifffile reads "x.ndpi" and "x.ome.tif" otherwise, whatever
                # they are.
                self._file.seek(0)
                with tifffile.TiffFile(self._file, name="slide.tif") as tif:
                    self.format, pages, self.mpp, self.objective_power = _interpret(tif)
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

    def close(self) -> None:
        """Release the file and the decoded tiles."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
        self._cache.clear()

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        page = self._pages[level]
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
        if tile is not None:
            return tile
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
        self._cache.put(key, tile)
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


def _interpret(
    tif: tifffile.TiffFile,
) -> tuple[str, list[tifffile.TiffPage], float | None, float | None]:
    """Return format, the pages of the pyramid, mpp and objective power."""
    if tif.is_ome:
        return _interpret_ome(tif)
    first = tif.pages[0].aspage()
    if tif.is_svs:
        # Label, macro and thumbnail are stripped pages in every SVS; a level is tiled.
        rest = [page.aspage() for page in tif.pages[1:] if page.aspage().is_tiled]
        mpp = _number(r"\bMPP\s*=\s*([\d.,]+)", first.description)
        power = _number(r"\bAppMag\s*=\s*([\d.,]+)", first.description)
        return (
            "Aperio SVS",
            _pyramid(first, rest),
            plausible_mpp(mpp, 0.01, 1000.0),
            power,
        )
    if first.subifds:
        rest = [page.aspage() for page in first.pages]
    else:
        rest = [page.aspage() for page in tif.pages[1:]]
    power = _number(r"(?:AppMag|objective)\s*[=:]\s*([\d.,]+)", first.description)
    return "TIFF", _pyramid(first, rest), _resolution_mpp(first), power


def _interpret_ome(
    tif: tifffile.TiffFile,
) -> tuple[str, list[tifffile.TiffPage], float | None, float | None]:
    series = [
        (index, one)
        for index, one in enumerate(tif.series)
        if not _NOT_THE_SLIDE.search(one.name or "") and one.axes in ("YXS", "YX", "SYX")
    ]
    if not series:
        axes = tif.series[0].axes if tif.series else "none"
        raise UnsupportedTiff(f"OME axes {axes}: not a plain RGB or grey image")
    index, main = max(series, key=lambda item: (math.prod(item[1].shape), -item[0]))
    pages = []
    for level in main.levels:
        page = level.pages[0]
        if len(level.pages) != 1 or page is None or page.parent is not tif:
            raise UnsupportedTiff("an OME image spread over several pages or files")
        pages.append(page.aspage())
    mpp, power = _ome_scale(tif.ome_metadata or "", index)
    return (
        "OME-TIFF",
        _pyramid(pages[0], pages[1:]),
        mpp or _resolution_mpp(pages[0]),
        power,
    )


def _ome_scale(xml: str, index: int) -> tuple[float | None, float | None]:
    """Return um per pixel and objective power of the OME image of that index."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None, None
    images = root.findall("{*}Image")
    if index >= len(images):
        return None, None
    mpp = power = None
    pixels = images[index].find("{*}Pixels")
    if pixels is not None and pixels.get("PhysicalSizeX"):
        unit = _UNIT_UM.get(pixels.get("PhysicalSizeXUnit", "µm"))
        size = _number(r"([\d.eE+-]+)", pixels.get("PhysicalSizeX", ""))
        mpp = plausible_mpp(size * unit, 0.01, 1000.0) if unit and size else None
    settings = images[index].find("{*}ObjectiveSettings")
    for objective in root.iterfind("{*}Instrument/{*}Objective"):
        if settings is None or objective.get("ID") == settings.get("ID"):
            power = _number(r"([\d.]+)", objective.get("NominalMagnification", ""))
            break
    return mpp, power


def _pyramid(first: tifffile.TiffPage, rest: list[tifffile.TiffPage]) -> list[tifffile.TiffPage]:
    """Return `first` and those of `rest` that are smaller copies of it, largest first."""
    pages = [first]
    for page in sorted(rest, key=lambda page: -page.imagewidth):
        last = pages[-1]
        same_shape = abs(page.imagewidth * first.imagelength - page.imagelength * first.imagewidth) <= max(
            # a pixel of rounding either way, or one part in a hundred
            first.imagewidth + first.imagelength,
            0.01 * page.imagewidth * first.imagelength,
        )
        named = (page.description or "").partition("\n")[2] if page.is_svs else page.description
        if (
            same_shape
            and page.imagewidth < last.imagewidth
            and page.imagelength < last.imagelength
            and page.samplesperpixel == first.samplesperpixel
            and not _NOT_THE_SLIDE.match((named or "").strip())
        ):
            pages.append(page)
    return pages


def _resolution_mpp(page: tifffile.TiffPage) -> float | None:
    """Return um per pixel from the resolution tags: only in cm or inch, only where a slide can have it."""
    unit, tag = page.tags.get("ResolutionUnit"), page.tags.get("XResolution")
    if unit is None or tag is None or int(unit.value) not in (2, 3):
        return None
    try:
        numerator, denominator = tag.value
        per_unit = numerator / denominator
        return plausible_mpp((25400.0 if int(unit.value) == 2 else 10000.0) / per_unit)
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _number(pattern: str, text: str | None) -> float | None:
    found = re.search(pattern, text or "", re.IGNORECASE)
    try:
        return float(found.group(1).replace(",", ".")) if found else None
    except ValueError:
        return None


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
