"""`prospector export`: maps as files for other programs, or as figures."""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from prospector_core.cli.arguments import Cluster, Json, Memory, StudyPath, Workers
from prospector_core.cli.output import print_json, print_table, progress_bar, say
from prospector_core.cli.prospect_command import masked, say_newer, seen
from prospector_core.errors import BadInputError
from prospector_core.store.removal import own_place

from ..kinds import view_of

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(export)


def export(
    study: StudyPath,
    data: Annotated[
        list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to export. Default: all.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help=(
                "Slides: geojson (QuPath), ome-tiff. Structures: bfactor (PDB), mmcif, defattr (ChimeraX),"
                " pml (PyMOL), molviewspec. Documents: html (tinted text), jsonl (spans), annotations (W3C)."
                " Cells, graphs: h5ad (AnnData), geojson (points). All: csv, parquet, png (a figure)."
            )
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. Default: exports, in the study.")
    ] = None,
    names: Annotated[
        bool,
        typer.Option(
            "--names",
            help="Call files after the data, and figures without a title too; without it nothing names them.",
        ),
    ] = False,
    what: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "geojson: tiles, concepts, regions or marks; may be repeated. Default: tiles, concepts and"
                " marks."
            )
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help=(
                "geojson: the score from which on a tile belongs to a region (default 0). png: weaker scores"
                " are not drawn."
            )
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help=(
                "png: of slides map (default), concepts, uncertainty, classes (the strongest of each tile) or"
                " tissue; of structures strip (default) or contacts; of documents map (default) or concepts."
            )
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="png: pixels; 300 of them make an inch. Default: 2000.")
    ] = None,
    region: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(metavar="X Y WIDTH HEIGHT", help="png: show this part of the slide, in level-0 pixels."),
    ] = None,
    whole_slide: Annotated[
        bool, typer.Option("--whole-slide", help="png: one figure per slide, with all its fields.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="png: text above the picture. Default: none.")] = None,
    opacity: Annotated[float | None, typer.Option(help="png: of the overlay, 0 to 1. Default: 0.65.")] = None,
    of_class: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Where there are more than two classes: this one alone. Default: all; png: the last.",
        ),
    ] = None,
    fdr: Annotated[
        float | None,
        typer.Option(
            help=(
                "Maps of what exceeds chance alone: of the weights that shuffled labels do not reach, at this"
                " false discovery rate (0.05)."
            )
        ),
    ] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
):
    """Write prospect maps for other programs, or as figures; one file per datum."""
    from prospector_core.exporters import export as write
    from prospector_core.exporters import format_names, write_files
    from prospector_core.scheduling import scheduler
    from prospector_core.study import Study

    if format is None:
        raise BadInputError(f"say what to write: --format {', '.join((*format_names(), 'png'))}")
    figure = {"layer": layer, "width": width, "region": region, "title": title, "opacity": opacity}
    figure = {name: value for name, value in figure.items() if value is not None}
    if whole_slide:
        figure["whole_slide"] = True
    if format == "png":
        if what:
            raise BadInputError("--what goes with --format geojson: a figure has a --layer")
        if threshold is not None:
            figure["threshold"] = threshold
        opened = masked(seen(Study.open(study), of_class), of_class, fdr, json)
        say_newer(opened)
        folder = own_place(opened.path, opened.path / "exports") if out is None else out
        draw = partial(_figures(opened, figure), names=names, **figure)
        with scheduler(workers, cluster, memory) as on, progress_bar("drawing", json, "figures") as bar:
            by_slide = whole_slide or region is not None
            written = write_files(opened, ".png", draw, folder, data, names, bar, by_slide, on)
        return _say_files(opened, format, folder, written, names, json)
    if figure:
        raise BadInputError(f"--{next(iter(figure)).replace('_', '-')} goes with --format png")
    options = {}
    if threshold is not None:
        if not np.isfinite(threshold):
            raise BadInputError(f"{threshold} is not a threshold: give a score like 2.5")
        what = what or ["regions"]
        if "regions" not in what:
            raise BadInputError(
                f"--threshold is of regions, and only {', '.join(what)} were asked for: add --what regions"
            )
        options["threshold"] = threshold
    if what:
        options["what"] = what
    opened = masked(seen(Study.open(study), of_class), of_class, fdr, json)
    say_newer(opened)
    folder = own_place(opened.path, opened.path / "exports") if out is None else out
    with scheduler(workers, cluster, memory) as on, progress_bar("exporting", json, "data") as bar:
        written = write(opened, format, folder, data, names, bar, on, **options)
    _say_files(opened, format, folder, written, names, json)


def _figures(study, options):
    """What draws figures of a study, loaded for nothing else.

    Raises BadInputError for options it lacks.
    """
    takes = view_of(study).figure_options()
    for option in options:
        if option not in takes:
            has = " and ".join(f"--{each}" for each in ("layer", "width", "title") if each in takes)
            raise BadInputError(
                f"--{option.replace('_', '-')} is of slides: a figure of a {study.kind.words.datum} has {has}"
            )
    return view_of(study).figure()


def _say_files(study, format, folder, written, names, json):
    """The files of an export; written, {uid of datum or slide: path}."""

    def name(uid):
        return study.sources[uid].name if uid in study.sources else study.datum(uid).name

    if json:
        files = [
            {
                "slide" if uid in study.sources else "datum": name(uid),
                "file": str(path),
                "bytes": path.stat().st_size,
            }
            for uid, path in written.items()
        ]
        print_json({"format": format, "folder": str(folder), "files": files})
        return
    kind = "figure" if format == "png" else "map"
    say(f"{len(written)} {kind if len(written) == 1 else kind + 's'} written to {folder}")
    if not names:
        print_table("Files", ("datum", "file"), [(name(uid), path.name) for uid, path in written.items()])
