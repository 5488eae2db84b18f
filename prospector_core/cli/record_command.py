"""`prospector record`: who did what on a server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..server import read_record
from .output import print_json, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("record")(record)


def record(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The record: `record` in the settings of the server.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the lines as JSON, nothing else.")] = False,
) -> None:
    """Show who opened, edited and exported what on a server, and what was refused. Nothing is changed."""
    lines = read_record(file)
    if json:
        print_json([asdict(line) for line in lines])
        return
    columns = ["no", "when (UTC)", "who", "from", "what", "study", "more"]
    rows = [
        [line.id, line.at[:19].replace("T", " "), line.who, line.address, line.what, line.study, line.detail]
        for line in lines
    ]
    print_table(f"{file.name}: {len(lines)} lines", columns, rows)
