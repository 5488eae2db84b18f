"""What is read of embeddings: of a datum that is whole, or of one that is being embedded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from .blocks import (
    StoredArray,
    chunk_file,
    chunks,
    open_group,
    reading,
)
from .embedding_layout import EARLY, given_attrs

__all__ = ["Embeddings", "PartEmbedded", "StoredVectors", "early_tokens"]

_SPAN = 16384  # tokens read at once: a matrix product's worth


@dataclass(frozen=True)
class Embeddings:
    """What is kept of one datum.

    Attributes
    ----------
    embeddings : (n, d) float32 or float16
    positions : (n, 2) or (n, 3), or None
    attrs : dict
        What was given when they were written: origin, pitch, encoder record, ...
    edges : (m, 2) int64 or None
    """

    embeddings: np.ndarray
    positions: np.ndarray | None
    attrs: dict[str, Any]
    edges: np.ndarray | None = None


class StoredVectors:
    """The embeddings of one datum on disk, (n, d).

    What is indexed is read, block by block, and nothing is kept.

    Takes a slice, or an array of token numbers or of bools; ``blocks`` goes through all of it in bounded
    memory.
    """

    def __init__(self, array: StoredArray | zarr.Array, store: Path, uid: str) -> None:
        self._array, self._store, self._uid = array, store, uid
        self.shape, self.dtype, self.ndim = tuple(array.shape), array.dtype, 2
        self._block = array.chunks[0]
        self._span = max(1, _SPAN // self._block) * self._block  # whole chunks

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            with reading(self._store, self._uid):
                return self._array[rows]
        rows = np.asarray(rows)
        if rows.ndim == 0:  # one token
            return self[rows[None]][0]
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        span = rows // self._span
        for number in np.unique(span):
            here = np.flatnonzero(span == number)
            first = int(rows[here].min()) // self._block * self._block
            part = self[first : int(rows[here].max()) + 1]
            found[here] = part[rows[here] - first]
        return found

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number of the first token, (b, d) embeddings), in order."""
        for start in range(0, len(self), self._span):
            yield start, self[start : start + self._span]


class PartEmbedded:
    """What there is of a datum that is being embedded.

    Read while another process writes; from `EmbeddingStore.part`.

    Attributes
    ----------
    positions : (n, 2) int
    attrs : dict
        As of complete `Embeddings`.
    early : (m,) int
        Tokens that are embedded before their turn.
    block, n_blocks : int
    """

    def __init__(self, store: Path, uid: str, folder: Path) -> None:
        self._store, self._uid, self._folder = store, uid, folder
        with reading(store, uid):
            group = open_group(folder)
            self.positions = group["positions"][:]
            self.attrs = given_attrs(group)
            self.block = int(group.attrs["block"])
        self.n_blocks = -(-len(self.positions) // self.block)
        self.early = early_tokens(folder / EARLY)

    def finished(self) -> list[tuple[bool, int, int]]:
        """Return the finished blocks: (of the early tokens?, index, a stamp that its content changes)."""
        found = []
        for early, folder in ((True, self._folder / EARLY), (False, self._folder)):
            for index in chunks(folder):
                try:
                    found.append((early, index, chunk_file(folder, index).stat().st_mtime_ns))
                except OSError:  # finished, or cancelled, this very moment
                    continue
        return found

    def tokens(self, early: bool, index: int) -> np.ndarray:
        """Return the tokens of a block: (b,) int64."""
        rows = slice(index * self.block, (index + 1) * self.block)
        return self.early[rows] if early else np.arange(len(self.positions))[rows]

    def read(self, early: bool, index: int) -> np.ndarray:
        """Return the embeddings of a finished block: (b, d).

        Raises StudyDamagedError, also when they moved on.
        """
        folder = self._folder / EARLY if early else self._folder
        with reading(self._store, self._uid):
            array = open_group(folder)["embeddings"]
            found = array[index * self.block : (index + 1) * self.block]
            if not chunk_file(folder, index).exists():  # zarr reads a missing chunk as zeros
                raise FileNotFoundError(f"block {index} is gone")
            return found


def early_tokens(folder: Path) -> np.ndarray:
    """Return the tokens embedded before their turn, (m,) int64; none where that was never begun."""
    try:
        return open_group(folder)["tokens"][:] if (folder / "embeddings" / "zarr.json").exists() else _NONE
    except Exception:
        return _NONE


_NONE = np.empty(0, np.int64)
