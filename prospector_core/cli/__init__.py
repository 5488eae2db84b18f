"""The command line, `prospector`: one command a step of the flow. Errors are one line and exit code 2."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from .. import plugins
from ..errors import MissingExtraError, PluginWarning, ProspectorError
from ..store import memory
from . import (
    evaluate_command,
    fit_command,
    grow_commands,
    info_command,
    journal_commands,
    keeping_commands,
    new_command,
    prospect_command,
    record_command,
    relink_command,
    study_commands,
)
from .output import complain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command_line", "main"]

_OWN = (
    new_command,
    study_commands,
    fit_command,
    grow_commands,
    prospect_command,
    journal_commands,
    relink_command,
    keeping_commands,
    info_command,
    evaluate_command,
    record_command,
)
# As `prospector --help` lists them, wherever their code is: along the flow. Those of other packages follow.
_ORDER = (
    *("new", "embed", "fit", "name", "prospect", "export"),
    *("add", "remove", "labels"),
    *("history", "replay", "check", "report", "app", "relink", "backup", "restore", "trust"),
    *("info", "napari", "bench", "evaluate", "record"),
)


class _Commands(TyperGroup):
    """All commands, in one order."""

    def list_commands(self, context: typer.Context) -> list[str]:
        known = [name for name in _ORDER if name in self.commands]
        return known + [name for name in self.commands if name not in _ORDER]

    def resolve_command(self, context: typer.Context, arguments: list[str]) -> tuple:
        if arguments[0] == "bench" and "bench" not in self.commands:
            raise MissingExtraError(
                "the benchmarks are not part of an installed Prospector: run this in a clone of its"
                " repository"
            )
        return super().resolve_command(context, arguments)


@lru_cache(maxsize=1)
def command_line() -> typer.Typer:
    """The application with the core's commands, and those that entry points of `prospector.commands` add."""
    app = typer.Typer(
        name="prospector",
        cls=_Commands,
        help="Where in a slide a class lives, learned from labels of whole slides or fields only.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(limits)
    for module in _OWN:
        module.register(app)
    for _, register in plugins.load_all("prospector.commands"):
        register(app)
    return app


def limits(
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory",
            metavar="SIZE",
            help="The most memory that one file may ask for to be read, such as 4GB (1GB).",
        ),
    ] = None,
) -> None:
    """Where in a slide a class lives, learned from labels of whole slides or fields only."""
    if max_memory is not None:
        os.environ[memory.VARIABLE] = str(
            memory.parse_size(max_memory)
        )  # processes that are started know it too
    memory.most_memory()  # what the environment says is wrong is said now


_UsageError = typer.BadParameter.__base__  # click's own, wherever this typer keeps it
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Exits with 2 on bad input, with one line on stderr, and with 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _show_in_one_line()
    try:
        code = command_line()(args=arguments or ["--help"], prog_name="prospector", standalone_mode=False)
    except ProspectorError as error:
        complain(str(error))
        code = 2
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "prospector"
        complain(f"{' '.join(error.format_message().split()).rstrip('.')}: see `{command} --help`")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except MemoryError:
        complain("there is not enough memory for this: close other programs, or give fewer or smaller files")
        code = 2
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read our output has left, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        name = f"{error.filename}: " if error.filename else ""
        complain(f"{name}{error.strerror or error}: check the file, its folder and their permissions")
        code = 2
    if code == _INTERRUPTED:
        complain("stopped; what was finished is kept")
    if code:
        sys.exit(code)


def _show_in_one_line():
    """Warn of broken packages as errors are said: in one line."""
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: object, **more: object) -> None:
        if issubclass(category, PluginWarning):
            complain(f"warning: {message}")
        else:
            others(message, category, *where, **more)

    if not getattr(others, "of_prospector", False):
        show.of_prospector = True
        warnings.showwarning = show


if __name__ == "__main__":
    main()
