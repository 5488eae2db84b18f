"""`prospector napari`: a study in a window of napari."""

import os
from pathlib import Path
from typing import Annotated

import typer

from prospector_core.errors import BadInputError, MissingExtraError

from ..kinds import kinds_in_napari, view_of

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("napari")(open_napari)


def open_napari(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="Study to open. Default: an empty window with the plugin."),
    ] = None,
    datum: Annotated[
        str | None, typer.Argument(metavar="[DATUM]", help="Datum to begin with, by name or uid.")
    ] = None,
    author: Annotated[
        str | None,
        typer.Option(
            help="Who edits, for the journal. Default: PROSPECTOR_AUTHOR, else your name on this system."
        ),
    ] = None,
):
    """Review a study of slides, cells or graphs in napari (installed with the extra `napari`)."""
    from importlib.util import find_spec

    from prospector_core.study import Study

    if find_spec("napari") is None:
        raise MissingExtraError("napari is not installed: pip install -r requirements-napari.txt")
    if study is not None:
        opened = Study.open(study)  # what is wrong is said here, in one line, not in a window
        if not view_of(opened).in_napari:
            raise BadInputError(
                f"{study} is a study of {opened.kind.words.data}, and napari shows {kinds_in_napari()}:"
                f" prospector app {study}"
            )
        if datum is not None:
            datum = opened.datum(datum).uid
        opened.database.close()
    if author:
        os.environ["PROSPECTOR_AUTHOR"] = author
    from ..napari_plugin.start import run

    run(study, datum)
