"""The command line, `prospector`: one command a step of the flow. Errors are one line and exit code 2."""

import errno
import os
import sys
import warnings
from typing import Annotated

import typer

from ..errors import PluginWarning, ProspectorError
from ..store import memory
from . import (
    app_command,
    evaluate_command,
    journal_commands,
    keeping_commands,
    new_command,
    record_command,
    relink_command,
    study_commands,
    tool_commands,
)
from .output import complain

__all__ = ["app", "main"]

app = typer.Typer(
    name="prospector",
    help="Where in a slide a class lives, learned from labels of whole slides or fields only.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def limits(
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory",
            metavar="SIZE",
            help="The most memory that one file may ask for to be read, such as 4GB (1GB).",
        ),
    ] = None,
):
    """Where in a slide a class lives, learned from labels of whole slides or fields only."""
    if max_memory is not None:
        os.environ[memory.VARIABLE] = str(
            memory.parse_size(max_memory)
        )  # processes that are started know it too
    memory.most_memory()  # what the environment says is wrong is said now


new_command.register(app)
study_commands.register(app)
journal_commands.register(app)
app_command.register(app)
relink_command.register(app)
keeping_commands.register(app)
tool_commands.register(app)
evaluate_command.register(app)
record_command.register(app)

_UsageError = typer.BadParameter.__base__  # click's own, wherever this typer keeps it
_INTERRUPTED = 130


def main(arguments=None):
    """Run the command line. Exits with 2 on bad input, with one line on stderr.

    And with 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _show_in_one_line()
    try:
        code = app(args=arguments or ["--help"], prog_name="prospector", standalone_mode=False)
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

    def show(message, category, *where, **more):
        if issubclass(category, PluginWarning):
            complain(f"warning: {message}")
        else:
            others(message, category, *where, **more)

    if not getattr(others, "of_prospector", False):
        show.of_prospector = True
        warnings.showwarning = show


if __name__ == "__main__":
    main()
