"""Tokens of a very large grid by the tile that they are in, and what was worked out of them, within a bound.

A tile is 256 x 256 cells, a cell one pixel. At the last level a cell is a token; each level before halves the
one after.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator

import numpy as np

from prospector_core.store.cache import Cache

__all__ = ["BLOCK", "TokenBlocks", "n_halvings"]

BLOCK = 256
"""Cells a side of a tile."""

_KEPT = 224 << 20  # bytes of arrays kept for all grids together


def n_halvings(shape: tuple[int, int]) -> int:
    """How often a grid is halved until it fits one tile: the level at which a cell is a token."""
    return max(0, math.ceil(math.log2(max(*shape, 1) / BLOCK)))


_arrays = Cache(_KEPT)


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
        arrays: Cache | None = None,
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
        found = self.arrays.make((self.key, "blocks"), self._sorted)
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
