"""An array on disk that is written block by block; a block is there whole or not at all."""

from __future__ import annotations

import errno
import itertools
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr

from ..errors import EmbeddingError, StudyDamagedError, StudyError
from .array_records import BLOSC, LARGEST_CHUNK, ArrayRecord, by_zarr, check_array, check_shard, codecs
from .checked import read_json, record_of
from .files import storage_errors, study_gone
from .memory import check_memory
from .removal import own_file, own_place, read_own, remove_file

__all__ = [
    "Blocks",
    "StoredArray",
    "StoredGroup",
    "chunk_file",
    "chunks",
    "create_beside",
    "create_blocks",
    "group_record",
    "open_group",
    "reading",
    "sync",
    "writing",
]


class Blocks:
    """The array ``embeddings`` of a zarr group while it is made, one chunk a block.

    A chunk is written under a temporary name, synced and renamed, and carries a checksum: a block counts as
    finished only if all of it reached the disk.

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
        for place in folder.glob("embeddings/c/*"):
            own_place(folder, place)  # through a link other people's files would be written, and removed
        for left in folder.glob("embeddings/c/*/*.partial"):
            remove_file(left)  # of a process that was killed while writing
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
                f"{self.uid}: block {index} has shape {np.shape(embeddings)}, not"
                f" {(rows.stop - rows.start, self.dim)}"
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
        """Return the (n, d) array; rows of blocks that are not finished are zeros.

        Raises StudyDamagedError.
        """
        with reading(self._store, self.uid):
            return self._array[:]

    def _sound(self, index: int) -> bool:
        """Return whether a chunk found on disk can be read; one that cannot is removed."""
        try:
            self._array[self.rows(index)]
        except Exception:
            remove_file(chunk_file(self._folder, index))
            return False
        return True


def create_beside(group: zarr.Group, name: str, array: np.ndarray) -> None:
    """Write an array that goes with the embeddings.

    Its zeros are written too: a missing chunk is a lost one.
    """
    group.create_array(name, data=array, compressors=codecs(array.dtype), config={"write_empty_chunks": True})


def create_blocks(
    group: zarr.Group, n: int, dim: int, block: int, dtype: np.dtype, shard: int | None = None
) -> None:
    """Create the empty array of `Blocks` in a group; ``shard``.

    Rows a file, if these are more than a block.
    """
    shards = None if shard is None else (shard, dim)
    group.create_array(
        "embeddings",
        shape=(n, dim),
        chunks=(block, dim),
        shards=shards,
        dtype=dtype,
        compressors=codecs(dtype),
    )


class StoredGroup:
    """A group in a folder, to be read only: ``attrs``, and its arrays by name."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.attrs = folder, group_record(folder)["attributes"]

    def __contains__(self, name: str) -> bool:
        return (self._folder / name / "zarr.json").exists()

    def __getitem__(self, name: str) -> StoredArray:
        return StoredArray(self._folder / name, whole="stamp" in self.attrs)


