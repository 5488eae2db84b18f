"""Writing files so that they are there whole or not at all."""

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from .errors import StorageFullError

__all__ = ["write_atomic", "folder_atomic", "storage_errors"]


@contextmanager
def storage_errors(path):
    """Turn a full disk (or quota) into StorageFullError naming ``path``; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"the disk is full, {path} could not be written: free some space and repeat") from error
        raise


def write_atomic(path, content):
    """Write bytes to a temporary name beside ``path``, flush to disk, rename. Raises StorageFullError."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with storage_errors(path), open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def folder_atomic(path):
    """A temporary folder that becomes ``path`` when the block ends well (replacing one that is there)."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with storage_errors(path):
            partial.mkdir(parents=True)
            yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
