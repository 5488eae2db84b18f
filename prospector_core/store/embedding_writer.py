"""Writing the embeddings of a datum, block by block, until they are whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from ..errors import EmbeddingError
from .blocks import (
    Blocks,
    StoredGroup,
    chunk_file,
    create_beside,
    create_blocks,
    open_group,
    reading,
    sync,
    writing,
)
from .embedding_layout import (
    EARLY,
    PARTIAL,
    RENEW,
    REPLACED,
    WHOLE,
    check_own_group,
    group_records,
    remove_group,
)
from .removal import remove_file
from .stamps import content_stamp, seal_of
from .stored_vectors import early_tokens

if TYPE_CHECKING:
    from .embedding_layout import Layout
    from .embeddings import EmbeddingStore

__all__ = ["EmbeddingWriter", "begin"]

# blocks per file of what is complete, where there are more than that: millions of small files would be slow
_SHARD = 64


class EmbeddingWriter:
    """The embeddings of one datum while they are made; from `EmbeddingStore.open_writer`.

    Attributes
    ----------
    uid : str
    n, dim, block, n_blocks : int
    complete : bool
    finished : set of int
        Blocks that are safely on disk.
    """

    def __init__(self, store: EmbeddingStore, uid: str, layout: Layout, complete: bool = False) -> None:
        self.uid, self.n, self.dim, self.block, self.complete = (
            uid,
            layout.n,
            layout.dim,
            layout.block,
            complete,
        )
        self.n_blocks = -(-layout.n // layout.block)
        self._store, self._dtype = store, layout.dtype
        self._folder = store.folder(uid, PARTIAL)
        self._blocks: Any = None if complete else Blocks(self._folder, uid, store.path)

    @property
    def finished(self) -> set[int]:
        """Blocks that are safely on disk."""
        return set(range(self.n_blocks)) if self._blocks is None else self._blocks.finished

    def rows(self, index: int) -> slice:
        """Return the tokens of a block."""
        return slice(index * self.block, min(self.n, (index + 1) * self.block))

    def write_block(self, index: int, embeddings: np.ndarray) -> None:
        """Write one block; see `Blocks.write_block`."""
        self._blocks.write_block(index, embeddings)

    def early(self, tokens: np.ndarray) -> Blocks:
        """Return the blocks of tokens that are embedded before their turn.

        What was finished of them before is in them.

        They are kept beside the embeddings until these are complete: what is then kept does not depend on
        them.

        Parameters
        ----------
        tokens : (m,) int
            Ascending; row i of the blocks is the embedding of token ``tokens[i]``.

        Raises
        ------
        StorageFullError, StudyError
            The disk is full, or cannot be written.
        """
        folder, tokens = self._folder / EARLY, np.asarray(tokens, np.int64)
        if not np.array_equal(early_tokens(folder), tokens):
            remove_group(folder)
            with writing(self._store.path):
                group = zarr.open_group(folder, mode="w-", zarr_format=3)
                create_beside(group, "tokens", tokens)
                create_blocks(group, len(tokens), self.dim, self.block, self._dtype)
        return Blocks(folder, self.uid, self._store.path)

    def finish(self) -> None:
        """Declare the datum complete and give it its final name.

        Raises
        ------
        EmbeddingError
            Blocks are missing.
        StorageFullError, StudyError
            The disk is full, or cannot be written.
        """
        if self.complete:
            return
        if len(self.finished) != self.n_blocks:
            raise EmbeddingError(f"{self.uid}: {len(self.finished)} of {self.n_blocks} blocks are written")
        final, replaced = self._store.folder(self.uid), self._store.folder(self.uid, REPLACED)
        with writing(self._store.path):
            made = self._sharded() if self.n_blocks > _SHARD else self._folder
            remove_group(made / EARLY)
            self._seal(made)
            remove_group(replaced)
            if final.exists():
                check_own_group(final)
                os.rename(final, replaced)
            os.rename(made, final)
            remove_file(self._store.folder(self.uid, RENEW))
            sync(self._store.path)
            remove_group(replaced)
            remove_group(self._folder)
        self._store.completed(self.uid)
        self.complete = True

    def _seal(self, made: Path) -> None:
        """Say of what is whole that it is, and by what it is known from now on."""
        whole = StoredGroup(made)
        with reading(self._store.path, self.uid):
            stamp = content_stamp(whole)
        group = open_group(made, "r+")
        attrs = {key: value for key, value in group.attrs.asdict().items() if key not in ("begun_on", "seal")}
        group.attrs.put({**attrs, "complete": True, "stamp": stamp})
        group.attrs.update({"seal": seal_of(group_records(made))})
        sync(made / "zarr.json")

    def _sharded(self) -> Path:
        """Return a folder with the same, many blocks per file. The blocks stay until it is renamed."""
        made = self._store.folder(self.uid, WHOLE)
        remove_group(made)
        there, rows = open_group(self._folder), _SHARD * self.block
        attributes = {**there.attrs.asdict(), "shard": rows}
        group = zarr.open_group(made, mode="w-", zarr_format=3, attributes=attributes)
        for name in ("positions", "edges"):
            if name in there:
                create_beside(group, name, there[name][:])
        create_blocks(group, self.n, self.dim, self.block, self._dtype, rows)
        whole = group["embeddings"].with_config({"write_empty_chunks": True})
        for number, start in enumerate(range(0, self.n, rows)):
            with reading(self._store.path, self.uid):
                part = there["embeddings"][start : start + rows]
            whole[start : start + rows] = part
            sync(chunk_file(made, number))
        return made


def begin(folder: Path, store: Path, layout: Layout) -> None:
    """Make the folder of embeddings whose blocks are to be written.

    Raises StorageFullError, StudyError: the disk is full, or cannot be written.
    """
    with writing(store):
        begun_on = {"begun_on": layout.begun_on} if layout.begun_on else {}
        own = {"complete": False, "block": layout.block, **begun_on}
        # "w-": what may be there already is never swept away. The attributes first: they say whose folder
        # it is.
        group = zarr.open_group(folder, mode="w-", zarr_format=3, attributes={**layout.attrs, **own})
        for name, array in (("positions", layout.positions), ("edges", layout.edges)):
            if array is not None:
                create_beside(group, name, array)
        # The embeddings come last: a folder without them is one whose making was interrupted.
        create_blocks(group, layout.n, layout.dim, layout.block, layout.dtype)
