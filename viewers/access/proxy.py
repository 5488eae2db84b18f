"""The door for whom a proxy has logged in: its header is believed only if the proxy itself brings it."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any

from prospector_core.server import Proxy

from .person import Person, sound_name

__all__ = ["ProxyDoor"]

_FORWARDED = b"x-forwarded-for"


class ProxyDoor:
    """Knows people by the header that the named proxy sets.

    Parameters
    ----------
    settings : Proxy
        Its file of the secret is read once, here. Raises SettingsError.
    """

    def __init__(self, settings: Proxy) -> None:
        self._settings = settings
        self._user, self._groups = (
            settings.user_header.lower().encode(),
            settings.groups_header.lower().encode(),
        )
        self._secret_header, self._secret = settings.secret_header.lower().encode(), settings.read_secret()

    def __call__(self, scope: Mapping[str, Any]) -> Person | None:
        """Whom the proxy names."""
        if not self._user or not self.is_proxy(scope):
            return None
        name = sound_name(_one(scope, self._user))
        if not name:
            return None
        groups = (_one(scope, self._groups) or "").split(",") if self._groups else ()
        return Person(
            name, tuple(sorted({group for each in groups if (group := sound_name(each))})), how="proxy"
        )

    def is_proxy(self, scope: Mapping[str, Any]) -> bool:
        """Whether the proxy has brought this request."""
        peer = _address((scope.get("client") or ("",))[0])
        if peer is None or not any(peer in network for network in self._settings.addresses):
            return False
        return self._secret is None or hmac.compare_digest(
            (_raw(scope, self._secret_header) or b""), self._secret
        )

    def pretends(self, scope: Mapping[str, Any]) -> bool:
        """Whether someone else than the proxy says who asks."""
        return (
            bool(self._user)
            and not self.is_proxy(scope)
            and any(key == self._user for key, _ in scope["headers"])
        )

    def from_where(self, scope: Mapping[str, Any]) -> str:
        """The address that a request comes from: as the proxy says, where the proxy brought it."""
        said = _one(scope, _FORWARDED) if self.is_proxy(scope) else None
        # the proxy adds what it sees at the end; what stands before may be anybody's word
        hop = _address(said.rsplit(",", 1)[-1].strip()) if said else None
        return str(hop) if hop else (scope.get("client") or ("",))[0]

    def without(self, scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
        """Headers of a request less those that only the proxy may set.

        Nothing behind the gate can believe them.
        """
        ours = (self._user or None, self._groups or None, self._secret_header)
        return [
            (key, value)
            for key, value in scope["headers"]
            if key not in ours and not key.startswith(b"x-forwarded-")
        ]


def _raw(scope: Mapping[str, Any], name: bytes) -> bytes | None:
    """The header of that name, None without it or where there are several."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0] if len(found) == 1 else None


def _one(scope: Mapping[str, Any], name: bytes) -> str | None:
    try:
        return (_raw(scope, name) or b"").decode() or None
    except UnicodeDecodeError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
