"""Commands beside a study's flow: app, bench."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ..errors import MissingExtraError
from .output import print_json, progress_bar, say

__all__ = ["register"]


def register(app):
    """Add the commands to the application."""
    app.command("app")(open_app)
    app.command()(bench)


def open_app(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="Study to open. Default: the sample study.")] = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
):
    """Open the app in a browser. It listens on this machine only and sends nothing anywhere."""
    from ..study import Study

    if study is not None:
        Study.open(study)  # a broken study is said here, in one line, not in a page
    spec = find_spec("app")
    if spec is None or not spec.origin:
        raise MissingExtraError("the app's pages are not installed: install Prospector with `pip install -e .` in its folder")
    script = Path(spec.origin)
    options = ["--server.port", str(port), "--server.headless", "false" if browser else "true"]
    environment = {**os.environ, **({"PROSPECTOR_STUDY": str(study.resolve())} if study else {})}
    # From the app's folder, so that its .streamlit/config.toml (localhost only, no statistics) holds.
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    try:
        raise typer.Exit(subprocess.call(command, cwd=script.parent, env=environment))
    except KeyboardInterrupt:  # the way to end it
        raise typer.Exit(0) from None


def bench(
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, nothing else.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, a few seconds: a check that it runs, not a measurement.")] = False,
):
    """Measure counting, prospecting and quantising on this machine, as ratios taken in one run."""
    from ..bench import format_bench, run_bench

    with progress_bar("measuring", json) as bar:
        result = run_bench(progress=bar, quick=quick)
    if json:
        print_json(result)
    else:
        say(format_bench(result))
