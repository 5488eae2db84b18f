"""Commands by which a study grows: add, remove, labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BadInputError
from .arguments import Json, StudyPath
from .output import complain, print_json, print_table, progress_bar, say

if TYPE_CHECKING:
    from ..study import Study
    from ..study.growth import LabelChanges

__all__ = ["register", "say_table_changed"]

FileColumn = Annotated[str | None, typer.Option(help="Column of the table that names the file.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of the table that gives the class.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Look only; write nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (add, remove, labels):
        app.command()(command)


def add(
    study: StudyPath,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Files to add, or one folder of them.")
    ],
    table: Annotated[
        Path | None,
        typer.Option("--labels", help="Table of labels; rows of data that the study has are passed over."),
    ] = None,
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    slide_mpp: Annotated[
        float | None, typer.Option(help="Microns a pixel of new slides that do not state it.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Add data to a study. Concepts, names, edits and history stay; undo hides them again."""
    from ..store.readable import remember_sources
    from ..study import Study
    from ..study.growth import look_at_new

    opened = Study.open(study)
    columns = {"file_column": file_column, "label_column": label_column}
    more = {} if slide_mpp is None else {"slide_mpp": slide_mpp}
    if more and not _has_option(opened, "slide_mpp"):
        raise BadInputError(f"--slide-mpp is not for a study of {opened.kind.name}: leave it out")
    sources = files[0] if len(files) == 1 else files
    with progress_bar(opened.kind.looking, json) as bar:
        found = look_at_new(opened, sources, table, progress=bar, **columns, **more)
    names = [row.name for row in found.rows]
    if not dry_run:
        found.apply()
        remember_sources(opened.path)
    for note in found.new.embedding.get("notes", [])[:5]:
        complain(f"note: {note}")
    if json:
        print_json({"study": str(opened.path), "added": names, "written": not dry_run})
        return
    say(f"{opened.path}: {len(names)} data {'would be ' if dry_run else ''}added: {_some(names)}")
    if not dry_run:
        say(f"next: prospector embed {study}, then prospector fit {study} --refit")


def _has_option(study: Study, name: str) -> bool:
    """Whether the study's kind of data has an option of `prospector new`."""
    from ..modalities.options import options_of

    return any(option.name == name for option in options_of(study.kind.options))


def remove(
    study: StudyPath,
    data: Annotated[list[str], typer.Argument(metavar="DATUM...", help="Data to take out.")],
    json: Json = False,
) -> None:
    """Take data out of a study. Their embeddings and edits stay; undo, or `add`, brings them back."""
    from ..study import Study

    opened = Study.open(study)
    opened.remove_data(data)
    if json:
        print_json({"study": str(opened.path), "removed": data, "data": len(opened.data)})
        return
    say(f"{opened.path}: {len(data)} data taken out, {len(opened.data)} are left")
    if opened.view is not None:
        say(f"next: prospector fit {study} --refit")


def labels(
    study: StudyPath,
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="The labels table as it is now.")],
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    yes: Annotated[bool, typer.Option("--yes", help="Apply without asking.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Show what a labels table says otherwise than the study, then apply it as edits with undo."""
    from ..study import Study

    opened = Study.open(study)
    found = opened.compare_labels(table, file_column, label_column)
    to_do = bool(found.corrected or found.gone)
    if not json:
        _show(found, study)
    if to_do and not (yes or dry_run):
        if json or not sys.stdin.isatty():
            raise BadInputError("nothing was changed: say --yes to apply, or --dry-run to look only")
        to_do = typer.confirm("Apply?")
    applied = found.apply() if not dry_run and (to_do or not (found.corrected or found.gone)) else 0
    if json:
        print_json(
            {
                "study": str(opened.path),
                "new": [row.name for row in found.new],
                "corrected": {
                    datum.name: [found.class_name(datum.label), found.class_name(label)]
                    for datum, label in found.corrected
                },
                "gone": [datum.name for datum in found.gone],
                "edits": applied,
            }
        )
    elif applied:
        say(f"{applied} edits made" + (f"; next: prospector fit {study} --refit" if opened.view else ""))


def _show(found: LabelChanges, study: Path) -> None:
    rows = [
        *(("new", row.name, "", found.class_name(row.label)) for row in found.new),
        *(
            ("corrected", datum.name, found.class_name(datum.label), found.class_name(label))
            for datum, label in found.corrected
        ),
        *(("gone", datum.name, found.class_name(datum.label), "") for datum in found.gone),
    ]
    if not rows:
        say(f"{found.table} and the study say the same")
        return
    print_table(
        f"What {found.table.name} says otherwise", ("", "datum", "in the study", "in the table"), rows
    )
    if found.new:
        say(f"to add the new data: prospector add {study} FILES --labels {found.table}")


def _some(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def say_table_changed(study: Study) -> None:
    """Say in one line where the labels table that a study follows has changed."""
    from ..study.growth import table_changed

    if line := table_changed(study):
        complain(f"note: {line}")
