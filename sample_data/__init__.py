"""The sample study: fields of one real slide of skin, labelled by whether they hold epidermis."""

from .build import build, sample_folder
from .fields import load_polygon, sample_fields, tile_truth

__all__ = ["build", "load_polygon", "sample_fields", "sample_folder", "tile_truth"]
