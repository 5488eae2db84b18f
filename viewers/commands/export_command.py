"""`prospector export`: maps as files for other programs, or as figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from prospector_core.cli.arguments import Cluster, Json, Memory, StudyPath, Workers, with_options
from prospector_core.cli.output import print_json, print_table, progress_bar, say
from prospector_core.cli.prospect_command import masked, say_newer, seen
from prospector_core.errors import BadInputError
from prospector_core.store.removal import own_place

from ..kinds import view_of

if TYPE_CHECKING:
    from prospector_core.study import Study

__all__ = ["register"]


Data = Annotated[list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to export. Default: all.")]
Format = Annotated[
    str | None,
    typer.Option(
        help=(
            "Slides: geojson (QuPath), ome-tiff. Structures: bfactor (PDB), mmcif, defattr (ChimeraX),"
            " pml (PyMOL), molviewspec. Documents: html (tinted text), jsonl (spans), annotations (W3C)."
            " Cells, graphs: h5ad (AnnData), geojson (points). All: csv, parquet, png (a figure)."
        )
    ),
]
Folder = Annotated[Path | None, typer.Option(help="Folder to write into. Default: exports, in the study.")]
Names = Annotated[
    bool,
    typer.Option(
        "--names",
        help="Call files after the data, and figures without a title too; without it nothing names them.",
    ),
]
What = Annotated[
    list[str] | None,
    typer.Option(
        help=(
            "geojson: tiles, concepts, regions or marks; may be repeated. Default: tiles, concepts and marks."
        )
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help=(
            "geojson: the score from which on a tile belongs to a region (default 0). png: weaker scores"
            " are not drawn."
        )
    ),
]
FigureLayer = Annotated[
    str | None,
    typer.Option(
        help=(
            "png: of slides map (default), concepts, uncertainty, classes (the strongest of each tile) or"
            " tissue; of structures strip (default) or contacts; of documents map (default) or concepts."
        )
    ),
]
Width = Annotated[int | None, typer.Option(help="png: pixels; 300 of them make an inch. Default: 2000.")]
Region = Annotated[
    tuple[float, float, float, float] | None,
    typer.Option(metavar="X Y WIDTH HEIGHT", help="png: show this part of the slide, in level-0 pixels."),
]
WholeSlide = Annotated[
    bool, typer.Option("--whole-slide", help="png: one figure per slide, with all its fields.")
]
Title = Annotated[str | None, typer.Option(help="png: text above the picture. Default: none.")]
Opacity = Annotated[float | None, typer.Option(help="png: of the overlay, 0 to 1. Default: 0.65.")]
OfClass = Annotated[
    str | None,
    typer.Option(
        "--class",
        help="Where there are more than two classes: this one alone. Default: all; png: the last.",
    ),
]
Fdr = Annotated[
    float | None,
    typer.Option(
        help=(
            "Maps of what exceeds chance alone: of the weights that shuffled labels do not reach, at this"
            " false discovery rate (0.05)."
        )
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(with_options(export))


@dataclass(frozen=True)
class ExportOptions:
    """Options of the command, as they are given."""

    format: Format = None
    out: Folder = None
    names: Names = False
    what: What = None
    threshold: Threshold = None
    layer: FigureLayer = None
    width: Width = None
    region: Region = None
    whole_slide: WholeSlide = False
    title: Title = None
    opacity: Opacity = None
    of_class: OfClass = None
    fdr: Fdr = None
    workers: Workers = None
    cluster: Cluster = None
    memory: Memory = None
    json: Json = False

    def of_figure(self) -> dict[str, Any]:
        """Those that say how a figure looks, where they were given."""
        names = ("layer", "width", "region", "title", "opacity")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {**given, "whole_slide": True} if self.whole_slide else given


def export(study: StudyPath, data: Data = None, *, options: ExportOptions) -> None:
    """Write prospect maps for other programs, or as figures; one file per datum."""
    from prospector_core.exporters import export as write
    from prospector_core.exporters import format_names, write_files
    from prospector_core.modalities import Export
    from prospector_core.scheduling import scheduler
    from prospector_core.study import Study

    format, names, json = options.format, options.names, options.json
    if format is None:
        raise BadInputError(f"say what to write: --format {', '.join((*format_names(), 'png'))}")
    is_figure, figure = format == "png", options.of_figure()
    wanted = (_figure_options if is_figure else _map_options)(figure, options.what, options.threshold)
    opened = masked(seen(Study.open(study), options.of_class), options.of_class, options.fdr, json)
    say_newer(opened)
    folder = own_place(opened.path, opened.path / "exports") if options.out is None else options.out
    place = options.workers, options.cluster, options.memory
    if is_figure:
        draw = partial(_figures(opened, wanted), names=names, **wanted)
        by_slide = options.whole_slide or options.region is not None
        with scheduler(*place) as on, progress_bar("drawing", json, "figures") as bar:
            written = write_files(opened, Export(".png", draw), folder, data, names, bar, by_slide, on)
    else:
        with scheduler(*place) as on, progress_bar("exporting", json, "data") as bar:
            written = write(opened, format, folder, data, names, bar, on, **wanted)
    _say_files(opened, format, folder, written, names, json)


def _figure_options(
    figure: dict[str, Any], what: list[str] | None, threshold: float | None
) -> dict[str, Any]:
    """Options of a figure. Raises BadInputError for those of maps."""
    if what:
        raise BadInputError("--what goes with --format geojson: a figure has a --layer")
    return figure if threshold is None else {**figure, "threshold": threshold}


def _map_options(figure: dict[str, Any], what: list[str] | None, threshold: float | None) -> dict[str, Any]:
    """Options of a map as a file. Raises BadInputError for those of figures."""
    if figure:
        raise BadInputError(f"--{next(iter(figure)).replace('_', '-')} goes with --format png")
    options: dict[str, Any] = {}
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
    return options


def _figures(study: Study, options: dict[str, Any]) -> Callable[..., bytes]:
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


def _say_files(
    study: Study, format: str, folder: Path, written: dict[str, Path], names: bool, json: bool
) -> None:
    """The files of an export; written, {uid of datum or slide: path}."""

    def name(uid: str) -> str:
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
