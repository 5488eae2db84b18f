"""Shapes of cells in a GeoParquet file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import shapely

from ...errors import GraphError, MissingExtraError

__all__ = ["read_shapes"]


def read_shapes(file: Any, where: Any) -> Any:
    """(geometries, index, radii or None) of a GeoParquet file."""
    try:
        from ...store.tables import read_parquet

        table = read_parquet(file, GraphError)
    except ImportError as error:
        raise MissingExtraError("shapes need pyarrow: pip install pyarrow") from error
    except GraphError:
        raise
    except Exception as error:
        raise GraphError(
            f"{where}: these shapes cannot be read ({error}): write them again with spatialdata"
        ) from error
    try:
        told = table.schema.metadata or {}
        geo = json.loads(told.get(b"geo", b"{}"))
        name = geo.get("primary_column", "geometry")
        geometries = shapely.from_wkb(table[name].to_numpy(zero_copy_only=False))
        index = (json.loads(told.get(b"pandas", b"{}")).get("index_columns") or [None])[0]
    except Exception as error:  # of many kinds, by two libraries
        raise GraphError(
            f"{where}: these shapes cannot be read ({error}): write them again with spatialdata"
        ) from error
    if isinstance(index, str) and index in table.column_names:
        rows = np.asarray(table[index].to_pylist())
    elif isinstance(index, dict):
        rows = np.arange(index["start"], index["stop"], index["step"])
    else:
        rows = np.arange(len(geometries))
    radii = (
        np.asarray(table["radius"].to_numpy(zero_copy_only=False), float)
        if "radius" in table.column_names
        else None
    )
    return geometries, rows, radii
