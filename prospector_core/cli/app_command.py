"""`prospector app`: the app of this account, in a browser window."""

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
from ..launches import TOKEN, Launch, launch_token
from .output import say
from .serving import only_here, read_server, server_environment, server_options

__all__ = ["register"]


def register(app):
    """Add the command to the application."""
    app.command("app")(open_app)


def open_app(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="Study to open. Default: the sample study.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port on this machine. Default: the first free one from 8501.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    author: Annotated[
        str | None,
        typer.Option(help="Who edits, for the journal. Default: PROSPECTOR_AUTHOR, else your name on this system."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that share what the app embeds in the background. Default: one."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The same on a dask cluster: its scheduler, tcp://host:port.")
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="PROSPECTOR_SETTINGS",
            help="Run a server for several people who log in, as this TOML file says (docs/deployment.md).",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where a server listens. Default: this machine only.")
    ] = None,
):
    """Open the app in a browser. It listens on this machine only and sends nothing anywhere.

    With --settings it is a server instead: people log in, and have the roles that the file gives them.
    """
    from ..study import Study

    if workers is not None and cluster is not None:
        raise BadInputError("give --workers or --cluster, not both: a cluster has its own workers")
    server_settings = read_server(settings) if settings is not None else None
    address = "localhost" if server_settings else only_here(host)
    if study is not None:
        Study.open(study)  # a broken study is said here, in one line, not in a page
    script = Path(__file__).resolve().parents[2] / "app.py"
    if not script.exists():
        raise MissingExtraError(
            "the app's pages are not installed: install Prospector with `pip install -e .` in its folder"
        )
    port = _free_port(port or (server_settings and server_settings.port))
    launch = Launch(f"http://localhost:{port}/", launch_token(), 0, "")
    # Said again here, beside .streamlit/config.toml, which an installed package does not bring along. Always headless:
    # Streamlit would ask a first-time user for an email address, and we open the window ourselves.
    options = {
        "server.port": port, "server.address": address, "server.headless": "true", "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false", "client.toolbarMode": "minimal", "runner.fastReruns": "false",
        "logger.hideWelcomeMessage": "true",
    }  # fmt: skip
    if server_settings:
        options |= server_options(server_settings, host)
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, **({"PROSPECTOR_STUDY": str(study.resolve())} if study else {})}
    given = {"PROSPECTOR_AUTHOR": author, "PROSPECTOR_WORKERS": workers, "PROSPECTOR_CLUSTER": cluster}
    environment |= {name: str(value) for name, value in given.items() if value}
    if server_settings:
        environment |= server_environment(server_settings)
        say(f"Prospector listens on {options['server.address']}, port {port}, for {server_settings.address}")
        browser = False
    else:
        environment[TOKEN] = launch.token
        say(f"Prospector at {launch.address} (Ctrl+C ends it)")
    server = subprocess.Popen(command, cwd=script.parent, env=environment)
    if browser:
        threading.Thread(target=_open_window, args=(launch.address, port, server), daemon=True).start()
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
