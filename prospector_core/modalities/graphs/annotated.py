"""AnnData (.h5ad, .zarr) and SpatialData (.zarr), read as they are on disk.

Nothing of those libraries is needed.

Cells of a SpatialData are where the shapes or labels that its table annotates are, under their
transformation.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GraphError, MissingExtraError, ProspectorError
from ..token_file import MAX_FEATURES, TokenFile, TokenTable, labels_of_parts
from .annotated_arrays import AnnotatedArrays, is_group
from .columns import SAMPLES, find_column, list_names, matching, roles_of
from .spatial import Elements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from h5py import File, Group

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
_GRAPH = "spatial_connectivities"  # as squidpy writes it; "connectivities" are of expression


class AnnotatedFile(AnnotatedArrays, TokenFile):
    """Cells of an AnnData: obs has the sample, obsm the coordinates, X (or a layer, or obsm) the features."""

    def __init__(self, path: Path, options: TokenOptions) -> None:
        self.options, self._where, self._name = options, Path(path), Path(path).name
        self._file = _open(path)
        self._root, self._elements = self._file, None
        with self._reading(path):
            self._root = _table(self._file, Path(path), options.table)
            self._n = self._n_cells(path)
            if self._root is not self._file:
                found = Elements(self._file, path, self._root)
                self._elements = (
                    found if {found.region_key, found.instance_key} <= set(self._root["obs"]) else None
                )
            self._sample = self._sample_column(path)
            self.by, self.left, self.said = self._told_by(), {}, []
            values = None if self._sample is None else self._column(self._sample)
            if not self._n or (values is not None and values.shape != (self._n,)):
                raise GraphError(
                    f"{self._name}: its table of cells contradicts itself ({self._n} cells): write it again"
                )
        with self._reading(path):
            kept = self._with_shapes()
            self._say_what_is_read()
        if values is None:
            self._of = {Path(path).stem: slice(0, self._n) if len(kept) == self._n else kept}
        else:
            order = kept[np.argsort(values[kept], kind="stable")]
            names, starts = np.unique(values[order], return_index=True)
            self._of = dict(
                zip(names.tolist(), (np.sort(rows) for rows in np.split(order, starts[1:])), strict=True)
            )
        super().__init__(path, self._of)

    def _told_by(self) -> str:
        columns = [name for name in self._root["obs"] if not name.startswith("_")]
        by = f"column {self._sample!r}" if self._sample is not None else "no column"
        return f"{by} of obs of {self._name}, whose columns are {list_names(sorted(columns), 20)}"

    def _with_shapes(self) -> np.ndarray:
        """Rows of cells that have a shape, where they are annotated by shapes; else all."""
        everything = np.arange(self._n)
        if self._elements is None or self.options.spatial != _SPATIAL or self.options.x is not None:
            return everything
        there = self._elements.present(*self._annotated(slice(0, self._n)))
        if not there.all():
            self.said.append(
                f"{self._name}: {(~there).sum():,} of {self._n:,} cells left out, they have no shape"
            )
        return everything[there]

    def _say_what_is_read(self) -> None:
        """Say what is not where it usually is: coordinates, edges; and which features are left out."""
        if not self.options.values.startswith("obsm") and "var" in self._root:
            self.left = matching(self._index(self._root["var"]).tolist(), self.options, self._name)[1]
        usual = _SPATIAL in (self._root.get("obsm") or ()) or self.options.spatial != _SPATIAL
        if self._elements is None and not usual and self.options.x is None:
            self.said.append(f"{self._name}: coordinates are {self._place_key()[1]}")
        if _GRAPH in (self._root.get("obsp") or ()):
            self.said.append(f"{self._name}: edges are those of obsp[{_GRAPH!r}], unless --edges says others")

    def labels(self, column: str) -> dict[str, str]:
        with self._reading(self.path):
            names = [name for name in self._root["obs"] if not name.startswith("_")]
            found = find_column(column, names, f"{self._name}", "--label-column")
            return labels_of_parts(self._column(found), self._of, found, self._name)

    def _edges(self, rows: np.ndarray | slice) -> np.ndarray | None:
        """The edges among some cells, of obsp: (m, 2), or None where there are none."""
        stored = (self._root.get("obsp") or {}).get(_GRAPH)
        if stored is None:
            return None
        if is_group(stored):
            kind = str(stored.attrs.get("encoding-type", stored.attrs.get("h5sparse_format", "")))
            links = self._links(stored, kind)[rows][:, rows].tocoo()
            return np.stack([links.row, links.col], axis=1).astype(np.int64)[links.data != 0]
        mine = self._rows(stored, rows, self._n)
        return np.argwhere(mine[:, rows] != 0)

    def read(self, part: str) -> TokenTable:
        rows, where = self._of[part], f"{self.path.name}, {part}"
        with self._reading(self.path):
            features, names = self._values(rows)
            positions, unit = self._placed(rows)
            edges = self._edges(rows)
            ids = self._index(self._root["obs"])[rows]
        unit = self.options.unit or unit
        return TokenTable(features, names, positions, edges, ids.tolist(), unit).checked(where)

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
        if self._elements is not None and self.options.spatial == _SPATIAL and self.options.x is None:
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
        return self._positions(rows)

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
        if obs is None or not is_group(obs):
            raise GraphError(
                f"{Path(path).name} has no table of cells (obs): write it again with anndata 0.7 or later"
            )
        return len(self._index(obs))

    def _sample_column(self, path: Path) -> str:
        names = [name for name in self._root["obs"] if not name.startswith("_")]
        asked = self.options.sample
        if (
            asked is None
            and self._elements is not None
            and not {name.lower() for name in names} & set(SAMPLES) - {"region"}
        ):
            return self._elements.region_key
        if asked is not None:
            return find_column(asked, names, f"{Path(path).name}", "--sample-column")
        lower = {name.lower().replace(".", "_"): name for name in names}
        return next((lower[name] for name in SAMPLES if name in lower), None)

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
        names = self._index(self._root["var"]).tolist()
        chosen, self.left = matching(names, self.options, self._name)
        if len(chosen) > MAX_FEATURES:  # before they are read
            raise GraphError(
                f"{len(chosen):,} features per cell are more than {MAX_FEATURES:,}: choose some with"
                " --features, or say which values to take, such as --values obsm/X_pca"
            )
        values = self._rows(stored, rows, len(names))
        if self.left:
            taken = set(chosen)
            values = values[:, [name in taken for name in names]]
        return values, chosen

    def _place_key(self) -> tuple[list[str] | str, str]:
        """Where coordinates are: (columns of obs, or a key of obsm; the same in words). Raises GraphError."""
        obsm, key = self._root.get("obsm"), self.options.spatial
        there = list(obsm) if obsm is not None else []
        if self.options.x is None and key in there:
            return key, f"obsm[{key!r}]"
        names = [name for name in self._root["obs"] if not name.startswith("_")]
        if self.options.x is not None or key == _SPATIAL:
            other = next((each for each in there if _SPATIAL in each.lower()), None)
            if self.options.x is None and other is not None:
                return other, f"obsm[{other!r}]"
            roles = roles_of(dict.fromkeys(names), self.options, f"{self._name}, obs,")
            if roles.place:
                return list(roles.place[:3]), f"columns {', '.join(roles.place)} of obs"
        raise GraphError(
            f"{self._name}: no coordinates in obsm[{key!r}]: name them, --spatial with one of obsm"
            f" ({list_names(there, 12) or 'it is empty'}), or --x and --y with columns of obs"
            f" ({list_names(sorted(names), 12)})"
        )

    def _positions(self, rows: np.ndarray) -> tuple[np.ndarray, str]:
        """(coordinates, their unit) of obsm, or of columns of obs."""
        key, _ = self._place_key()
        if isinstance(key, str):
            return self._rows(self._root["obsm"][key], rows)[:, :3], ""
        columns = [np.asarray(self._all(self._root["obs"][name]))[rows] for name in key]
        if any(each.dtype.kind not in "biuf" for each in columns):
            raise GraphError(
                f"{self._name}: {', '.join(key)} of obs are no numbers: choose others, --x and --y"
            )
        return np.stack(columns, axis=1).astype(np.float64), ""


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


def _table(root: File | Group, path: Path, asked: str | None) -> File | Group:
    """The AnnData itself: the root, or a table of a SpatialData: the one asked for, or the only one."""
    if "obs" in root:
        return root
    tables = root.get("tables", root.get("table"))
    names = sorted(tables) if tables is not None and is_group(tables) else []
    if not names:
        raise GraphError(f"{path.name} holds no cells: AnnData has obs, SpatialData has tables")
    if asked is not None and asked not in names:
        raise GraphError(
            f"{path.name} has no table {asked!r}: choose with --table one of {list_names(names)}"
        )
    if asked is None and len(names) > 1:
        raise GraphError(
            f"{path.name} holds {len(names)} tables: choose one with --table: {list_names(names)}"
        )
    return tables[asked or names[0]]
