"""Where things are: level-0 pixels of a slide, napari's world in microns, and one raster for all tokens.

The raster is for the tokens of all data of the slide.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Frame", "Mosaic"]

_NEAR = 0.1  # cells by which a field may be drawn beside its true place before finer cells are taken


@dataclass(frozen=True)
class Frame:
    """A slide's place in the world.

    Rows first, microns where the slide says its scale (``mpp``), else level-0 pixels.

    World 0, 0 is the upper left corner of level 0, not the middle of its first pixel as napari has it.
    """

    mpp: float | None

    @property
    def scale(self):
        """World units a level-0 pixel."""
        return self.mpp or 1.0

    @property
    def units(self):
        """Units of both axes, as layers take them."""
        return ("um", "um") if self.mpp else ("pixel", "pixel")

    def raster(self, x, y, cell):
        """Layer options of an image whose corner is at (x, y).

        Its pixels are ``cell`` level-0 pixels wide.
        """
        scale = cell * self.scale
        return {
            "scale": (scale, scale),
            "translate": (y * self.scale + scale / 2, x * self.scale + scale / 2),
            "units": self.units,
        }

    def vector(self):
        """Where shapes and points are whose data are (y, x) in level-0 pixels: layer options."""
        return {"scale": (self.scale, self.scale), "units": self.units}

    def pixel(self, world):
        """(x, y) in level-0 pixels of a place in the world, of which the last two axes count."""
        return float(world[-1]) / self.scale, float(world[-2]) / self.scale

    def world(self, x, y):
        """(row, column) in the world of a place in level-0 pixels."""
        return y * self.scale, x * self.scale


class Mosaic:
    """The tokens of the data of one slide on one raster.

    A token is one cell of it, or a block of a few where the grids of fields do not fall into step.

    Parameters: grids, {datum uid: grid, from ``Study.grid``}, not empty, all of one pitch.
    """

    def __init__(self, grids):
        self.uids = list(grids)
        found = list(grids.values())
        pitch = found[0]["pitch"]
        origins = np.array([grid["origin"] for grid in found], float)  # x, y
        corner = origins.min(axis=0)
        for self.cells in (1, 2, 4):
            steps = (origins - corner) / (pitch / self.cells)
            if np.abs(steps - np.round(steps)).max() <= _NEAR:
                break
        self.cell = pitch / self.cells  # level-0 pixels
        self.x, self.y = corner.tolist()
        shift = np.round(steps).astype(np.int64)[:, ::-1]  # row, column
        self._places = [
            at + np.asarray(grid["positions"], np.int64) * self.cells
            for at, grid in zip(shift, found, strict=True)
        ]
        ends = [
            at + np.array(grid["shape"], np.int64) * self.cells for at, grid in zip(shift, found, strict=True)
        ]
        self.shape = tuple(int(n) for n in np.max(ends, axis=0))
        self._first = np.cumsum([0, *(len(each) for each in self._places)])

    @property
    def n(self):
        """How many tokens there are in all."""
        return int(self._first[-1])

    def fill(self, values, empty, dtype):
        """Values of all tokens as an image.

        ``values``, an array a datum in the order of ``uids``; ``empty`` elsewhere.
        """
        image = np.full(self.shape, empty, dtype)
        for places, own in zip(self._places, values, strict=True):
            for row in range(self.cells):
                for column in range(self.cells):
                    image[places[:, 0] + row, places[:, 1] + column] = own
        return image

    @cached_property
    def _tokens(self):
        first = self._first
        return self.fill([np.arange(a, b) for a, b in zip(first[:-1], first[1:])], -1, np.int64)

    def tokens_of(self, cells):
        """Tokens that own some cells: {datum uid: sorted token ids}.

        ``cells``: (rows, columns), or a mask of the raster.
        """
        found = np.unique(self._tokens[cells])
        found = found[found >= 0]
        which = np.searchsorted(self._first, found, side="right") - 1
        return {self.uids[at]: found[which == at] - self._first[at] for at in np.unique(which).tolist()}
