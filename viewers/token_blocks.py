"""Tokens of a very large grid by the tile that they are in, and what was worked out of them, within a bound.

A tile is 256 x 256 cells, a cell one pixel. At the last level a cell is a token; each level before halves the
one after.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

import numpy as np

__all__ = ["BLOCK", "ArrayCache", "TokenBlocks", "n_halvings"]

BLOCK = 256
"""Cells a side of a tile."""

_KEPT = 224 << 20  # bytes of arrays kept for all grids together


def n_halvings(shape: tuple[int, int]) -> int:
    """How often a grid is halved until it fits one tile: the level at which a cell is a token."""
    return max(0, math.ceil(math.log2(max(*shape, 1) / BLOCK)))


class ArrayCache:
    """Least-recently-used arrays, bounded by their bytes; each is made by one thread while others wait."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.size = max_bytes, 0
        self._kept: OrderedDict[Hashable, tuple] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], dict]) -> dict:
        """A dict of arrays, or of lists of arrays.

        The latest is kept even where it is larger than the bound.
        """
        with self._lock:
            gate = self._making.setdefault(key, threading.Lock())
        with gate:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][1]
            made = make()
            weight = sum(
                a.nbytes for each in made.values() for a in (each if isinstance(each, list) else [each])
            )
            with self._lock:
                self._kept[key] = weight, made
                self.size += weight
                while self.size > self.max_bytes and len(self._kept) > 1:
                    gone, (weight, _) = self._kept.popitem(last=False)
                    self._making.pop(gone, None)
                    self.size -= weight
            return made

    def __len__(self) -> int:
        return len(self._kept)


_arrays = ArrayCache(_KEPT)


class TokenBlocks:
    """Tokens of a grid by the tile that they are in.

    Parameters
    ----------
    key : hashable
        Names the grid; what is worked out of it is kept under this.
    positions : (n, 2) int
        Row and column.
    shape : (rows, columns)
    """

    def __init__(
        self,
        key: Hashable,
        positions: np.ndarray,
        shape: tuple[int, int],
        arrays: ArrayCache | None = None,
    ) -> None:
        self.key, self.positions = (key, len(positions)), np.asarray(positions)
        self.shape = tuple(int(n) for n in shape)
        self.down, self.across = (-(-n // BLOCK) for n in self.shape)
        self.top = n_halvings(self.shape)
        self.arrays = _arrays if arrays is None else arrays

    def _sorted(self) -> dict:
        rows, columns = self.positions.T
        number = (rows // BLOCK) * self.across + columns // BLOCK
        # numbers of 16 bits are sorted without a comparison
        number = number.astype(np.min_scalar_type(self.down * self.across))
        starts = np.zeros(self.down * self.across + 1, np.int64)
        np.cumsum(np.bincount(number, minlength=self.down * self.across), out=starts[1:])
        return {"order": np.argsort(number, kind="stable").astype(np.int32), "starts": starts}

    def tokens(self, row: int, column: int, wide: int = 1) -> np.ndarray:
        """Tokens of ``wide`` tiles beside each other, from this one: ids."""
        found = self.arrays.get((self.key, "blocks"), self._sorted)
        first = row * self.across + column
        return found["order"][found["starts"][first] : found["starts"][first + wide]]

    def bands(self) -> Iterator[tuple[int, np.ndarray]]:
        """Tiles row by row: yields (first row, tokens)."""
        for band in range(self.down):
            yield band * BLOCK, self.tokens(band, 0, self.across)

    def halved_shape(self, times: int) -> tuple[int, int]:
        """(rows, columns) after halving ``times`` times."""
        return tuple(-(-n // 2**times) for n in self.shape)

    def has(self, level: int, row: int, column: int) -> bool:
        """Whether there is such a tile."""
        if not 0 <= level <= self.top:
            return False
        rows, columns = self.halved_shape(self.top - level)
        return 0 <= row * BLOCK < rows and 0 <= column * BLOCK < columns

    def window(self, level: int, row: int, column: int) -> tuple[slice, slice]:
        """The tile's part of its level."""
        rows, columns = self.halved_shape(self.top - level)
        return (
            slice(row * BLOCK, min((row + 1) * BLOCK, rows)),
            slice(column * BLOCK, min((column + 1) * BLOCK, columns)),
        )

    def fine(self, row: int, column: int) -> tuple[np.ndarray, tuple, tuple[int, int]]:
        """Tokens of a tile at the last level, their (rows, columns) in it, and its shape."""
        tokens = self.tokens(row, column)
        rows, columns = self.window(self.top, row, column)
        at = self.positions[tokens]
        shape = rows.stop - rows.start, columns.stop - columns.start
        return tokens, (at[:, 0] - rows.start, at[:, 1] - columns.start), shape
