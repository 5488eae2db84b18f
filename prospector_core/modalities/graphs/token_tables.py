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
from ..token_file import TokenFile, TokenTable, is_edges, labels_of_parts
from .columns import (
    SAMPLES,
    choose_features,
    find_column,
    is_left_out,
    list_names,
    numbers_of,
    roles_of,
    texts_of,
)

if TYPE_CHECKING:
    from ..token_file import TokenOptions

__all__ = ["ArrayFile", "TableFile"]

_ENDS = (("source", "target"), ("from", "to"), ("a", "b"), ("i", "j"), ("node1", "node2"))
_SUFFIXES = (".parquet", ".csv", ".tsv")


class TableFile(TokenFile):
    """A table of tokens: a column for the datum (or one datum), x, y (, z), and features.

    Every other column of numbers.
    """

    def __init__(self, path: Path, options: TokenOptions) -> None:
        path = Path(path)
        self._options, self._name = options, path.name
        name = path.name
        columns = read_table(path)
        roles = roles_of(columns, options, name)
        names = {each for each in (roles.sample, roles.id) if each is not None}
        out = [each for each in columns if each not in names and not is_left_out(each, options)]
        self._columns = {
            **columns,
            **{each: numbers_of(each, columns[each], name) for each in out},
        }
        self._chosen = choose_features(self._columns, roles, options, name)
        self._features, self._sample, self._id = self._chosen.features, roles.sample, roles.id
        self.left, self.said = dict(self._chosen.left), []
        for each in roles.place:
            if self._columns[each].dtype.kind not in "biuf":
                raise GraphError(
                    f"{name}: the coordinates {each!r} are no numbers: choose others, --x and --y"
                )
        self._edges = _read_edges(path)
        kept = np.arange(len(self._columns[self._features[0]])) if self._edges else self._whole_rows()
        if self._sample is None:
            self._of = {path.stem: kept}
        else:
            values = texts_of(self._columns[self._sample])
            nameless = int((values == "").sum())
            if nameless:
                self.said.append(f"{name}: {nameless:,} rows left out, their {self._sample!r} is empty")
                kept = kept[values[kept] != ""]
            values = values[kept]
            order = np.argsort(values, kind="stable")
            parts, starts = np.unique(values[order], return_index=True)
            self._of = dict(zip(parts.tolist(), np.split(kept[order], starts[1:]), strict=True))
            self.by = f"column {self._sample!r} of {name}, whose columns are {list_names(columns, 20)}"
        super().__init__(path, self._of)

    def _whole_rows(self) -> np.ndarray:
        """Rows whose coordinates and features are all there; how many are not is said."""
        whole = np.ones(len(self._columns[self._features[0]]), bool)
        lacking = []
        for each in (*self._chosen.place, *self._features):
            there = ~np.isnan(self._columns[each]) if self._columns[each].dtype.kind == "f" else None
            if there is not None and not there.all():
                lacking.append(each)
                whole &= there
        if not whole.any():
            raise GraphError(
                f"{self._name}: no cell has all of {list_names(lacking, 6)}: leave out such features with"
                " --not-features"
            )
        if lacking:
            self.said.append(
                f"{self._name}: {(~whole).sum():,} of {len(whole):,} rows left out, they lack a value of"
                f" {list_names(lacking, 4)} (the first in line {int(np.argmin(whole)) + 2})"
            )
        return np.flatnonzero(whole)

    def labels(self, column: str) -> dict[str, str]:
        found = find_column(column, self._columns, self.path.name, "--label-column")
        values = texts_of(self._columns[found])
        return labels_of_parts(values, self._of, found, self.path.name)

    def read(self, part: str) -> TokenTable:
        rows, where = self._of[part], f"{self.path.name}, {part}" if self._sample else self.path.name
        features = np.stack([self._columns[name][rows] for name in self._features], axis=1)
        positions = None
        if self._chosen.place:
            positions = np.stack([self._columns[name][rows] for name in self._chosen.place], axis=1)
            if self._chosen.place_is_bounds:  # the middle of low and high
                positions = positions.reshape(len(positions), 2, 2).mean(axis=2)
        ids = [str(each) for each in self._columns[self._id][rows].tolist()] if self._id else None
        edges = self._edges_of(part, ids, len(rows), where)
        unit = self._options.unit or self._chosen.unit
        return TokenTable(features, list(self._features), positions, edges, ids, unit).checked(where)

    def _edges_of(self, part: str, ids: list[str] | None, n: int, where: str) -> np.ndarray | None:
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
    sample = next((lower[name] for name in SAMPLES if name in lower), None)
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
