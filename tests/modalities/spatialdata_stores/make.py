"""Writes the stores that are here, with the real library.

`python make.py`, where spatialdata is installed (0.7.3 wrote them).

Three made samples of 49 cells: polygons under a scale and a shift, circles under a turn, and labels alone
under an 8-bit RGB image.
"""

import shutil
import tempfile
from pathlib import Path

import anndata
import geopandas
import numpy as np
import pandas as pd
import shapely
import spatialdata
from spatialdata._io import format as formats
from spatialdata.models import Image2DModel, Labels2DModel, ShapesModel, TableModel
from spatialdata.transformations import Affine, Scale, Sequence, Translation

HERE = Path(__file__).parent
STORES = {"zarr-2-shapes-0.1": ("SpatialDataContainerFormatV01", "ShapesFormatV01"), "zarr-3-shapes-0.3": ()}
SIDE, PITCH, CELL = 64, 8, 5
TURN = [[0.433, -0.25, 50.0], [0.25, 0.433, -20.0], [0.0, 0.0, 1.0]]
PLACES = {
    "s1": Sequence([Scale([0.5, 0.5], axes=("x", "y")), Translation([100, 7], axes=("x", "y"))]),
    "s2": Affine(TURN, input_axes=("x", "y"), output_axes=("x", "y")),
    "s3": Scale([2.0, 2.0], axes=("x", "y")),
}


def make():
    """The SpatialData."""
    rng, parts, rows = np.random.default_rng(0), {"images": {}, "labels": {}, "shapes": {}}, []
    for name, place in PLACES.items():
        labels, image = (
            np.zeros((SIDE, SIDE), np.int32),
            rng.integers(0, 200, (3, SIDE, SIDE)).astype(np.uint16),
        )
        boxes, at = {}, {"global": place}
        for number, (r, c) in enumerate(np.ndindex(7, 7), start=1):
            y, x = r * PITCH + 3, c * PITCH + 3
            labels[y : y + CELL, x : x + CELL] = number
            image[number % 3, y : y + CELL, x : x + CELL] += 3000
            boxes[number] = shapely.box(x, y, x + CELL, y + CELL)
        if name == "s3":
            image = (image // 20).astype(np.uint8)
        channels = {"c_coords": ["r", "g", "b"] if name == "s3" else ["DNA", "CD8", "PanCK"]}
        parts["images"][f"{name}_image"] = Image2DModel.parse(
            image, dims=("c", "y", "x"), scale_factors=[2], transformations=at, **channels
        )
        parts["labels"][f"{name}_labels"] = Labels2DModel.parse(labels, dims=("y", "x"), transformations=at)
        region = f"{name}_labels"
        if name != "s3":
            region, geometry = f"{name}_cells", list(boxes.values())
            if name == "s2":
                geometry = [box.centroid for box in geometry]
            frame = geopandas.GeoDataFrame(
                {"radius": np.full(49, 2.5)} if name == "s2" else None, geometry=geometry, index=list(boxes)
            )
            parts["shapes"][region] = ShapesModel.parse(frame, transformations=at)
        rows += [(region, number, name) for number in boxes]
    order = rng.permutation(len(rows))
    obs = pd.DataFrame([rows[each] for each in order], columns=["region", "cell_id", "sample"])
    obs["region"], obs.index = obs["region"].astype("category"), [f"c{each}" for each in range(len(obs))]
    values = np.stack([obs["cell_id"] % 3 == channel for channel in range(3)], axis=1).astype(np.float32)
    table = anndata.AnnData(values, obs=obs)
    table.var_names = ["DNA", "CD8", "PanCK"]
    table = TableModel.parse(
        table, region=list(obs["region"].cat.categories), region_key="region", instance_key="cell_id"
    )
    return spatialdata.SpatialData(**parts, tables={"table": table})


if __name__ == "__main__":
    for name, kinds in STORES.items():
        with tempfile.TemporaryDirectory() as scratch:
            store = Path(scratch) / "cells.zarr"
            make().write(
                store, **({"sdata_formats": [getattr(formats, kind)() for kind in kinds]} if kinds else {})
            )
            shutil.make_archive(str(HERE / name), "zip", store)
