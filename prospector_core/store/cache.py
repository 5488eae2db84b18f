"""What is remembered in memory: results under the content that they came from, bounded by their bytes.

A key contains all that the value depends on: the stamp of the embeddings, the number of the fit, the class.
So a value never goes stale: what is new has another key, and what is old is dropped when room is needed, the
least recently used first.

One discipline of locks, for every cache:

- The cache's own lock is held only to look up, to keep and to drop, never while something is computed.
- ``make`` computes what is missing once: threads that want the same key wait for the one that is at it, all
  others go on. A computation may ask the cache for other keys, as long as these do not ask for its own.
- ``get`` and ``put`` do not wait: for what may be computed twice.
- Arrays that are kept are not written to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from cachetools import LRUCache

__all__ = ["Cache", "size_of"]

_OBJECT = 256  # bytes that an object takes beside its arrays


def size_of(value: Any) -> int:
    """Return about how many bytes of memory a value takes: those of its arrays, texts and parts."""
    if isinstance(nbytes := getattr(value, "nbytes", None), int):
        return nbytes
    if isinstance(value, (bytes, str)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    parts = getattr(value, "__dict__", {}).values()
    return _OBJECT + sum(part.nbytes for part in parts if isinstance(part, np.ndarray))


class Cache:
    """Least recently used values, `max_bytes` at most in all (but always the newest one). Thread-safe.

    Parameters
    ----------
    max_bytes : int
    weigh : callable
        Bytes of a value.
    """

    def __init__(self, max_bytes: int = 64 * 2**20, weigh: Callable[[Any], int] = size_of) -> None:
        self._lock = threading.Lock()
        self._weigh = weigh
        self._making: dict[Hashable, list] = {}  # {key: [its lock, threads that hold it or wait for it]}
        self._values = self._bounded(max_bytes)

    def _bounded(self, max_bytes: int) -> LRUCache:
        # a value that is larger than all there is room for is kept alone
        return LRUCache(max_bytes, getsizeof=lambda entry: min(entry[1], max_bytes))

    @property
    def max_bytes(self) -> int:
        """Bytes that are kept at most."""
        return int(self._values.maxsize)

    @max_bytes.setter
    def max_bytes(self, most: int) -> None:
        with self._lock:
            entries, self._values = list(self._values.items()), self._bounded(most)
            for key, entry in entries:
                self._values[key] = entry

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        with self._lock:
            return sum(size for _, size in self._values.values())

    def get(self, key: Hashable) -> Any:
        """Return the value under a key, or None."""
        with self._lock:
            entry = self._values.get(key)
        return None if entry is None else entry[0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value; what no longer fits is dropped."""
        size = self._weigh(value)
        with self._lock:
            self._values[key] = value, size

    def make(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the value under a key, computed where it is missing: by one thread, while others wait."""
        value = self.get(key)
        if value is None:
            with self._alone(key):
                value = self.get(key)
                if value is None:
                    value = compute()
                    self.put(key, value)
        return value

    @contextmanager
    def _alone(self, key: Hashable) -> Iterator[None]:
        with self._lock:
            making = self._making.setdefault(key, [threading.RLock(), 0])
            making[1] += 1
        try:
            with making[0]:
                yield
        finally:
            with self._lock:
                making[1] -= 1
                if not making[1]:
                    del self._making[key]

    def drop(self, key: Hashable) -> None:
        """Forget the value under a key."""
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)
