"""Fields of the sample slide and their labels, from the hand-drawn polygon."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.tiling import Rect, tile_grid
from prospector_core.modalities.slides.tissue import tissue_mask

__all__ = ["SLIDE", "TILE", "MPP", "Field", "load_polygon", "sample_fields", "tile_truth"]

HERE = Path(__file__).parent
SLIDE = HERE / "CMU-1-Small-Region.svs"
TILE, MPP = 64, 0.5  # tiles of 32 um: two or three cells across, fine enough to follow the sheet
_TILES_A_FIELD = 7  # a field of 7 x 7 tiles, 224 um
_LEAST_TILES = 4  # fields with less tissue say nothing about skin
_LEAST_SHARE = 0.01  # of a field's area: a field "contains epidermis" from here on


@dataclass(frozen=True)
class Field:
    """A field of the sample slide: name, rect (level-0 pixels), share and label.

    The share is that of its area that is epidermis.
    """

    name: str
    rect: Rect
    share: float
    label: int


def load_polygon():
    """The epidermis as drawn by hand, in level-0 pixels: a shapely geometry."""
    collection = json.loads((HERE / "epidermis.geojson").read_text())
    return shapely.union_all(
        [shapely.geometry.shape(feature["geometry"]) for feature in collection["features"]]
    )


def sample_fields():
    """Fields that hold tissue, row by row: list of Field. They lie edge to edge on one grid of tiles."""
    polygon = load_polygon()
    found = []
    with open_slide(SLIDE) as slide:
        mask = tissue_mask(slide)
        side = TILE * MPP / slide.mpp * _TILES_A_FIELD
        for row in range(int(np.ceil(slide.height / side))):
            for column in range(int(np.ceil(slide.width / side))):
                rect = _field_rect(row, column, side, slide)
                if not _tiles(slide, rect, mask) >= _LEAST_TILES:
                    continue
                area = shapely.box(rect.x, rect.y, rect.x + rect.width, rect.y + rect.height)
                share = area.intersection(polygon).area / area.area
                found.append(
                    Field(f"field {chr(65 + row)}{column + 1}", rect, share, int(share >= _LEAST_SHARE))
                )
    return found


def _field_rect(row, column, side, slide):
    x, y = round(column * side), round(row * side)
    right, bottom = min(round((column + 1) * side), slide.width), min(round((row + 1) * side), slide.height)
    return Rect(x, y, right - x, bottom - y)


def _tiles(slide, rect, mask):
    grid = tile_grid(slide, TILE, MPP, rect)
    return int((mask.fraction(*grid.rects().T) >= 0.25).sum())


def tile_truth(rects, polygon=None):
    """Which tiles are epidermis (at least half of their area): (n,) bool, for scoring only.

    Parameters: rects (n, 4) level-0 x, y, width, height.
    """
    polygon = load_polygon() if polygon is None else polygon
    x, y, width, height = np.asarray(rects, np.float64).T
    tiles = shapely.box(x, y, x + width, y + height)
    return shapely.area(shapely.intersection(tiles, polygon)) >= 0.5 * width * height
