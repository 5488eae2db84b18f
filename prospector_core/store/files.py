"""Writing files so that they are there whole or not at all, and reading arrays."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ProspectorError, StorageFullError, StudyError
from .removal import remove_file, remove_folder, remove_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["read_npy", "write_atomic", "folder_atomic", "partial_name", "storage_errors", "study_gone"]

_NPY = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<|][a-z]\d+)', 'fortran_order': False, 'shape': \((\d[\d, ]*)?\),"
    rb" \} *\n",
    re.DOTALL,
)


def read_npy(content: bytes) -> np.ndarray:
    """The array in the bytes of a .npy file as ``np.save`` writes it of plain numbers.

    ``np.load`` is not used: it reads the header with Python's own parser, which in Python 3.11 fails now and
    then where two threads use it at once; maps and counts are read by many threads. Raises ValueError.
    """
    header = _NPY.match(content)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError("this is not a .npy file of plain numbers")
    dtype = np.dtype(header[2].decode())
    shape = tuple(int(side) for side in (header[3] or b"").replace(b" ", b"").split(b",") if side)
    return np.frombuffer(content, dtype, offset=header.end()).reshape(shape).copy()


def study_gone(home: str | os.PathLike[str]) -> StudyError:
    """What is said where a study's folder was moved or removed while it was open: StudyError."""
    return StudyError(f"the study's folder is no longer at {home}: open it where it is now")


@contextmanager
def storage_errors(path: Path | str) -> Iterator[None]:
    """Turn what keeps ``path`` from being written into a StudyError.

    A full disk (or quota) becomes a StorageFullError.
    """
    try:
        yield
    except OSError as error:
        # of nested blocks the outermost gives the name: it is the one that the user knows
        if isinstance(error, StorageFullError) or error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(
                f"the disk is full, {path} could not be written: free some space and repeat"
            ) from error
        if isinstance(error, ProspectorError):
            raise
        raise StudyError(
            f"{path} cannot be written ({error.strerror or error}): check the folder and its permissions"
        ) from error


def partial_name(path: Path) -> Path:
    """A temporary name for ``path`` while it is written, another each time.

    Beside it, so that renaming is one step.
    """
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.partial")


def write_atomic(path: Path | str, content: bytes, durable: bool = True, mode: int = 0o666) -> None:
    """Write bytes to a temporary name beside ``path``, flush to disk, rename.

    Raises StorageFullError, StudyError.

    ``durable`` False: the system may write it when it likes, for what carries a checksum and can be computed
    again. ``mode``: who may read it, less what the umask takes.
    """
    path = Path(path)
    partial = partial_name(path)
    try:
        with storage_errors(path):
            with open(partial, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
            if durable:
                _sync_folder(path.parent)
    finally:
        with suppress(
            OSError
        ):  # nothing is there on a disk that cannot be written, and the reason is on its way
            remove_file(partial)


@contextmanager
def folder_atomic(path: Path, known: Callable[[str], object]) -> Iterator[Path]:
    """A temporary folder that becomes ``path`` when the block ends well.

    It may replace a folder in which ``known`` knows every file.

    Raises StudyDamagedError where something else is in the one that is there (see ``removal.remove_folder``).
    """
    path = Path(path)
    partial = partial_name(path)
    try:
        with storage_errors(path):
            partial.mkdir(parents=True)
            yield partial
            remove_folder(path, known)
            partial.replace(path)
            _sync_folder(path.parent)
    finally:
        remove_made(partial)


def _sync_folder(folder: Path) -> None:
    """Have the new name reach the disk too, where the system can do that (Windows cannot)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
