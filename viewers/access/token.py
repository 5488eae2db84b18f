"""The door for which this start of the app has made the key: a token in the first address, then a cookie."""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from prospector_core.people import default_author

from .person import Person

__all__ = ["LaunchToken", "header", "own_host"]

# a deep link has the number of a token of its datum under the same name: only what is our secret is taken
_QUERY = "token"


class LaunchToken:
    """Lets in whoever brings the token of this launch: that is, the account that started the app.

    Parameters
    ----------
    secret : str
        From :func:`prospector_core.launches.launch_token`.
    base : str
        ``server.baseUrlPath`` without slashes: below it the cookie is sent.
    """

    def __init__(self, secret: str, base: str = "") -> None:
        self._secret = secret
        self._path = "/" + base.strip("/")

    def __call__(self, scope: Mapping[str, Any]) -> Person | None:
        """The owner, if the request has the token.

        It may be in its address, its ``Authorization`` header or its cookie.
        """
        scheme, _, value = header(scope, b"authorization").partition(" ")
        if self.in_address(scope) or (scheme.lower() in ("bearer", "token") and self._is(value.strip())):
            return Person(default_author(), how="token")
        name = self._cookie_name(scope)
        for part in header(scope, b"cookie").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name and self._is(value):  # there may be several, of other paths
                return Person(default_author(), how="cookie")
        return None

    def in_address(self, scope: Mapping[str, Any]) -> bool:
        """Whether the address of the request holds the token."""
        return any(key == _QUERY and self._is(value) for key, value in _query(scope))

    def query_without(self, scope: Mapping[str, Any]) -> bytes:
        """The query of the request's address without the token."""
        if not self.in_address(scope):
            return scope["query_string"]
        return urlencode(
            [(key, text) for key, text in _query(scope) if key != _QUERY or not self._is(text)]
        ).encode()

    def cookie(self, scope: Mapping[str, Any]) -> str:
        """The ``Set-Cookie`` header for a browser that has brought the token."""
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        return (
            f"{self._cookie_name(scope)}={self._secret}; Path={self._path}; HttpOnly; SameSite=Strict{secure}"
        )

    def _cookie_name(self, scope: Mapping[str, Any]) -> str:
        """Browsers send cookies of a host to all of its ports.

        The name tells apps apart, by the port the browser knows.
        """
        host = own_host(scope)
        return f"prospector-{urlsplit(f'//{host}').port or scope.get('scheme', 'http').replace('ws', 'http')}"

    def _is(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._secret.encode())


def _query(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def header(scope: Mapping[str, Any], name: bytes) -> str:
    """The value of a header, "" without it; values of cookies that come in several lines are joined."""
    found = [value.decode("latin-1") for key, value in scope.get("headers", ()) if key == name]
    return "; ".join(found) if name == b"cookie" else (found[0] if len(found) == 1 else "")


def own_host(scope: Mapping[str, Any]) -> str:
    """The ``Host`` header in small letters, "" if it is none that could be an address."""
    host = header(scope, b"host").lower()
    try:
        parts = urlsplit(f"//{host}")
        whole = parts.netloc == host and bool(parts.hostname) and "@" not in host and parts.port != 0
    except ValueError:
        return ""
    return host if whole else ""
