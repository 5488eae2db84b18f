"""Commands that draw or open windows: export, report, app, napari.

The core finds them by the group ``prospector.commands`` in pyproject.toml.
"""

import typer

from . import app_command, export_command, napari_command, report_command

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (export_command, report_command, app_command, napari_command):
        command.register(app)
