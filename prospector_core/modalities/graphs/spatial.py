"""The elements of a SpatialData store beside its table.

Images, labels and shapes with their transformations, as they are on disk.

Read as spatialdata writes them today (containers 0.1 on zarr 2 and 0.2 on zarr 3; shapes 0.1 to 0.3); nothing
of that library is needed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ...errors import GraphError
from ...store.memory import check_chunks, check_memory
from ..token_file import Under
from .background import ChannelImage, LabelImage, Outlines, Stored
from .geoparquet import read_shapes

if TYPE_CHECKING:
    from typing import Any

    from zarr import Group

__all__ = ["Elements"]

_UNITS = {
    "micrometer": "µm",
    "micrometre": "µm",
    "micron": "µm",
    "um": "µm",
    "µm": "µm",
    "nanometer": "nm",
    "millimeter": "mm",
    "pixel": "px",
}
_BLOCK = 2048
_PACKED_TIMES = 200


class Elements:
    """What a SpatialData store has beside its table.

    Parameters: root, zarr group of the store; path; table, group of its table.
    Attributes: region_key, instance_key of the table, "" where it annotates nothing.
    """

    def __init__(self, root: Group, path: Path, table: Group) -> None:
        self._root, self._path = root, Path(path)
        attrs = dict(table.attrs)
        if (
            "instance_key" not in attrs and "uns" in table and "spatialdata_attrs" in table["uns"]
        ):  # as it was before tables had attributes
            kept = table["uns"]["spatialdata_attrs"]
            attrs = {name: _plain(kept[name]) for name in kept if hasattr(kept[name], "shape")}
        self.region_key, self.instance_key = (
            str(attrs.get(name) or "") for name in ("region_key", "instance_key")
        )

    def find(self, region: Any) -> Any:
        """("shapes" or "labels", its group) of a region, or None."""
        for kind in ("shapes", "labels"):
            if kind in self._root and region in self._root[kind]:
                return kind, self._root[kind][region]
        return None

    def centres(self, region: Any, instances: Any) -> Any:
        """Where the cells of a region are, in the coordinate system that its element is shown in.

        ((n, 2), unit).

        Parameters: region, name of shapes or labels; instances, (n,) their numbers (or names) in it. None
        where there is no such element. Raises GraphError.
        """
        found = self.find(region)
        if found is None:
            return None
        kind, group = found
        matrix, _, unit = self._place(group, region)
        if kind == "shapes":
            geometries, index, _ = self._shapes(region)
            own = shapely.get_coordinates(shapely.centroid(geometries))[self._rows(index, instances, region)]
        else:
            own = self._label_centres(self._levels(group, region)[0], instances, region)
        return own @ matrix[:, :2].T + matrix[:, 2], unit

    def present(self, regions: Any, instances: Any) -> np.ndarray:
        """Whether each cell has a shape: (n,) bool; cells of labels are not looked for.

        Parameters: as of ``under``.
        """
        there = np.ones(len(regions), bool)
        for region in dict.fromkeys(regions.tolist()):
            found = self.find(region)
            if found is not None and found[0] == "shapes":
                mine = regions == region
                known = {str(each) for each in np.asarray(self._shapes(region)[1]).tolist()}
                there[mine] = [str(each) in known for each in np.asarray(instances[mine]).tolist()]
        return there

    def under(self, regions: Any, instances: Any) -> Any:
        """Images, labels and outlines of a datum: Under.

        Parameters: regions, (n,) the region of each token; instances, (n,) its number there.
        """
        names = list(dict.fromkeys(regions.tolist()))
        if not names:
            return Under()
        if len(names) > 1 or self.find(names[0]) is None:
            return Under()
        region = names[0]
        kind, group = self.find(region)
        _, system, _ = self._place(group, region)
        found = Under()
        mine = [name for name in self._names("images") if self._belongs(name, region)] or self._names(
            "images"
        )
        for name in mine:
            made = self._image(name, system)
            if made is not None:
                found.images.append(made)
        if kind == "shapes":
            matrix = self._place(group, region)[0]
            found.outlines = Outlines(lambda: self._outlines(region, instances), matrix)
        labels = (
            region
            if kind == "labels"
            else next((name for name in self._names("labels") if self._belongs(name, region)), None)
        )
        numbers = _whole(instances)
        if labels is not None and numbers is not None:
            place = self._place(self._root["labels"][labels], labels, system)
            if place is not None:
                stored = self._levels(self._root["labels"][labels], labels)
                found.labels = LabelImage(stored, place[0], labels, lambda: numbers)
        return found

    def _names(self, kind: Any) -> Any:
        return sorted(self._root[kind]) if kind in self._root else []

    def _belongs(self, name: str, region: Any) -> Any:
        """Whether an element is of the same thing as a region.

        Their names begin alike, or it is the only one of its kind.
        """
        kind = "images" if name in self._names("images") else "labels"
        stem = region.rsplit("_", 1)[0]
        return len(self._names(kind)) == 1 or name.startswith(stem + "_") or name == stem

    def _image(self, name: str, system: Any) -> Any:
        group = self._root["images"][name]
        try:
            place = self._place(group, name, system)
            if place is None:
                return None
            return ChannelImage(self._levels(group, name), place[0], name, _channels(group))
        except GraphError:
            return None  # one that is not understood is left out: cells are seen without it

    # ---- where elements are

    def _place(self, group: Any, name: str, system: Any = None) -> Any:
        """(matrix (2, 3) to a coordinate system, its name, unit of length).

        ``system``: None, "global" or the only or first one.

        None where the element is not in the system that is asked for.
        """
        attrs = _ngff(group)
        transforms = attrs.get("coordinateTransformations")
        if "multiscales" in attrs:
            scales = attrs["multiscales"][0]
            transforms = scales.get("coordinateTransformations")
            axes = [axis["name"] if isinstance(axis, dict) else axis for axis in scales.get("axes", "yx")]
        else:
            axes = list(attrs.get("axes", "xy"))
        there = {(each.get("output") or {}).get("name", "global"): each for each in transforms or []}
        if not there:
            there = {"global": {"type": "identity"}}
        if system is None:
            system = "global" if "global" in there else next(iter(there))
        if system not in there:
            return None
        full = _matrix(there[system], axes, f"{self._path.name}, {name}")
        order = [axes.index("x"), axes.index("y")]
        matrix = full[np.ix_(order, [*order, len(axes)])]
        units = {
            axis.get("unit")
            for axis in (there[system].get("output") or {}).get("axes", [])
            if axis.get("type") == "space"
        }
        unit = next(iter(units)) if len(units) == 1 else None
        return matrix, system, _UNITS.get(unit, "")

    def _levels(self, group: Any, name: str) -> Any:
        attrs = _ngff(group)["multiscales"][0]
        axes = "".join(axis["name"] if isinstance(axis, dict) else axis for axis in attrs["axes"])
        return [Stored(group[each["path"]], axes, f"{self._path.name}, {name}") for each in attrs["datasets"]]

    # ---- shapes

    def _shapes(self, region: Any) -> Any:
        """(geometries, their index, radii or None) of an element."""
        group, where = self._root["shapes"][region], f"{self._path.name}, {region}"
        file = self._path / "shapes" / region / "shapes.parquet"
        if file.is_file():
            return read_shapes(file, where)
        if "coords" not in group:
            raise GraphError(
                f"{where}: these shapes have a format that cannot be read: write them again with spatialdata"
            )
        kind = dict(group.attrs).get("spatialdata_attrs", {}).get("geos", {}).get("type", 0)
        offsets = tuple(
            self._array(group[name]) for name in ("offset0", "offset1", "offset2") if name in group
        )
        coords = self._array(group["coords"]).astype(float)
        _check_offsets(offsets, len(coords), where)
        geometries = shapely.from_ragged_array(shapely.GeometryType(kind), coords, offsets or None)
        radii = self._array(group["radius"]) if "radius" in group else None
        return geometries, self._array(group["Index"]), radii

    def _array(self, node: Any) -> Any:
        """An array of the store, if it is not larger than it may be."""
        sides = " x ".join(f"{side:,}" for side in node.shape)
        need = 2 * math.prod(node.shape) * max(node.dtype.itemsize, 8)
        check_memory(need, self._path, f"an array of {sides}", GraphError)
        check_chunks(node, self._path, GraphError)
        return np.asarray(node[...])

    def _outlines(self, region: Any, instances: Any) -> Any:
        geometries, index, radii = self._shapes(region)
        rows = self._rows(index, instances, region)
        return geometries[rows], None if radii is None else radii[rows]

    def _rows(self, index: Any, instances: Any, region: Any) -> Any:
        at = {str(each): row for row, each in enumerate(np.asarray(index).tolist())}
        try:
            return np.array([at[each] for each in map(str, np.asarray(instances).tolist())], np.int64)
        except KeyError as error:
            raise GraphError(
                f"{self._path.name}: the table names {error.args[0]} of {region!r}, which has no such shape"
            ) from None

    def _label_centres(self, stored: Any, instances: Any, region: Any) -> Any:
        numbers = _whole(instances)
        if numbers is None:
            raise GraphError(
                f"{self._path.name}: cells of the labels {region!r} must be named by whole numbers"
            )
        # all of it is looked at; labels pack a hundred times
        need = stored.height * stored.width * stored.dtype.itemsize
        what = f"the labels {region!r} of {stored.width:,} x {stored.height:,} pixels"
        check_memory(need, self._path, what, GraphError, _PACKED_TIMES)
        order = np.argsort(numbers, kind="stable")
        known, total, count = numbers[order], np.zeros((len(numbers), 2)), np.zeros(len(numbers))
        for top in range(0, stored.height, _BLOCK):
            for left in range(0, stored.width, _BLOCK):
                part = stored.read(
                    0, top, min(top + _BLOCK, stored.height), left, min(left + _BLOCK, stored.width)
                ).astype(np.int64)
                y, x = np.nonzero(part)
                at = np.minimum(np.searchsorted(known, part[y, x]), len(known) - 1)
                mine = known[at] == part[y, x]
                at = order[at[mine]]
                for axis, place in enumerate((x[mine] + left + 0.5, y[mine] + top + 0.5)):
                    total[:, axis] += np.bincount(at, place, minlength=len(numbers))
                count += np.bincount(at, minlength=len(numbers))
        if not count.all():
            raise GraphError(
                f"{self._path.name}: the table names cell {numbers[int(np.argmin(count))]} of {region!r},"
                " which has no pixel there"
            )
        return total / count[:, None]


def _ngff(group: Any) -> Any:
    attrs = dict(group.attrs)
    return attrs.get("ome", attrs) if "multiscales" not in attrs else attrs


def _channels(group: Any) -> Any:
    attrs = _ngff(group)
    omero = attrs.get("omero") or dict(group.attrs).get("omero") or {}
    names = [each.get("label") for each in omero.get("channels", [])]
    return names if names and all(name is not None for name in names) else None


def _check_offsets(offsets: Any, n: Any, where: Any) -> None:
    """Raise GraphError where offsets, the innermost first, do not count up to what they divide.

    Shapely believes them.
    """
    for each in offsets:
        if (
            each.ndim != 1
            or each.dtype.kind not in "iu"
            or not each.size
            or each[0] < 0
            or each[-1] > n
            or (np.diff(each.astype(np.int64)) < 0).any()
        ):
            raise GraphError(
                f"{where}: these shapes contradict themselves: write them again with spatialdata"
            )
        n = len(each) - 1


def _matrix(transform: Any, axes: Any, where: Any) -> Any:
    """Matrix (n + 1, n + 1) of a transformation of n axes."""
    kind, n = transform.get("type"), len(axes)
    full = np.eye(n + 1)
    if kind == "identity":
        return full
    if kind == "sequence":
        for each in transform["transformations"]:
            full = _matrix(each, axes, where) @ full
        return full
    given = [axis["name"] for axis in (transform.get("input") or {}).get("axes", [])] or list(axes)
    to = [axis["name"] for axis in (transform.get("output") or {}).get("axes", [])] or given
    at = [axes.index(name) if name in axes else None for name in given]
    out = [axes.index(name) if name in axes else None for name in to]
    if kind in ("scale", "translation"):
        for where_to, value in zip(at, transform[kind]):
            if where_to is not None:
                full[(where_to, where_to) if kind == "scale" else (where_to, n)] = float(value)
        return full
    if kind == "affine":
        values = np.asarray(transform["affine"], float)
        for row, target in enumerate(out):
            if target is None:
                continue
            full[target] = 0.0
            full[target, n] = values[row, -1]
            for column, source in enumerate(at):
                if source is not None:
                    full[target, source] = values[row, column]
        return full
    if kind == "mapAxis" and isinstance(transform.get("mapAxis"), dict):
        for target, source in transform["mapAxis"].items():
            if target in axes and source in axes:
                full[axes.index(target)] = 0.0
                full[axes.index(target), axes.index(source)] = 1.0
        return full
    raise GraphError(f"{where}: the transformation {kind!r} is not understood: write an affine one")


def _whole(instances: Any) -> Any:
    """Whole numbers, or None where they are names."""
    values = np.asarray(instances)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    try:
        return np.array([int(each) for each in values.tolist()], np.int64)
    except (TypeError, ValueError):
        return None


def _plain(node: Any) -> Any:
    value = np.asarray(node[...])
    return value.item() if value.ndim == 0 else value.tolist()
