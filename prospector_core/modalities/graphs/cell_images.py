"""Multiplexed images: a channel image and a label image of cells beside it.

A cell is its mean intensity a channel.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from ...errors import GraphError
from ...store.memory import check_memory
from ..token_file import TokenFile, TokenTable, Under, unique
from .background import ChannelImage, LabelImage, check_tiles, stored_tiff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any
    from xml.etree.ElementTree import Element

    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

    from ..token_file import TokenOptions

__all__ = ["CellImage", "find_pairs", "is_label_image"]

_MARKS = ("_mask", "_masks", "_label", "_labels", "_cell", "_cells", "_seg", "_segmentation", "_cellmask")
_FOLDERS = ("masks", "mask", "labels", "segmentation", "cells")
_SUFFIXES = (".tif", ".tiff")
_BLOCK = 1024  # rows that are summed together
_TO_MICRONS = {"µm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}


def _stem(path: Path) -> str:
    name = path.name.lower()
    return next(
        (name.removesuffix(end) for end in (".ome.tif", ".ome.tiff", *_SUFFIXES) if name.endswith(end)), name
    )


def is_label_image(path: Path) -> bool:
    """Whether a file is named as a label image: NAME_mask.tif, NAME_labels.tif, ..."""
    return _stem(Path(path)).replace("-", "_").endswith(_MARKS)


def find_pairs(folder: Path) -> dict[Path, Path]:
    """Channel images of a folder that have a label image.

    Returns {path of the channel image: path of the label image}.

    NAME.tif goes with NAME_mask.tif beside it, or masks/NAME.tif; images may be in ``images``.
    """
    folder = Path(folder)
    places = [folder, folder / "images"]
    images = [
        path
        for place in places
        if place.is_dir()
        for path in sorted(place.iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]
    return {
        path: found for path in images if not is_label_image(path) and (found := _labels_of(path)) is not None
    }


def _labels_of(path: Path) -> Path | None:
    stem = _stem(path)
    for place in (
        path.parent,
        *(path.parent / name for name in _FOLDERS),
        *(path.parent.parent / name for name in _FOLDERS),
    ):
        if not place.is_dir():
            continue
        for other in sorted(place.iterdir()):
            if other.suffix.lower() not in _SUFFIXES or other == path:
                continue
            own = _stem(other).replace("-", "_")
            base = next(
                (
                    own.removesuffix(mark)
                    for mark in sorted(_MARKS, key=len, reverse=True)
                    if own.endswith(mark)
                ),
                own,
            )
            if base == stem.replace("-", "_") and (place != path.parent or own != base):
                return other
    return None


class CellImage(TokenFile):
    """Cells of one image. Coordinates are microns where the image states its pixel size, else pixels."""

    def __init__(self, path: Path, options: TokenOptions) -> None:
        path = Path(path)
        super().__init__(path, [path.name[: len(_stem(path))]])
        self._options = options
        self.labels = _labels_of(path)
        if self.labels is None:
            raise GraphError(f"{path.name} has no label image: put it next to it, as {_stem(path)}_mask.tif")

    def read(self, part: str) -> TokenTable:
        name = self.path.name
        labels = _label_image(self.labels)
        ids = _numbers(labels)
        if not ids.size:
            raise GraphError(
                f"{self.labels.name} holds no cell: pixels of a cell have its number, all others 0"
            )
        if ids[-1] > 2**31 - 2 or ids[0] < 0:
            raise GraphError(f"{self.labels.name}: {ids[-1]} is not a number of a cell")
        # cells by a number without gaps, 0 = background
        table = np.zeros(int(ids[-1]) + 1, np.int32)
        table[ids] = np.arange(1, ids.size + 1)
        cells = np.empty(labels.shape, np.int32)
        for start in range(0, len(labels), _BLOCK):
            cells[start : start + _BLOCK] = table[np.maximum(labels[start : start + _BLOCK], 0)]
        del labels
        size = np.bincount(cells.ravel(), minlength=ids.size + 1)[1:].astype(np.float64)
        centres = _centres(cells, ids.size) / size[:, None]
        with _tiff(self.path) as file:
            series = file.series[0]
            axes, shape = series.axes, series.shape
            height, width = (shape[axes.index(axis)] for axis in "YX")
            if (height, width) != cells.shape:
                raise GraphError(
                    f"{self.labels.name} is {cells.shape[1]} x {cells.shape[0]} pixels, {name} {width} x"
                    f" {height}: they must be of one size"
                )
            names, (scale, unit) = _channel_names(file, self.path), _pixel_size(file)
            means = []
            for channel in _channels(series, self.path):
                means.append(_sums(cells, channel, ids.size) / size)
        names = unique(names or [f"channel {i + 1}" for i in range(len(means))])
        if len(names) != len(means):
            raise GraphError(
                f"{name} has {len(means)} channels, and {len(names)} names of channels: correct the list"
            )
        features = np.stack(means, axis=1)
        unit = self._options.unit or unit
        return TokenTable(
            features, names, centres * scale, None, [str(each) for each in ids.tolist()], unit
        ).checked(name)

    def under(self, part: Any) -> Any:
        stored, file = stored_tiff(self.path)
        names, (scale, _) = _channel_names(file, self.path), _pixel_size(file)
        matrix = np.array([[scale, 0, 0], [0, scale, 0]])
        image = ChannelImage(stored, matrix, self.path.name, names, keep=file)
        labels, kept = stored_tiff(self.labels)

        def numbers() -> Any:
            return _numbers(_label_image(self.labels))

        return Under([image], LabelImage(labels, matrix, self.labels.name, numbers, keep=kept))


def _tiff(path: Path) -> TiffFile:
    try:
        file = tifffile.TiffFile(path)
        series = file.series[0]
        check_tiles(series, path)
    except GraphError:
        raise
    except Exception as error:  # of many kinds, by tifffile
        raise GraphError(f"{path.name} is not a TIFF that can be read ({error}): export it again") from error
    return file


def _decoded(pages: TiffFrame | TiffPage | TiffPageSeries, path: Path) -> np.ndarray:
    """The pixels of a page, or of all pages of an image."""
    _allow(pages, path)
    try:
        return np.asarray(pages.asarray())
    except Exception as error:  # of many kinds, by tifffile and its codecs
        raise GraphError(f"{path.name} is damaged ({error}): export it again") from error


def _allow(pages: TiffFrame | TiffPage | TiffPageSeries, path: Path) -> None:
    """Raise GraphError where an image, or a page of one, is larger than it may be."""
    sides = " x ".join(f"{side:,}" for side in pages.shape)
    # as it is read, and the number of each pixel's cell
    check_memory(
        math.prod(pages.shape) * (pages.dtype.itemsize + 4), path, f"an image of {sides}", GraphError
    )


def _label_image(path: Path) -> np.ndarray:
    with _tiff(path) as file:
        labels = np.squeeze(_decoded(file.series[0], path))
    if labels.ndim != 2 or labels.dtype.kind not in "biuf":
        raise GraphError(
            f"{path.name} is not a label image: it has {labels.shape}, and needs rows and columns alone"
        )
    if labels.dtype.kind == "f":
        if not (labels == np.rint(labels)).all():
            raise GraphError(f"{path.name} is not a label image: its values are not whole numbers")
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "b" or labels.dtype == np.uint8 and len(np.unique(labels)) == 2:
        raise GraphError(
            f"{path.name} says only what is a cell and what is not: each cell needs its own number"
        )
    return labels


def _channels(series: TiffPageSeries, path: Path) -> Iterator[np.ndarray]:
    """Channel after channel of an image: (height, width) arrays."""
    axes, name = series.axes, path.name
    extra = [axis for axis in axes if axis not in "YX" and series.shape[axes.index(axis)] > 1]
    if len(extra) > 1:
        raise GraphError(
            f"{name} has the axes {axes}: one of channels beside rows and columns is understood (no stack, no"
            " time)"
        )
    if not extra or axes.index(extra[0]) < axes.index("Y"):
        for page in series.pages:
            found = _decoded(page, path) if page is not None else np.zeros(series.shape[-2:], series.dtype)
            yield from found.reshape(-1, *found.shape[-2:])
        return
    whole = np.moveaxis(
        _decoded(series, path), axes.index(extra[0]), 0
    )  # channels side by side in each pixel
    yield from np.squeeze(whole).reshape(-1, *whole.shape[-2:])


def _numbers(labels: np.ndarray) -> np.ndarray:
    """The numbers of the cells, ascending; found block by block."""
    blocks = [np.unique(labels[start : start + _BLOCK]) for start in range(0, len(labels), _BLOCK)]
    found = np.unique(np.concatenate(blocks))
    return found[found > 0]


def _sums(cells: np.ndarray, channel: np.ndarray, n: int) -> np.ndarray:
    total = np.zeros(n + 1)
    for start in range(0, len(cells), _BLOCK):
        part = channel[start : start + _BLOCK].ravel()
        total += np.bincount(cells[start : start + _BLOCK].ravel(), part, minlength=n + 1)
    return total[1:]


def _centres(cells: np.ndarray, n: int) -> np.ndarray:
    """Sums of x + 0.5 and y + 0.5 of the pixels of each cell: (n, 2)."""
    total = np.zeros((n + 1, 2))
    x = np.arange(cells.shape[1]) + 0.5
    for start in range(0, len(cells), _BLOCK):
        part = cells[start : start + _BLOCK]
        y = np.arange(start, start + len(part)) + 0.5
        total[:, 0] += np.bincount(part.ravel(), np.broadcast_to(x, part.shape).ravel(), minlength=n + 1)
        total[:, 1] += np.bincount(
            part.ravel(), np.broadcast_to(y[:, None], part.shape).ravel(), minlength=n + 1
        )
    return total[1:]


def _ome(file: TiffFile) -> Element:
    try:
        return ElementTree.fromstring(file.ome_metadata) if file.ome_metadata else None
    except ElementTree.ParseError:
        return None


def _channel_names(file: TiffFile, path: Path) -> list[str]:
    """Names of the channels: of a list beside the image, of OME or of ImageJ; None where nobody says."""
    for place in (
        path.with_name("channels.csv"),
        path.with_name("channels.txt"),
        path.with_name("markers.csv"),
    ):
        if place.is_file():
            lines = [
                line.strip() for line in place.read_text(encoding="utf-8-sig").splitlines() if line.strip()
            ]
            head = [cell.strip().lower() for cell in lines[0].split(",")] if lines else []
            column = next(
                (head.index(each) for each in ("marker_name", "channel", "name", "marker") if each in head),
                None,
            )
            if column is not None:
                return [line.split(",")[column].strip() for line in lines[1:]]
            return lines
    root = _ome(file)
    if root is not None:
        found = [
            node.get("Name") for node in root.iter() if node.tag.endswith("}Channel") or node.tag == "Channel"
        ]
        if found and all(found):
            return found
    labels = (file.imagej_metadata or {}).get("Labels")
    return list(labels) if labels else None


def _pixel_size(file: TiffFile) -> tuple[float, str]:
    """(how much a pixel is, unit)."""
    root = _ome(file)
    for node in root.iter() if root is not None else ():
        if node.tag.endswith("Pixels") and node.get("PhysicalSizeX"):
            factor = _TO_MICRONS.get(node.get("PhysicalSizeXUnit", "µm"))
            size = float(node.get("PhysicalSizeX"))
            if factor and size > 0:
                return size * factor, "µm"
    return 1.0, "px"
