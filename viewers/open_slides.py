"""Slides that the tile server keeps open, bounded by number."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["OpenSlides"]


class OpenSlides:
    """At most ``limit`` slides kept open; a slide in use is never closed under its reader."""

    def __init__(self, opener: Callable[[Path], Any], limit: int):
        self._opener, self._limit = opener, limit
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}
        self._slides: OrderedDict[str, Any] = OrderedDict()
        self._users: dict[int, int] = {}

    @contextlib.contextmanager
    def borrow(self, key: str, path: Path) -> Iterator[Any]:
        slide = self._take(key)
        if slide is None:
            with self._lock:
                gate = self._opening.setdefault(key, threading.Lock())
            # One thread opens, the others that want the same slide wait for it. The gate is kept: were it
            # dropped, a late waiter on the old one and a newcomer on a new one could open the slide twice.
            with gate:
                slide = self._take(key)
                if slide is None:
                    slide = self._opener(path)
                    with self._lock:
                        self._slides[key] = slide
                        self._users[id(slide)] = 1
        try:
            yield slide
        finally:
            self._give_back(slide)

    def _take(self, key: str) -> Any:
        with self._lock:
            slide = self._slides.get(key)
            if slide is not None:
                self._slides.move_to_end(key)
                self._users[id(slide)] += 1
            return slide

    def _give_back(self, slide: Any) -> None:
        with self._lock:
            self._users[id(slide)] -= 1
            surplus = len(self._slides) - self._limit
            idle = [key for key, kept in self._slides.items() if not self._users[id(kept)]]
            closing = [self._drop(key) for key in idle[: max(0, surplus)]]
        for old in closing:
            old.close()

    def _drop(self, key: str) -> Any:
        slide = self._slides.pop(key)
        self._users.pop(id(slide), None)
        return slide

    def close(self) -> None:
        with self._lock:
            idle = [key for key, kept in self._slides.items() if not self._users[id(kept)]]
            closing = [self._drop(key) for key in idle]
        for slide in closing:
            slide.close()

    def __len__(self) -> int:
        return len(self._slides)
