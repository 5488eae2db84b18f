"""`prospector report`: what was edited, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from prospector_core.cli.arguments import Json, OfClass, StudyPath
from prospector_core.cli.output import print_json, progress_bar, say
from prospector_core.errors import BadInputError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(report)


def report(
    study: StudyPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("report.html"),
    with_names: Annotated[
        bool, typer.Option("--with-names", help="Name slides and data; without it they have numbers.")
    ] = False,
    of_class: OfClass = None,
    json: Json = False,
):
    """Write what was edited, by whom and why, and what it did to the map.

    The report is one HTML file with its pictures inside.
    """
    from prospector_core.store.files import storage_errors, write_atomic
    from prospector_core.study import Study

    from ..report import curation_report

    if out.is_dir():
        raise BadInputError(f"{out} is a folder: give a file to write, like report.html")
    opened = Study.open(study)
    opened = opened if of_class is None else opened.seen_from(of_class)
    with progress_bar("writing the report", json, "parts") as bar:
        page = curation_report(opened, with_names, bar).encode()
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, page)
    if json:
        print_json({"study": str(opened.path), "file": str(out), "bytes": len(page)})
    else:
        say(f"report written to {out} ({len(page) / 1e6:.1f} MB)")
