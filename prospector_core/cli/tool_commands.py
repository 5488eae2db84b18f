"""Commands beside a study's flow: app, bench."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadInputError, MissingExtraError
from .output import print_json, progress_bar, say

__all__ = ["register"]


def register(app):
    """Add the commands to the application."""
    app.command("app")(open_app)
    app.command()(bench)


def open_app(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="Study to open. Default: the sample study.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port on this machine. Default: the first free one from 8501.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
):
    """Open the app in a browser. It listens on this machine only and sends nothing anywhere."""
    from ..study import Study

    if study is not None:
        Study.open(study)  # a broken study is said here, in one line, not in a page
    script = Path(__file__).resolve().parents[2] / "app.py"
    if not script.exists():
        raise MissingExtraError(
            "the app's pages are not installed: install Prospector with `pip install -e .` in its folder"
        )
    port = _free_port(port)
    url = f"http://localhost:{port}"
    # Said again here, beside .streamlit/config.toml, which an installed package does not bring along. Always headless:
    # Streamlit would ask a first-time user for an email address, and we open the window ourselves.
    options = {
        "server.port": port, "server.address": "localhost", "server.headless": "true", "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false", "client.toolbarMode": "minimal",
    }  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, **({"PROSPECTOR_STUDY": str(study.resolve())} if study else {})}
    say(f"Prospector at {url} (Ctrl+C ends it)")
    server = subprocess.Popen(command, cwd=script.parent, env=environment)
    if browser:
        threading.Thread(target=_open_window, args=(url, port, server), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the server below is ended too
    try:
        raise typer.Exit(server.wait())
    except KeyboardInterrupt:  # the way to end it
        server.wait()
        raise typer.Exit(0) from None
    finally:
        server.terminate()


def _free_port(wanted):
    """The port asked for, or the first free one. Raises BadInputError if there is none."""
    for port in [wanted] if wanted else range(8501, 8601):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return port
    raise BadInputError(f"port {wanted or '8501 to 8600'} is in use or not allowed: name another with --port")


def _open_window(url, port, server):
    """Open a browser window once the app answers."""
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                webbrowser.open(url)
                return
        time.sleep(0.2)


def bench(
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, nothing else.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes, a few seconds: a check that it runs, not a measurement.")
    ] = False,
):
    """Measure counting, prospecting and quantising on this machine, as ratios taken in one run."""
    from ..bench import format_bench, run_bench

    with progress_bar("measuring", json) as bar:
        result = run_bench(progress=bar, quick=quick)
    if json:
        print_json(result)
    else:
        say(format_bench(result))
