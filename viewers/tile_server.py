"""Slide tiles and overlay images over HTTP, beside the Streamlit pages.

A browser names everything by opaque ids under a token that is new at each launch; no path ever comes from a
URL and none is ever sent back. The addresses, all below ``/prospector/<token>/``:

==============================================  =========================================================
``slide/<id>/<level>/<x>_<y>.jpg``              one tile; level ``max_level`` is full resolution, each lower
                                                one half of it; tiles do not overlap, edge tiles are cropped
``thumb/<id>.jpg``                              the whole slide, 512 px at most
``overlay/<id>/<version>/<kind>.png``           an image registered by :func:`register_image`
``overlay/<id>/<version>/<kind>.bin``           numbers a token, registered likewise (:mod:`viewers.tokens`)
``overlay/<id>/<version>/<kind>/<level>/``      a tile of an overlay too large for one picture, or the numbers
of its ``<x>_<y>[-<view>].png`` (or ``.bin``)          tokens (:mod:`viewers.token_tiles`); view: threshold,
hatch, highlight ``asset/<hash>/<viewer>/<name>``                a viewer's own JavaScript
==============================================  =========================================================

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

import asyncio
import contextlib
import hashlib
import hmac
import logging
import math
import re
import secrets
import socket
import sys
import threading
import types
from collections.abc import AsyncIterator, Callable, Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prospector_core.errors import ProspectorError, SlideError
from prospector_core.store.readable import require_readable
from viewers.access.session import identity_here, identity_of
from viewers.caches import ByteCache, OpenSlides
from viewers.token_tiles import View

__all__ = [
    "TILE_SIZE",
    "TileServer",
    "asset_url",
    "lifespan",
    "max_level",
    "register_image",
    "register_blank",
    "register_slide",
    "register_tiles",
    "routes",
    "server",
    "slide_source",
    "thumb_url",
    "tile_pixels",
]

log = logging.getLogger(__name__)

TILE_SIZE = 512
"""Side of a tile, px."""

_PREFIX = "prospector"
_ASSETS = {
    name: Path(__file__).parent / name
    for name in (
        "atlas",
        "document_viewer",
        "filmstrip",
        "graph_viewer",
        "site_viewer",
        "slide_viewer",
        "structure_viewer",
        "tile_grid",
        "web",
    )
}
_ASSET_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_KINDS = {
    "map": "png",
    "sprite": "png",
    "error": "png",
    "change": "png",
    "class": "png",
    "image": "png",
    "tokens": "bin",
    "doubt": "bin",
    "atoms": "bin",
    "points": "bin",
}
_TYPES = {"png": "image/png", "bin": "application/octet-stream"}
_TILE = re.compile(r"slide/([0-9a-f]{32})/(\d{1,2})/(\d{1,7})_(\d{1,7})\.jpg", re.ASCII)
_THUMB = re.compile(r"thumb/([0-9a-f]{32})\.jpg", re.ASCII)
_OVERLAY = re.compile(r"overlay/([0-9a-f]{32})/([0-9a-f]{20})/([a-z]{3,8})\.(png|bin)", re.ASCII)
_PART = re.compile(
    r"overlay/([0-9a-f]{32})/([0-9a-f]{20})/([a-z]{3,8})/(\d{1,2})/(\d{1,5})_(\d{1,5})(?:-([a-z0-9]{1,9}))?\.(png|bin)",
    re.ASCII,
)
_ASSET = re.compile(r"asset/([0-9a-f]{16})/([a-z_]+)/([a-z_]+(?:\.[a-z]+)+)", re.ASCII)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Every id and version in an address changes when its content does, so the browser need not ask twice.
_KEEP = {**_HEADERS, "Cache-Control": "private, max-age=86400, immutable"}
_FORGET = {**_HEADERS, "Cache-Control": "no-store"}


def max_level(width: int, height: int) -> int:
    """Number of halvings after which a slide is one pixel: the level of full resolution."""
    return max(0, math.ceil(math.log2(max(width, height, 1))))


def tile_pixels(
    slide: Any, level: int, column: int, row: int, tile_size: int = TILE_SIZE
) -> np.ndarray | None:
    """Pixels of one tile.

    Parameters
    ----------
    slide : Slide
        From :func:`prospector_core.modalities.slides.readers.open_slide`.
    level : int
        0 to ``max_level(slide.width, slide.height)``; the last is full resolution.
    column, row : int
        Tile position at that level.
    tile_size : int
        Side, px.

    Returns
    -------
    (height, width, 3) uint8, or None if there is no such tile
        Both sides are ``tile_size`` except at the right and lower edge.
    """
    top = max_level(slide.width, slide.height)
    if not 0 <= level <= top:
        return None
    scale = 1 << (top - level)
    level_width, level_height = -(-slide.width // scale), -(-slide.height // scale)
    left, upper = column * tile_size, row * tile_size
    if not (0 <= left < level_width and 0 <= upper < level_height):
        return None
    width, height = (
        min(tile_size, level_width - left),
        min(tile_size, level_height - upper),
    )
    for index, stored in enumerate(slide.levels):
        # A stored level may be a pixel narrower than ours: its downsample then differs by less than a pixel
        # in all.
        if abs(stored.downsample / scale - 1) * max(stored.width, stored.height) < 1.5:
            return slide.read_region(left * scale, upper * scale, width, height, index)
    x, y = left * scale, upper * scale
    # The last column of a level may stand for less than `scale` pixels. The viewer stretches it over what
    # there is.
    span_x, span_y = (
        min(width * scale, slide.width - x),
        min(height * scale, slide.height - y),
    )
    return slide.read_scaled(x, y, span_x, span_y, width, height)


class TileServer:
    """Everything the routes answer from: known slides, open slides, cached tiles, overlay images.

    Parameters
    ----------
    opener : callable, optional
        Path -> Slide; by default :func:`prospector_core.modalities.slides.readers.open_slide`.
    max_open : int
        Slides kept open at once.
    tile_bytes, image_bytes : int
        Bounds of the two caches, bytes.
    quality : int
        JPEG quality.
    """

    def __init__(
        self,
        opener: Callable[[Path], Any] | None = None,
        *,
        max_open: int = 8,
        tile_bytes: int = 128 << 20,
        image_bytes: int = 256 << 20,
        quality: int = 85,
    ):
        self.token = secrets.token_urlsafe(24)
        self._secret = secrets.token_bytes(32)
        self._quality = quality
        self._paths: dict[str, Path | tuple[int, int]] = {}
        self._sources: dict[str, dict] = {}
        self._open = OpenSlides(opener or _open_slide, max_open)
        self.tiles = ByteCache(tile_bytes)
        self.images = ByteCache(image_bytes, max_items=8192)

    # -- what pages call
    # ------------------------------------------------------------------------------------------

    def register_slide(self, path: str | Path) -> str:
        """Opaque id of a slide file; the same file gives the same id until it changes on disk.

        Raises
        ------
        SlideError
            If there is no such file.
        """
        path = Path(path)
        require_readable(path, SlideError)
        try:
            path = path.resolve(strict=True)
            stat = path.stat()
        except OSError as error:
            raise SlideError(
                f"{path.name}: the slide file is not there; put it back or choose another"
            ) from error
        slide_id = self._opaque("slide", str(path), stat.st_mtime_ns, stat.st_size)
        self._paths[slide_id] = path
        return slide_id

    def register_blank(self, width: int, height: int) -> str:
        """Opaque id of a white slide of this size, for maps of slides that are not at hand."""
        slide_id = self._opaque("blank", int(width), int(height))
        self._paths[slide_id] = (int(width), int(height))
        return slide_id

    def slide_source(self, slide_id: str, name: str = "") -> dict:
        """What the viewer needs to know of a slide: size, levels, scale and address.

        Returns
        -------
        dict
            ``id, name, width, height, tile_size, min_level, max_level, mpp, objective_power, url``.

        Raises
        ------
        KeyError
            If the id was not given by :meth:`register_slide`.
        SlideError
            If the file cannot be read.
        """
        if slide_id not in self._sources:
            with self._open.borrow(slide_id, self._paths[slide_id]) as slide:
                top = max_level(slide.width, slide.height)
                # Below the level that fits one tile there is nothing left to gain.
                spare = max(
                    0,
                    math.ceil(math.log2(max(slide.width, slide.height, 1) / TILE_SIZE)),
                )
                self._sources[slide_id] = {
                    "id": slide_id,
                    "width": int(slide.width),
                    "height": int(slide.height),
                    "tile_size": TILE_SIZE,
                    "min_level": top - spare,
                    "max_level": top,
                    "mpp": None if slide.mpp is None else float(slide.mpp),
                    "objective_power": (
                        None if slide.objective_power is None else float(slide.objective_power)
                    ),
                }
        return {
            **self._sources[slide_id],
            "name": name,
            "url": self._url(f"slide/{slide_id}"),
        }

    def thumb_url(self, slide_id: str) -> str:
        """Address of the whole slide at 512 px."""
        return self._url(f"thumb/{slide_id}.jpg")

    def register_image(
        self,
        key: Hashable,
        png: bytes | Callable[[], bytes],
        *,
        version: Hashable | None = None,
        kind: str = "image",
    ) -> str:
        """Address of an overlay image, or of the numbers of its tokens.

        Parameters
        ----------
        key : hashable
            What the image shows, e.g. ``(study, datum)``; its ``repr`` makes the opaque id.
        png : bytes or callable
            The PNG (or numbers), or a function that makes it when it is first asked for (on a server thread).
        version : hashable, optional
            Changes when the picture does. Taken from the content of bytes; must be given with a callable.
        kind : {"map", "sprite", "error", "change", "class", "image"} or, for numbers, {"tokens", "doubt"}
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, not {kind!r}")
        if version is None:
            if not isinstance(png, bytes):
                raise ValueError("an image made on demand needs a version")
            stamp = hashlib.blake2b(png, digest_size=10).hexdigest()
        else:
            stamp = self._opaque("version", version)[:20]
        image_id = self._opaque("image", key)
        if self.images.get((image_id, stamp, kind)) is None:
            self.images.put((image_id, stamp, kind), png)
        return self._url(f"overlay/{image_id}/{stamp}/{kind}.{_KINDS[kind]}")

    def register_tiles(self, key: Hashable, tiles: Any, *, version: Hashable, kind: str) -> str:
        """Address below which the tiles of an overlay lie.

        ``<address>/<level>/<x>_<y>[-<view>].png`` (or ``.bin``).

        Parameters
        ----------
        key, version, kind : as :meth:`register_image`
        tiles : ScoreTiles, ConceptTiles or NumberTiles
            From :mod:`viewers.token_tiles`; asked on a server thread.
        """
        if _KINDS.get(kind) != tiles.suffix:
            raise ValueError(f"tiles that are .{tiles.suffix} files cannot be of kind {kind!r}")
        image_id, stamp = self._opaque("tiles", key), self._opaque("version", version)[:20]
        if self.images.get((image_id, stamp, kind, "tiles")) is None:
            self.images.put((image_id, stamp, kind, "tiles"), tiles)
        return self._url(f"overlay/{image_id}/{stamp}/{kind}")

    def asset_url(self, name: str, viewer: str = "slide_viewer") -> str:
        """Address of one of a viewer's own files."""
        # One stamp for all: they import each other by relative addresses, and none may be older than the
        # others.
        stamps = tuple(
            (file, file.stat().st_mtime_ns)
            for folder in _ASSETS.values()
            for file in sorted(folder.glob("*.js"))
        )
        return self._url(f"asset/{_digest(stamps)}/{viewer}/{name}")

    def close(self) -> None:
        """Close the slides that nobody is reading."""
        self._open.close()

    # -- what the browser asks
    # ------------------------------------------------------------------------------------

    def routes(self) -> list[Route]:
        """Starlette routes for ``st.App(routes=...)``; they honour ``server.baseUrlPath``."""
        # One handler for everything under the prefix: a malformed address must get a 404 here, and not fall
        # through to Streamlit, which answers any unknown address with its page. It is sync, so it runs on a
        # server thread. The base is written out: matched by a pattern, one that ends in our prefix would take
        # the pages' own addresses.
        return [Route(f"{_root()}/{_PREFIX}/{{token}}/{{rest:path}}", self.respond, methods=["GET"])]

    def respond(self, request: Request) -> Response:
        """Answer one request. Never raises, never names a path."""
        where = request.path_params
        asks = identity_of(request)
        known = hmac.compare_digest(where["token"].encode(), self._key(asks, where["rest"]).encode())
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
        if found := _TILE.fullmatch(rest):
            return self._tile(found[1], *(int(number) for number in found.groups()[1:]))
        if (found := _OVERLAY.fullmatch(rest)) and _KINDS.get(found[3]) == found[4]:
            return self._image((found[1], found[2], found[3]))
        if (found := _PART.fullmatch(rest)) and _KINDS.get(found[3]) == found[8]:
            return self._part(found)
        if found := _THUMB.fullmatch(rest):
            return self._thumb(found[1])
        if found := _ASSET.fullmatch(rest):
            return _asset(found[2], found[3])
        return _gone()

    def _tile(self, slide_id: str, level: int, column: int, row: int) -> Response:
        path = self._paths.get(slide_id)
        if path is None:
            return _gone()
        key = (slide_id, level, column, row)
        jpeg = self.tiles.get(key)
        if jpeg is None:
            with self._open.borrow(slide_id, path) as slide:
                pixels = tile_pixels(slide, level, column, row)
            if pixels is None:
                return _gone()
            jpeg = self._jpeg(pixels)
            self.tiles.put(key, jpeg)
        return Response(jpeg, headers=_KEEP, media_type="image/jpeg")

    def _thumb(self, slide_id: str) -> Response:
        path = self._paths.get(slide_id)
        if path is None:
            return _gone()
        jpeg = self.tiles.get((slide_id, "thumb"))
        if jpeg is None:
            with self._open.borrow(slide_id, path) as slide:
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
        return Response(png, headers=_KEEP, media_type=_TYPES[_KINDS[key[2]]])

    def _part(self, found: re.Match) -> Response:
        view = View.parse(found[7] or "")
        tiles = self.images.get((found[1], found[2], found[3], "tiles"))
        if tiles is None or view is None:
            return _gone()
        level, column, row = (int(number) for number in found.group(4, 5, 6))
        key = (found[1], found[2], found[3], level, column, row, view)
        part = self.tiles.get(key)
        if part is None:
            part = tiles.tile(level, row, column, view)
            if part is None:
                return _gone()
            self.tiles.put(key, part)
        return Response(part, headers=_KEEP, media_type=_TYPES[found[8]])

    def _jpeg(self, pixels: np.ndarray) -> bytes:
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=self._quality))

    def _opaque(self, *parts: Hashable) -> str:
        return hmac.new(self._secret, repr(parts).encode(), "sha256").hexdigest()[:32]

    def _url(self, rest: str) -> str:
        return f"{_root()}/{_PREFIX}/{self._key(identity_here(), rest)}/{rest}"

    def _key(self, identity: tuple | None, rest: str) -> str:
        """What stands before an address.

        The token of this launch; on a server a key that fits one person and one thing.

        The address that somebody was given opens nothing for anybody else, nor with another's key before it.
        """
        return self.token if identity is None else self._opaque("key", identity, *rest.split("/")[:2])


