"""Apps that run: the token of each, and the file in which its owner finds the address again.

Each app was started with its token.
"""

import atexit
import contextlib
import json
import os
import platform
import re
import secrets
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from .errors import BadInputError
from .store.removal import remove_file

__all__ = ["TOKEN", "Launch", "launch_token", "listed", "open_window", "running"]

TOKEN = (  # a variable of the environment, which other accounts cannot see, as they can a command line
    "PROSPECTOR_TOKEN"
)
_TOKEN = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{16,128}")


@dataclass(frozen=True)
class Launch:
    """One running app.

    Parameters
    ----------
    url : str
        Its address without the token, with a last slash.
    token : str
    pid : int
        Of the process that answers.
    machine : str
        Where that process runs: home folders may be shared by several machines.
    study : str
        Folder that it was started on, "" for the sample.
    """

    url: str
    token: str
    pid: int
    machine: str
    study: str = ""

    @property
    def address(self) -> str:
        """What a browser opens first."""
        return f"{self.url}?token={self.token}"


def launch_token() -> str:
    """The token of this start: as PROSPECTOR_TOKEN says, else a new one.

    The variable is taken out of the environment.

    Raises
    ------
    BadInputError
        If that token could be guessed or does not fit in an address.
    """
    given = os.environ.pop(TOKEN, None)
    if given is not None and not _TOKEN.fullmatch(given):
        raise BadInputError(
            f"{TOKEN} must be 16 to 128 letters, digits, - and _, not digits alone; without it each start"
            " makes a new one"
        )
    return given or secrets.token_urlsafe(32)


def open_window(launch: Launch, query: str = "") -> None:
    """Open a browser window on an app.

    Other accounts see the command lines of this one, the browser's too. It is therefore given a small page,
    which only this account can read, and which leads on to the address with the token. ``query``: of the
    address, without a question mark.
    """
    import webbrowser

    address = f"{launch.url}?{query}" if query else launch.url
    if not launch.token:
        webbrowser.open(address)
        return
    address += f"{'&' if query else '?'}token={launch.token}"
    if (
        "microsoft" in platform.uname().release.lower()
    ):  # Linux within Windows: its browser does not find our files
        webbrowser.open(address)
        return
    from .html_pages import write_html  # late: most commands open no window

    handle, page = tempfile.mkstemp(
        dir=_folder_for_pages(), prefix="prospector-opens-", suffix=".html"
    )  # of mode 0600
    atexit.register(remove_file, Path(page))
    with open(handle, "w", encoding="utf-8") as out:
        out.write(write_html("prospector_core", "forward.html", address=address))
    webbrowser.open(Path(page).as_uri())
    timer = threading.Timer(_OPENING, remove_file, (Path(page),))
    timer.daemon = True
    timer.start()


_OPENING = 120  # seconds that a browser may take to start


def _folder_for_pages() -> Path:
    """Where browsers may read: those that come as a snap or flatpak see no hidden folders, but downloads."""
    folder = platformdirs.user_downloads_path()
    if not (sys.platform == "linux" and folder.is_dir() and os.access(folder, os.W_OK)):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@contextlib.contextmanager
def listed(launch: Launch) -> Iterator[Path]:
    """Keep the launch in a file that only this account can read, while the block lasts.

    Raises OSError before it begins.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, written = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")  # of mode 0600
    file = folder / f"{launch.machine}-{launch.pid}.json"
    with open(handle, "w", encoding="utf-8") as out:
        json.dump(asdict(launch), out)
    os.replace(written, file)
    try:
        yield file
    finally:
        remove_file(file)


def running() -> list[Launch]:
    """The apps of this account that run on this machine and answer.

    Files of those that were killed are removed.
    """
    machine, found = socket.gethostname(), []
    for file in sorted(_folder().glob("*.json")):
        try:
            launch = Launch(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # of another version, or just removed
            continue
        if launch.machine != machine:
            continue
        answer = _answer(launch)
        if answer == 200:
            found.append(launch)
        elif answer is None:
            remove_file(file)
    return found


def _folder() -> Path:
    return platformdirs.user_state_path("prospector", appauthor=False) / "apps"


def _answer(launch: Launch) -> int | None:
    """Status with which the app answers its token.

    403 where another listens there now, 0 if it is too busy; None if nobody does.
    """
    asked = urllib.request.Request(
        f"{launch.url}_stcore/health", headers={"Authorization": f"Bearer {launch.token}"}
    )
    try:
        with _DIRECT.open(asked, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        return None if isinstance(error.reason, ConnectionRefusedError) else 0
    except OSError:
        return 0


_DIRECT = urllib.request.build_opener(
    urllib.request.ProxyHandler({})
)  # a proxy of the system is not asked for this machine
