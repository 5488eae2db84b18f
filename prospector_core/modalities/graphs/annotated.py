"""AnnData (.h5ad, .zarr) and SpatialData (.zarr), read as they are on disk.

Nothing of those libraries is needed.

Cells of a SpatialData are where the shapes or labels that its table annotates are, under their
transformation.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...errors import GraphError, MissingExtraError, ProspectorError
from ...store.memory import check_chunks, check_memory
from ..token_file import MAX_FEATURES, TokenFile, TokenTable
from .spatial import Elements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from h5py import Dataset, File, Group

    from ..token_file import TokenOptions

__all__ = ["AnnotatedFile"]

# Why not anndata: files come from strangers. Its reader (0.12.19) loads the whole file, so that one of 80 KB
# took 3.2 GB of memory and 17 s for an array that nobody asked for; a sparse matrix with wrong indices ended
# the process when it was made dense. Here memory is asked for first, and only what is needed is read.

# What the libraries say of files that are not as they should be
_ODD = (
    OSError,
    KeyError,
    ValueError,
    RuntimeError,
    TypeError,
    IndexError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    ImportError,
)
_SPATIAL = "spatial"  # where coordinates are looked for if nobody says
_SAMPLES = (
    "sample",
    "sample_id",
    "datum",
    "library_id",
    "image",
    "image_id",
    "slide",
    "slide_id",
    "region",
    "fov",
    "patient",
    "donor",
)


class AnnotatedFile(TokenFile):
    """Cells of an AnnData: obs has the sample, obsm the coordinates, X (or a layer, or obsm) the features."""

    def __init__(self, path: Path, options: TokenOptions) -> None:
        self.options, self._where, self._name = options, Path(path), Path(path).name
        self._file = _open(path)
        self._root, self._elements = self._file, None
        with self._reading(path):
            self._root = _table(self._file, Path(path))
            self._n = self._n_cells(path)
            if self._root is not self._file:
                found = Elements(self._file, path, self._root)
                self._elements = (
                    found if {found.region_key, found.instance_key} <= set(self._root["obs"]) else None
                )
            self._sample = self._sample_column(path)
            values = None if self._sample is None else self._column(self._sample)
            if not self._n or (values is not None and values.shape != (self._n,)):
                raise GraphError(
                    f"{self._name}: its table of cells contradicts itself ({self._n} cells): write it again"
                )
        if values is None:
            self._of = {Path(path).stem: slice(0, self._n)}
        else:
            order = np.argsort(values, kind="stable")
            names, starts = np.unique(values[order], return_index=True)
            self._of = dict(
                zip(names.tolist(), (np.sort(rows) for rows in np.split(order, starts[1:])), strict=True)
            )
        super().__init__(path, self._of)

    def read(self, part: str) -> TokenTable:
        rows, where = self._of[part], f"{self.path.name}, {part}"
        with self._reading(self.path):
            features, names = self._values(rows)
            positions, unit = self._placed(rows)
            ids = self._index(self._root["obs"])[rows]
        return TokenTable(features, names, positions, None, ids.tolist(), self.options.unit or unit).checked(
            where
        )

    def under(self, part: Any) -> Any:
        if self._elements is None or self.options.spatial != _SPATIAL:
            return super().under(part)
        with self._reading(self.path):
            return self._elements.under(*self._annotated(self._of[part]))

    def _annotated(self, rows: Any) -> Any:
        """(region of each cell, its number there)."""
        return self._column(self._elements.region_key)[rows], self._numbers(self._elements.instance_key)[rows]

    def _placed(self, rows: np.ndarray) -> tuple[np.ndarray, str]:
        """(coordinates, their unit): of the elements that the table annotates, else of obsm."""
        if self._elements is not None and self.options.spatial == _SPATIAL:
            regions, instances = self._annotated(rows)
            positions, units = np.zeros((len(regions), 2)), set()
            for region in dict.fromkeys(regions.tolist()):
                mine = regions == region
                found = self._elements.centres(region, instances[mine])
                if found is None:
                    break
                positions[mine], unit = found
                units.add(unit)
            else:
                return positions, units.pop() if len(units) == 1 else ""
        return self._positions(rows), ""

    def close(self) -> None:
        if hasattr(self._file, "close"):
            self._file.close()

    @contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        try:
            yield
        except ProspectorError:
            self.close()
            raise
        except _ODD as error:
            self.close()
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise GraphError(
                f"{Path(path).name} is damaged, or not an AnnData that can be read ({why})"
            ) from error

    def _n_cells(self, path: Path) -> int:
        obs = self._root.get("obs") if hasattr(self._root, "get") else None
        if obs is None or not _is_group(obs):
            raise GraphError(
                f"{Path(path).name} has no table of cells (obs): write it again with anndata 0.7 or later"
            )
        return len(self._index(obs))

    def _sample_column(self, path: Path) -> str:
        names = [name for name in self._root["obs"] if not name.startswith("__")]
        asked = self.options.sample
        if (
            asked is None
            and self._elements is not None
            and not {name.lower() for name in names} & set(_SAMPLES)
        ):
            return self._elements.region_key
        if asked is not None:
            if asked not in names:
                raise GraphError(
                    f"{Path(path).name} has no column {asked!r} in obs: its columns are"
                    f" {', '.join(sorted(names)[:12]) or 'none'}"
                )
            return asked
        lower = {name.lower(): name for name in names}
        return next((lower[name] for name in _SAMPLES if name in lower), None)

    def _index(self, frame: Group) -> np.ndarray:
        return self._strings(frame[frame.attrs.get("_index", "_index")])

    def _all(self, node: Dataset) -> np.ndarray:
        """The values of an array, if it is not larger than it may be."""
        if _is_group(node):
            raise GraphError(f"{self._name}: a table stands where an array is needed: write it again")
        if node.dtype.kind not in "biufSUOT":
            raise GraphError(f"{self._name} has an array of {node.dtype}: write it again, as numbers or text")
        need = math.prod(node.shape) * max(node.dtype.itemsize, 8)
        check_memory(2 * need, self._where, f"an array of {' x '.join(map(str, node.shape))}", GraphError)
        check_chunks(node, self._where, GraphError)
        return node[...]

    def _strings(self, node: Dataset) -> np.ndarray:
        """Texts of a column: an array, or (since pandas 3) values and which of them are missing."""
        found = _text(self._all(node["values"] if _is_group(node) else node))
        if found.ndim != 1:
            raise GraphError(f"{self._name}: a column of text has the shape {found.shape}: write it again")
        return found

    def _column(self, name: str) -> np.ndarray:
        obs = self._root["obs"]
        column = obs[name]
        if _is_group(column) and "codes" in column:  # categorical, as anndata writes it today
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
        values = None if _is_group(column) else np.asarray(self._all(column))
        return values if values is not None and values.dtype.kind in "iu" else self._column(name)

    def _values(self, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """(features (n, f), their names)."""
        wanted = self.options.values.strip("/").replace(":", "/")
        kind, _, name = wanted.partition("/")
        there = [
            "X",
            *(
                f"{kind}/{each}"
                for kind in ("layers", "obsm")
                if kind in self._root
                for each in self._root[kind]
            ),
        ]
        if (
            wanted != "X"
            and (not name or kind not in ("layers", "obsm") or wanted not in there)
            or "X" not in self._root
            and wanted == "X"
        ):
            raise GraphError(f"there are no values {wanted!r}: choose one of {', '.join(there)}")
        stored = self._root["X"] if wanted == "X" else self._root[kind][name]
        if kind == "obsm":
            found = self._rows(stored, rows)
            return found, [f"{name.removeprefix('X_')} {i + 1}" for i in range(found.shape[1])]
        names = self._index(self._root["var"])
        if len(names) > MAX_FEATURES:  # before they are read
            raise GraphError(
                f"{len(names):,} features per cell are more than {MAX_FEATURES:,}: take the most variable"
                " ones, or say which values to take, such as obsm/X_pca"
            )
        return self._rows(stored, rows, len(names)), names.tolist()

    def _positions(self, rows: np.ndarray) -> np.ndarray:
        obsm, key = self._root.get("obsm"), self.options.spatial
        if obsm is None or key not in obsm:
            there = ", ".join(obsm) if obsm is not None else ""
            raise GraphError(
                f"no coordinates in obsm[{key!r}] (there: {there or 'nothing'}): write them there, x and y a"
                " cell"
            )
        return self._rows(obsm[key], rows)[:, :3]

    def _rows(self, stored: Dataset | Group, rows: np.ndarray, width: int | None = None) -> np.ndarray:
        """Rows of a dense or sparse matrix, or of a table of numbers: (m, f) float64.

        ``width``: f, where it is known.
        """
        first, last = (
            (rows.start, rows.stop) if isinstance(rows, slice) else (int(rows[0]), int(rows[-1]) + 1)
        )
        picked = slice(None) if isinstance(rows, slice) else rows - first
        if not _is_group(stored):
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


def _open(path: Path) -> File | Group:
    path = Path(path)
    if path.is_dir():
        import zarr

        try:
            return zarr.open_group(path, mode="r")
        except Exception as error:  # many kinds, of many libraries
            raise GraphError(f"{path.name} is not a zarr folder that can be read ({error})") from error
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "h5ad files need h5py: pip install h5py, or prospector-heads[features]"
        ) from error
    try:
        return h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        raise GraphError(f"{path.name} is not an HDF5 file, or cut short: copy it again") from error


def _table(root: File | Group, path: Path) -> File | Group:
    """The AnnData itself: the root, or the only table of a SpatialData."""
    if "obs" in root:
        return root
    tables = root.get("tables", root.get("table"))
    names = sorted(tables) if tables is not None and _is_group(tables) else []
    if not names:
        raise GraphError(f"{path.name} holds no cells: AnnData has obs, SpatialData has tables")
    if len(names) > 1:
        raise GraphError(
            f"{path.name} holds {len(names)} tables ({', '.join(names)}): give the folder of one,"
            f" {path.name}/tables/{names[0]}"
        )
    return tables[names[0]]


def _is_group(node: Dataset | Group) -> bool:
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
