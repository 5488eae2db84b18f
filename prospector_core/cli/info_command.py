"""`prospector info`: what a file or a study is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ProspectorError
from .output import complain, print_json, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(info)


def info(
    slides: Annotated[
        list[Path],
        typer.Argument(
            metavar="SLIDE|STUDY...", help="Slide files, folders of a DICOM slide each, or studies."
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")] = False,
) -> None:
    """Say what a slide is and whether it can be read, or what a study holds.

    Of a slide it says format, size, levels and microns per pixel.
    """
    studies = [_look_at_study(path) for path in slides if (path / "study.sqlite").exists()]
    found = [_look_at(path) for path in slides if not (path / "study.sqlite").exists()]
    if json:
        print_json({"slides": found, **({"studies": studies} if studies else {})})
    else:
        for each in studies:
            say(each["study"])
            for what, text in _study_in_words(each):
                say(f"  {what:<16}{text}")
        for each in found:
            if each["readable"]:
                say(each["file"])
                for what, text in _in_words(each):
                    say(f"  {what:<16}{text}")
    for each in found:
        if not each["readable"]:
            complain(each["reason"])
    if not all(each["readable"] for each in found):
        raise typer.Exit(2)


def _look_at_study(path):
    """What a study says of itself: a dict. Raises StudyError."""
    from ..study import Study
    from ..study.backup import last_backup

    opened = Study.open(path)
    backed_up = last_backup(opened)
    return {
        "study": str(path),
        "name": opened.name,
        "kind": opened.modality,
        "data": len(opened.data),
        "classes": opened.classes,
        "fits": len(opened.fits()),
        "entries": len(opened.curation.history()),
        "store": opened.address.url,
        "store_allowed": opened.address.refusal() is None,
        "numbers_keyed": opened.address.keyed,
        "last_backup": None if backed_up is None else {"at": backed_up[0], "edits_since": backed_up[1]},
    }


def _study_in_words(about):
    """Rows of (what, text)."""
    from ..study.editors import moment
    from ..study.embeddings_address import NOT_KEYED

    backup = about["last_backup"]
    allowed = "" if about["store_allowed"] else f" (not allowed: prospector trust {about['study']})"
    return [
        ("name", about["name"]),
        ("kind", about["kind"]),
        ("data", f"{about['data']:,}, of the classes {', '.join(about['classes'])}"),
        ("fits", f"{about['fits']:,}"),
        ("history", f"{about['entries']:,} entries"),
        ("embeddings", "in its folder" if about["store"] is None else f"at {about['store']}{allowed}"),
        ("numbers of data", "keyed by a secret of the study" if about["numbers_keyed"] else NOT_KEYED),
        (
            "last backup",
            (
                f"{moment(backup['at'])}, {backup['edits_since']:,} edits since"
                if backup
                else f"none yet: prospector backup {about['study']} TARGET"
            ),
        ),
    ]


def _look_at(path):
    """What a slide says of itself, and whether a tile of every level can be decoded: a dict."""
    from ..modalities.slides.readers import open_slide

    try:
        with open_slide(path) as slide:
            about = {
                "file": path.name,
                "readable": True,
                "format": slide.format,
                "reader": _READERS.get(type(slide).__name__, "installed reader"),
                "width": slide.width,
                "height": slide.height,
                "mpp": slide.mpp,
                "objective_power": slide.objective_power,
                "bounds": getattr(slide, "bounds", None),
                "levels": [
                    {"width": each.width, "height": each.height, "downsample": each.downsample}
                    for each in slide.levels
                ],
            }
            for level, each in enumerate(slide.levels):
                side = min(256, each.width), min(256, each.height)
                middle = [
                    (whole - part) / 2 * each.downsample
                    for whole, part in zip((each.width, each.height), side)
                ]
                slide.read_region(*map(int, middle), *side, level)
            return about
    except ProspectorError as error:
        return {"file": path.name, "readable": False, "reason": str(error)}


_READERS = {
    "TiffSlide": "own (tile by tile)",
    "OpenSlideSlide": "OpenSlide",
    "ImageSlide": "own (whole, in memory)",
}


def _in_words(about):
    """Rows of (what, text)."""
    mpp, bounds = about["mpp"], about["bounds"]
    size = f"{about['width']:,} x {about['height']:,} pixels"
    if mpp is not None:
        size += f" ({about['width'] * mpp / 1000:.4g} x {about['height'] * mpp / 1000:.4g} mm)"
    rows = [
        ("format", about["format"]),
        ("read by", about["reader"]),
        ("size", size),
        ("microns per pixel", "not stated" if mpp is None else f"{mpp:g}"),
        ("objective", f"{about['objective_power']:g}x" if about["objective_power"] else "not stated"),
    ]
    rows += [
        (f"level {number}", f"{each['width']:,} x {each['height']:,}, 1 : {each['downsample']:.4g}")
        for number, each in enumerate(about["levels"])
    ]
    if bounds:
        rows.append(("scanned part", f"{bounds[2]:,} x {bounds[3]:,} at {bounds[0]:,}, {bounds[1]:,}"))
    return rows
