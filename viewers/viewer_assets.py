"""The viewers' own files that the tile server serves: their JavaScript and styles."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

__all__ = ["FOLDERS", "TYPES", "asset_file", "assets_stamp"]

FOLDERS = {
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
"""Viewer -> folder of its files."""

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


def asset_file(viewer: str, name: str) -> Path | None:
    """A viewer's file, or None if there is none; ``name`` has no slash and no leading dot."""
    if viewer not in FOLDERS or Path(name).suffix not in TYPES:
        return None
    file = FOLDERS[viewer] / name
    return file if file.is_file() else None


def assets_stamp() -> str:
    """Hash of the viewers' JavaScript.

    One stamp for all: they import each other by relative addresses, and none may be older than the others.
    """
    files = [file for folder in FOLDERS.values() for file in sorted(folder.glob("*.js"))]
    return _digest(tuple((file, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=32)
def _digest(stamps: tuple[tuple[Path, int], ...]) -> str:
    """Hash of files of ours, (path, time of change) each.

    The time is there to ask again when one was edited.
    """
    content = b"".join(file.read_bytes() for file, _ in stamps)
    return hashlib.blake2b(content, digest_size=8).hexdigest()
