"""Streamlit's ``secrets.toml`` of a server.

Looked at before the start, so that what is wrong is said in one line.
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import SettingsError
from .settings import ServerSettings, is_loopback

__all__ = ["check_secrets"]

_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_SHORTEST = 32  # characters of the secret that signs logins


def check_secrets(settings: ServerSettings) -> None:
    """Raise SettingsError if the secrets of OpenID Connect cannot be used.

    They cannot be used either if they can be read by other accounts.
    """
    if settings.openid is None:
        return
    file = settings.openid.secrets
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        auth = tomllib.loads(file.read_bytes().decode()).get("auth")
    except OSError as error:
        raise SettingsError(
            f"{file}: {error.strerror}: openid.secrets in {settings.file} names this file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    if os.name == "posix" and mode & 0o007:
        raise SettingsError(f"{file} can be read by every account of this machine: chmod 640 {file}")
    if not isinstance(auth, dict):
        raise SettingsError(f"{file} has no section [auth]: see docs/deployment.md")
    _check_values(auth, file, settings)


def _check_values(auth: dict[str, Any], file: Path, settings: ServerSettings) -> None:
    """Raise SettingsError where the section [auth] of the file cannot be used."""
    for key in _KEYS:
        if not isinstance(auth.get(key), str) or not auth[key]:
            raise SettingsError(f"{file}: auth.{key} is missing: see docs/deployment.md")
    if len(auth["cookie_secret"]) < _SHORTEST:
        raise SettingsError(
            f"{file}: auth.cookie_secret is shorter than {_SHORTEST} characters: make one with `openssl rand"
            " -hex 32`"
        )
    if auth["redirect_uri"] != f"{settings.address}/oauth2callback":
        raise SettingsError(
            f"{file}: auth.redirect_uri must be {settings.address}/oauth2callback, as `address` in"
            f" {settings.file} says"
        )
    provider = urlsplit(auth["server_metadata_url"])
    if provider.scheme != "https" and not is_loopback(provider.hostname or ""):
        raise SettingsError(f"{file}: auth.server_metadata_url must begin with https://")
