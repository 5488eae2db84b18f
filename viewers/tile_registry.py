"""What pages register with the tile server, and the addresses that a browser gets for it."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from prospector_core.errors import SlideError
from prospector_core.store.cache import Cache, size_of
from prospector_core.store.readable import require_readable
from viewers.access.session import identity_here
from viewers.open_slides import OpenSlides
from viewers.slide_tiles import TILE_SIZE, max_level
from viewers.tile_addresses import KINDS, PREFIX, root
from viewers.viewer_assets import assets_stamp

__all__ = ["TileRegistry"]

_IMAGES = 8192  # kept at most


class TileRegistry:
    """Known slides, open slides, cached tiles, images and numbers, by the ids that a browser knows them by.

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
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self._secret = secrets.token_bytes(32)
        self.quality = quality
        self.paths: dict[str, Path | tuple[int, int]] = {}
        self._sources: dict[str, dict] = {}
        self.slides = OpenSlides(opener or _open_slide, max_open)
        self.tiles = Cache(tile_bytes)
        # a callable has no bytes until it is asked: the number of images is bounded, too
        self.images = Cache(image_bytes, lambda image: max(size_of(image), image_bytes // _IMAGES))

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
        slide_id = self.opaque("slide", str(path), stat.st_mtime_ns, stat.st_size)
        self.paths[slide_id] = path
        return slide_id

    def register_blank(self, width: int, height: int) -> str:
        """Opaque id of a white slide of this size, for maps of slides that are not at hand."""
        slide_id = self.opaque("blank", int(width), int(height))
        self.paths[slide_id] = (int(width), int(height))
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
            with self.slides.borrow(slide_id, self.paths[slide_id]) as slide:
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
            "url": self.url(f"slide/{slide_id}"),
        }

    def thumb_url(self, slide_id: str) -> str:
        """Address of the whole slide at 512 px."""
        return self.url(f"thumb/{slide_id}.jpg")

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
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        if version is None:
            if not isinstance(png, bytes):
                raise ValueError("an image made on demand needs a version")
            stamp = hashlib.blake2b(png, digest_size=10).hexdigest()
        else:
            stamp = self.opaque("version", version)[:20]
        image_id = self.opaque("image", key)
        if self.images.get((image_id, stamp, kind)) is None:
            self.images.put((image_id, stamp, kind), png)
        return self.url(f"overlay/{image_id}/{stamp}/{kind}.{KINDS[kind]}")

    def register_tiles(self, key: Hashable, tiles: Any, *, version: Hashable, kind: str) -> str:
        """Address below which the tiles of an overlay are.

        ``<address>/<level>/<x>_<y>[-<view>].png`` (or ``.bin``).

        Parameters
        ----------
        key, version, kind : as :meth:`register_image`
        tiles : ScoreTiles, ConceptTiles or NumberTiles
            From :mod:`viewers.token_tiles`; asked on a server thread.
        """
        if KINDS.get(kind) != tiles.suffix:
            raise ValueError(f"tiles that are .{tiles.suffix} files cannot be of kind {kind!r}")
        image_id, stamp = self.opaque("tiles", key), self.opaque("version", version)[:20]
        if self.images.get((image_id, stamp, kind, "tiles")) is None:
            self.images.put((image_id, stamp, kind, "tiles"), tiles)
        return self.url(f"overlay/{image_id}/{stamp}/{kind}")

    def asset_url(self, name: str, viewer: str = "slide_viewer") -> str:
        """Address of one of a viewer's own files."""
        return self.url(f"asset/{assets_stamp()}/{viewer}/{name}")

    def close(self) -> None:
        """Close the slides that nobody is reading."""
        self.slides.close()

    def opaque(self, *parts: Hashable) -> str:
        """An id that tells nothing of what it stands for, 32 hexadecimal digits."""
        return hmac.new(self._secret, repr(parts).encode(), "sha256").hexdigest()[:32]

    def url(self, rest: str) -> str:
        """Address of a thing for the person of this session."""
        return f"{root()}/{PREFIX}/{self.key(identity_here(), rest)}/{rest}"

    def key(self, identity: tuple | None, rest: str) -> str:
        """What stands before an address.

        It is the token of this launch; on a server it is a key that fits one person and one thing.

        The address that somebody was given opens nothing for anybody else, nor with another's key before it.
        """
        return self.token if identity is None else self.opaque("key", identity, *rest.split("/")[:2])


def _open_slide(path: Path | tuple[int, int]) -> Any:
    from prospector_core.modalities.slides.readers import (
        open_slide,
    )  # late: the readers pull in every image library
    from prospector_core.modalities.slides.readers.blank import BlankSlide

    if isinstance(path, tuple):
        return BlankSlide(*path)
    return open_slide(path)
