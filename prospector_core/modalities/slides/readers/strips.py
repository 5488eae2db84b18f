"""An image stored in strips: decoded once, and kept in a file without a name."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable

import numpy as np

__all__ = ["StripImage"]


class StripImage:
    """The pixels of an image whose strips are as wide as itself.

    A tile needs whole strips: without this every row of tiles would decode the image again.

    Parameters
    ----------
    width, height : int
        Of the image, in pixels.
    rows : int
        Of a strip.
    """

    def __init__(self, width: int, height: int, rows: int) -> None:
        self._width, self._height, self._rows = width, height, rows
        self._lock = threading.Lock()
        self._pixels: np.ndarray | None = None
        self._no_room = False

    def pixels(self, strip: Callable[[int], np.ndarray | None]) -> np.ndarray | None:
        """Return the image, (height, width, 3) uint8; None where the disk has no room for it.

        Parameters
        ----------
        strip : function(number) -> (rows or more, width, 3) uint8, or None where it was never scanned
        """
        with self._lock:  # those who come meanwhile wait: the image is decoded once
            if self._pixels is None and not self._no_room:
                self._pixels = self._spooled(strip)
                self._no_room = self._pixels is None
            return self._pixels

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._pixels = None

    def _spooled(self, strip: Callable[[int], np.ndarray | None]) -> np.ndarray | None:
        # Nothing is left behind, whatever happens: the file has no name.
        with tempfile.TemporaryFile(prefix="prospector-") as file:
            for number, top in enumerate(range(0, self._height, self._rows)):
                rows = min(self._rows, self._height - top)
                part = strip(number)
                if part is None:
                    part = np.full((rows, self._width, 3), 255, np.uint8)
                if part.shape[0] < rows or part.shape[1:] != (self._width, 3):
                    return None  # damaged: reading it strip by strip says where
                try:
                    file.write(np.ascontiguousarray(part[:rows]).data)
                    file.flush()
                except OSError:
                    return None
            return np.memmap(file, np.uint8, "r", shape=(self._height, self._width, 3))
