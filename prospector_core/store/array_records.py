"""What an array on disk says of itself, checked before it is read."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import zarr
from numcodecs import Blosc
from pydantic import Field
from zarr.codecs import BloscCodec, Crc32cCodec

from .checked import LargerRecord
from .removal import own_file

__all__ = ["codecs", "BLOSC", "LARGEST_CHUNK", "ArrayRecord", "by_zarr", "check_array", "check_shard"]


def check_array(array: zarr.Array, name: str) -> None:
    """Raise ValueError for an array of embeddings, in a folder or at an address, that is none of ours.

    For zarr to read.
    """
    shards = array.shards or array.chunks
    if array.dtype.kind not in "biuf" or not 1 <= len(array.shape) <= 3 or min(array.shape) < 0:
        raise ValueError(f"{name} is not an array of numbers")
    if math.prod(array.chunks) * array.dtype.itemsize > LARGEST_CHUNK:
        raise ValueError(
            f"{name}: its chunks are of {math.prod(array.chunks) * array.dtype.itemsize:,} bytes"
        )
    if shards[1:] != array.chunks[1:] or shards[0] > _MOST_IN_SHARD * array.chunks[0]:
        raise ValueError(f"{name}: its files are of {' x '.join(f'{side:,}' for side in shards)} numbers")


def check_shard(file: Path, array: zarr.Array, chunk_bytes: int) -> None:
    """Raise ValueError where a chunk in a file of many would unpack to another size than it has.

    What that is stands in its head.
    """
    n = array.shards[0] // array.chunks[0]
    with open(file, "rb") as shard:
        shard.seek(max(0, os.fstat(shard.fileno()).st_size - 16 * n - 4))
        index = shard.read(16 * n)
        places = np.frombuffer(index[: len(index) // 16 * 16], "<u8").reshape(-1, 2)
        for at, _ in places[places[:, 0] < 2**62].tolist():
            shard.seek(at)
            if int.from_bytes(shard.read(8)[4:], "little") != chunk_bytes:
                raise ValueError(
                    f"a block in file {file.relative_to(file.parents[2])} is not of {chunk_bytes:,} bytes"
                )


class _ChunkShape(LargerRecord):
    chunk_shape: Annotated[list[Annotated[int, Field(ge=1, lt=2**40)]], Field(min_length=1, max_length=3)]


class _ChunkGrid(LargerRecord):
    configuration: _ChunkShape


class ArrayRecord(LargerRecord):
    """Of ``zarr.json`` what is used here: numbers only, whatever else zarr knows."""

    shape: Annotated[list[Annotated[int, Field(ge=0, lt=2**40)]], Field(min_length=1, max_length=3)]
    data_type: Literal[
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    ]
    chunk_grid: _ChunkGrid
    codecs: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=8)]
    chunk_key_encoding: dict[str, Any]
    fill_value: int | float | bool | str


def by_zarr(folder: Path, said: ArrayRecord) -> zarr.Array:
    """Return an array of many blocks per file, for zarr to read: of our codecs, all of it here."""
    inner = said.codecs[0].get("configuration", {}).get("codecs", ()) if said.codecs[0].get("name") else ()
    for each in (*said.codecs, *inner):
        if not isinstance(each, dict) or each.get("name") not in _CODECS:
            raise ValueError(f"{folder.name} is packed in a way that is not ours")
    for path in folder.rglob("*"):
        own_file(folder, path)
    return zarr.open_array(folder, mode="r", zarr_format=3)


_CODECS = ("bytes", "blosc", "crc32c", "sharding_indexed", "zstd", "gzip", "transpose")

LARGEST_CHUNK = 2**29  # bytes; ours have 256 or 4,096 rows

_MOST_IN_SHARD = 4096  # chunks of a file of many; ours have 16

BLOSC = Blosc()  # how it was compressed the bytes say themselves


def codecs(dtype: np.dtype) -> list[Any]:
    """Return how arrays are compressed."""
    # The checksum is what tells a block that was cut short by a power failure.
    return [BloscCodec(typesize=dtype.itemsize, cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()]
