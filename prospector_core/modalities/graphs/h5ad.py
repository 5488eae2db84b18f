"""A datum as an AnnData file (.h5ad), written as anndata writes it; anndata itself is not needed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ...errors import MissingExtraError
from ..tables import columns

if TYPE_CHECKING:
    from h5py import Dataset, File, Group

    from ...method.graphs import TokenGraph
    from ...study import Datum, Study

__all__ = ["h5ad", "write_h5ad"]

# Why not anndata: version 0.12 needs pandas below 3, older than the one that Streamlit is installed with, and
# takes a second to import. A file written here opens in anndata 0.12.19 as one of its own.


def h5ad(study: Study, datum: Datum) -> bytes:
    """A datum as h5ad bytes.

    obs: one row per token, with concept, name, score (NaN where excluded) and whether its weight is pinned;
    X: what was embedded; obsm["spatial"]: coordinates; obsp["connectivities"]: the token graph.
    """
    datum = study.datum(datum)
    found = columns(study, datum)
    ids = found.pop("id", None)
    index = [str(each) for each in (ids if ids is not None else found["token"])]
    positions = study.positions(datum)
    obs = {name: values for name, values in found.items() if name not in ("token", *study.kind.place_names)}
    if "class" in obs:
        obs["class"] = [name or "" for name in obs["class"]]  # excluded tokens speak for none
    kept = study.attrs(datum).get("encoder", {}).get("features")
    vectors = study.store.vectors(datum.uid)[:]
    names = (
        kept
        if kept and len(kept) == vectors.shape[1]
        else [f"dimension {i + 1}" for i in range(vectors.shape[1])]
    )
    obsm = {} if positions is None else {"spatial": np.asarray(positions, np.float64)}
    return write_h5ad(vectors, index, names, obs, obsm, study.graph(datum))


def write_h5ad(
    matrix: np.ndarray,
    index: list[str] | np.ndarray,
    names: list[str] | tuple[str, ...],
    obs: dict[str, list[bool | str] | np.ndarray],
    obsm: dict[str, np.ndarray],
    graph: TokenGraph | None = None,
) -> bytes:
    """AnnData as bytes.

    Parameters: matrix (n, d); index, n names of rows; names, d names of columns; obs, {column: n values};
    obsm, {key: (n, m) array}; graph, TokenGraph of the rows or None. Raises MissingExtraError.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "h5ad files need h5py: pip install h5py, or prospector-heads[features]"
        ) from error
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _about(file, "anndata", "0.1.0")
        _array(file, "X", np.asarray(matrix, np.float32))
        _frame(file, "obs", index, obs)
        _frame(file, "var", names, {})
        for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
            _about(file.create_group(name), "dict", "0.1.0")
        for key, values in obsm.items():
            _array(file["obsm"], key, values)
        if graph is not None:
            links = file["obsp"].create_group("connectivities")
            _about(links, "csr_matrix", "0.1.0")
            links.attrs["shape"] = np.array([graph.n, graph.n])
            links["data"] = np.ones(len(graph.indices), np.float32)
            links["indices"], links["indptr"] = graph.indices, graph.indptr
    return buffer.getvalue()


def _about(node: Dataset | File | Group, kind: str, version: str) -> None:
    node.attrs["encoding-type"], node.attrs["encoding-version"] = kind, version


def _array(group: File | Group, name: str, values: list[bool | str] | np.ndarray) -> None:
    import h5py

    values = np.asarray(values)
    if values.dtype.kind in "UO":
        group.create_dataset(name, data=values.astype(object), dtype=h5py.string_dtype())
        _about(group[name], "string-array", "0.2.0")
    else:
        group.create_dataset(name, data=values)
        _about(group[name], "array", "0.2.0")


def _frame(
    file: File,
    name: str,
    index: list[str] | np.ndarray | tuple[str, ...],
    columns: dict[str, list[bool | str] | np.ndarray],
) -> None:
    import h5py

    group = file.create_group(name)
    _about(group, "dataframe", "0.2.0")
    group.attrs["_index"] = "_index"
    group.attrs.create("column-order", np.array(list(columns), object), dtype=h5py.string_dtype())
    _array(group, "_index", np.array([str(each) for each in index], object))
    for column, values in columns.items():
        _array(group, column, values)
