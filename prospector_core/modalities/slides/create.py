"""Making a study of slides: each slide is opened once, for its size and resolution."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import BadInputError, LabelsError, SlideError
from ...scheduling import each_file
from ...store.place import portable
from ...store.readable import require_readable
from ..labels import LabelTable
from ..parts import NewStudy
from .options import SlideOptions
from .readers import list_slides, open_slide
from .stain import check_stain

__all__ = ["look_at_slide", "look_at_slides", "slide_info"]


def look_at_slides(
    path: Path,
    slides: str | os.PathLike[str] | list,
    labels: LabelTable,
    options: SlideOptions,
    progress: Callable[[int, int], None] | None,
    on: Any,
) -> NewStudy:
    """Look at the slides that a labels table names. See ``Modality.look``.

    Parameters
    ----------
    path : Path
        Of the study.
    slides : folder of slides, or list of files
    labels : LabelTable
    options : SlideOptions
    progress : function(files looked at, files), or None
    on : scheduler or None
    """
    if options.stain is not None:
        check_stain(options.stain)
    mpp, tile, min_tissue = options.mpp, options.tile, options.min_tissue
    if not (0 < mpp < 1000 and 8 <= tile <= 4096 and 0 <= min_tissue <= 1):
        raise BadInputError(
            f"tiles of {tile} pixels at {mpp:g} microns per pixel, {min_tissue:g} of each tissue, are not"
            " possible: give 8 to 4096 pixels, microns above 0, and a share between 0 and 1"
        )
    rows, classes = labels.read()
    matched = labels.match(rows, _slide_files(slides))
    stated = each_file(dict.fromkeys(matched), _look_at_slide, progress=progress, on=on)
    sources = {
        file: (portable(file, path), with_mpp(stated[file], file, options.slide_mpp), file)
        for file in sorted(stated)
    }
    for row, file in zip(rows, matched):
        info = sources[file][1]
        if row.field and (
            row.field.x + row.field.width > info["width"] or row.field.y + row.field.height > info["height"]
        ):
            raise LabelsError(
                f"{labels.name}: the field of {row.name!r} reaches beyond {file.name} ({info['width']}"
                f" x {info['height']} pixels): correct it"
            )
    embedding = {
        "encoder": options.encoder,
        "mpp": mpp,
        "tile": tile,
        "min_tissue": min_tissue,
        "dtype": "float16",
        **({"stain": options.stain} if options.stain else {}),
    }
    return NewStudy(rows, classes, matched, sources, embedding)


def _slide_files(slides):
    if isinstance(slides, (str, os.PathLike)):
        folder = Path(slides)
        require_readable(folder, SlideError)
        if folder.is_file():
            return [Path(os.path.abspath(folder))]
        if not folder.is_dir():
            raise SlideError(f"there is no folder {folder}: give the folder that holds the slides")
        files = list_slides(folder)
        if not files:
            raise SlideError(f"{folder} holds no slide: it needs SVS, TIFF, NDPI, MRXS, PNG or JPEG files")
        return [Path(os.path.abspath(file)) for file in files]
    return [Path(os.path.abspath(file)) for file in slides]


def look_at_slide(file: Path) -> dict[str, Any]:
    """What a slide says of itself, as a study keeps it. Raises SlideError."""
    with open_slide(file) as slide:
        return {
            "width": slide.width,
            "height": slide.height,
            "mpp": slide.mpp,
            "stated_mpp": slide.mpp,
            "objective_power": slide.objective_power,
            "format": slide.format,
            "bounds": getattr(slide, "bounds", None),  # a reader installed by others need not have it
        }


def _look_at_slide(item):
    return look_at_slide(item[0])


def with_mpp(
    info: dict[str, Any], file: Path, slide_mpp: float | Callable[[str], float | None] | None
) -> dict[str, Any]:
    """What ``look_at_slide`` found, with microns per pixel of a slide that does not state them.

    Raises SlideError.
    """
    mpp = info["mpp"]
    if mpp is None and slide_mpp is not None:
        mpp = slide_mpp(file.name) if callable(slide_mpp) else slide_mpp
    if mpp is not None and not 0.01 < mpp < 1000:
        raise SlideError(f"{file.name}: {mpp} microns per pixel is not plausible: give a number like 0.25")
    return {**info, "mpp": mpp}


def slide_info(file: Path, slide_mpp: float | Callable[[str], float | None] | None) -> dict[str, Any]:
    """What a study keeps of a slide. Raises SlideError."""
    return with_mpp(look_at_slide(file), file, slide_mpp)
