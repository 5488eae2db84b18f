"""Commands beside a study's flow: info, napari, bench."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInputError, MissingExtraError, ProspectorError
from .output import complain, print_json, progress_bar, say

__all__ = ["register"]


def register(app):
    """Add the commands to the application."""
    app.command()(info)
    app.command("napari")(open_napari)
    app.command()(bench)


def info(
    slides: Annotated[
        list[Path],
        typer.Argument(
            metavar="SLIDE|STUDY...", help="Slide files, folders of a DICOM slide each, or studies."
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")] = False,
):
    """Say what a slide is and whether it can be read (format, size, levels, microns a pixel).

    Or what a study holds.
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
        "store": opened.address,
        "store_allowed": opened.refusal() is None,
        "numbers_keyed": opened.keyed,
        "last_backup": None if backed_up is None else {"at": backed_up[0], "edits_since": backed_up[1]},
    }


def _study_in_words(about):
    """Rows of (what, text)."""
    from ..study.address import NOT_KEYED
    from ..study.editors import moment

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
        ("microns a pixel", "not stated" if mpp is None else f"{mpp:g}"),
        ("objective", f"{about['objective_power']:g}x" if about["objective_power"] else "not stated"),
    ]
    rows += [
        (f"level {number}", f"{each['width']:,} x {each['height']:,}, 1 : {each['downsample']:.4g}")
        for number, each in enumerate(about["levels"])
    ]
    if bounds:
        rows.append(("scanned part", f"{bounds[2]:,} x {bounds[3]:,} at {bounds[0]:,}, {bounds[1]:,}"))
    return rows


def open_napari(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="Study to open. Default: an empty window with the plugin."),
    ] = None,
    datum: Annotated[
        str | None, typer.Argument(metavar="[DATUM]", help="Datum to begin with, by name or uid.")
    ] = None,
    author: Annotated[
        str | None,
        typer.Option(
            help="Who edits, for the journal. Default: PROSPECTOR_AUTHOR, else your name on this system."
        ),
    ] = None,
):
    """Review a study of slides, cells or graphs in napari (installed with the extra `napari`)."""
    from importlib.util import find_spec

    from ..study import Study

    if find_spec("napari") is None:
        raise MissingExtraError("napari is not installed: pip install -r requirements-napari.txt")
    if study is not None:
        opened = Study.open(study)  # what is wrong is said here, in one line, not in a window
        if opened.modality not in ("slides", "cells", "graphs"):
            raise BadInputError(
                f"{study} is a study of {opened.kind.words.data}, and napari shows slides, cells and graphs:"
                f" prospector app {study}"
            )
        if datum is not None:
            datum = opened.datum(datum).uid
        opened.database.close()
    if author:
        os.environ["PROSPECTOR_AUTHOR"] = author
    from viewers.napari_plugin.start import run

    run(study, datum)


def bench(
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, nothing else.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Small sizes, a few seconds: a check that it runs, not a measurement."),
    ] = False,
    scale: Annotated[
        bool,
        typer.Option(
            "--scale", help="Instead: how time and memory grow, from 1 to 30 million tokens (30 GB of disk)."
        ),
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help=(
                "Instead: whether workers that are killed leave the same bytes as one process, on 3 million"
                " made tokens (10 GB of disk) and on real tiles (PROSPECTOR_DATA)."
            ),
        ),
    ] = False,
    kills: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=(
                "Instead: kill -9 each kind of work so many times at random moments, and look for all that"
                " was acknowledged."
            ),
        ),
    ] = None,
    tokens: Annotated[
        list[int] | None,
        typer.Option(help="With --scale or --cluster: how many tokens; with --scale it may be repeated."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="With --scale or --cluster: where the studies are made. Default: a temporary folder."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=2, help="With --cluster: how many workers.")] = 2,
    memory: Annotated[str, typer.Option(help="With --cluster: what each worker may take.")] = "4GB",
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=(
                "With --cluster: keep the embeddings of the workers' studies there, such as"
                " s3://bucket/prefix."
            ),
        ),
    ] = None,
):
    """Measure counting, prospecting and quantising on this machine, as ratios taken in one run."""
    _find_benchmarks()
    if kills:
        return _bench_kills(kills, folder, json)
    if cluster:
        return _bench_cluster(tokens, folder, workers, memory, store, json, quick)
    if scale or tokens or folder:
        return _bench_scale(tokens, folder, json, quick)
    from benchmarks import format_bench, run_bench

    with progress_bar("measuring", json) as bar:
        result = run_bench(progress=bar, quick=quick)
    if json:
        print_json(result)
    else:
        say(format_bench(result))


def _find_benchmarks():
    """Make the folder ``benchmarks`` importable.

    It lies beside the core in a checkout, and is in no wheel.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "benchmarks" / "oracle.py").is_file():
        raise MissingExtraError(
            "the benchmarks are not part of an installed Prospector: run this in a clone of its repository"
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))


def _bench_scale(tokens, folder, json, quick):
    from benchmarks.scale import SIZES, format_scale, measure_scale

    sizes = sorted(tokens or ([20_000, 40_000] if quick else SIZES))
    if sizes[0] < 1000:
        raise BadInputError(f"{sizes[0]} tokens are too few to measure: give 1000 or more")
    at = 3_000_000 if 3_000_000 in sizes else sizes[-1]
    with progress_bar("measuring", json) as bar:
        result = measure_scale(sizes, workers_at=at, folder=folder, progress=lambda text: bar(0, None, text))
    if json:
        print_json(result)
    else:
        say(format_scale(result))


def _bench_kills(kills, folder, json):
    from benchmarks.kills import format_kills, measure_kills

    with progress_bar("killing", json, "kills") as bar:
        rows = measure_kills(kills, folder=folder, progress=bar)
    if json:
        print_json(rows)
    else:
        say(format_kills(rows))
    if any(row["lost"] or row["faults"] for row in rows):
        complain("something was lost or damaged: see above")
        raise typer.Exit(1)


def _bench_cluster(tokens, folder, workers, memory, store, json, quick):
    from benchmarks.faults import format_faults, measure_faults

    if tokens and len(tokens) > 1:
        raise BadInputError("with --cluster give --tokens once")
    n = tokens[0] if tokens else 20_000 if quick else 3_000_000
    if 0 < n < 1000:
        raise BadInputError(f"{n} tokens are too few: give 1000 or more, or 0 for none")
    real = (
        not quick
        and (Path(os.environ.get("PROSPECTOR_DATA", "../shared/data")) / "camelyon16_mosaics").is_dir()
    )
    if not real and not json:
        say("without real tiles: PROSPECTOR_DATA names the folder that holds the set camelyon16_mosaics")
    with progress_bar("killing workers", json) as bar:
        result = measure_faults(n, workers, store, folder, memory, real, lambda text: bar(0, None, text))
    if json:
        print_json(result)
    else:
        say(format_faults(result))
    if not result["same_bytes"]:
        complain("other bytes than in one process: see above")
        raise typer.Exit(1)
