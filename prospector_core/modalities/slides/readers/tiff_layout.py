"""Which pages of a TIFF are the slide, and how large its pixels are."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import tifffile

from .slide import square_mpp
from .tiff_page import UnsupportedTiff

__all__ = ["read_layout"]

# What scanners write of a page that is not the slide, alone or with its size: "label 415x422". A sentence
# that begins with such a word is a person's.
_NOT_THE_SLIDE = re.compile(
    r"(label|macro|overview|thumb(nail)?|barcode)([ _]image)?(\s+\d+\s*x\s*\d+.*)?\s*$", re.IGNORECASE
)
_NUMBER = r"([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)"
_PYRAMID_FROM = 0.25  # of the largest page's area: a smaller pyramid is not the slide
_UNIT_UM = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "Å": 1e-4,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "in": 25400.0,
    "inch": 25400.0,
}


def read_layout(
    tif: tifffile.TiffFile, name: str
) -> tuple[str, list[tifffile.TiffPage], float | None, float | None]:
    """Return format, the pages of the pyramid (largest first), um per pixel and objective power.

    The slide is the largest page, unless one of at least a quarter of its area has a pyramid and the largest
    has none. Pages that scanners mark as label, macro or thumbnail are not looked at.

    Parameters
    ----------
    tif : TiffFile
    name : str
        Of the file, for messages.

    Raises
    ------
    UnsupportedTiff
        No page of it can be a slide.
    SlideError
        Its pixels are not square.
    """
    if tif.is_ome:
        return _ome(tif, name)
    pages = [page.aspage() for page in tif.pages]
    first = pages[0]
    if tif.is_svs:
        # Label, macro and thumbnail are stripped pages in every SVS; a level is tiled.
        levels = _largest([first, *(page for page in pages[1:] if page.is_tiled)])
        described = [page.description for page in (levels[0], first)]
        across = next(filter(None, (_number(rf"\bMPP\s*=\s*{_NUMBER}", text) for text in described)), None)
        power = next(filter(None, (_number(rf"\bAppMag\s*=\s*{_NUMBER}", text) for text in described)), None)
        return "Aperio SVS", levels, square_mpp(across, across, name, 0.01, 1000.0), power
    levels = _largest(pages)
    power = _number(rf"(?:AppMag|objective)\s*[=:]\s*{_NUMBER}", levels[0].description)
    return "TIFF", levels, _resolution_mpp(levels[0], name), power


def _largest(pages: list[tifffile.TiffPage]) -> list[tifffile.TiffPage]:
    """Return the pyramid that is the slide, of the pages of a file."""
    candidates = [page for page in pages if not _is_marked(page) and not page.is_reduced] or pages[:1]
    areas = [page.imagewidth * page.imagelength for page in candidates]
    pyramids = []
    for page, area in zip(candidates, areas):
        if area >= _PYRAMID_FROM * max(areas):
            rest = [one.aspage() for one in page.pages] if page.subifds else pages
            pyramids.append(_pyramid(page, rest))
    return _best(pyramids)


def _best(pyramids: list[list[tifffile.TiffPage]]) -> list[tifffile.TiffPage]:
    """Return the largest of the pyramids, one of several levels if there is any; of equals the first."""
    most = max(levels[0].imagewidth * levels[0].imagelength for levels in pyramids)

    def rank(levels: list[tifffile.TiffPage]) -> tuple[bool, int]:
        area = levels[0].imagewidth * levels[0].imagelength
        return len(levels) > 1 and area >= _PYRAMID_FROM * most, area

    return max(pyramids, key=rank)


def _ome(
    tif: tifffile.TiffFile, name: str
) -> tuple[str, list[tifffile.TiffPage], float | None, float | None]:
    """Return what `read_layout` does of an OME-TIFF. What its images are called is for people to choose."""
    images, problem = {}, "OME axes none: not a plain RGB or grey image"
    for index, series in enumerate(tif.series):
        if series.axes not in ("YXS", "YX", "SYX"):
            problem = f"OME axes {series.axes}: not a plain RGB or grey image"
            continue
        pages = [level.pages[0] for level in series.levels if len(level.pages) == 1]
        if len(pages) != len(series.levels) or any(one is None or one.parent is not tif for one in pages):
            problem = "an OME image spread over several pages or files"
            continue
        pages = [page.aspage() for page in pages]
        images[index] = _pyramid(pages[0], pages[1:])
    if not images:
        raise UnsupportedTiff(problem)
    levels = _best(list(images.values()))
    index = next(index for index, each in images.items() if each is levels)
    mpp, power = _ome_scale(tif.ome_metadata or "", index, name)
    return "OME-TIFF", levels, mpp or _resolution_mpp(levels[0], name), power


def _ome_scale(xml: str, index: int, name: str) -> tuple[float | None, float | None]:
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
    if pixels is not None:
        sides = []
        for side in "XY":
            # writers that state one unit mean it for both sides
            unit = _UNIT_UM.get(pixels.get(f"PhysicalSize{side}Unit", pixels.get("PhysicalSizeXUnit", "µm")))
            size = _number(_NUMBER, pixels.get(f"PhysicalSize{side}"))
            sides.append(size * unit if unit and size else None)
        mpp = square_mpp(*sides, name, 0.01, 1000.0)
    settings = images[index].find("{*}ObjectiveSettings")
    for objective in root.iterfind("{*}Instrument/{*}Objective"):
        if settings is None or objective.get("ID") == settings.get("ID"):
            power = _number(_NUMBER, objective.get("NominalMagnification", ""))
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
        if (
            same_shape
            and page.imagewidth < last.imagewidth
            and page.imagelength < last.imagelength
            and page.samplesperpixel == first.samplesperpixel
            and not _is_marked(page)
        ):
            pages.append(page)
    return pages


def _is_marked(page: tifffile.TiffPage) -> bool:
    """Whether the file says of a page that it is a label, a macro or a thumbnail."""
    named = (page.description or "").partition("\n")[2] if page.is_svs else page.description
    return bool(_NOT_THE_SLIDE.match((named or "").strip()))


def _resolution_mpp(page: tifffile.TiffPage, name: str) -> float | None:
    """Return um per pixel from the resolution tags (cm, inch, or ImageJ's unit), if a slide can have it."""
    unit, description = page.tags.get("ResolutionUnit"), page.description or ""
    um = {2: 25400.0, 3: 10000.0}.get(int(unit.value)) if unit is not None else None
    if description.startswith("ImageJ="):
        said = re.search(r"^unit=(.+)$", description, re.MULTILINE)
        um = _UNIT_UM.get(said.group(1).strip().replace("\\u00B5", "µ")) if said else um
    if um is None:
        return None
    sides = []
    for tag in ("XResolution", "YResolution"):
        try:
            numerator, denominator = page.tags[tag].value
            sides.append(um / (numerator / denominator))
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            sides.append(None)
    return square_mpp(*sides, name)


def _number(pattern: str, text: str | None) -> float | None:
    found = re.search(pattern, text or "", re.IGNORECASE)
    number = float(found.group(1).replace(",", ".")) if found else None
    return number if number is not None and math.isfinite(number) else None
