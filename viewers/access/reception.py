"""What the gate says to those that it does not let in, and which requests are part of coming in."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.responses import HTMLResponse, Response

from prospector_core.html_pages import write_html

from .person import Person

__all__ = ["Reception"]


class Reception:
    """For an app of one account: nobody passes without its token, and the page says where to find it."""

    headers = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    def look(self, scope: MutableMapping[str, Any], person: Person | None) -> None:
        """Take note of a request, before it is decided on."""

    def believed(self, scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
        """The headers of a request that may be believed behind the gate."""
        return list(scope["headers"])

    def passes(self, scope: Mapping[str, Any]) -> bool:
        """Whether a request passes although nobody knows who asks."""
        return False

    def refusal(self, scope: Mapping[str, Any], person: Person | None) -> Response:
        """What who is not let in is told.

        ``person``: someone who is known, but asks from another page than ours.
        """
        return HTMLResponse(write_html("viewers", "gate_closed.html"), 403, self.headers)
