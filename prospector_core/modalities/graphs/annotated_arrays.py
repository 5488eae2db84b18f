"""Columns and matrices of an AnnData as they are on disk, checked before they are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...errors import GraphError
from ...store.memory import check_chunks, check_memory

if TYPE_CHECKING:
    from typing import Any

    from h5py import Dataset, File, Group

__all__ = ["AnnotatedArrays", "is_group"]


class AnnotatedArrays:
    """What readers of AnnData share: its file and name, the group of the table, the number of cells."""

    _where: Path
    _name: str
    _root: File | Group
    _n: int

    def _index(self, frame: Group) -> np.ndarray:
        return self._strings(frame[frame.attrs.get("_index", "_index")])

    def _all(self, node: Dataset) -> np.ndarray:
        """The values of an array, if it is not larger than it may be."""
        if is_group(node):
            raise GraphError(f"{self._name}: a table stands where an array is needed: write it again")
        if node.dtype.kind not in "biufSUOT":
            raise GraphError(f"{self._name} has an array of {node.dtype}: write it again, as numbers or text")
        need = math.prod(node.shape) * max(node.dtype.itemsize, 8)
        check_memory(2 * need, self._where, f"an array of {' x '.join(map(str, node.shape))}", GraphError)
        check_chunks(node, self._where, GraphError)
        return node[...]

    def _strings(self, node: Dataset) -> np.ndarray:
        """Texts of a column: an array, or (since pandas 3) values and which of them are missing."""
        found = _text(self._all(node["values"] if is_group(node) else node))
        if found.ndim != 1:
            raise GraphError(f"{self._name}: a column of text has the shape {found.shape}: write it again")
        return found

    def _column(self, name: str) -> np.ndarray:
        obs = self._root["obs"]
        column = obs[name]
        if is_group(column) and "codes" in column:  # categorical, as anndata writes it today
            codes, categories = np.asarray(self._all(column["codes"])), self._strings(column["categories"])
        elif "__categories" in obs and name in obs["__categories"]:  # and as it did before 0.8
            codes, categories = np.asarray(self._all(column)), self._strings(obs["__categories"][name])
        else:
            return self._strings(column)
        if codes.dtype.kind not in "iu" or (codes >= len(categories)).any():
            raise GraphError(
                f"{self._name}: the column {name!r} of obs names categories that do not exist: write it again"
            )
        if (codes < 0).any():
            raise GraphError(
                f"cell {int(np.argmax(codes < 0))} has no {name!r}: give every cell its sample, or leave"
                " it out"
            )
        return categories[codes]

    def _numbers(self, name: str) -> Any:
        """A column as it is, numbers as numbers."""
        column = self._root["obs"][name]
        values = None if is_group(column) else np.asarray(self._all(column))
        return values if values is not None and values.dtype.kind in "iu" else self._column(name)

    def _rows(self, stored: Dataset | Group, rows: np.ndarray, width: int | None = None) -> np.ndarray:
        """Rows of a dense or sparse matrix, or of a table of numbers: (m, f) float64.

        ``width``: f, where it is known.
        """
        first, last = (
            (rows.start, rows.stop) if isinstance(rows, slice) else (int(rows[0]), int(rows[-1]) + 1)
        )
        picked = slice(None) if isinstance(rows, slice) else rows - first
        if not is_group(stored):
            if len(stored.shape) < 1 or stored.shape[0] != self._n or stored.dtype.kind not in "biuf":
                raise GraphError(
                    f"{self._name}: an array of shape {stored.shape} is not one row of numbers per cell"
                    f" ({self._n} cells)"
                )
            self._allow(
                (last - first) * math.prod(stored.shape[1:]), f"{last - first:,} rows of {stored.shape}"
            )
            check_chunks(stored, self._where, GraphError)
            block = np.asarray(stored[first:last])
            return np.asarray(block.reshape(len(block), -1)[picked], np.float64)
        kind = str(stored.attrs.get("encoding-type", stored.attrs.get("h5sparse_format", "")))
        if "dataframe" in kind:
            names = list(stored.attrs["column-order"])
            self._allow((last - first) * len(names), f"a table of {len(names)} columns")
            return np.stack([np.asarray(stored[name][first:last], np.float64) for name in names], axis=1)[
                picked
            ]
        return self._sparse(stored, kind, first, last, picked, width)

    def _links(self, stored: Group, kind: str) -> Any:
        """A sparse matrix cells x cells as it is kept, checked."""
        indptr = np.asarray(self._all(stored["indptr"])).astype(np.int64)
        indices = np.asarray(self._all(stored["indices"])).astype(np.int64)
        data = np.asarray(self._all(stored["data"]))
        if (
            indptr.shape != (self._n + 1,)
            or indptr[0] != 0
            or (np.diff(indptr) < 0).any()
            or not indptr[-1] == len(indices) == len(data)
            or indices.size
            and (indices.min() < 0 or indices.max() >= self._n)
        ):
            raise GraphError(f"{self._name}: a graph of cells (obsp) contradicts itself: write it again")
        made = (sparse.csc_matrix if "csc" in kind else sparse.csr_matrix)(
            (data, indices, indptr), (self._n,) * 2
        )
        return made.tocsr()

    def _sparse(
        self, stored: Group, kind: str, first: int, last: int, picked: np.ndarray, width: int
    ) -> np.ndarray:
        shape = tuple(int(each) for each in stored.attrs.get("shape", stored.attrs.get("h5sparse_shape")))
        if (
            len(shape) != 2
            or shape[0] != self._n
            or shape[1] != (shape[1] if width is None else width)
            or min(shape) < 0
        ):
            raise GraphError(
                f"{self._name}: a sparse matrix of shape {shape} is not one row per cell ({self._n} cells)"
            )
        self._allow(
            (last - first) * shape[1], f"a table of {last - first:,} cells and {shape[1]:,} numbers each"
        )
        indptr = np.asarray(self._all(stored["indptr"])).astype(np.int64)
        by_column, there = "csc" in kind, min(stored["data"].shape[0], stored["indices"].shape[0])
        n = shape[1] if by_column else shape[0]
        if indptr.shape != (n + 1,) or indptr[0] != 0 or (np.diff(indptr) < 0).any() or indptr[-1] > there:
            raise GraphError(f"{self._name}: a sparse matrix contradicts itself (indptr): write it again")
        low, high = (0, int(indptr[-1])) if by_column else (int(indptr[first]), int(indptr[last]))
        self._allow(3 * (high - low), f"{high - low:,} numbers of a sparse matrix")
        for name in ("data", "indices"):
            check_chunks(stored[name], self._where, GraphError)
        data, indices = stored["data"][low:high], np.asarray(stored["indices"][low:high]).astype(np.int64)
        # scipy believes what it is told, and would read and write beside its arrays
        if indices.size and (indices.min() < 0 or indices.max() >= (shape[0] if by_column else shape[1])):
            raise GraphError(f"{self._name}: a sparse matrix contradicts itself (indices): write it again")
        if by_column:
            return sparse.csc_matrix((data, indices, indptr), shape).tocsr()[first:last][picked].toarray()
        part = (data, indices, indptr[first : last + 1] - low)
        return sparse.csr_matrix(part, (last - first, shape[1]))[picked].toarray()

    def _allow(self, numbers: int, what: str) -> None:
        check_memory(24 * numbers, self._where, what, GraphError)


def is_group(node: Dataset | Group) -> bool:
    """Return whether a node is a group, not an array."""
    return hasattr(node, "keys")


def _text(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind == "U":
        return values
    return np.array(
        [
            each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
            for each in values.tolist()
        ]
    )
