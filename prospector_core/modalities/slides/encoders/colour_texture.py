"""Colour and texture by plain statistics: no weights, nothing learned, quick; a floor to compare against."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....encoders.base import check_tiles, library_versions, resize_tiles

__all__ = ["ColourTexture"]

_SIDE = 64
_BINS = 8


class ColourTexture:
    """Encoder of 34 numbers per tile, from optical density.

    A channel's mean, spread, quantiles and edges at two scales (26 numbers with the two correlations of
    channels), and a histogram of darkness (8).
    """

    name = "colour-texture"
    dim = 34
    input_size = _SIDE

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, 34) float32 for (n, s, s, 3) uint8 RGB.

        Raises
        ------
        EmbeddingError
            Tiles of a wrong shape.
        """
        tiles = resize_tiles(check_tiles(tiles), _SIDE)
        out = np.empty((len(tiles), self.dim), np.float32)
        for row, tile in zip(out, tiles, strict=True):
            row[:] = _describe(tile)
        return out

    def record(self) -> dict[str, Any]:
        """Return name, version and preprocessing."""
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": None,
            "preprocessing": {"side": _SIDE, "channels": "RGB", "transform": "optical density"},
            "libraries": library_versions("numpy", "pillow"),
        }


def _describe(tile: np.ndarray) -> np.ndarray:
    density = -np.log10((tile.astype(np.float64) + 1.0) / 256.0)
    flat = density.reshape(-1, 3)
    coarse = density.reshape(_SIDE // 4, 4, _SIDE // 4, 4, 3).mean(axis=(1, 3))
    parts = [flat.mean(0), flat.std(0), *np.quantile(flat, (0.05, 0.5, 0.95), axis=0)]
    for scale in (density, coarse):
        parts.append(
            np.abs(np.diff(scale, axis=0)).mean((0, 1)) + np.abs(np.diff(scale, axis=1)).mean((0, 1))
        )
    parts.append([density.max(), density.min(), coarse.mean(-1).std()])
    centred = flat - flat.mean(0)
    spread = flat.std(0) + 1e-6
    parts.append(
        [
            (centred[:, 0] * centred[:, 1]).mean() / (spread[0] * spread[1]),
            (centred[:, 0] * centred[:, 2]).mean() / (spread[0] * spread[2]),
        ]
    )
    darkness = np.histogram(np.clip(flat.mean(1), 0, 1.6 - 1e-9), bins=_BINS, range=(0, 1.6))[0] / len(flat)
    parts.append(darkness)
    return np.concatenate(parts)
