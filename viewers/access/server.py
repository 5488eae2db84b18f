"""A server of several people: its settings, its doors, and what it notes of who comes and goes."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.responses import HTMLResponse, Response

from prospector_core.errors import RecordError
from prospector_core.html_pages import write_html
from prospector_core.server import Record, ServerSettings, read_settings

from .openid import OpenIdDoor
from .person import Door, Person
from .proxy import ProxyDoor
from .reception import Reception
from .streamlit_login import check_login

__all__ = ["Server", "server", "server_settings"]

log = logging.getLogger(__name__)

_AGAIN = 60  # seconds before the same refusal is noted again: a stranger must not fill the record


class Server(Reception):
    """People come in through one door: a login with OpenID Connect, or the header of a proxy.

    Parameters
    ----------
    settings : ServerSettings
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings, self.record = settings, Record(settings.record)
        self._proxy = ProxyDoor(settings.proxy) if settings.proxy else None
        self._openid = None
        if settings.openid:
            check_login()
            self._openid = OpenIdDoor(settings.openid, settings.base_path)
        self._seen: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    @property
    def doors(self) -> list[Door]:
        """The one door."""
        return [self._openid or self._proxy]

    def still(self, person: Person) -> bool:
        """Whether someone who was let in may go on: their login has neither run out nor been ended."""
        return self._openid.still(person) if self._openid else True

    def note(self, what: str, person: Person | None, address: str, study: str = "", detail: str = "") -> str:
        """Add a line to the record. Returns what went wrong, "" if nothing did.

        Nothing that was done is lost by it.
        """
        try:
            self.record.add(what, person.name if person else "", address, study, detail)
        except RecordError as error:
            log.error("%s", error)
            return str(error)
        return ""

    # -- what the gate asks
    # -----------------------------------------------------------------------------------------

    def look(self, scope: MutableMapping[str, Any], person: Person | None) -> None:
        """Note who comes and goes, and who pretends.

        From here on, the address of the request is the one that the proxy says.
        """
        pretends = self._proxy is not None and self._proxy.pretends(scope)
        if self._proxy is not None:
            where = self._proxy.from_where(scope)
            scope["client"] = (where, 0)
        address = (scope.get("client") or ("",))[0]
        if pretends and self.first("pretends", address):
            self.note(
                "refused",
                None,
                address,
                detail=f"header {self.settings.proxy.user_header} not from the proxy",
            )
        if person is not None and person.login and self.first("login", person.login, until=person.until):
            self.note("logged in", person, address)
        if self._openid and self._openid.leaving(scope):
            self.note("logged out", person, address)

    def believed(self, scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
        """All headers but those that only the proxy may set."""
        return self._proxy.without(scope) if self._proxy else list(scope["headers"])

    def passes(self, scope: Mapping[str, Any]) -> bool:
        """Whether the request is part of a login."""
        return self._openid is not None and self._openid.passes(scope)

    def refusal(self, scope: Mapping[str, Any], person: Person | None) -> Response:
        """The page with a button to log in; or that the proxy has not said who asks."""
        if self._openid and person is None:
            return self._openid.answer(scope, self.headers)
        return HTMLResponse(write_html("viewers", "gate_unknown.html"), 403 if person else 401, self.headers)

    def first(self, *what: str, until: float | None = None) -> bool:
        """Whether this has not been seen for a while."""
        now = time.time()
        with self._lock:
            if self._seen.get(what, 0) > now:
                return False
            if len(self._seen) > 10_000:
                self._seen = {each: end for each, end in self._seen.items() if end > now}
            self._seen[what] = now + _AGAIN if until is None else until
        return True


def server() -> Server | None:
    """The server that this process is, None for an app of one account. Raises SettingsError."""
    file = os.environ.get("PROSPECTOR_SETTINGS")
    return _server(file) if file else None


def server_settings() -> ServerSettings | None:
    """Its settings."""
    found = server()
    return found.settings if found else None


@functools.lru_cache(maxsize=4)
def _server(file: str) -> Server:
    return Server(read_settings(file))
