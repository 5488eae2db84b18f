"""Files of vectors that others wrote: NPY, Parquet, HDF5; one row per token."""

from __future__ import annotations

import math
import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import EmbeddingError, MissingExtraError, ProspectorError
from .memory import check_chunks, check_memory
from .readable import require_readable
from .tables import read_table

__all__ = ["read_vector_file"]

_DATASETS = ("embeddings", "features", "vectors")


def read_vector_file(path: str | os.PathLike[str]) -> np.ndarray:
    """The vectors of a file, (n, d) float32 or float16.

    NPY, HDF5 (embeddings, features, or its only array), or Parquet (its columns of numbers in their order).
    Raises EmbeddingError, MissingExtraError.
    """
    path = Path(path)
    require_readable(path, EmbeddingError)
    try:
        vectors = {".npy": _npy, ".parquet": _parquet}.get(path.suffix.lower(), _hdf5)(path)
    except (EmbeddingError, MissingExtraError):
        raise
    except ProspectorError as error:
        raise EmbeddingError(str(error)) from error
    except (
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        KeyError,
        TypeError,
        MemoryError,
        ArithmeticError,
        BadZipFile,
    ) as error:
        raise EmbeddingError(f"{path.name} cannot be read ({error}): write it again") from error
    if vectors.ndim == 3 and vectors.shape[0] == 1:
        vectors = vectors[0]
    if vectors.ndim != 2 or not vectors.shape[1] or vectors.dtype.kind not in "biuf":
        raise EmbeddingError(
            f"{path.name} holds {vectors.shape} {vectors.dtype}: one row of numbers per token is needed"
        )
    with np.errstate(over="ignore"):  # said below
        vectors = vectors if vectors.dtype == np.float16 else np.asarray(vectors, np.float32)
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wrong.size:
        raise EmbeddingError(f"{path.name}: the vector of token {wrong[0]} is not finite: write it again")
    return vectors


def _npy(path: Path) -> np.ndarray:
    found = np.load(path, allow_pickle=False, mmap_mode="r")  # its head may ask for more than the file has
    if not isinstance(found, np.ndarray):  # an NPZ of that name
        raise ValueError("several arrays, or none")
    return found


def _parquet(path: Path) -> np.ndarray:
    columns = [values for values in read_table(path).values() if values.dtype.kind in "biuf"]
    if not columns:
        raise EmbeddingError(f"{path.name} has no columns of numbers: one column per dimension is needed")
    return np.stack(columns, axis=1)


def _hdf5(path: Path) -> np.ndarray:
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "HDF5 files need h5py: pip install h5py, or prospector-heads[features]"
        ) from error
    with h5py.File(path, "r") as file:
        arrays = [name for name in file if hasattr(file.get(name), "shape")]
        name = next((name for name in _DATASETS if name in arrays), arrays[0] if len(arrays) == 1 else None)
        if name is None:
            raise EmbeddingError(
                f"{path.name} has no array 'embeddings' (it holds {', '.join(sorted(file)) or 'nothing'})"
            )
        kept = file[name]
        if kept.dtype.kind not in "biuf":
            raise EmbeddingError(f"{path.name}: {name!r} holds {kept.dtype}, not numbers: write it again")
        need = math.prod(kept.shape or (0,)) * (kept.dtype.itemsize + 4)
        check_memory(
            need, path, f"an array of {' x '.join(map(str, kept.shape or ()))} numbers", EmbeddingError
        )
        check_chunks(kept, path, EmbeddingError)
        return kept[...]
