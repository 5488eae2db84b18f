"""The command `relink`: files of a study that moved are found again."""

from pathlib import Path
from typing import Annotated

import typer

from .arguments import Json, StudyPath
from .output import complain, print_json, print_table, progress_bar, say

__all__ = ["RESULTS", "register"]

RESULTS = {
    "there": "where it was",
    "found": "found",
    "missing": "not found",
    "other": "same name, other content",
    "several": "several of that name, which differ",
}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(relink)


def relink(
    study: StudyPath,
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Where the files are now; all folders in it are searched."),
    ],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Take a file of the same name even if its content differs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look only; write nothing.")] = False,
    json: Json = False,
) -> None:
    """Find slides (structures, documents, ...) that moved, by what is in them.

    Edits, fits and maps stay as they are.
    """
    from ..study import Study
    from ..study.relink import relink as find

    opened = Study.open(study)
    with progress_bar("looking", json, "files") as bar:
        done = find(opened, folders, anyway=anyway, dry_run=dry_run, progress=bar)
    left = done.of("missing", "other", "several")
    if json:
        print_json(
            {
                "study": str(opened.path),
                "written": done.written,
                "files": [link.record() for link in done.links],
            }
        )
    else:
        rows = [
            (link.source.name, RESULTS[link.result], link.path or "", _more(link))
            for link in done.links
            if link.result != "there"
        ]
        if rows:
            print_table(f"Files of {opened.name}", ("file", "", "where", ""), rows)
        say(f"{done}" + ("; nothing was written" if done.of("found") and not done.written else ""))
    if left:
        names = ", ".join(link.source.name for link in left[:3]) + (
            f" and {len(left) - 3} more" if len(left) > 3 else ""
        )
        hint = "; to take files of other content: --anyway" if done.of("other") else ""
        complain(f"not found: {names}: give other folders{hint}")
        raise typer.Exit(2)


def _more(link) -> str:
    if link.near:
        return f"there is {', '.join(link.near)}"
    return f"by {link.how}" if link.how else ""
