"""The grid of tiles that is over a slide, or over a rectangle of one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...errors import BadInputError, TissueError
from ..parts import Rect
from .readers import Slide
from .tissue import TissueMask

__all__ = ["Rect", "TileGrid", "tile_grid"]


@dataclass(frozen=True)
class TileGrid:
    """Tiles of a datum.

    Attributes
    ----------
    positions : (n, 2) int32
        Row and column of each tile, in reading order.
    origin : (float, float)
        Level-0 x and y of the corner of tile (0, 0).
    pitch : float
        Level-0 pixels per tile side.
    shape : (int, int)
        Rows and columns of the whole grid, tissue or not.
    tile : int
        Pixels a tile side at the chosen resolution.
    mpp : float or None
        That resolution in um per pixel, None where the slide's is unknown.
    """

    positions: np.ndarray
    origin: tuple[float, float]
    pitch: float
    shape: tuple[int, int]
    tile: int = 224
    mpp: float | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def rects(self) -> np.ndarray:
        """Return (n, 4) float64: level-0 x, y, width and height of each tile."""
        out = np.empty((len(self.positions), 4))
        out[:, 0] = self.origin[0] + self.positions[:, 1] * self.pitch
        out[:, 1] = self.origin[1] + self.positions[:, 0] * self.pitch
        out[:, 2:] = self.pitch
        return out

    def subdivided(self, parts: int) -> TileGrid:
        """Return the grid of the parts x parts squares that each tile is cut into.

        The squares of a tile follow each other, row by row; `tile` and `mpp` stay those of the tile.
        """
        if parts == 1:
            return self
        inside = np.indices((parts, parts), np.int32).reshape(2, -1).T
        positions = (self.positions[:, None] * parts + inside).reshape(-1, 2).astype(np.int32)
        shape = self.shape[0] * parts, self.shape[1] * parts
        return TileGrid(positions, self.origin, self.pitch / parts, shape, self.tile, self.mpp)


def tile_grid(
    slide: Slide,
    tile: int = 224,
    mpp: float = 0.5,
    field: Rect | None = None,
    mask: TissueMask | None = None,
    min_tissue: float = 0.25,
) -> TileGrid:
    """Lay a grid over a slide or field, and keep the tiles that hold tissue.

    Tiles are inside the field, but for a twentieth of a tile: none holds pixels of a neighbouring field. A
    field smaller than a tile gets one tile.

    Parameters
    ----------
    slide : Slide
    tile : int
        Pixels a tile side at `mpp`.
    mpp : float
        um per pixel. Where the slide's own is unknown, its own pixels are taken as they are.
    field : Rect, optional
        The grid starts at its corner. Default: the whole slide.
    mask : TissueMask, optional
        Without one every tile is kept.
    min_tissue : float
        Share of a tile that must be tissue.

    Raises
    ------
    TissueError
        No tile holds enough tissue.
    BadInputError
        A tile size or resolution that is not positive, or a field outside the slide.
    """
    if tile < 1 or not mpp > 0:
        raise BadInputError(
            f"tiles of {tile} pixels at {mpp} um per pixel are not possible; both must be positive"
        )
    field = _checked_field(slide, field)
    pitch = float(tile) if slide.mpp is None else tile * mpp / slide.mpp
    rows = max(1, math.floor(field.height / pitch + 0.05))
    cols = max(1, math.floor(field.width / pitch + 0.05))
    positions = np.indices((rows, cols), np.int32).reshape(2, -1).T
    grid = TileGrid(
        np.ascontiguousarray(positions),
        (float(field.x), float(field.y)),
        pitch,
        (rows, cols),
        tile,
        None if slide.mpp is None else float(mpp),
    )
    if mask is None:
        return grid
    x, y, width, height = grid.rects().T
    keep = mask.fraction(x, y, width, height) >= max(min_tissue, 1e-9)
    if not keep.any():
        raise TissueError(
            f"{slide.path.name}: no tile holds {min_tissue:.0%} tissue; is the slide empty, or its stain very"
            " pale? Lower the share of tissue, or leave the slide out"
        )
    return TileGrid(np.ascontiguousarray(positions[keep]), grid.origin, pitch, grid.shape, tile, grid.mpp)


def _checked_field(slide: Slide, field: Rect | None) -> Rect:
    """A field, by default the whole slide. Raises BadInputError where it is outside."""
    if field is None:
        return Rect(0, 0, slide.width, slide.height)
    inside = -field.width < field.x < slide.width and -field.height < field.y < slide.height
    if not inside or min(field.width, field.height) < 1:
        raise BadInputError(
            f"{slide.path.name}: the field at {field.x}, {field.y} of {field.width} x {field.height} pixels"
            f" is outside the slide ({slide.width} x {slide.height})"
        )
    return field
