"""`prospector app`: the app of this account, in a browser window."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from prospector_core.cli.arguments import with_options
from prospector_core.cli.output import say
from prospector_core.errors import BadInputError, MissingExtraError
from prospector_core.launches import TOKEN, Launch, launch_token, open_window, running
from prospector_core.store.readable import DATA_FOLDERS, named_folders, working_folder

from ..installation import app_script
from .serving import only_here, read_server, server_environment, server_options

__all__ = ["register"]


OpenedStudy = Annotated[
    Path | None, typer.Argument(metavar="[STUDY]", help="Study to open. Default: the sample study.")
]
Port = Annotated[
    int | None, typer.Option(help="Port on this machine. Default: the first free one from 8501.")
]
Browser = Annotated[bool, typer.Option(help="Open a browser window.")]
Author = Annotated[
    str | None,
    typer.Option(
        help="Who edits, for the journal. Default: PROSPECTOR_AUTHOR, else your name on this system."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that share what the app embeds in the background. Default: one."),
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="The same on a dask cluster: its scheduler, tcp://host:port."),
]
Settings = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        envvar="PROSPECTOR_SETTINGS",
        help="Run a server for several people who log in, as this TOML file says (docs/deployment.md).",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Where a server listens. Default: this machine only."),
]
DataFolders = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER",
        help=(
            "Folder that the app may read beside your home folder, the working directory, and those of"
            " the study and its slides. May be repeated."
        ),
    ),
]
ListRunning = Annotated[
    bool, typer.Option("--list", help="Only print the addresses of your apps that run on this machine.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("app")(with_options(open_app))


@dataclass(frozen=True)
class AppOptions:
    """Options of the command, as they are given."""

    port: Port = None
    browser: Browser = True
    author: Author = None
    workers: Workers = None
    cluster: Cluster = None
    settings: Settings = None
    host: Host = None
    data: DataFolders = None
    list_running: ListRunning = False


def open_app(study: OpenedStudy = None, *, options: AppOptions) -> None:
    """Open the app in a browser.

    It listens on this machine only, lets in only you, and sends nothing anywhere.

    With --settings it is a server instead: people log in, and have the roles that the file gives them.
    """
    if options.list_running:
        _list_running()
        return
    from prospector_core.study import Study

    folders = [*named_folders(options.data or []), *(working_folder() if options.settings is None else [])]
    if options.workers is not None and options.cluster is not None:
        raise BadInputError("give --workers or --cluster, not both: a cluster has its own workers")
    server_settings = read_server(options.settings) if options.settings is not None else None
    address = "localhost" if server_settings else only_here(options.host)
    if study is not None:
        Study.open(study)  # a broken study is said here, in one line, not in a page
    script = app_script()
    if script is None:
        raise MissingExtraError(
            "the app's pages are not installed: install Prospector with `pip install -e .` in its folder"
        )
    port = _free_port(options.port or (server_settings and server_settings.port))
    launch = Launch(f"http://localhost:{port}/", launch_token(), 0, "")
    told = _streamlit_options(port, address)
    if server_settings:
        told |= server_options(server_settings, options.host)
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--{name}={value}" for name, value in told.items()]
    environment = _environment(study, options)
    environment[DATA_FOLDERS] = _data_folders(folders, server_settings)
    if server_settings:
        environment |= server_environment(server_settings)
        say(f"Prospector listens on {told['server.address']}, port {port}, for {server_settings.address}")
    else:
        environment[TOKEN] = launch.token
        say(f"Prospector at {launch.address} (Ctrl+C ends it)")
    server = subprocess.Popen(command, cwd=script.parent, env=environment)
    if options.browser and not server_settings:
        threading.Thread(target=_open_window, args=(launch, port, server), daemon=True).start()
    _wait_for(server)


def _environment(study: Path | None, options: AppOptions) -> dict[str, str]:
    """What the app is told by its environment."""
    given = {
        "PROSPECTOR_STUDY": study and study.resolve(),
        "PROSPECTOR_AUTHOR": options.author,
        "PROSPECTOR_WORKERS": options.workers,
        "PROSPECTOR_CLUSTER": options.cluster,
    }
    return {**os.environ, **{name: str(value) for name, value in given.items() if value}}


def _streamlit_options(port: int, address: str) -> dict[str, Any]:
    """What Streamlit is told.

    Said again here, beside .streamlit/config.toml, which an installed package does not bring along. Always
    headless: Streamlit would ask a first-time user for an email address, and we open the window ourselves.
    """
    return {
        "server.port": port,
        "server.address": address,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "runner.fastReruns": "false",
        "logger.hideWelcomeMessage": "true",
    }


def _data_folders(folders: list, server_settings: Any) -> str:
    """Folders that the app may read, as the environment holds them."""
    named = [os.environ[DATA_FOLDERS]] if os.environ.get(DATA_FOLDERS) else []
    of_server = [*server_settings.studies, *server_settings.data] if server_settings else []
    return os.pathsep.join(map(str, [*folders, *named, *of_server]))


def _wait_for(server: subprocess.Popen) -> None:
    """Until the app ends, or is ended. Raises typer.Exit."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the server below is ended too
    try:
        raise typer.Exit(server.wait())
    except KeyboardInterrupt:  # the way to end it
        server.wait()
        raise typer.Exit(0) from None
    finally:
        server.terminate()


def _free_port(wanted: int | None) -> int:
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


def _list_running() -> None:
    """The addresses of this account's apps, one per line."""
    found = running()
    for launch in found:
        say(f"{launch.address}  {launch.study}".rstrip())
    if not found:
        say("no app of yours runs on this machine: start one with `prospector app`")


def _open_window(launch: Launch, port: int, server: subprocess.Popen) -> None:
    """Open a browser window once the app answers."""
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                open_window(launch)
                return
        time.sleep(0.2)
