"""How much memory one file may ask for, whatever it says of itself.

One limit, one sentence, one way to raise it.

A small file can claim, or unpack to, more than a machine has. Before such a thing is unpacked or allocated
its reader asks `check_memory`. A file that is large itself may ask for as many times its own size: large
honest files stay readable.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BadInputError

__all__ = [
    "VARIABLE",
    "check_chunks",
    "check_memory",
    "memory_errors",
    "most_memory",
    "parse_size",
    "size_of",
]

VARIABLE = "PROSPECTOR_MAX_MEMORY"
_DEFAULT = 2**30
_TIMES = 4  # a file's own size that it may always ask for
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_size(text: str) -> int:
    """Return a number of bytes: "4GB", "512 MB", "2000000". Raises BadInputError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    if found is None or not float(found[1]):
        raise BadInputError(f"{text!r} is not an amount of memory: say --max-memory 4GB, or {VARIABLE}=4GB")
    return int(float(found[1]) * _UNITS[found[2]])


def most_memory() -> int:
    """Return how many bytes one file may ask for."""
    given = os.environ.get(VARIABLE)
    return parse_size(given) if given else _DEFAULT


def size_of(path: str | os.PathLike[str]) -> int:
    """Return the bytes that a file, or all files of a folder, have on disk."""
    path = Path(path)
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    except OSError:
        return 0


def check_memory(
    need: float, path: str | os.PathLike[str], what: str, error: type[Exception], times: float = _TIMES
) -> None:
    """Raise ``error`` if a file asks for more than it may.

    Parameters
    ----------
    need : float
        Bytes.
    path : path
        Of the file, or of the folder that stands for one.
    what : str
        What needs so much, for the message: "a tile of 22000 x 22000 pixels".
    error : type
        Of the reader.
    times : float
        How many times its own size a file may ask for in any case.
    """
    most = most_memory()
    if need > most and need > times * size_of(path):
        raise error(
            f"{Path(path).name}: {what} needs {_words(need)} of memory, more than {_words(most)}:"
            f" {_way_out(need)}"
        )


def check_chunks(array: Any, path: str | os.PathLike[str], error: type[Exception]) -> None:
    """Raise ``error`` if one chunk of an array of HDF5 or zarr asks for more than it may.

    It is unpacked whole, however little of it is read, and may be larger than its array.
    """
    chunks, shards = (getattr(array, name, None) or () for name in ("chunks", "shards"))
    if chunks:
        need = max(
            math.prod(chunks) * array.dtype.itemsize, 16 * math.prod(shards) // max(math.prod(chunks), 1)
        )
        check_memory(need, path, f"a chunk of {' x '.join(f'{side:,}' for side in shards or chunks)}", error)


@contextmanager
def memory_errors(path: str | os.PathLike[str], error: type[Exception]) -> Iterator[None]:
    """Say in one line that memory did not suffice to read a file."""
    try:
        yield
    except MemoryError:
        raise error(
            f"{Path(path).name} needs more memory than this machine has: close other programs, or leave"
            " it out"
        ) from None


def _words(size: float) -> str:
    return f"{size / 2**30:,.1f} GB" if size >= 2**30 else f"{size / 2**20:,.0f} MB"


def _way_out(need: float) -> str:
    if need > 2**42:
        return (
            f"the file is damaged, or made to harm (the limit can be raised with --max-memory or {VARIABLE})"
        )
    return (
        f"if it is sound, allow it with `prospector --max-memory {max(2, -int(-need // 2**30))}GB ...` or"
        f" {VARIABLE}"
    )
