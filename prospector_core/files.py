"""Writing files so that they are there whole or not at all, and reading arrays."""

import errno
import os
import re
import shutil
import stat
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .errors import ProspectorError, StorageFullError, StudyDamagedError, StudyError

__all__ = ["read_npy", "write_atomic", "folder_atomic", "partial_name", "storage_errors", "check_links", "own_path",
           "read_own"]  # fmt: skip

_NPY = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<|][a-z]\d+)', 'fortran_order': False, 'shape': \((\d[\d, ]*)?\), \} *\n",
    re.DOTALL,
)


def check_links(folder, deep=()):
    """Raise StudyDamagedError if a link in a study's folder, or in the folders ``deep`` of it, leads out of it.

    Not where the environment has ``PROSPECTOR_LINKS=1``: for whoever keeps embeddings on another disk.
    """
    if os.environ.get("PROSPECTOR_LINKS") == "1":
        return
    root = os.path.realpath(folder)
    for place in (root, *(os.path.join(root, name) for name in deep)):
        try:
            links = [each for each in os.scandir(place) if each.is_symlink()]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for each in links:
            if os.path.commonpath([os.path.realpath(each.path), root]) != root:
                raise StudyDamagedError(
                    f"{each.path} is a link that leads out of the study: put there what it links to, or, if you made it "
                    "yourself, set PROSPECTOR_LINKS=1"
                )


def own_path(path, root):
    """Where a file of a study lies, if it is one and lies inside ``root``; links that lead out are not followed.

    A study may come from a stranger: a link in it could have the reader's own files shown, or never end (a pipe).
    Raises ValueError for what is neither file nor folder or lies elsewhere, OSError for what is not there.
    """
    real = os.path.realpath(path, strict=True)
    if os.environ.get("PROSPECTOR_LINKS") != "1" and os.path.commonpath(
        [real, os.path.realpath(root)]
    ) != os.path.realpath(root):
        raise ValueError(f"{Path(path).name} is a link that leads out of its folder: put the file itself there")
    if not stat.S_ISREG(os.stat(real).st_mode) and not os.path.isdir(real):
        raise ValueError(f"{Path(path).name} is no plain file")
    return real


def read_own(path, root):
    """The bytes of a file of a study. Raises as ``own_path``."""
    with open(own_path(path, root), "rb") as file:
        return file.read()


def read_npy(content):
    """The array in the bytes of a .npy file as ``np.save`` writes it of plain numbers. Raises ValueError.

    Not ``np.load``: that reads the header with Python's own parser, which in Python 3.11 fails now and then where two
    threads use it at once; maps and counts are read by many threads.
    """
    header = _NPY.match(content)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError("this is no .npy file of plain numbers")
    dtype = np.dtype(header[2].decode())
    shape = tuple(int(side) for side in (header[3] or b"").replace(b" ", b"").split(b",") if side)
    return np.frombuffer(content, dtype, offset=header.end()).reshape(shape).copy()


@contextmanager
def storage_errors(path):
    """Turn a full disk (or quota) into StorageFullError, and what else keeps ``path`` from being written into StudyError."""
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


def partial_name(path):
    """The temporary name of ``path`` while this thread writes it: beside it, so that renaming is one step."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")


def write_atomic(path, content, durable=True):
    """Write bytes to a temporary name beside ``path``, flush to disk, rename. Raises StorageFullError, StudyError.

    ``durable`` False: the system may write it when it likes, for what carries a checksum and can be computed again.
    """
    path = Path(path)
    partial = partial_name(path)
    try:
        with storage_errors(path):
            with open(partial, "wb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
            if durable:
                _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def folder_atomic(path):
    """A temporary folder that becomes ``path`` when the block ends well (replacing one that is there)."""
    path = Path(path)
    partial = partial_name(path)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with storage_errors(path):
            partial.mkdir(parents=True)
            yield partial
            if path.exists():
                shutil.rmtree(path)
            partial.replace(path)
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync_folder(folder):
    """Have the new name reach the disk too, where the system can do that (Windows cannot)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
