"""The viewers' own files that the tile server serves: their JavaScript and styles."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

__all__ = ["FOLDERS", "TYPES", "asset_file", "assets_stamp"]

FOLDERS = {name: Path(__file__).parent / name / "assets" for name in ("slide_viewer", "structure_viewer")}
"""Viewer -> folder of its files."""

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


def asset_file(viewer: str, name: str) -> Path | None:
    """A viewer's file, or None if there is none; ``name`` has no slash and no leading dot."""
    file = FOLDERS[viewer] / name
    return file if file.suffix in TYPES and file.is_file() else None


def assets_stamp(viewer: str) -> str:
    """Hash of a viewer's JavaScript.

    One stamp for all: they import each other by relative addresses, and none may be older than the others.
    """
    files = sorted(FOLDERS[viewer].glob("*.js"))
    return _digest(viewer, tuple((file.name, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=32)
def _digest(viewer: str, stamps: tuple[tuple[str, int], ...]) -> str:
    """Hash of files of ours, (name, time of change) each.

    The time is there to ask again when one was edited.
    """
    content = b"".join((FOLDERS[viewer] / name).read_bytes() for name, _ in stamps)
    return hashlib.blake2b(content, digest_size=8).hexdigest()
