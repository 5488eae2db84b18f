"""What `prospector app` needs to know to be a server for several people.

Refused where nobody would have to log in.
"""

from pathlib import Path

from prospector_core.errors import BadInputError
from prospector_core.server import (
    ServerSettings,
    check_secrets,
    is_loopback,
    read_settings,
    streamlit_options,
)

__all__ = ["only_here", "read_server", "server_environment", "server_options"]


def only_here(host: str | None) -> str:
    """The address that the app of one account listens on.

    Raises BadInputError if other machines could reach it.
    """
    if host is None or is_loopback(host):
        return host or "localhost"
    raise BadInputError(
        f"--host {host} would let other machines in, and nobody would have to log in: name a settings file"
        " with --settings, with a table [openid] (login with OpenID Connect) or a table [proxy] (a proxy in"
        " front logs people in): docs/deployment.md"
    )


def read_server(file: Path) -> ServerSettings:
    """The settings of a server, with the files that they name looked at, too. Raises SettingsError."""
    settings = read_settings(file)
    check_secrets(settings)
    if settings.proxy is not None and settings.proxy.secret is not None:
        settings.proxy.read_secret()
    return settings


def server_options(settings: ServerSettings, host: str | None) -> dict[str, object]:
    """Options of Streamlit for a server; those of the app of one account stay beside them."""
    named = {"server.address": host or settings.host, "browser.serverAddress": settings.hostname}
    return {**named, **streamlit_options(settings)}


def server_environment(settings: ServerSettings) -> dict[str, str]:
    """Variables of the environment for a server."""
    return {"PROSPECTOR_SETTINGS": str(settings.file), "PROSPECTOR_STUDIES": str(settings.studies[0])}
