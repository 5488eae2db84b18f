"""Slide tiles and overlay images over HTTP, beside the Streamlit pages.

A browser names everything by opaque ids under a token that is new at each launch; no path ever comes from a
URL and none is ever sent back. The addresses are in :mod:`viewers.tile_addresses`, what they lead to in
:mod:`viewers.tile_registry`.

Examples
--------
In ``app.py``::

    from viewers import tile_server
    app = st.App("pages/_start.py", routes=tile_server.routes(), lifespan=tile_server.lifespan)

In a page::

    slide = tile_server.slide_source(tile_server.register_slide(path), name="Biopsy 12")
    url = tile_server.register_image(("map", datum), png_bytes, kind="map")
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import re
import sys
import threading
import types
from collections.abc import AsyncIterator, Callable, Hashable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prospector_core.errors import ProspectorError
from viewers.access.session import identity_of
from viewers.slide_tiles import tile_pixels
from viewers.streamlit_patches import apply_patch, send_at_once
from viewers.tile_addresses import ASSET, IMAGE, KINDS, PART, PREFIX, SLIDE_TILE, THUMB, TYPES, root
from viewers.tile_registry import TileRegistry
from viewers.token_tiles import View
from viewers.viewer_assets import TYPES as ASSET_TYPES
from viewers.viewer_assets import asset_file

__all__ = [
    "TileServer",
    "asset_url",
    "lifespan",
    "register_blank",
    "register_image",
    "register_slide",
    "register_tiles",
    "routes",
    "server",
    "slide_source",
    "thumb_url",
]

log = logging.getLogger(__name__)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Every id and version in an address changes when its content does, so the browser need not ask twice.
_KEEP = {**_HEADERS, "Cache-Control": "private, max-age=86400, immutable"}
_FORGET = {**_HEADERS, "Cache-Control": "no-store"}


class TileServer(TileRegistry):
    """Answers a browser from what pages have registered."""

    def routes(self) -> list[Route]:
        """Starlette routes for ``st.App(routes=...)``; they honour ``server.baseUrlPath``."""
        # One handler for everything under the prefix: a malformed address must get a 404 here, and not fall
        # through to Streamlit, which answers any unknown address with its page. It is sync, so it runs on a
        # server thread. The base is written out: matched by a pattern, one that ends in our prefix would take
        # the pages' own addresses.
        return [Route(f"{root()}/{PREFIX}/{{token}}/{{rest:path}}", self.respond, methods=["GET"])]

    def respond(self, request: Request) -> Response:
        """Answer one request. Never raises, never names a path."""
        where = request.path_params
        asks = identity_of(request)
        known = hmac.compare_digest(where["token"].encode(), self.key(asks, where["rest"]).encode())
        if not known:
            return _gone() if asks is None else _not_yours()
        try:
            return self._answer(where["rest"])
        except Exception as error:
            # what is ours says in one line what is wrong, and so does the page
            log.warning(
                "A slide or image could not be read: %s",
                error,
                exc_info=not isinstance(error, ProspectorError),
            )
            return PlainTextResponse(
                "SlideError: this slide cannot be read; was its file moved, changed or damaged?",
                503,
                _FORGET,
            )

    def _answer(self, rest: str) -> Response:
        if match := SLIDE_TILE.fullmatch(rest):
            return self._tile(match[1], *(int(number) for number in match.groups()[1:]))
        if (match := IMAGE.fullmatch(rest)) and KINDS.get(match[3]) == match[4]:
            return self._image((match[1], match[2], match[3]))
        if (match := PART.fullmatch(rest)) and KINDS.get(match[3]) == match[8]:
            return self._part(match)
        if match := THUMB.fullmatch(rest):
            return self._thumb(match[1])
        if match := ASSET.fullmatch(rest):
            return _asset(match[2], match[3])
        return _gone()

    def _tile(self, slide_id: str, level: int, column: int, row: int) -> Response:
        path = self.paths.get(slide_id)
        if path is None:
            return _gone()
        key = (slide_id, level, column, row)
        jpeg = self.tiles.get(key)
        if jpeg is None:
            with self.slides.borrow(slide_id, path) as slide:
                pixels = tile_pixels(slide, level, column, row)
            if pixels is None:
                return _gone()
            jpeg = self._jpeg(pixels)
            self.tiles.put(key, jpeg)
        return Response(jpeg, headers=_KEEP, media_type="image/jpeg")

    def _thumb(self, slide_id: str) -> Response:
        path = self.paths.get(slide_id)
        if path is None:
            return _gone()
        jpeg = self.tiles.get((slide_id, "thumb"))
        if jpeg is None:
            with self.slides.borrow(slide_id, path) as slide:
                jpeg = self._jpeg(slide.thumbnail(512))
            self.tiles.put((slide_id, "thumb"), jpeg)
        return Response(jpeg, headers=_KEEP, media_type="image/jpeg")

    def _image(self, key: tuple[str, str, str]) -> Response:
        png = self.images.get(key)
        if png is None:
            return _gone()
        if not isinstance(png, bytes):
            png = png()
            self.images.put(key, png)
        return Response(png, headers=_KEEP, media_type=TYPES[KINDS[key[2]]])

    def _part(self, match: re.Match) -> Response:
        view = View.parse(match[7] or "")
        tiles = self.images.get((match[1], match[2], match[3], "tiles"))
        if tiles is None or view is None:
            return _gone()
        level, column, row = (int(number) for number in match.group(4, 5, 6))
        key = (match[1], match[2], match[3], level, column, row, view)
        part = self.tiles.get(key)
        if part is None:
            part = tiles.tile(level, row, column, view)
            if part is None:
                return _gone()
            self.tiles.put(key, part)
        return Response(part, headers=_KEEP, media_type=TYPES[match[8]])

    def _jpeg(self, pixels: np.ndarray) -> bytes:
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=self.quality))


def _gone() -> Response:
    return PlainTextResponse("Not found", 404, _FORGET)


def _not_yours() -> Response:
    return PlainTextResponse("This was not shown to you", 403, _FORGET)


def _asset(viewer: str, name: str) -> Response:
    file = asset_file(viewer, name)
    if file is None:
        return _gone()
    return Response(file.read_bytes(), headers={**_KEEP, "Content-Type": ASSET_TYPES[file.suffix]})


# -- the one server of this process
# ---------------------------------------------------------------------------------


def server() -> TileServer:
    """The server of this process, made at the first call."""
    # Streamlit drops edited modules from sys.modules and imports them again, while the routes live on in the
    # running app. The server is therefore kept in a module without a file, which is never dropped.
    keeper = sys.modules.setdefault("_prospector_tile_server", types.ModuleType("_prospector_tile_server"))
    with _MAKING:
        if not hasattr(keeper, "server"):
            keeper.server = TileServer()
        return keeper.server


_MAKING = threading.Lock()


def routes() -> list[Route]:
    """:meth:`TileServer.routes` of this process."""
    return server().routes()


def register_blank(width: int, height: int) -> str:
    """:meth:`TileServer.register_blank` of this process."""
    return server().register_blank(width, height)


def register_slide(path: str | Path) -> str:
    """:meth:`TileServer.register_slide` of this process."""
    return server().register_slide(path)


def slide_source(slide_id: str, name: str = "") -> dict:
    """:meth:`TileServer.slide_source` of this process."""
    return server().slide_source(slide_id, name)


def thumb_url(slide_id: str) -> str:
    """:meth:`TileServer.thumb_url` of this process."""
    return server().thumb_url(slide_id)


def register_image(
    key: Hashable,
    png: bytes | Callable[[], bytes],
    *,
    version: Hashable | None = None,
    kind: str = "image",
) -> str:
    """:meth:`TileServer.register_image` of this process."""
    return server().register_image(key, png, version=version, kind=kind)


def register_tiles(key: Hashable, tiles: Any, *, version: Hashable, kind: str) -> str:
    """:meth:`TileServer.register_tiles` of this process."""
    return server().register_tiles(key, tiles, version=version, kind=kind)


def asset_url(name: str, viewer: str = "slide_viewer") -> str:
    """:meth:`TileServer.asset_url` of this process."""
    return server().asset_url(name, viewer)


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """For ``st.App(lifespan=...)``: no delay on small answers, and slides closed at the end."""
    apply_patch(send_at_once)
    try:
        yield
    finally:
        server().close()
