"""Tokens as plain tables: CSV and Parquet (one row per token), and NPZ (arrays).

Edges beside them, where they are given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GraphError
from ...store.memory import check_memory, memory_errors
from ...store.tables import read_table
from ..token_file import TokenFile, TokenTable, is_edges

if TYPE_CHECKING:
    from ..token_file import TokenOptions

__all__ = ["ArrayFile", "TableFile"]

_SAMPLES = (
    "datum",
    "sample",
    "sample_id",
    "graph",
    "graph_id",
    "image",
    "image_id",
    "slide",
    "slide_id",
    "fov",
)
_IDS = (
    "id",
    "cell",
    "cell_id",
    "cellid",
    "token",
    "token_id",
    "node",
    "node_id",
    "object",
    "object_id",
    "label_id",
)
_PLACES = (
    ("x", "y", "z"),
    ("x_centroid", "y_centroid", "z_centroid"),
    ("centroid_x", "centroid_y", "centroid_z"),
    ("pos_x", "pos_y", "pos_z"),
)
_ENDS = (("source", "target"), ("from", "to"), ("a", "b"), ("i", "j"), ("node1", "node2"))
_SUFFIXES = (".parquet", ".csv", ".tsv")


class TableFile(TokenFile):
    """A table of tokens: a column for the datum (or one datum), x, y (, z), and features.

    Every other column of numbers.
    """

    def __init__(self, path: Path, options: TokenOptions) -> None:
        path = Path(path)
        self._columns = read_table(path)
        self._options = options
        lower = {name.lower().strip(): name for name in self._columns}
        if options.sample is not None and options.sample not in self._columns:
            raise GraphError(
                f"{path.name} has no column {options.sample!r}: its columns are {', '.join(self._columns)}"
            )
        self._sample = options.sample or next((lower[name] for name in _SAMPLES if name in lower), None)
        self._id = next((lower[name] for name in _IDS if name in lower and lower[name] != self._sample), None)
        found = next((each for each in _PLACES if each[0] in lower and each[1] in lower), None)
        self._place = [lower[name] for name in found or () if name in lower]
        taken = {self._sample, self._id, *self._place}
        self._features = [
            name
            for name, values in self._columns.items()
            if name not in taken and values.dtype.kind in "biuf"
        ]
        if not self._features:
            raise GraphError(
                f"{path.name} has no column of numbers other than the coordinates: features are needed"
            )
        if self._sample is None:
            self._of = {path.stem: np.arange(len(self._columns[self._features[0]]))}
        else:
            values = np.array([str(each) for each in self._columns[self._sample].tolist()])
            order = np.argsort(values, kind="stable")
            names, starts = np.unique(values[order], return_index=True)
            self._of = dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))
        self._edges = None
        super().__init__(path, self._of)

    def read(self, part: str) -> TokenTable:
        rows, where = self._of[part], f"{self.path.name}, {part}" if self._sample else self.path.name
        features = np.stack([self._columns[name][rows] for name in self._features], axis=1)
        positions = (
            np.stack([self._columns[name][rows] for name in self._place], axis=1) if self._place else None
        )
        ids = [str(each) for each in self._columns[self._id][rows].tolist()] if self._id else None
        edges = self._edges_of(part, ids, len(rows), where)
        unit = self._options.unit or ""
        return TokenTable(features, list(self._features), positions, edges, ids, unit).checked(where)

    def _edges_of(self, part: str, ids: list[str] | None, n: int, where: str) -> np.ndarray | None:
        if self._edges is None:
            self._edges = _read_edges(self.path)
        if not self._edges:
            return None
        columns, ends, sample, name = self._edges
        chosen = slice(None)
        if sample is not None:
            chosen = np.array([str(each) == part for each in columns[sample].tolist()], bool)
        elif len(self.parts) > 1:
            raise GraphError(f"{name} must say which datum an edge is of: add the column {self._sample!r}")
        pairs = [columns[each][chosen] for each in ends]
        known = None if ids is None else {each: at for at, each in enumerate(ids)}
        if known is not None:
            pairs = [[known.get(str(each), -1) for each in column.tolist()] for column in pairs]
            if any(-1 in column for column in pairs):
                raise GraphError(f"{name}: an edge of {where} names a token that is not in the table")
        try:
            return np.stack([np.asarray(column, np.int64) for column in pairs], axis=1).reshape(-1, 2)
        except (TypeError, ValueError) as error:
            raise GraphError(
                f"{name}: edges must name tokens by their number, from 0 on, or by their id"
            ) from error


def _read_edges(path: Path) -> tuple[dict[str, np.ndarray] | str | tuple[str, str] | None, ...]:
    """(columns, (source, target), sample column or None, file name) of the table of edges of a table.

    () without one.
    """
    beside = [path.with_name(f"{path.stem}{mark}edges{suffix}") for mark in "_.-" for suffix in _SUFFIXES]
    tables = [each for each in path.parent.iterdir() if each.suffix.lower() in _SUFFIXES and is_edges(each)]
    others = [path.with_name(f"edges{suffix}") for suffix in _SUFFIXES] if len(tables) == 1 else []
    found = next((each for each in (*beside, *others) if each.is_file()), None)
    if found is None:
        return ()
    columns = read_table(found)
    lower = {name.lower().strip(): name for name in columns}
    ends = next((each for each in _ENDS if each[0] in lower and each[1] in lower), None)
    if ends is None:
        raise GraphError(
            f"{found.name} has no columns source and target: its columns are {', '.join(columns)}"
        )
    sample = next((lower[name] for name in _SAMPLES if name in lower), None)
    return columns, tuple(lower[end] for end in ends), sample, found.name


class ArrayFile(TokenFile):
    """Arrays of one datum: features (n, f), and positions (n, 2 or 3) or edges (m, 2).

    Optionally names, ids, unit.
    """

    def __init__(self, path: Path, options: TokenOptions) -> None:
        super().__init__(path, [Path(path).stem])
        self._options = options
        try:
            with np.load(path, allow_pickle=False) as arrays, memory_errors(path, GraphError):
                need = sum(each.file_size for each in arrays.zip.infolist())
                check_memory(2 * need, path, "what is packed in it", GraphError)
                self._arrays = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, KeyError, AttributeError) as error:
            if isinstance(error, GraphError):
                raise
            raise GraphError(f"{self.path.name} is not a NPZ file of plain arrays ({error})") from error
        except Exception as error:  # zipfile's own
            raise GraphError(f"{self.path.name} is damaged ({error}): copy it again") from error

    def read(self, part: str) -> TokenTable:
        arrays, name = self._arrays, self.path.name
        features = next((arrays[key] for key in ("features", "x", "X") if key in arrays), None)
        if features is None:
            raise GraphError(f"{name} has no array 'features' (it holds {', '.join(arrays) or 'nothing'})")
        positions = next((arrays[key] for key in ("positions", "pos", "xy", "xyz") if key in arrays), None)
        edges = next((arrays[key] for key in ("edges", "edge_index") if key in arrays), None)
        names = arrays["names"].tolist() if "names" in arrays else None
        width = features.shape[1] if features.ndim == 2 else 0
        ids = arrays["ids"].tolist() if "ids" in arrays else None
        unit = self._options.unit or (str(arrays["unit"]) if "unit" in arrays else "")
        names = names or [f"feature {i + 1}" for i in range(width)]
        return TokenTable(features, names, positions, edges, ids, unit).checked(name)
