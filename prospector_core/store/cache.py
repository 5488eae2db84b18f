"""Decoded tiles, kept up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

__all__ = ["TileCache"]


class TileCache:
    """Least-recently-used arrays, `max_bytes` at most in all (but always the newest one). Thread-safe."""

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> np.ndarray | None:
        """Return the array kept under `key`, or None."""
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
            return array

    def put(self, key: Hashable, array: np.ndarray) -> None:
        """Keep `array`, and drop the least recently used ones that no longer fit."""
        with self._lock:
            old = self._arrays.pop(key, None)
            if old is not None:
                self.nbytes -= old.nbytes
            self._arrays[key] = array
            self.nbytes += array.nbytes
            while self.nbytes > self.max_bytes and len(self._arrays) > 1:
                self.nbytes -= self._arrays.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._arrays.clear()
            self.nbytes = 0
