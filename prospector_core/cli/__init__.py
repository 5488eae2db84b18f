"""The command line, `prospector`: one command a step of the flow. Errors are one line and exit code 2."""

import sys

import typer

from ..errors import ProspectorError
from . import study_commands, tool_commands
from .output import complain

__all__ = ["app", "main"]

app = typer.Typer(
    name="prospector",
    help="Where in a slide a class lives, learned from labels of whole slides or fields only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
study_commands.register(app)
tool_commands.register(app)


def main(arguments=None):
    """Run the command line. Exit code 0; 2 on bad input, with one line on stderr; 130 when interrupted."""
    try:
        app(args=arguments, standalone_mode=True)
    except ProspectorError as error:
        complain(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        complain("stopped; what was finished is kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
