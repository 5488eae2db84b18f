"""What part of a slide a figure shows, the tokens in it, and pictures of both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from prospector_core.errors import BadInputError
from prospector_core.palette import EXCLUDED_COLOUR, rgb_of

if TYPE_CHECKING:
    from prospector_core.study import Datum, Study

__all__ = ["Extent", "Tokens", "extent_of", "frames", "painted", "tissue", "tokens_in"]

Size = tuple[int, int]
"""Width and height of a picture, px."""


@dataclass(frozen=True)
class Extent:
    """The rectangle shown, in level-0 pixels, and the data whose tokens are drawn in it.

    Attributes
    ----------
    x, y, width, height : float
    data : tuple of Datum
    slide_wide : bool
        Whether it is more than the field of one datum.
    """

    x: float
    y: float
    width: float
    height: float
    data: tuple[Datum, ...]
    slide_wide: bool

    def spans(self, size: Size) -> tuple[float, float]:
        """Level-0 pixels a picture pixel, across and down."""
        return self.width / size[0], self.height / size[1]


class Tokens(NamedTuple):
    """Tokens of a datum: its grid, and the sorted ids of those whose centre is in the extent."""

    datum: Datum
    grid: dict[str, Any]
    ids: np.ndarray


def extent_of(
    study: Study, datum: Datum, region: Sequence[float] | None = None, whole_slide: bool = False
) -> Extent:
    """The part of a slide to show: a region, the whole slide, or else the datum's own field.

    Parameters
    ----------
    study : Study
    datum : Datum
    region : (x, y, width, height), optional
        In level-0 pixels.
    whole_slide : bool

    Raises
    ------
    BadInputError
        If the region is outside the slide.
    """
    info = study.sources[datum.source].info
    data = tuple(other for other in study.embedded() if other.source == datum.source)
    slide_wide = region is not None or whole_slide or datum.field is None
    if region is None and not whole_slide and datum.field is not None:
        field = datum.field
        region, data = (field.x, field.y, field.width, field.height), (datum,)
    elif region is None and info.get("width") and info.get("height"):
        bounds = info.get("bounds")  # beyond what was scanned there is nothing to show
        region = bounds if bounds and bounds[2] and bounds[3] else (0, 0, info["width"], info["height"])
    elif region is None:  # features without their slide
        region = _box_of_grids([study.grid(other) for other in data or (datum,)])
    elif info.get("width") and not (
        -region[2] < region[0] < info["width"] and -region[3] < region[1] < info["height"]
    ):
        raise BadInputError(
            f"the region {' '.join(f'{number:g}' for number in region)} is outside the slide, which has "
            f"{info['width']} x {info['height']} pixels"
        )
    return Extent(*(float(number) for number in region), data=data, slide_wide=slide_wide)


def _box_of_grids(grids: Sequence[dict[str, Any]]) -> tuple[float, ...]:
    low = np.min([grid["origin"] for grid in grids], axis=0)
    ends = [np.add(grid["origin"], np.multiply(grid["shape"][::-1], grid["pitch"])) for grid in grids]
    return (*low, *(np.max(ends, 0) - low))


def tissue(study: Study, datum: Datum, extent: Extent, size: Size) -> np.ndarray:
    """The slide itself, (h, w, 3) uint8; white where it is not available."""
    if not study.at_hand(datum):
        return np.full((size[1], size[0], 3), 255, np.uint8)
    with study.open_source(datum) as slide:
        return slide.read_scaled(extent.x, extent.y, extent.width, extent.height, *size)


def tokens_in(study: Study, datum: Datum, extent: Extent) -> Tokens:
    """Tokens of a datum that have their centre in the extent."""
    grid = study.grid(datum)
    centre = np.array(grid["origin"]) + (grid["positions"][:, ::-1] + 0.5) * grid["pitch"]
    low, high = (extent.x, extent.y), (extent.x + extent.width, extent.y + extent.height)
    return Tokens(datum, grid, np.flatnonzero((centre >= low).all(1) & (centre <= high).all(1)))


def painted(
    extent: Extent,
    size: Size,
    grid: dict[str, Any],
    pixels: np.ndarray,
    hatched: np.ndarray,
    opacity: float,
    period: int,
) -> Image.Image:
    """Tokens of a datum as a transparent picture of the extent, RGBA.

    Parameters
    ----------
    extent : Extent
    size : (int, int)
    grid : dict
        Where its tokens are: ``origin, pitch, shape, positions``.
    pixels : (n, 4) uint8
        Colours of all its tokens.
    hatched : (n,) bool
        Tokens that are drawn as stripes.
    opacity : float
    period : int
        Of the stripes, px.
    """
    at = tuple(grid["positions"].T)
    cells, marked = np.zeros((*grid["shape"], 4), np.uint8), np.zeros(grid["shape"], bool)
    cells[at] = pixels
    cells[..., 3] = np.round(cells[..., 3] * opacity)
    marked[at] = hatched
    cells[marked] = 0
    # where a pixel holds several tokens, it shows their mean
    finer = min(8, max(1, math.ceil(max(extent.spans(size)) / grid["pitch"])))
    picture = Image.fromarray(_sampled(cells, extent, (size[0] * finer, size[1] * finer), grid), "RGBA")
    picture = picture.reduce(finer) if finer > 1 else picture
    if not marked.any():
        return picture
    area = _sampled(marked, extent, size, grid)
    across, down = np.arange(size[0])[None, :], np.arange(size[1])[:, None]
    stripe = (across + down) % period < period / 3
    array = np.array(picture)
    array[area & stripe] = (*rgb_of(EXCLUDED_COLOUR), 230)
    array[area & ~stripe] = (*rgb_of(EXCLUDED_COLOUR), 70)
    return Image.fromarray(array, "RGBA")


def _sampled(cells: np.ndarray, extent: Extent, size: Size, grid: dict[str, Any]) -> np.ndarray:
    """The cell under the centre of every pixel, zero outside of the grid."""
    (x, y), pitch = grid["origin"], grid["pitch"]
    across, down = extent.spans(size)
    columns = np.floor((extent.x + (np.arange(size[0]) + 0.5) * across - x) / pitch).astype(int)
    rows = np.floor((extent.y + (np.arange(size[1]) + 0.5) * down - y) / pitch).astype(int)
    good_rows = (rows >= 0) & (rows < cells.shape[0])
    good_columns = (columns >= 0) & (columns < cells.shape[1])
    out = np.zeros((size[1], size[0], *cells.shape[2:]), cells.dtype)
    out[np.ix_(good_rows, good_columns)] = cells[np.ix_(rows[good_rows], columns[good_columns])]
    return out


def frames(extent: Extent) -> Iterator[tuple[float, float, float, float]]:
    """Fields of which an edge is seen, where more than one datum may be.

    (x, y, width, height) in level-0 pixels from the corner of the extent.
    """
    for datum in extent.data if extent.slide_wide else ():
        field = datum.field
        if field is None:
            continue
        left, top = field.x - extent.x, field.y - extent.y
        right, bottom = left + field.width, top + field.height
        apart = right <= 0 or bottom <= 0 or left >= extent.width or top >= extent.height
        around = left < 0 and top < 0 and right > extent.width and bottom > extent.height
        if not apart and not around:
            yield left, top, field.width, field.height
