"""What tells a file from others wherever it is and however it is called.

It is its size, and a hash of parts of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["companions", "fingerprint", "size_of"]

_PART, _PARTS = 2**14, 16  # bytes, and how many such parts are read of a large file
_FILES = 32  # of a folder's files as many are read, spread over all of them


def fingerprint(path: Path) -> dict:
    """Return {"size": bytes, "hash": SHA-256} of a file or a folder.

    Of a folder, or of a slide with a folder beside it, they are those of all that is in it.

    Raises
    ------
    OSError
        It is not there, or cannot be read.
    """
    told, files = hashlib.sha256(), _files(path)
    spread = (
        {len(files) * number // _FILES for number in range(_FILES)}
        if len(files) > _FILES
        else range(len(files))
    )
    size = 0
    for number, (name, file) in enumerate(files):
        size += file.stat().st_size
        told.update(f"{name}\0{file.stat().st_size}\0".encode())
        if number in spread:
            with open(file, "rb") as opened:
                _read_parts(opened, file.stat().st_size, told.update)
    return {"size": size, "hash": told.hexdigest()}


def size_of(path: Path) -> int:
    """Return the ``size`` of a fingerprint, without reading a file. Raises OSError."""
    return sum(file.stat().st_size for _, file in _files(path))


def companions(path: Path) -> Path | None:
    """Return the folder that belongs to a slide file, as MIRAX and VMS have one of the same name.

    None where there is none.
    """
    beside = path.with_suffix("")
    return beside if path.suffix.lower() in (".mrxs",) and beside.is_dir() else None


def _files(path: Path) -> list[tuple[str, Path]]:
    """All that a path stands for: (its name from there on, file), sorted.

    The file's own name is not part of it.
    """
    if not path.is_dir():
        beside = companions(path)
        return [("", path), *(_below(beside) if beside else ())]
    return _below(path)


def _below(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for home, folders, names in os.walk(folder):
        folders.sort()
        found += [(Path(home, name).relative_to(folder).as_posix(), Path(home, name)) for name in names]
    return sorted(found)


def _read_parts(file: BinaryIO, size: int, update: Callable[[bytes], None]) -> None:
    """Give all of a small file, or parts from the first to the last byte of a large one."""
    if size <= _PART * _PARTS:
        update(file.read())
        return
    for number in range(_PARTS):
        file.seek((size - _PART) * number // (_PARTS - 1))
        update(file.read(_PART))
