"""A prospect map as a pyramidal OME-TIFF with its physical size."""

from __future__ import annotations

import io
import uuid
from typing import TYPE_CHECKING

import numpy as np
import tifffile

if TYPE_CHECKING:
    from ...study import Datum, Study

__all__ = ["ome_tiff"]

_SMALLEST = 256  # levels are halved until the longer side is no larger


def ome_tiff(study: Study, datum: Datum) -> bytes:
    """A datum's map as OME-TIFF bytes.

    Float32, one pixel per token, NaN where there is none; levels in SubIFDs.

    Of several classes, if the study is seen from none of them, one channel per class, called after it.

    PhysicalSizeX and -Y are the token's size in um where the slide's microns per pixel are known. PositionX
    and -Y say where a map begins that is not of the whole slide: in um, or in level-0 pixels.
    """
    grid, views = study.grid(datum), study.class_views()
    image = np.full((len(views), *grid["shape"]), np.nan, np.float32)
    for channel, view in zip(image, views):
        channel[tuple(grid["positions"].T)] = view.prospect(datum)
    if len(views) == 1:
        image = image[0]
    levels = [image]
    while max(levels[-1].shape[-2:]) > _SMALLEST:
        levels.append(_halved(levels[-1]))
    mpp = study.sources[study.datum(datum).source].info["mpp"]
    # an identifier of our own: the writer's default would hold the machine's address and the time
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"prospector:{study.datum(datum).uid}")
    metadata = {
        "axes": "YX",
        "UUID": f"urn:uuid:{identifier}",
        "Name": f"prospect map: {study.classes[study.target]}",
    }
    if len(views) > 1:
        metadata |= {"axes": "CYX", "Name": "prospect maps", "Channel": {"Name": list(study.classes)}}
    if mpp is not None:
        size = grid["pitch"] * mpp
        metadata |= {
            "PhysicalSizeX": size,
            "PhysicalSizeY": size,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeYUnit": "µm",
        }
    corner = [float(value) * (mpp or 1.0) for value in grid["origin"]]
    if any(corner):  # of features, or of a field: its place on the slide
        unit, planes = "µm" if mpp is not None else "pixel", len(views)
        metadata["Plane"] = {
            f"Position{side}{what}": [value] * planes
            for side, start in zip("XY", corner, strict=True)
            for what, value in (("", start), ("Unit", unit))
        }
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, ome=True) as tiff:
        tiff.write(levels[0], subifds=len(levels) - 1, tile=(256, 256), compression="zlib", metadata=metadata)
        for level in levels[1:]:
            tiff.write(level, subfiletype=1, tile=(256, 256), compression="zlib")
    return buffer.getvalue()


def _halved(image: np.ndarray) -> np.ndarray:
    """Half the size: the mean of each 2 x 2 block's tokens."""
    *channels, height, width = image.shape
    padded = np.pad(
        image, [(0, 0)] * len(channels) + [(0, height % 2), (0, width % 2)], constant_values=np.nan
    )
    blocks = padded.reshape(*channels, padded.shape[-2] // 2, 2, padded.shape[-1] // 2, 2)
    known = np.isfinite(blocks)
    with np.errstate(invalid="ignore"):
        return (np.where(known, blocks, 0).sum(axis=(-3, -1)) / known.sum(axis=(-3, -1))).astype(np.float32)
