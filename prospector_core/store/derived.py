"""What a study has computed before, kept on disk and in memory: sprites, shares, counts and the like."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StorageFullError, StudyError
from .cache import Cache
from .files import read_npy, storage_errors, write_atomic
from .place import make_folders
from .removal import own_place, remove_file

DERIVED_KEPT = 2**29  # bytes in memory; all of it is on disk or can be made again

__all__ = ["DERIVED_KEPT", "DatumArrays", "DerivedArrays", "forget_others", "unchanged"]


def unchanged(stamp: Callable[[], str], compute: Callable[[str], Any]) -> Any:
    """What ``compute(stamp)`` returns, of one state of embeddings: again where they were replaced meanwhile.

    Parameters: stamp, function() -> the stamp of the embeddings as they are now.
    """
    before = stamp()
    while True:
        try:
            found = compute(before)
        except Exception:  # of two states at once, maybe: then of the later one alone
            if stamp() == before:
                raise
        after = stamp()
        if after == before:
            return found
        before = after


class DerivedArrays:
    """Derived arrays in a folder, each computed once. Deleting the folder loses nothing.

    Parameters: folder; memory, a Cache of those in use, which several folders may share (default: its
    own); home, the study's folder, or another that ``folder`` is in: it is never made again (default: the
    one that ``folder`` is in).
    """

    def __init__(self, folder: Path, memory: Cache | None = None, home: Path | None = None) -> None:
        self.folder, self._home = folder, home or folder.parent
        self._memory = Cache(DERIVED_KEPT) if memory is None else memory

    def get(self, key: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of that name, computed once."""
        array = self.peek(key)
        if array is None:
            array = compute()
            self.put(key, array)
        return array

    def put(self, key: str, array: np.ndarray) -> None:
        """Keep an array that was computed."""
        with suppress(StorageFullError, StudyError, OSError):  # only time is lost where it cannot be kept
            self._save(self.folder / f"{key}.npy", array)
        self._remember(key, array)

    def peek(self, key: str) -> np.ndarray | None:
        """The array if it is at hand, else None."""
        array = self._memory.get((self.folder, key))
        if array is None:
            array = self._load(self.folder / f"{key}.npy")
            if array is not None:
                self._remember(key, array)
        return array

    def _remember(self, key: str, array: np.ndarray) -> None:
        array.setflags(write=False)
        self._memory.put((self.folder, key), array)

    def _load(self, path: Path) -> np.ndarray | None:
        """What ``_save`` wrote; None if absent or not the same bytes any more."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if zlib.crc32(content[:-4]).to_bytes(4, "little") != content[-4:]:
            return None
        return read_npy(content[:-4])

    def _save(self, path: Path, array: np.ndarray) -> None:
        """A .npy file followed by its checksum."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        if self.folder.parent.name == "derived":
            own_place(self.folder.parent.parent, self.folder)
        own_place(self.folder.parent, self.folder)
        with storage_errors(self.folder):
            make_folders(self.folder, self._home)
        # not flushed: an edit would wait for the disk once a datum, and the checksum tells what never reached
        # it
        write_atomic(path, content + zlib.crc32(content).to_bytes(4, "little"), durable=False)


def forget_others(folder: Path, uid: str, stamp: str) -> None:
    """Remove what was derived of embeddings that a datum no longer has.

    ``folder``: that of all derived arrays.
    """
    for file in folder.glob(f"*/{uid}-*.npy"):
        if not file.name.startswith(f"{uid}-{stamp}-"):
            with suppress(OSError, StudyError):  # a link leads out of the study: what is there is not ours
                remove_file(own_place(folder.parent, file))


class DatumArrays:
    """Derived arrays of data, each of the embeddings that its datum has now: other embeddings, another array.

    Parameters: arrays, DerivedArrays; stamp, function uid -> what the content of its embeddings is known by.
    """

    def __init__(self, arrays: DerivedArrays, stamp: Callable[[str], str]) -> None:
        self._arrays, self._stamp = arrays, stamp

    def get(self, uid: str, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of that name of a datum, computed once."""

        def of(stamp: str) -> tuple[str, np.ndarray, bool]:
            key = self._key(uid, stamp, name)
            array = self._arrays.peek(key)
            return key, (compute() if array is None else array), array is None

        key, array, new = unchanged(lambda: self._stamp(uid), of)
        if new:
            self._arrays.put(key, array)
        return array

    def put(self, uid: str, name: str, array: np.ndarray, stamp: str) -> None:
        """Keep an array that was computed of embeddings with this stamp, if the datum has them still."""
        if self._stamp(uid) == stamp:
            self._arrays.put(self._key(uid, stamp, name), array)

    def peek(self, uid: str, name: str) -> np.ndarray | None:
        """The array if it is at hand, else None."""
        return self._arrays.peek(self._key(uid, self._stamp(uid), name))

    @staticmethod
    def _key(uid: str, stamp: str, name: str) -> str:
        return f"{uid}-{stamp}-{name}" if stamp else f"{uid}-{name}"