class StoredArray:
    """An array on disk: ``array[first:last]`` are its rows as zarr reads them.

    An array as `codecs` keeps it is read without zarr, whose machinery takes milliseconds an array: an edit
    may have to look at a hundred of them. Errors are those of reading files, and ValueError for a chunk that
    is not what was written.

    Attributes
    ----------
    shape, dtype
    chunks : tuple of int
        Sides of what is read at once.

    Parameters
    ----------
    folder : Path
    whole : bool
        Whether every chunk was written, zeros too: then one that is missing is lost.
    """

    def __init__(self, folder: Path, whole: bool = False) -> None:
        self._folder, self._whole, record = folder, whole, group_record(folder)
        said = record_of(ArrayRecord, record, f"{folder.name}/zarr.json")
        ours = [each["name"] for each in said.codecs] == ["bytes", "blosc", "crc32c"]
        ours = ours and said.codecs[0].get("configuration", {}).get("endian") == "little"
        ours = ours and said.chunk_key_encoding == {"name": "default", "configuration": {"separator": "/"}}
        self.shape, self.dtype = tuple(said.shape), np.dtype(said.data_type)
        self._zarr: Any = None if ours else by_zarr(folder, said)
        chunks = said.chunk_grid.configuration.chunk_shape
        self.chunks = tuple(chunks if self._zarr is None else self._zarr.chunks)
        self._absent = said.fill_value  # what zarr does not write
        if len(self.chunks) != len(self.shape):
            raise ValueError(f"{folder.name}: its chunks are of other dimensions")
        self._chunk_bytes = math.prod(self.chunks) * self.dtype.itemsize
        if self._chunk_bytes > LARGEST_CHUNK:
            raise ValueError(f"{folder.name}: its chunks are of {self._chunk_bytes:,} bytes")
        self._seen: set[int] = set()  # shards whose chunks unpack to what they may
        if self._zarr is not None:
            check_array(self._zarr, folder.name)

    def __getitem__(self, rows: slice) -> np.ndarray:
        first, last, _ = rows.indices(self.shape[0])
        last = max(first, last)
        need = (last - first) * math.prod(self.shape[1:]) * self.dtype.itemsize
        check_memory(
            need, self._folder, f"an array of {' x '.join(f'{side:,}' for side in self.shape)}", ValueError
        )
        if self._zarr is not None:
            return self._read_by_zarr(first, last)
        out = np.empty((last - first, *self.shape[1:]), self.dtype)
        side = self.chunks[0]
        others = [range(-(-n // each)) for n, each in zip(self.shape[1:], self.chunks[1:])]
        for place in itertools.product(range(first // side, -(-last // side)), *others):
            low = place[0] * side
            inside = [slice(at * each, (at + 1) * each) for at, each in zip(place[1:], self.chunks[1:])]
            part = out[(slice(max(low, first) - first, min(low + side, last) - first), *inside)]
            chunk = self._chunk(place)
            if chunk is None:
                part[...] = self._absent
            else:
                start = max(low, first) - low
                part[...] = chunk[(slice(start, start + len(part)), *map(slice, part.shape[1:]))]
        return out

    def _read_by_zarr(self, first: int, last: int) -> np.ndarray:
        side = (self._zarr.shards or self.chunks)[0]
        for shard in range(first // side, -(-last // side)) if self._zarr.shards else ():
            file = self._folder.joinpath("c", str(shard), *["0"] * (len(self.shape) - 1))
            if shard not in self._seen and file.exists():
                check_shard(own_file(self._folder, file), self._zarr, self._chunk_bytes)
            self._seen.add(shard)
        return self._zarr[first:last]

    def _chunk(self, place: tuple[int, ...]) -> np.ndarray | None:
        try:
            content = read_own(self._folder, self._folder.joinpath("c", *map(str, place)))
        except FileNotFoundError:
            if self._whole:
                raise ValueError(f"chunk {place} of {self._folder.name} is missing") from None
            return None
        body = content[:-4]
        if google_crc32c.value(body).to_bytes(4, "little") != content[-4:]:
            raise ValueError(f"chunk {place} of {self._folder.name} does not agree with its checksum")
        # what it unpacks to stands in its head: a few bytes could ask for gigabytes
        if len(body) < 16 or int.from_bytes(body[4:8], "little") != self._chunk_bytes:
            raise ValueError(f"chunk {place} of {self._folder.name} is not of {self._chunk_bytes:,} bytes")
        return np.frombuffer(BLOSC.decode(body), self.dtype.newbyteorder("<")).reshape(self.chunks)


def group_record(folder: Path) -> dict[str, Any]:
    """Return what ``zarr.json`` says of a group or array in a folder."""
    found = read_json(read_own(folder, folder / "zarr.json"), f"{folder.name}/zarr.json")
    if not isinstance(found, dict) or not isinstance(found.get("attributes", {}), dict):
        raise ValueError(f"{folder.name}/zarr.json is not as it should be")
    return {"attributes": {}, **found}


def open_group(folder: Any, mode: str = "r") -> zarr.Group:
    """Return a zarr group in a folder, or in a zarr store."""
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
    if not path.parent.is_dir():  # else it would be made again, with nothing else of the study in it
        raise study_gone(path.parent)
    with storage_errors(path):
        try:
            yield
        except FileNotFoundError as error:  # two runs on one datum: nothing is lost, but one has to give way
            raise StudyError(
                f"{path.name}: another run finished, or removed, what this one was writing; run it again"
                " alone"
            ) from error


@contextmanager
def reading(path: Path, uid: str) -> Iterator[None]:
    """Say in one line that the embeddings of a datum cannot be read."""
    try:
        yield
    except Exception as error:
        raise StudyDamagedError(
            f"{path.name}: the embeddings of {uid} cannot be read ({error}); remove its folder and embed it"
            " again"
        ) from error
