"""What the app puts in front of itself: the gate with its doors, and the address by which its owner comes in."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

from starlette.middleware import Middleware

from prospector_core.launches import TOKEN, Launch, launch_token, listed

from .middleware import Gate
from .token import LaunchToken

__all__ = ["Entrance"]


class Entrance:
    """The ways into this start of the app."""

    def __init__(self) -> None:
        self._said = TOKEN in os.environ  # who gave the token knows it: `prospector app` has printed it
        self._token = launch_token()

    def middleware(self) -> list[Middleware]:
        """For ``st.App(middleware=...)``."""
        return [Middleware(Gate, doors=[LaunchToken(self._token, _option("server.baseUrlPath"))], hosts=_hosts())]

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Say the address on the terminal, and keep it for ``prospector app --list`` while the app runs."""
        base = _option("server.baseUrlPath").strip("/")
        scheme = "https" if _option("server.sslCertFile") else "http"
        url = f"{scheme}://localhost:{_option('server.port')}/{base + '/' if base else ''}"
        launch = Launch(url, self._token, os.getpid(), socket.gethostname(), os.environ.get("PROSPECTOR_STUDY", ""))
        if not self._said:
            print(f"Prospector at {launch.address} (Ctrl+C ends it)", flush=True)
        with contextlib.ExitStack() as kept:
            try:
                kept.enter_context(listed(launch))
            except OSError as error:  # a home that cannot be written to, or none
                print(f"`prospector app --list` will not know this app: {error}", file=sys.stderr, flush=True)
            yield


def _hosts() -> list[str]:
    """Names of the app that whoever runs it has given to Streamlit."""
    address = _option("server.address")
    named = [_option("browser.serverAddress"), address, *(_option("server.allowedHosts") or [])]
    return [name for name in named if name and name not in ("0.0.0.0", "::") and "*" not in name]


def _option(name: str) -> str:
    from streamlit import config

    return config.get_option(name) or ""
