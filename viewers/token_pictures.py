"""Tiles of chosen tokens as small pictures, read from their slides when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from viewers.pictures import png
from viewers.token_tiles import View

__all__ = ["TokenPictures"]


class TokenPictures:
    """What :meth:`viewers.tile_server.TileServer.register_tiles` asks: ``<address>/0/<number>_0.png``.

    Parameters
    ----------
    n : int
        How many there are.
    read : callable
        Number -> (h, w, 3) uint8; called on a server thread.
    """

    suffix = "png"

    def __init__(self, n: int, read: Callable[[int], np.ndarray]):
        self._n, self._read = n, read

    def tile(self, level: int, row: int, column: int, view: View) -> bytes | None:
        """PNG of the token ``column``, None if there is no such token."""
        if level or row or view != View() or not 0 <= column < self._n:
            return None
        return png(self._read(column))
