"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Beside", "Cluster", "Json", "Memory", "OfClass", "StudyPath", "Workers"]

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Processes on this machine that share the work (extra `cluster`). Default: this one alone."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Scheduler of a dask cluster, tcp://host:port, whose workers see the study's folder.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help=(
            "With --workers: what each may take, such as 4GB; one that takes more is ended. Default: no"
            " bound."
        )
    ),
]
Beside = Annotated[
    list[Path] | None,
    typer.Option(
        help=(
            "Another study of the same data, with finer tiles or another encoder: labels alone say which to"
            " use. May be repeated."
        )
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")]
OfClass = Annotated[
    str | None,
    typer.Option("--class", help="Where there are more than two classes: this one alone. Default: all."),
]
