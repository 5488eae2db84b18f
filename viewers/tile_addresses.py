"""The addresses that the tile server answers to, below ``/prospector/<token>/``.

==============================================  =========================================================
``slide/<id>/<level>/<x>_<y>.jpg``              one tile; level ``max_level`` is full resolution, each lower
                                                one half of it; tiles do not overlap, edge tiles are cropped
``thumb/<id>.jpg``                              the whole slide, 512 px at most
``overlay/<id>/<version>/<kind>.png``           an image that was registered
``overlay/<id>/<version>/<kind>.bin``           numbers per token, registered likewise (:mod:`viewers.tokens`)
``overlay/<id>/<version>/<kind>/<level>/``      a tile of an overlay too large for one picture, or the numbers
``<x>_<y>[-<view>].png`` (or ``.bin``)          of its tokens (:mod:`viewers.token_tiles`); view: threshold,
                                                hatch, highlight
``asset/<hash>/<viewer>/<name>``                a viewer's own JavaScript
==============================================  =========================================================
"""

from __future__ import annotations

import re

__all__ = ["ASSET", "IMAGE", "KINDS", "PART", "PREFIX", "SLIDE_TILE", "THUMB", "TYPES", "base", "root"]

PREFIX = "prospector"

KINDS = {
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
"""Kind of an image or of numbers -> the end of its address."""

TYPES = {"png": "image/png", "bin": "application/octet-stream"}

SLIDE_TILE = re.compile(r"slide/([0-9a-f]{32})/(\d{1,2})/(\d{1,7})_(\d{1,7})\.jpg", re.ASCII)
THUMB = re.compile(r"thumb/([0-9a-f]{32})\.jpg", re.ASCII)
IMAGE = re.compile(r"overlay/([0-9a-f]{32})/([0-9a-f]{20})/([a-z]{3,8})\.(png|bin)", re.ASCII)
PART = re.compile(
    r"overlay/([0-9a-f]{32})/([0-9a-f]{20})/([a-z]{3,8})/(\d{1,2})/(\d{1,5})_(\d{1,5})(?:-([a-z0-9]{1,9}))?\.(png|bin)",
    re.ASCII,
)
ASSET = re.compile(r"asset/([0-9a-f]{16})/([a-z_]+)/([a-z_]+(?:\.[a-z]+)+)", re.ASCII)


def base() -> str:
    """``server.baseUrlPath`` without slashes: Streamlit does not put it before routes of ours."""
    from streamlit import config

    return (config.get_option("server.baseUrlPath") or "").strip("/")


def root() -> str:
    """What stands before all addresses of ours: the base with a slash, or nothing."""
    return f"/{base()}" if base() else ""
