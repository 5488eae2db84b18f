"""The door for who has logged in with OpenID Connect, by Streamlit's own login."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from prospector_core.html_pages import write_html
from prospector_core.server import OpenId

from .person import Person, sound_name
from .streamlit_login import COOKIE, LOGIN_PATHS, LOGOUT, login_address, read_identity
from .token import header

__all__ = ["OpenIdDoor"]

_ENTRY = "prospector/login"


class OpenIdDoor:
    """Knows people by the cookie of their login, and shows the others one button.

    Parameters
    ----------
    settings : OpenId
    base : str
        Path of the app's address, without slashes at its ends.
    """

    def __init__(self, settings: OpenId, base: str = "") -> None:
        self._settings, self._base = settings, f"/{base}/" if base else "/"
        self._ended: dict[str, float] = {}  # logins that were ended: their cookie may live on elsewhere
        self._lock = threading.Lock()

    def __call__(self, scope: Mapping[str, Any]) -> Person | None:
        """Who has logged in, if the login has neither run out nor been ended."""
        cookies = cookie_parser(header(scope, b"cookie"))
        if COOKIE not in cookies:
            return None
        claims = read_identity(cookies) or {}
        name, login = sound_name(claims.get(self._settings.name)), _login(cookies)
        since = claims.get("iat")
        if not name or isinstance(since, bool) or not isinstance(since, (int, float)):
            return None
        until = since + self._settings.hours * 3600
        if (
            login in self._ended
            or time.time() >= until
            or claims.get(f"{self._settings.name}_verified") is False
        ):
            return None
        groups = claims.get(self._settings.groups, ())
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        known = tuple(sorted({group for each in groups if (group := sound_name(each))}))
        return Person(name, known, how="openid", login=login, until=until)

    def still(self, person: Person) -> bool:
        """Whether a login that was known has neither run out nor been ended since."""
        return person.login not in self._ended and time.time() < person.until

    def leaving(self, scope: Mapping[str, Any]) -> bool:
        """Whether this request ends the login.

        Then its cookie is worth nothing from now on, wherever it is.
        """
        if scope["type"] != "http" or scope["path"] != self._base + LOGOUT:
            return False
        person = self(scope)
        if person is None:
            return False
        with self._lock:
            now = time.time()
            self._ended = {login: until for login, until in self._ended.items() if until > now} | {
                person.login: person.until
            }
        return True

    def passes(self, scope: Mapping[str, Any]) -> bool:
        """Whether the request is part of logging in or out."""
        return scope["type"] == "http" and scope["path"] in {self._base + path for path in LOGIN_PATHS}

    def answer(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        """The page with the button; or the way to the provider, when it was pressed."""
        if scope["path"] == self._base + _ENTRY and scope["method"] == "GET":
            return RedirectResponse(self._base + login_address(), 302, headers)
        return HTMLResponse(
            write_html("viewers", "gate_login.html", address=self._base + _ENTRY), 401, headers
        )


def _login(cookies: Mapping[str, str]) -> str:
    """A short name of this login, which tells nothing of its cookie."""
    parts = [name for name in cookies if name.startswith(COOKIE) and "tokens" not in name]
    whole = "\n".join(f"{name}={cookies[name]}" for name in sorted(parts))
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
