"""The settings file of a server, TOML.

Where it listens, how people log in, who may do what, where the record is.

What cannot be is refused in one line that names the file, the key and its line. Keys that are not known are
refused, too: a mistyped "editors" must not silently leave a study without its rule.
"""

from __future__ import annotations

import ipaddress
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import SettingsError
from .roles import StudyRule, role_of

__all__ = ["OpenId", "Proxy", "ServerSettings", "is_loopback", "streamlit_options"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class OpenId:
    """Login with OpenID Connect.

    Attributes
    ----------
    secrets : Path
        Streamlit's ``secrets.toml`` with the section ``[auth]``; nobody but its owner (and group) may read
        it.
    name, groups : str
        Claims of the provider that hold a person's name and groups.
    hours : float
        How long a login holds.
    """

    secrets: Path
    name: str = "email"
    groups: str = "groups"
    hours: float = 12.0


@dataclass(frozen=True)
class Proxy:
    """A proxy in front, which may log people in.

    Its headers are believed only if they come from ``addresses``.

    Attributes
    ----------
    addresses : tuple of networks
        Peers that are the proxy.
    user_header, groups_header : str
        Headers that hold a person's name, and groups with commas between. Empty: it says neither.
    secret : Path or None
        File of a secret that the proxy sends with each request. Needed where the proxy is on this machine:
        every account of it could else pretend to be the proxy.
    secret_header : str
        Header that holds it.
    """

    addresses: tuple[Network, ...]
    user_header: str = ""
    groups_header: str = ""
    secret: Path | None = None
    secret_header: str = "X-Prospector-Proxy"

    def read_secret(self) -> bytes | None:
        """The secret, None if there is none. Raises SettingsError if its file cannot be used."""
        if self.secret is None:
            return None
        try:
            secret, mode = self.secret.read_bytes().strip(), stat.S_IMODE(self.secret.stat().st_mode)
        except OSError as error:
            raise SettingsError(
                f"{self.secret}: {error.strerror}: proxy.secret names the file of the secret"
            ) from error
        if os.name == "posix" and mode & 0o007:
            raise SettingsError(
                f"{self.secret} can be read by every account of this machine: chmod 640 {self.secret}"
            )
        if len(secret) < 24:
            raise SettingsError(
                f"{self.secret} holds fewer than 24 characters: make a secret with `openssl rand -hex 24`"
            )
        return secret


@dataclass(frozen=True)
class ServerSettings:
    """What a settings file says; see docs/deployment.md for each key.

    ``address`` is what people type into their browsers, without a last slash.
    """

    file: Path
    address: str
    studies: tuple[Path, ...]
    rules: tuple[StudyRule, ...]
    host: str = "127.0.0.1"
    port: int = 8501
    data: tuple[Path, ...] = ()
    record: Path | None = None
    openid: OpenId | None = None
    proxy: Proxy | None = None

    @property
    def base_path(self) -> str:
        """The path of the address, without slashes at its ends."""
        return urlsplit(self.address).path.strip("/")

    @property
    def hostname(self) -> str:
        """The name of the address."""
        return urlsplit(self.address).hostname or ""

    def role_of(self, folder: str | Path, name: str, groups: Iterable[str] = ()) -> str | None:
        """Role of a person in the study of a folder: "editor", "viewer" or None."""
        return role_of(self.rules, self.studies, folder, name, groups)


def is_loopback(host: str) -> bool:
    """Whether nothing outside this machine can reach a server that listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def streamlit_options(settings: ServerSettings) -> dict[str, object]:
    """What Streamlit must be told for a server: {option: value}."""
    options: dict[str, object] = {
        "server.baseUrlPath": settings.base_path,
        # who asks, as the gate says: a session is then never given to somebody else
        "server.trustedUserHeaders": json.dumps({"X-Prospector-Person": "person"}),
    }
    if settings.openid:
        options["secrets.files"] = str(settings.openid.secrets)
    return options
