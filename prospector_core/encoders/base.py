"""What an encoder is, and what every encoder checks."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from ..errors import EmbeddingError

__all__ = [
    "Encoder",
    "check_tiles",
    "library_versions",
    "package_version",
    "resize_tiles",
    "same_vectors",
    "tokens_per_side",
]

_SURROUNDINGS = ("libraries", "device")  # of a record: they change the last digits at most


@runtime_checkable
class Encoder(Protocol):
    """Turns tiles into vectors. The same tiles give the same vectors, in any batch.

    Attributes
    ----------
    name : str
    dim : int
        Length of a vector.
    input_size : int
        Side of the tiles it is made for, in pixels. Tiles are read at this size; 0: at the study's own tile
        size.
    tokens_per_side : int, optional g, where an encoder gives a vector to each of g x g parts of a tile: its
        row is cut into g, and so is its column. Without it 1: one vector per tile.

    It may have ``batch_size``, int: how many tiles it is given at once (default: 32).
    """

    name: str
    dim: int
    input_size: int

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 for (n, s, s, 3) uint8 RGB.

        (n g g, dim) where there are g x g tokens per tile.

        Then a tile's tokens follow each other, row by row.
        """
        ...

    def record(self) -> dict[str, Any]:
        """Return what a study must keep to know these vectors again: plain JSON values."""
        ...


def check_tiles(tiles: np.ndarray) -> np.ndarray:
    """Return `tiles` as an array if it is (n, s, s, 3) uint8.

    Raises
    ------
    EmbeddingError
        Another shape or type.
    """
    tiles = np.asarray(tiles)
    if tiles.ndim != 4 or tiles.shape[1] != tiles.shape[2] or tiles.shape[3] != 3 or tiles.dtype != np.uint8:
        raise EmbeddingError(
            f"an encoder takes (n, side, side, 3) uint8 tiles, not {tiles.shape} {tiles.dtype}; "
            "read them with read_scaled"
        )
    return tiles


def package_version(package: str) -> str | None:
    """Return the version of an installed package, None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def library_versions(*packages: str) -> dict[str, str | None]:
    """Return the versions of python and of packages, for the record of an encoder."""
    return {"python": platform.python_version(), **{one: package_version(one) for one in packages}}


def tokens_per_side(encoder: Encoder) -> int:
    """Return into how many tokens an encoder cuts the side of a tile: 1 for most."""
    return int(getattr(encoder, "tokens_per_side", 1))


def same_vectors(record: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two records are of encoders whose vectors may meet in one study.

    Everything must agree but the versions of libraries and the kind of device, which are kept to be read.
    """
    one, two = (
        json.loads(json.dumps({key: value for key, value in each.items() if key not in _SURROUNDINGS}))
        for each in (record, other)
    )
    return one == two


def resize_tiles(tiles: np.ndarray, side: int) -> np.ndarray:
    """Return (n, side, side, 3) uint8: area-filtered where tiles shrink, bicubic where they grow."""
    if len(tiles) == 0 or tiles.shape[1] == side:
        return tiles if len(tiles) else np.empty((0, side, side, 3), np.uint8)
    how = Image.Resampling.HAMMING if tiles.shape[1] > side else Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(tile).resize((side, side), how)) for tile in tiles])
