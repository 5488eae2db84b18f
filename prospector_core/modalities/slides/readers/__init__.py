"""Slides: one way to open any of them, by what is in the file rather than by its name."""

from __future__ import annotations

import os
from pathlib import Path

from ....errors import ProspectorError, SlideError
from ....plugins import load_all
from ....store.readable import require_readable
from ...token_file import TokenFile
from .image import ImageSlide
from .slide import Level, Slide
from .tiff import TiffSlide
from .tiff_page import UnsupportedTiff
from .vendor import OpenSlideSlide, detect_vendor

__all__ = ["SLIDE_SUFFIXES", "Level", "Slide", "list_slides", "open_slide"]

SLIDE_SUFFIXES = (
    *(
        ".svs",
        ".tif",
        ".tiff",
        ".btf",
        ".ndpi",
        ".mrxs",
        ".scn",
        ".bif",
        ".vms",
        ".vmu",
        ".svslide",
        ".dcm",
        ".czi",
    ),
    *(".png", ".jpg", ".jpeg"),
)

# TIFFs that OpenSlide knows by these names are read faster by tile offset.
_BY_OFFSET = (None, "aperio", "generic-tiff")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_IMAGE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff")
_FEW = 20  # files of a folder that are looked into


def open_slide(path: str | os.PathLike[str]) -> Slide:
    """Open a slide: a file, or the folder of a DICOM slide.

    What the file is decides, not its name. Readers installed under the entry point group
    ``prospector.readers`` (a function from a path to a `Slide`, or None for "not mine") are asked first.

    Raises
    ------
    SlideError
        Missing, unreadable, cut short, or of a kind that no reader knows.
    """
    path = Path(path)
    require_readable(path, SlideError)
    if path.is_dir():
        inside = _dicom_of(path)
        if inside is None:
            raise SlideError(f"{path.name} is a folder without a DICOM slide; name the slide file itself")
        return OpenSlideSlide(inside)
    if not path.exists():
        raise SlideError(f"{path.name} does not exist in {path.parent.name or path.parent}; was it moved?")
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise SlideError(f"{path.name} cannot be read ({error.strerror}); check its permissions") from error
    if not start:
        raise SlideError(f"{path.name} is empty; copy it again")
    slide = _by_installed_reader(path)
    return _by_content(path, start) if slide is None else slide


def _by_installed_reader(path: Path) -> Slide | None:
    """The slide as the first installed reader that knows it opens it."""
    for name, reader in load_all("prospector.readers"):
        try:
            slide = reader(path)
        except ProspectorError:
            raise
        except Exception as error:
            raise SlideError(f"{path.name}: the installed reader {name} failed ({error})") from error
        if slide is not None and not isinstance(slide, TokenFile):  # one of tokens is for `open_tokens`
            return slide
    return None


def _by_content(path: Path, start: bytes) -> Slide:
    """The slide as our own readers open it; ``start``: its first 16 bytes."""
    vendor = detect_vendor(path)
    if start[:4] in _TIFF_MAGIC and vendor in _BY_OFFSET:
        try:
            return TiffSlide(path)
        except UnsupportedTiff as error:
            if vendor is None or not error.elsewhere:
                raise SlideError(
                    f"{path.name} is a TIFF of a kind that cannot be read ({error}); "
                    "export it as RGB, 8 bits, JPEG or deflate"
                ) from error
    if vendor is not None:
        return OpenSlideSlide(path)
    if start.startswith(_IMAGE_MAGIC):
        return ImageSlide(path)
    raise SlideError(
        f"{path.name} is not a slide or image of a known kind, although its name says otherwise; "
        "use SVS, NDPI, MRXS, DICOM, OME-TIFF, pyramidal TIFF, PNG or JPEG"
    )


def list_slides(folder: str | os.PathLike[str]) -> list[Path]:
    """Return what is named like a slide in a folder and the folders in it, sorted.

    Files, and folders that hold a DICOM slide.

    Raises
    ------
    SlideError
        The folder does not exist.
    """
    folder = Path(folder)
    require_readable(folder, SlideError)
    if not folder.is_dir():
        raise SlideError(f"{folder.name} is not a folder; name the folder that holds the slides")
    found, left = [], [folder]
    while left:
        for path in left.pop().iterdir():
            if path.name.startswith("."):
                continue
            if path.is_file():
                ending = path.suffix.lower()
                # DICOM files in folders of their own are one slide, if they can be read
                is_slide = ending in SLIDE_SUFFIXES and (ending != ".dcm" or path.parent == folder)
                found += [path] if is_slide else []
            elif _dicom_of(path) is not None:
                found.append(path)
            elif path.is_dir() and not path.is_symlink() and not path.with_suffix(".mrxs").exists():
                left.append(path)
    return sorted(found)


def _dicom_of(folder: Path) -> Path | None:
    """One file of the DICOM slide in a folder, from which OpenSlide finds the others.

    None if there is none.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".dcm" and path.is_file())
    except OSError:
        return None
    return next((path for path in files[:_FEW] if detect_vendor(path) == "dicom"), None)
