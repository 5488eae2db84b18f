"""What a study has computed before, kept on disk and in memory: sprites, shares, counts and the like."""

import io
import zlib
from contextlib import suppress

import numpy as np

from ..errors import StorageFullError, StudyError
from ..files import read_npy, storage_errors, write_atomic
from ..readers.cache import TileCache
from ..removal import own_place

DERIVED_KEPT = 2**29  # bytes in memory; all of it is on disk or can be made again

__all__ = ["DERIVED_KEPT", "DerivedArrays"]


class DerivedArrays:
    """Derived arrays in a folder, each computed once. Deleting the folder loses nothing.

    Parameters: folder; memory, a TileCache of those in use, which several folders may share (default: its own).
    """

    def __init__(self, folder, memory=None):
        self.folder = folder
        self._memory = TileCache(DERIVED_KEPT) if memory is None else memory

    def get(self, key, compute):
        array = self._memory.get((self.folder, key))
        if array is None:
            path = self.folder / f"{key}.npy"
            array = self._load(path)
            if array is None:
                array = compute()
                with suppress(StorageFullError, StudyError):  # only time is lost where it cannot be kept
                    self._save(path, array)
            array.setflags(write=False)
            self._memory.put((self.folder, key), array)
        return array

    def peek(self, key):
        """The array if it is at hand, else None."""
        array = self._memory.get((self.folder, key))
        return array if array is not None else self._load(self.folder / f"{key}.npy")

    def _load(self, path):
        """What ``_save`` wrote; None if absent or not the same bytes any more."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if zlib.crc32(content[:-4]).to_bytes(4, "little") != content[-4:]:
            return None
        return read_npy(content[:-4])

    def _save(self, path, array):
        """A .npy file followed by its checksum."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        if self.folder.parent.name == "derived":
            own_place(self.folder.parent.parent, self.folder)
        own_place(self.folder.parent, self.folder)
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        # not flushed: an edit would wait for the disk once a datum, and the checksum tells what never reached it
        write_atomic(path, content + zlib.crc32(content).to_bytes(4, "little"), durable=False)
