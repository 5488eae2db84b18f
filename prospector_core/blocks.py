"""An array on disk that is written block by block; a block is there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from .errors import EmbeddingError, StudyDamagedError, StudyError
from .files import storage_errors

__all__ = ["Blocks", "chunk_file", "chunks", "codecs", "create_blocks", "open_group", "reading", "sync", "writing"]


class Blocks:
    """The array ``embeddings`` of a zarr group while it is made, one chunk a block.

    A chunk is written under a temporary name, synced and renamed, and carries a checksum: a block counts as finished
    only if all of it reached the disk.

    Parameters
    ----------
    folder : Path
        Of the group, as made by `create_blocks`.
    uid : str
        Of the datum, for errors.
    store : Path
        Of the store, for errors.

    Attributes
    ----------
    n, dim, block, n_blocks : int
    finished : set of int
        Blocks that are safely on disk.
    """

    def __init__(self, folder: Path, uid: str, store: Path) -> None:
        self.uid, self._folder, self._store = uid, folder, store
        for left in folder.glob("embeddings/c/*/*.partial"):
            left.unlink(missing_ok=True)  # of a process that was killed while writing
        # Without this zarr leaves out a block of zeros, which then looks like one that was never written.
        self._array = open_group(folder, "r+")["embeddings"].with_config({"write_empty_chunks": True})
        (self.n, self.dim), self.block = self._array.shape, self._array.chunks[0]
        self.n_blocks = -(-self.n // self.block)
        self.finished = {index for index in chunks(folder) if self._sound(index)}

    def rows(self, index: int) -> slice:
        """Return the rows of a block."""
        return slice(index * self.block, min(self.n, (index + 1) * self.block))

    def write_block(self, index: int, embeddings: np.ndarray) -> None:
        """Write one block; on return it is on the disk, whatever happens to the machine.

        Raises
        ------
        EmbeddingError
            A wrong shape, or numbers that are not finite (in the type they are kept in).
        StorageFullError, StudyError
            The disk is full, or cannot be written; the blocks finished before stay.
        """
        rows = self.rows(index)
        if np.shape(embeddings) != (rows.stop - rows.start, self.dim) or not 0 <= index < self.n_blocks:
            raise EmbeddingError(
                f"{self.uid}: block {index} has shape {np.shape(embeddings)}, not {(rows.stop - rows.start, self.dim)}"
            )
        with np.errstate(over="ignore"):
            embeddings = np.asarray(embeddings).astype(self._array.dtype)
        wrong = np.flatnonzero(~np.isfinite(embeddings).all(1))
        if len(wrong):
            raise EmbeddingError(
                f"{self.uid}: the embedding of token {rows.start + wrong[0]} is not finite; check the encoder"
            )
        with writing(self._store):
            self._array[rows] = embeddings  # zarr writes a temporary file and renames it
            sync(chunk_file(self._folder, index))
        self.finished.add(index)

    def read_all(self) -> np.ndarray:
        """Return the (n, d) array; rows of blocks that are not finished are zeros. Raises StudyDamagedError."""
        with reading(self._store, self.uid):
            return self._array[:]

    def _sound(self, index: int) -> bool:
        """Return whether a chunk found on disk can be read; one that cannot is removed."""
        try:
            self._array[self.rows(index)]
        except Exception:
            chunk_file(self._folder, index).unlink(missing_ok=True)
            return False
        return True


def create_blocks(group: zarr.Group, n: int, dim: int, block: int, dtype: np.dtype, shard: int | None = None) -> None:
    """Create the empty array of `Blocks` in a group; ``shard``: rows a file, if these are more than a block."""
    shards = None if shard is None else (shard, dim)
    group.create_array(
        "embeddings", shape=(n, dim), chunks=(block, dim), shards=shards, dtype=dtype, compressors=codecs(dtype)
    )


def codecs(dtype: np.dtype) -> list[Any]:
    """Return how arrays are compressed."""
    # The checksum is what tells a block that was cut short by a power failure.
    return [BloscCodec(typesize=dtype.itemsize, cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()]


def open_group(folder: Path, mode: str = "r") -> zarr.Group:
    """Return a zarr group."""
    return zarr.open_group(folder, mode=mode, zarr_format=3)


def chunk_file(folder: Path, index: int) -> Path:
    """Return the file of a block."""
    return folder / "embeddings" / "c" / str(index) / "0"


def chunks(folder: Path) -> list[int]:
    """Return the blocks whose chunk has its final name."""
    there = folder / "embeddings" / "c"
    if not there.is_dir():
        return []
    return sorted(int(one.name) for one in there.iterdir() if one.name.isdigit() and (one / "0").exists())


def sync(path: Path) -> None:
    """Have the system write a file, and the folder entry that names it, to the disk."""
    for one in (path, path.parent):
        try:
            handle = os.open(one, os.O_RDONLY)
        except PermissionError:  # Windows cannot open folders
            continue
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
        finally:
            os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one line why the store at `path` cannot be written."""
    with storage_errors(path):
        try:
            yield
        except FileNotFoundError as error:  # two runs on one datum: nothing is lost, but one has to give way
            raise StudyError(
                f"{path.name}: another run finished, or removed, what this one was writing; run it again alone"
            ) from error


@contextmanager
def reading(path: Path, uid: str) -> Iterator[None]:
    """Say in one line that the embeddings of a datum cannot be read."""
    try:
        yield
    except Exception as error:
        raise StudyDamagedError(
            f"{path.name}: the embeddings of {uid} cannot be read ({error}); remove its folder and embed it again"
        ) from error
