"""Embeddings on disk: one zarr group per datum.

Written block by block so that nothing finished is done twice.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..errors import EmbeddingError, ProspectorError, StudyDamagedError
from .blocks import (
    StoredGroup,
    chunks,
    open_group,
    reading,
    writing,
)
from .embedding_layout import (
    EARLY,
    PARTIAL,
    RENEW,
    REPLACED,
    WHOLE,
    Layout,
    check_own_group,
    float_type,
    given_attrs,
    group_records,
    remove_group,
    whole_files,
)
from .embedding_writer import EmbeddingWriter, begin
from .files import study_gone
from .removal import own_place, remove_file
from .stamps import content_stamp, earlier_stamp, seal_of
from .stored_vectors import Embeddings, PartEmbedded, StoredVectors, early_tokens

__all__ = ["EmbeddingStore"]

_RACY = 2 * 10**9  # nanoseconds; a folder that was changed less long ago is listed again
_SOON = 2 * 10**8  # nanoseconds; but not at once: a page asks fifty times
_UID = re.compile(r"[A-Za-z0-9_-]+")


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
        return (self.folder(uid) / "zarr.json").exists()

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
            record = (self.folder(uid) / "zarr.json").stat()
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

    def records(self, uid: str) -> dict[str, Any]:
        """Return the zarr.json of a datum and of its arrays."""
        return group_records(self.folder(uid))

    def _records(self, uid: str) -> dict[str, Any]:
        """Return the zarr.json of a datum and of its arrays."""
        return group_records(self.folder(uid))

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
            self.folder(uid, RENEW).touch()

    def renewing(self, uid: str) -> bool:
        """Return whether a datum is to be embedded again, and has not been yet."""
        return self.folder(uid, RENEW).exists()

    def progress(self, uid: str) -> tuple[int, int]:
        """Return how many tokens are finished, and of how many; (0, 0) for a datum never begun."""
        folder = self.folder(uid)
        if not (folder / "zarr.json").exists():
            folder = self.folder(uid, PARTIAL)
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
        early = early_tokens(folder / EARLY)
        for index in chunks(folder / EARLY) if len(early) else ():
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
        layout = Layout(
            n, dim, positions, edges, dict(attrs or {}), block, float_type(dtype), begun_on
        ).checked()
        folder, partial = self.folder(uid), self.folder(uid, PARTIAL)
        whole = (self.has(uid) or folder.exists()) and not self.renewing(uid)
        if whole and layout.is_that_of(self._where(uid)):
            return EmbeddingWriter(self, uid, layout, complete=True)
        if partial.exists() and not layout.is_that_of(partial, half_made=True):
            remove_group(partial)
        if not partial.exists():
            begin(partial, self.path, layout)
        return EmbeddingWriter(self, uid, layout)

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
        kept = float_type("float16" if embeddings.dtype == np.float16 else "float32")
        n, dim = embeddings.shape
        layout = Layout(n, dim, positions, edges, dict(attrs or {}), block, kept)
        partial = self.folder(uid, PARTIAL)
        remove_group(partial)
        begin(partial, self.path, layout := layout.checked())
        writer = EmbeddingWriter(self, uid, layout)
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
                given_attrs(group),
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
            return (group["positions"][:] if "positions" in group else None), given_attrs(group)

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
        folder = self.folder(uid, PARTIAL)
        if not all((folder / name / "zarr.json").exists() for name in ("embeddings", "positions")):
            return None
        return PartEmbedded(self.path, uid, folder)

    def discard(self, uid: str) -> None:
        """Remove what is half made of a datum; complete embeddings stay."""
        remove_group(self.folder(uid, PARTIAL))
        remove_file(self.folder(uid, RENEW))

    def remove(self, uid: str) -> None:
        """Remove what there is of a datum, complete or not."""
        self.discard(uid)
        folder, replaced = self.folder(uid), self.folder(uid, REPLACED)
        for each in (replaced, self.folder(uid, WHOLE)):
            remove_group(each)
        if folder.exists():
            check_own_group(folder)
            os.rename(folder, replaced)  # no longer complete, however far the rest comes
            remove_group(replaced)

    def _check_home(self) -> None:
        """Raise StudyError where the study was moved or removed since it was opened.

        It is not one without embeddings.
        """
        if not self.path.parent.is_dir():
            raise study_gone(self.path.parent)

    def folder(self, uid: str, suffix: str = "") -> Path:
        """Return where a datum is kept; with a suffix, where what is half made of it is.

        Raises EmbeddingError, StudyError.
        """
        self._check_home()
        if not _UID.fullmatch(uid):
            raise EmbeddingError(f"{uid!r} cannot name a datum; use letters, digits, - and _")
        return own_place(self.path, self.path / f"{uid}{suffix}")

    def _where(self, uid: str) -> Any:
        """Return where zarr finds a complete datum."""
        return self.folder(uid)

    def completed(self, uid: str) -> None:
        """A datum has got its final name here."""

    def _complete(self, uid: str) -> StoredGroup | zarr.Group:
        folder = self.folder(uid)
        if not (folder / "zarr.json").exists():
            raise self._absent(uid)
        with reading(self.path, uid):
            group = StoredGroup(folder)
            files = whole_files(group)
        if len(chunks(folder)) != files:
            # a missing chunk is read as zeros
            raise StudyDamagedError(
                f"{self.path.name}: blocks of {uid} are missing; remove its folder and embed it again"
            )
        return group

    def _absent(self, uid: str) -> EmbeddingError:
        done, total = self.progress(uid)
        state = f"only {done} of {total} tokens of it are embedded" if total else "it is not embedded"
        return EmbeddingError(f"{uid} has no embeddings: {state}; run prospector embed")
