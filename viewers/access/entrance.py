"""What the app puts in front of itself.

The gate with its doors, and the address by which its owner comes in.
"""

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator

from starlette.middleware import Middleware

from prospector_core.errors import ProspectorError, SettingsError
from prospector_core.launches import TOKEN, Launch, launch_token, listed
from prospector_core.server import streamlit_options

from .folders import limit_app
from .middleware import Gate
from .server import Server, server
from .token import LaunchToken

__all__ = ["Entrance"]


class Entrance:
    """The ways into this start of the app."""

    def __init__(self) -> None:
        # Uvicorn would take the word of any program on this machine for the address that a request comes
        # from.
        os.environ["FORWARDED_ALLOW_IPS"] = ""
        try:
            self._server = server()
            if self._server is not None:
                _check_options(self._server)
            self._said = TOKEN in os.environ  # who gave the token knows it: `prospector app` has printed it
            self._token = launch_token()
            limit_app(own=self._server is None)
        except ProspectorError as error:
            sys.exit(f"prospector: {error}")

    def middleware(self) -> list[Middleware]:
        """For ``st.App(middleware=...)``."""
        if self._server is not None:
            settings = self._server.settings
            return [
                Middleware(Gate, doors=self._server.doors, hosts=[settings.hostname], reception=self._server)
            ]
        return [
            Middleware(Gate, doors=[LaunchToken(self._token, _option("server.baseUrlPath"))], hosts=_hosts())
        ]

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Say the address on the terminal, and keep it for ``prospector app --list`` while the app runs."""
        if self._server is not None:
            print(f"Prospector at {self._server.settings.address}", flush=True)
            yield
            return
        base = _option("server.baseUrlPath").strip("/")
        scheme = "https" if _option("server.sslCertFile") else "http"
        url = f"{scheme}://localhost:{_option('server.port')}/{base + '/' if base else ''}"
        launch = Launch(
            url, self._token, os.getpid(), socket.gethostname(), os.environ.get("PROSPECTOR_STUDY", "")
        )
        if not self._said:
            print(f"Prospector at {launch.address} (Ctrl+C ends it)", flush=True)
        with contextlib.ExitStack() as kept:
            try:
                kept.enter_context(listed(launch))
            except OSError as error:  # a home that cannot be written to, or none
                print(f"`prospector app --list` will not know this app: {error}", file=sys.stderr, flush=True)
            yield


def _check_options(started: Server) -> None:
    """Raise SettingsError if Streamlit was not told what the settings say.

    Then it was started in another way.
    """
    from streamlit import config

    for name, value in streamlit_options(started.settings).items():
        told = config.get_option(name)
        told = (
            json.dumps(told)
            if isinstance(told, dict)
            else told
            if isinstance(told, str)
            else ",".join(told or [])
        )
        if told.strip("/") != str(value).strip("/"):
            raise SettingsError(
                f"start the server with `prospector app --settings {started.settings.file}` ({name} is"
                f" {told!r})"
            )


def _hosts() -> list[str]:
    """Names of the app that whoever runs it has given to Streamlit."""
    address = _option("server.address")
    named = [_option("browser.serverAddress"), address, *(_option("server.allowedHosts") or [])]
    return [name for name in named if name and name not in ("0.0.0.0", "::") and "*" not in name]


def _option(name: str) -> str:
    from streamlit import config

    return config.get_option(name) or ""
