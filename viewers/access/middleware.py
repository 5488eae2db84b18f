"""The gate in front of all that the app answers: pages, WebSocket, uploads, media and tiles alike."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from prospector_core.html_pages import write_html

from .person import KEY, PERSON_HEADER, Door, Person
from .reception import Reception
from .token import LaunchToken, header, own_host

__all__ = ["Gate"]

Scope = MutableMapping[str, Any]
_SAFE = ("GET", "HEAD")
_SECRET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


class Gate:
    """ASGI middleware that lets in only requests that are meant for this app and that a door answers for.

    A request must be meant for this app, come from its own pages, and be of someone whom some door knows.

    A new route is behind it without saying so: nothing passes but what is let in here.

    Parameters
    ----------
    app : ASGI application
    doors : sequence of Door
        Asked in their order; the first that knows the person lets them in.
    hosts : iterable of str
        Names that the app has beside those of this machine's loopback. A page of a stranger whose name is
        made to lead here (DNS rebinding) has another.
    reception : Reception
        Lets logins pass, and answers those that are not let in.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        doors: Sequence[Door],
        hosts: Iterable[str] = (),
        reception: Reception | None = None,
    ) -> None:
        self._app, self._doors, self._reception = app, list(doors), reception or Reception()
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Callable, send: Callable) -> None:
        """Let the request in, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        meant = self._meant_for_us(scope)
        person = self._person(scope) if meant else None
        self._reception.look(scope, person)
        scope["headers"] = self._told(scope, person)
        key = next(
            (door for door in self._doors if isinstance(door, LaunchToken) and door.in_address(scope)), None
        )
        if key is not None:
            scope["query_string"] = key.query_without(
                scope
            )  # in place: so it stands in no log of the server either
        if person is None and meant and self._reception.passes(scope):
            await self._app(scope, receive, send)
        elif person is None or not self._own_doing(scope, person):
            await self._refuse(scope, receive, send, person)
        elif key is not None and scope["type"] == "http" and scope["method"] in _SAFE:
            await self._enter(scope, key)(scope, receive, send)
        else:
            scope[KEY] = person
            await self._app(scope, receive, send)

    def _person(self, scope: Scope) -> Person | None:
        return next((person for door in self._doors if (person := door(scope)) is not None), None)

    def _meant_for_us(self, scope: Scope) -> bool:
        host = own_host(scope)
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        return bool(name) and (name in self._hosts or _loopback(name))

    def _own_doing(self, scope: Scope, person: Person) -> bool:
        """Whether the app's own page asks, and no other page through this browser.

        A program that itself brings the token may ask, too.
        """
        origin = header(scope, b"origin")
        if _has(scope, b"origin"):
            scheme = origin.partition("://")[0]
            return _place(origin) == _place(f"{scheme}://{own_host(scope)}") is not None
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            return person.how == "token"
        # Of what other pages ask, only that the browser goes here as a whole: no picture, script or frame in
        # them.
        site = header(scope, b"sec-fetch-site")
        shown = (
            header(scope, b"sec-fetch-mode") == "navigate" and header(scope, b"sec-fetch-dest") == "document"
        )
        return site in ("", "none", "same-origin") or shown

    def _told(self, scope: Scope, person: Person | None) -> list[tuple[bytes, bytes]]:
        """Headers for what is behind the gate: who asks is said by the gate alone."""
        name = PERSON_HEADER.lower().encode()
        headers = [(key, value) for key, value in self._reception.believed(scope) if key != name]
        return headers if person is None else [*headers, (name, person.written().encode())]

    async def _refuse(self, scope: Scope, receive: Callable, send: Callable, person: Person | None) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._reception.refusal(scope, person)(scope, receive, send)

    def _enter(self, scope: Scope, key: LaunchToken) -> Response:
        """The cookie, and on to the same address without the token."""
        path = "/" + (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").lstrip("/\\")
        query = scope["query_string"].decode("latin-1")
        address = f"{path}?{query}" if query else path
        headers = {**_SECRET, "Set-Cookie": key.cookie(scope)}
        if header(scope, b"sec-fetch-site") in ("", "none", "same-origin"):
            return RedirectResponse(address, 303, headers)
        # A browser that comes from a page elsewhere would not send the cookie (SameSite=Strict) where it is
        # redirected; from a page of ours it does.
        return HTMLResponse(write_html("viewers", "forward.html", address=address), 200, headers)


def _loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _has(scope: Scope, name: bytes) -> bool:
    return any(key == name for key, _ in scope["headers"])


def _place(origin: str) -> tuple[str, int] | None:
    """(host, port) of an origin, None if it is none."""
    try:
        parts = urlsplit(origin.lower())
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.hostname, parts.port or usual) if usual and parts.hostname else None
    except ValueError:
        return None
