"""Embeddings on disk: one zarr group per datum.

Written block by block so that nothing finished is done twice.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..errors import EmbeddingError, ProspectorError, StudyDamagedError
from .blocks import (
    Blocks,
    StoredArray,
    StoredGroup,
    chunk_file,
    chunks,
    create_beside,
    create_blocks,
    group_record,
    open_group,
    reading,
    sync,
    writing,
)
from .files import study_gone
from .removal import GROUP_FILE, check_folder, check_group, is_link, own_place, remove_file, remove_folder
from .stamps import OWN, content_stamp, earlier_stamp, seal_of

__all__ = ["EmbeddingStore", "EmbeddingWriter", "Embeddings", "PartEmbedded", "StoredVectors"]

_MOST_EDGES = 1000  # a token
_SPAN = 16384  # tokens read at once: a matrix product's worth
_PARTIAL, _WHOLE, _REPLACED, _RENEW, _EARLY = ".partial", ".whole", ".replaced", ".renew", "early"
_RACY = 2 * 10**9  # nanoseconds; a folder that was changed less long ago is listed again
_SOON = 2 * 10**8  # nanoseconds; but not at once: a page asks fifty times
_UID = re.compile(r"[A-Za-z0-9_-]+")
# blocks per file of what is complete, where there are more than that: millions of small files would be slow
_SHARD = 64


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


class EmbeddingStore:
    """A folder of embeddings, `embeddings.zarr`.

    A datum is either complete, under its uid, or in work, under `<uid>.partial` with one chunk a block (see
    `Blocks`), and a group `early` beside them of the tokens that were embedded before their turn.

    Raises
    ------
    StudyError
        The folder cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._listed: Any = None  # (time of the folder, uids)
        self._stamps: dict[str, tuple[Any, str]] = {}  # {uid: (version, stamp)}
        self._stamped: Any = (None, {}, 0)  # (time of the folder, {uid: stamp}, until when)
        own_place(self.path.parent, self.path)
        if not (self.path / "zarr.json").exists() and os.access(self.path.parent, os.W_OK):
            with writing(self.path):
                zarr.open_group(self.path, mode="a", zarr_format=3)

    def has(self, uid: str) -> bool:
        """Return whether the embeddings of a datum are complete."""
        return (self._folder(uid) / "zarr.json").exists()

    def uids(self) -> list[str]:
        """Return the uids of the complete data, sorted."""
        self._check_home()
        if not self.path.is_dir():  # a study that can only be read, of which nothing was embedded
            return []
        changed = self.path.stat().st_mtime_ns
        if self._listed is None or self._listed[0] != changed:
            now = time.time_ns()
            found = sorted(
                folder.name
                for folder in self.path.iterdir()
                if _UID.fullmatch(folder.name) and (folder / "zarr.json").exists()
            )
            # data come and go by renaming, which the folder's time tells; but not twice within its resolution
            self._listed = (changed, found) if now - changed > _RACY else None
            return list(found)
        return list(self._listed[1])

    def version(self, uid: str) -> Any:
        """Return a value that changes when the embeddings of a datum are written anew: cheap.

        Raises EmbeddingError.
        """
        try:
            record = (self._folder(uid) / "zarr.json").stat()
        except OSError:
            raise self._absent(uid) from None
        return record.st_mtime_ns, record.st_size

    def stamp(self, uid: str) -> str:
        """Return what the content of a datum's embeddings is known by; other content has another stamp.

        Read from their attributes, and again only when they were written again, by whichever process.
        Embeddings of before there were stamps are known by when they were written.

        Raises
        ------
        EmbeddingError
            There are none, or they are not complete.
        StudyDamagedError
            What is said of them is not what was written.
        """
        version, known = self.version(uid), self._stamps.get(uid)
        if known is None or known[0] != version:
            self._stamps[uid] = known = version, self._read_stamp(uid, version)
        return known[1]

    def _read_stamp(self, uid: str, version: Any) -> str:
        attrs = self._sealed_attrs(uid)
        return attrs.get("stamp") or earlier_stamp(attrs, version)

    def _sealed_attrs(self, uid: str) -> dict[str, Any]:
        """Return all attributes of a datum, after its records were compared with their seal."""
        with reading(self.path, uid):
            records = self._records(uid)
            attrs = records[""]["attributes"]
            if attrs.get("seal", "") != (seal_of(records) if "stamp" in attrs else ""):
                raise ValueError("zarr.json does not agree with its seal")
            return attrs

    def stamps(self) -> dict[str, str]:
        """Return the stamps of all complete data, {uid: stamp}.

        Damaged data have one that no sound datum has.
        """
        changed, now = self.path.stat().st_mtime_ns, time.time_ns()
        if self._stamped[0] != changed or now > self._stamped[2]:
            uids, found = self.uids(), {}
            for uid in uids:
                try:
                    found[uid] = self.stamp(uid)
                except EmbeddingError:  # removed this very moment
                    continue
                except ProspectorError:
                    found[uid] = f"damaged-{uid}"
            self._stamped = changed, found, np.inf if now - changed > _RACY else now + _SOON
        return self._stamped[1]

    def _records(self, uid: str) -> dict[str, Any]:
        """Return the zarr.json of a datum and of its arrays."""
        return _records(self._folder(uid))

    def verify(self, uid: str) -> None:
        """Read all of a datum and compare it with its stamp. Raises StudyDamagedError, EmbeddingError."""
        group, stamp = self._complete(uid), self._sealed_attrs(uid).get("stamp")
        with reading(self.path, uid):
            n, positions = group["embeddings"].shape[0], None
            if "positions" in group:
                positions = group["positions"]
            if content_stamp(group) != stamp is not None:
                raise ValueError("the content does not agree with its stamp")
            if positions is not None and positions.shape[0] != n:
                raise ValueError(f"{positions.shape[0]} positions of {n} tokens")
            edges = group["edges"][:] if "edges" in group else np.empty((0, 2), int)
            if edges.size and not (0 <= edges.min() and edges.max() < n):
                raise ValueError("edges name tokens that are not there")

    def renew(self, uid: str) -> None:
        """Have the next `open_writer` begin a datum again though it is complete.

        Until then its embeddings stay.
        """
        self.discard(uid)
        with writing(self.path):
            self._folder(uid, _RENEW).touch()

    def renewing(self, uid: str) -> bool:
        """Return whether a datum is to be embedded again, and has not been yet."""
        return self._folder(uid, _RENEW).exists()

    def progress(self, uid: str) -> tuple[int, int]:
        """Return how many tokens are finished, and of how many; (0, 0) for a datum never begun."""
        folder = self._folder(uid)
        if not (folder / "zarr.json").exists():
            folder = self._folder(uid, _PARTIAL)
            if not (folder / "embeddings" / "zarr.json").exists():
                return 0, 0
        try:
            group = open_group(folder)
            total, block = group["embeddings"].shape[0], int(group.attrs.get("shard", group.attrs["block"]))
        except Exception:  # damaged: whoever reads it says so
            return 0, 0
        done = np.zeros(total, bool)
        for index in chunks(folder):
            done[index * block : (index + 1) * block] = True
        early = _early_tokens(folder / _EARLY)
        for index in chunks(folder / _EARLY) if len(early) else ():
            done[early[index * block : (index + 1) * block]] = True
        return int(done.sum()), total

    def open_writer(
        self,
        uid: str,
        n: int,
        dim: int,
        positions: np.ndarray | None = None,
        attrs: Mapping[str, Any] | None = None,
        block: int = 256,
        dtype: str = "float32",
        edges: np.ndarray | None = None,
        begun_on: str = "",
    ) -> EmbeddingWriter:
        """Begin, or go on with, the embeddings of a datum.

        What is there already is taken up if it was begun with the same arguments; otherwise, or after
        `renew`, it is started again (and complete embeddings stay until the new ones are). ``begun_on`` tells
        one state of the file that tokens are read from from another: what was half made of another is not
        taken up.

        Raises
        ------
        EmbeddingError
            Arguments that contradict each other.
        StorageFullError, StudyError
            The disk is full, or cannot be written.
        """
        positions, edges, attrs = _check(n, dim, positions, edges, attrs, dtype)
        if block < 1:
            raise EmbeddingError(f"a block of {block} tokens is not possible; it must be 1 or more")
        wanted = (n, dim, positions, edges, attrs, block, np.dtype(dtype))
        folder, partial = self._folder(uid), self._folder(uid, _PARTIAL)
        whole = (self.has(uid) or folder.exists()) and not self.renewing(uid)
        if whole and _same(self._where(uid), *wanted):
            return EmbeddingWriter(self, uid, n, dim, block, np.dtype(dtype), complete=True)
        if partial.exists() and not _same(partial, *wanted, begun_on):
            _remove_group(partial)
        if not partial.exists():
            self._create(partial, *wanted, begun_on)
        return EmbeddingWriter(self, uid, n, dim, block, np.dtype(dtype))

    def write(
        self,
        uid: str,
        embeddings: np.ndarray,
        positions: np.ndarray | None = None,
        attrs: Mapping[str, Any] | None = None,
        edges: np.ndarray | None = None,
        block: int = 256,
    ) -> None:
        """Write the embeddings of a datum in one go, in place of any that were there.

        Raises
        ------
        EmbeddingError
            Not a finite (n, d) array, or positions or edges that do not fit it.
        StorageFullError, StudyError
            The disk is full, or cannot be written.
        """
        embeddings = np.asarray(embeddings)
        if embeddings.ndim != 2 or not np.issubdtype(embeddings.dtype, np.floating):
            raise EmbeddingError(
                f"embeddings must be an (n, d) array of floats, not {embeddings.shape} {embeddings.dtype}"
            )
        dtype = "float16" if embeddings.dtype == np.float16 else "float32"
        partial = self._folder(uid, _PARTIAL)
        _remove_group(partial)
        n, dim = embeddings.shape
        positions, edges, attrs = _check(n, dim, positions, edges, attrs, dtype)
        self._create(partial, n, dim, positions, edges, attrs, block, np.dtype(dtype))
        writer = EmbeddingWriter(self, uid, n, dim, block, np.dtype(dtype))
        for index in range(writer.n_blocks):
            writer.write_block(index, embeddings[writer.rows(index)])
        writer.finish()

    def read(self, uid: str) -> Embeddings:
        """Return the embeddings of a datum.

        Raises
        ------
        EmbeddingError
            There are none, or they are not complete.
        StudyDamagedError
            A part is missing or does not agree with its checksum.
        """
        group = self._complete(uid)
        with reading(self.path, uid):
            return Embeddings(
                group["embeddings"][:],
                group["positions"][:] if "positions" in group else None,
                {key: value for key, value in dict(group.attrs).items() if key not in OWN},
                group["edges"][:] if "edges" in group else None,
            )

    def vectors(self, uid: str) -> StoredVectors:
        """Return the embeddings of a datum alone, read when and as far as they are asked for.

        Raises as `read`.
        """
        group = self._complete(uid)
        with reading(self.path, uid):
            return StoredVectors(group["embeddings"], self.path, uid)

    def layout(self, uid: str) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the positions and attributes of a datum without reading its embeddings; raises as `read`."""
        group = self._complete(uid)
        with reading(self.path, uid):
            attrs = {key: value for key, value in dict(group.attrs).items() if key not in OWN}
            return (group["positions"][:] if "positions" in group else None), attrs

    def shape(self, uid: str) -> tuple[int, int]:
        """Return how many tokens a datum has, and of how many numbers each; raises as `read`."""
        group = self._complete(uid)
        with reading(self.path, uid):
            return tuple(group["embeddings"].shape)

    def edges(self, uid: str) -> np.ndarray | None:
        """Return the edges of a datum alone, (m, 2) int64, None where its positions imply them.

        Raises as `read`.
        """
        group = self._complete(uid)
        with reading(self.path, uid):
            return group["edges"][:] if "edges" in group else None

    def part(self, uid: str) -> PartEmbedded | None:
        """Return what there is of a datum of tiles that is being embedded; None where none was begun."""
        folder = self._folder(uid, _PARTIAL)
        if (
            not (folder / "embeddings" / "zarr.json").exists()
            or not (folder / "positions" / "zarr.json").exists()
        ):
            return None
        return PartEmbedded(self.path, uid, folder)

    def discard(self, uid: str) -> None:
        """Remove what is half made of a datum; complete embeddings stay."""
        _remove_group(self._folder(uid, _PARTIAL))
        remove_file(self._folder(uid, _RENEW))

    def remove(self, uid: str) -> None:
        """Remove what there is of a datum, complete or not."""
        self.discard(uid)
        folder, replaced = self._folder(uid), self._folder(uid, _REPLACED)
        for each in (replaced, self._folder(uid, _WHOLE)):
            _remove_group(each)
        if folder.exists():
            _check_group(folder)
            os.rename(folder, replaced)  # no longer complete, however far the rest comes
            _remove_group(replaced)

    def _check_home(self) -> None:
        """Raise StudyError where the study was moved or removed since it was opened.

        It is not one without embeddings.
        """
        if not self.path.parent.is_dir():
            raise study_gone(self.path.parent)

    def _folder(self, uid: str, suffix: str = "") -> Path:
        self._check_home()
        if not _UID.fullmatch(uid):
            raise EmbeddingError(f"{uid!r} cannot name a datum; use letters, digits, - and _")
        return own_place(self.path, self.path / f"{uid}{suffix}")

    def _where(self, uid: str) -> Any:
        """Return where zarr finds a complete datum."""
        return self._folder(uid)

    def _completed(self, uid: str) -> None:
        """A datum has got its final name here."""

    def _complete(self, uid: str) -> StoredGroup | zarr.Group:
        folder = self._folder(uid)
        if not (folder / "zarr.json").exists():
            raise self._absent(uid)
        with reading(self.path, uid):
            group = StoredGroup(folder)
            array, block = group["embeddings"], group.attrs.get("shard", group.attrs["block"])
            n = array.shape[0]
            if len(array.shape) != 2 or type(block) is not int or block < 1 or array.dtype.kind != "f":
                raise ValueError("they are not one row of numbers per token")
            if group.attrs["block"] != array.chunks[0]:
                raise ValueError("their blocks are not of the length that is said")
            for name in ("positions", "edges"):
                if name in group and group[name].shape[0] > max(n, 1) * (
                    1 if name == "positions" else _MOST_EDGES
                ):
                    raise ValueError(f"their {name} are too many")
        if len(chunks(folder)) != -(-n // block):
            # a missing chunk is read as zeros
            raise StudyDamagedError(
                f"{self.path.name}: blocks of {uid} are missing; remove its folder and embed it again"
            )
        return group

    def _absent(self, uid: str) -> EmbeddingError:
        done, total = self.progress(uid)
        state = f"only {done} of {total} tokens of it are embedded" if total else "it is not embedded"
        return EmbeddingError(f"{uid} has no embeddings: {state}; run prospector embed")

    def _create(
        self,
        folder: Path,
        n: int,
        dim: int,
        positions: np.ndarray | None,
        edges: np.ndarray | None,
        attrs: dict[str, Any],
        block: int,
        dtype: np.dtype,
        begun_on: str = "",
    ) -> None:
        with writing(self.path):
            own = {"complete": False, "block": block, **({"begun_on": begun_on} if begun_on else {})}
            # "w-": what may be there already is never swept away. The attributes first: they say whose folder
            # it is.
            group = zarr.open_group(folder, mode="w-", zarr_format=3, attributes={**attrs, **own})
            for name, array in (("positions", positions), ("edges", edges)):
                if array is not None:
                    create_beside(group, name, array)
            # The embeddings come last: a folder without them is one whose making was interrupted.
            create_blocks(group, n, dim, block, dtype)


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

    def __init__(
        self,
        store: EmbeddingStore,
        uid: str,
        n: int,
        dim: int,
        block: int,
        dtype: np.dtype,
        complete: bool = False,
    ) -> None:
        self.uid, self.n, self.dim, self.block, self.complete = uid, n, dim, block, complete
        self.n_blocks = -(-n // block)
        self._store, self._dtype = store, dtype
        self._folder = store._folder(uid, _PARTIAL)
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
        folder, tokens = self._folder / _EARLY, np.asarray(tokens, np.int64)
        if not np.array_equal(_early_tokens(folder), tokens):
            _remove_group(folder)
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
        final, replaced = self._store._folder(self.uid), self._store._folder(self.uid, _REPLACED)
        with writing(self._store.path):
            made = self._sharded() if self.n_blocks > _SHARD else self._folder
            _remove_group(made / _EARLY)
            self._seal(made)
            _remove_group(replaced)
            if final.exists():
                _check_group(final)
                os.rename(final, replaced)
            os.rename(made, final)
            remove_file(self._store._folder(self.uid, _RENEW))
            sync(self._store.path)
            _remove_group(replaced)
            _remove_group(self._folder)
        self._store._completed(self.uid)
        self.complete = True

    def _seal(self, made: Path) -> None:
        """Say of what is whole that it is, and by what it is known from now on."""
        whole = StoredGroup(made)
        with reading(self._store.path, self.uid):
            stamp = content_stamp(whole)
        group = open_group(made, "r+")
        attrs = {key: value for key, value in group.attrs.asdict().items() if key not in ("begun_on", "seal")}
        group.attrs.put({**attrs, "complete": True, "stamp": stamp})
        group.attrs.update({"seal": seal_of(_records(made))})
        sync(made / "zarr.json")

    def _sharded(self) -> Path:
        """Return a folder with the same, many blocks per file. The blocks stay until it is renamed."""
        made = self._store._folder(self.uid, _WHOLE)
        _remove_group(made)
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
            self.attrs = {key: value for key, value in dict(group.attrs).items() if key not in OWN}
            self.block = int(group.attrs["block"])
        self.n_blocks = -(-len(self.positions) // self.block)
        self.early = _early_tokens(folder / _EARLY)

    def finished(self) -> list[tuple[bool, int, int]]:
        """Return the finished blocks: (of the early tokens?, index, a stamp that its content changes)."""
        found = []
        for early, folder in ((True, self._folder / _EARLY), (False, self._folder)):
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
        folder = self._folder / _EARLY if early else self._folder
        with reading(self._store, self._uid):
            array = open_group(folder)["embeddings"]
            found = array[index * self.block : (index + 1) * self.block]
            if not chunk_file(folder, index).exists():  # zarr reads a missing chunk as zeros
                raise FileNotFoundError(f"block {index} is gone")
            return found


def _records(folder: Path) -> dict[str, Any]:
    """Return the zarr.json of a group in a folder, under "", and of its arrays by name."""
    names = (name for name in ("embeddings", "positions", "edges") if (folder / name / "zarr.json").exists())
    return {"": group_record(folder), **{name: group_record(folder / name) for name in names}}


def _remove_group(folder: Path) -> None:
    """Remove the embeddings of a datum, if they are there.

    Raises StudyDamagedError for a folder that is not ours.
    """
    if folder.exists() or is_link(folder):
        _check_group(folder)
        remove_folder(folder, GROUP_FILE.fullmatch)


def _check_group(folder: Path) -> None:
    """Raise StudyDamagedError unless a folder is one of ours.

    What it says of itself, or that it says nothing yet.
    """
    try:
        said = json.loads((folder / "zarr.json").read_bytes())
        ours = said.get("node_type") == "group" and check_group(said.get("attributes", {}))
    except (
        FileNotFoundError
    ):  # its making, or its removal, was cut short; the names of its files are looked at
        ours = True
    except (OSError, ValueError, AttributeError, RecursionError):
        ours = (folder / "zarr.json").is_file()  # damaged: the names of the files tell
    if not ours:
        raise StudyDamagedError(
            f"{folder} was not written by Prospector, so nothing was removed: move it away, and repeat"
        )
    check_folder(folder, GROUP_FILE.fullmatch)


def _early_tokens(folder: Path) -> np.ndarray:
    """Return the tokens embedded before their turn, (m,) int64; none where that was never begun."""
    try:
        return open_group(folder)["tokens"][:] if (folder / "embeddings" / "zarr.json").exists() else _NONE
    except Exception:
        return _NONE


_NONE = np.empty(0, np.int64)


def _check(
    n: int,
    dim: int,
    positions: np.ndarray | None,
    edges: np.ndarray | None,
    attrs: Mapping[str, Any] | None,
    dtype: str,
) -> tuple[np.ndarray | None, np.ndarray | None, dict[str, Any]]:
    """Return positions, edges and attributes as they are kept.

    Raises
    ------
    EmbeddingError
        A shape or type is wrong, or an attribute is not plain JSON or has a name of ours.
    """
    if n < 1 or dim < 1:
        raise EmbeddingError(f"there is nothing to embed: {n} tokens of {dim} numbers")
    if dtype not in ("float32", "float16"):
        raise EmbeddingError(f"embeddings are kept as float32 or float16, not {dtype}")
    positions = None if positions is None else _checked_positions(np.asarray(positions), n)
    edges = None if edges is None else _checked_edges(np.asarray(edges), n)
    try:
        plain = json.loads(json.dumps(dict(attrs or {}), allow_nan=False, default=_plain))
    except (TypeError, ValueError) as error:
        raise EmbeddingError(f"attributes of embeddings must be plain JSON values ({error})") from error
    for key in OWN:
        if key in plain:
            raise EmbeddingError(f"the attribute name {key!r} is taken; choose another")
    return positions, edges, plain


def _checked_positions(positions: np.ndarray, n: int) -> np.ndarray:
    """Positions (n, 2) or (n, 3) as int32 or float64."""
    if positions.ndim != 2 or len(positions) != n or positions.shape[1] not in (2, 3):
        raise EmbeddingError(f"{n} tokens need ({n}, 2) or ({n}, 3) positions, not {positions.shape}")
    if np.issubdtype(positions.dtype, np.integer):
        return positions.astype(np.int32)
    if np.issubdtype(positions.dtype, np.floating) and np.isfinite(positions).all():
        return positions.astype(np.float64)
    raise EmbeddingError("positions must be finite numbers")


def _checked_edges(edges: np.ndarray, n: int) -> np.ndarray:
    """Edges (m, 2) between tokens 0..n-1 as int64."""
    if edges.ndim != 2 or edges.shape[1] != 2 or not np.issubdtype(edges.dtype, np.integer):
        raise EmbeddingError(
            f"edges must be an (m, 2) array of token numbers, not {edges.shape} {edges.dtype}"
        )
    if edges.size and (edges.min() < 0 or edges.max() >= n):
        raise EmbeddingError(f"edges name tokens from {edges.min()} to {edges.max()}; there are 0 to {n - 1}")
    return edges.astype(np.int64)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not one")


def _same(
    folder: Any,
    n: int,
    dim: int,
    positions: np.ndarray | None,
    edges: np.ndarray | None,
    attrs: dict[str, Any],
    block: int,
    dtype: np.dtype,
    begun_on: str = "",
) -> bool:
    """Return whether what is in `folder` was begun with these arguments, and can be read.

    `folder` may be another place that zarr knows.
    """
    try:
        group = open_group(folder)
        array, kept = group["embeddings"], group.attrs.asdict()
        if kept.get("begun_on", "") != begun_on:
            return False
        given = {key: value for key, value in kept.items() if key not in OWN}
        if array.shape != (n, dim) or array.dtype != dtype or given != attrs:
            return False
        if not kept["block"] == block == array.chunks[0]:
            return False
        for name, wanted in (("positions", positions), ("edges", edges)):
            if (wanted is not None) != (name in group):
                return False
            if wanted is not None and not np.array_equal(group[name][:], wanted):
                return False
    except Exception:
        return False
    return True