def _open_slide(path: Path | tuple[int, int]) -> Any:
    from prospector_core.modalities.slides.readers import (
        open_slide,
    )  # late: the readers pull in every image library
    from prospector_core.modalities.slides.readers.blank import BlankSlide

    if isinstance(path, tuple):
        return BlankSlide(*path)
    return open_slide(path)


def _gone() -> Response:
    return PlainTextResponse("Not found", 404, _FORGET)


def _not_yours() -> Response:
    return PlainTextResponse("This was not shown to you", 403, _FORGET)


def _asset(viewer: str, name: str) -> Response:
    kind = _ASSET_TYPES.get(Path(name).suffix)
    if kind is None or viewer not in _ASSETS:
        return _gone()
    file = _ASSETS[viewer] / name  # the pattern lets no slash or leading dot through
    if not file.is_file():
        return _gone()
    return Response(file.read_bytes(), headers={**_KEEP, "Content-Type": kind})


@lru_cache(maxsize=32)
def _digest(stamps: tuple[tuple[Path, int], ...]) -> str:
    """Hash of files of ours, (path, time of change) each.

    The time is there to ask again when one was edited.
    """
    content = b"".join(file.read_bytes() for file, _ in stamps)
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _base() -> str:
    """``server.baseUrlPath`` without slashes: Streamlit does not put it before routes of ours."""
    from streamlit import config

    return (config.get_option("server.baseUrlPath") or "").strip("/")


def _root() -> str:
    return f"/{_base()}" if _base() else ""


# -- the one server of this process
# ---------------------------------------------------------------------------------


def server() -> TileServer:
    """The server of this process, made at the first call."""
    # Streamlit drops edited modules from sys.modules and imports them anew, while the routes live on in the
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
    _send_at_once()
    try:
        yield
    finally:
        server().close()


def _send_at_once() -> None:
    """Set TCP_NODELAY on accepted connections.

    Streamlit binds its own socket, and asyncio then leaves Nagle's algorithm on: each tile would wait 40 ms.
    """
    hook = "_set_nodelay"
    if not hasattr(
        asyncio.base_events, hook
    ):  # private to asyncio: where it is gone, tiles are slower, no more
        return

    def set_nodelay(sock: socket.socket) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    setattr(asyncio.base_events, hook, set_nodelay)
