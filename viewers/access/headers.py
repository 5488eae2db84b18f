"""What every answer of the app tells the browser.

Nothing from elsewhere, in nobody's frame, and no address told on.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SafeHeaders", "content_policy"]


@cache
def content_policy() -> str:
    """The Content-Security-Policy of pages: what Streamlit and the viewers need, all of it from here.

    Streamlit loads the scripts of components as blobs, and styles pages as they are drawn; it has one script
    in its page, which is known by its hash.
    """
    inline = " ".join(f"'sha256-{digest}'" for digest in _inline_scripts())
    parts = {
        "default-src": "'none'",
        "script-src": f"'self' blob: {inline}".strip(),
        "worker-src": "'self' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "connect-src": "'self' data: blob:",  # 'self' holds the WebSocket of the same address
        "manifest-src": "'self'",
        "frame-src": "'none'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in parts.items())


def _inline_scripts() -> list[str]:
    """Hashes of the scripts that stand in Streamlit's page itself, as a policy names them."""
    page = resources.files("streamlit").joinpath("static", "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    return [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]


class SafeHeaders:
    """ASGI middleware that puts these headers on every answer: pages, tiles, downloads and errors alike."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._headers = {
            "Content-Security-Policy": content_policy(),
            "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self.app(scope, receive, with_headers)
