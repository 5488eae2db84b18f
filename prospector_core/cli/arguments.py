"""Arguments and options that several commands have."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

__all__ = ["Beside", "Cluster", "Json", "Memory", "OfClass", "StudyPath", "Workers", "with_options"]

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


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose last parameter is a dataclass, as typer takes it: with an option for each field.

    Fields are annotated, and have defaults, as parameters of a command have.
    """
    *own, last = inspect.signature(command, eval_str=True).parameters.values()
    options, hints = last.annotation, get_type_hints(last.annotation, include_extras=True)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [
        inspect.Parameter(field.name, kind, default=field.default, annotation=hints[field.name])
        for field in fields(options)
    ]

    @wraps(command)
    def called(**arguments: Any) -> None:
        first = {parameter.name: arguments.pop(parameter.name) for parameter in own}
        command(**first, **{last.name: options(**arguments)})

    called.__signature__ = inspect.Signature([*own, *given])  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in (*own, *given)}
    return called
