"""What Streamlit's login keeps to itself, and all that we use of it: tried with Streamlit 1.67.

Streamlit lets only its pages know who has logged in; tiles, uploads and media are answered to anybody. The
same signed cookie is read here, with Streamlit's own functions. Where another Streamlit has them no longer,
the server does not start; nobody is let in by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prospector_core.errors import MissingExtraError

__all__ = ["COOKIE", "LOGIN", "LOGIN_PATHS", "LOGOUT", "check_login", "login_address", "read_identity"]

COOKIE = "_streamlit_user"
LOGIN, LOGOUT = "auth/login", "auth/logout"
LOGIN_PATHS = (LOGIN, LOGOUT, "oauth2callback")


def check_login() -> None:
    """Raise MissingExtraError if this Streamlit, or what its login needs, is not there."""
    try:
        import authlib.integrations.starlette_client  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "login with OpenID Connect needs Authlib: pip install 'prospector-heads[server]'"
        ) from error
    try:
        from streamlit.auth_util import encode_provider_token, get_origin_from_redirect_uri  # noqa: F401
        from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
        from streamlit.web.server.starlette.starlette_websocket import (  # noqa: F401
            _get_signed_cookie_with_chunks,
            _parse_decoded_user_cookie,
        )
    except ImportError as error:
        raise MissingExtraError(
            f"this Streamlit keeps logins in another way ({error}): install streamlit==1.67.0"
        ) from error
    if USER_COOKIE_NAME != COOKIE:
        raise MissingExtraError("this Streamlit keeps logins in another cookie: install streamlit==1.67.0")


def login_address() -> str:
    """Where Streamlit begins a login, below the app's address; it holds for two minutes."""
    from streamlit.auth_util import encode_provider_token

    return f"{LOGIN}?provider={encode_provider_token('default')}"


def read_identity(cookies: Mapping[str, str]) -> dict[str, Any] | None:
    """Claims of who has logged in, from the signed cookie, or None.

    The cookie is read with Streamlit's checks of signature, age and origin.
    """
    from streamlit.auth_util import get_origin_from_redirect_uri
    from streamlit.web.server.starlette.starlette_websocket import (
        _get_signed_cookie_with_chunks,
        _parse_decoded_user_cookie,
    )

    try:
        signed = _get_signed_cookie_with_chunks(dict(cookies), COOKIE)
        origin = get_origin_from_redirect_uri()
        claims = _parse_decoded_user_cookie(signed, origin) if signed and origin else {}
    except (ValueError, KeyError, TypeError, json.JSONDecodeError):  # chunks that are missing or made up
        return None
    return claims if claims.get("is_logged_in") is True else None
