"""Vectors of one's own: one file per datum, one row per token in their order, in place of an encoder."""

import math
import os
import tempfile
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import EmbeddingError, MissingExtraError, ProspectorError
from ..store.embeddings import EmbeddingStore
from ..store.memory import check_chunks, check_memory
from ..store.readable import require_readable
from ..store.removal import remove_made

__all__ = ["NAME", "OwnEmbedder", "OwnVectors", "adopt_vectors", "read_vector_file"]

NAME = "own-vectors"
_SUFFIXES = (".npy", ".h5", ".hdf5", ".parquet")
_DATASETS = ("embeddings", "features", "vectors")
_BLOCK = 4096


def read_vector_file(path):
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


def _npy(path):
    found = np.load(path, allow_pickle=False, mmap_mode="r")  # its head may ask for more than the file has
    if not isinstance(found, np.ndarray):  # an NPZ of that name
        raise ValueError("several arrays, or none")
    return found


def _parquet(path):
    from ..store.tables import read_table

    columns = [values for values in read_table(path).values() if values.dtype.kind in "biuf"]
    if not columns:
        raise EmbeddingError(f"{path.name} has no columns of numbers: one column per dimension is needed")
    return np.stack(columns, axis=1)


def _hdf5(path):
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


def adopt_vectors(study, folder):
    """Say that a new study takes its vectors from a folder, one file per datum.

    Raises EmbeddingError, naming what is missing.
    """
    folder = Path(os.path.abspath(folder))
    files = _files(study, folder)
    dims = {}
    for datum in study.data:
        dims.setdefault(read_vector_file(files[datum.uid]).shape[1], files[datum.uid].name)
    if len(dims) > 1:
        (one, first), (two, second) = list(dims.items())[:2]
        raise EmbeddingError(
            f"{first} has {one} numbers per token and {second} {two}: vectors of one encoder are needed"
        )
    from .create import portable

    study.database.write_meta(
        "embedding",
        {
            **study.embedding,
            "encoder": NAME,
            "dim": next(iter(dims)),
            "vectors": {"folder": portable(folder, study.path), "absolute": str(folder)},
        },
    )


def _files(study, folder, only=None):
    """{uid of a datum: its file}, named after the datum, or after its file where that holds one datum.

    ``only``: of that datum.
    """
    require_readable(folder, EmbeddingError)
    if not folder.is_dir():
        raise EmbeddingError(f"there is no folder {folder}: give the folder of the vectors")
    there = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.name.startswith("."):
            for key in (path.name.lower(), path.stem.lower()):
                there.setdefault(key, path)
    alone = {}
    for datum in study.data:
        alone.setdefault(datum.source, []).append(datum)
    found, missing = {}, []
    for datum in study.data if only is None else [only]:
        names = [datum.name, Path(datum.name).stem]
        if len(alone[datum.source]) == 1:
            names += [study.sources[datum.source].name, Path(study.sources[datum.source].name).stem]
        path = next((there[name.lower()] for name in names if name.lower() in there), None)
        if path is None:
            missing.append(datum.name)
        else:
            found[datum.uid] = path
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise EmbeddingError(
            f"{folder.name} has no vectors of {some}: name a file (.npy, .h5, .parquet) after each datum"
        )
    return found


class OwnVectors:
    """Stands where an encoder would: what it says of tokens is replaced by the file's vectors.

    Attributes as an Encoder.
    """

    name = NAME
    input_size = 0

    def __init__(self, dim):
        self.dim = int(dim)

    def encode(self, tokens):
        """Zeros, one row per token."""
        return np.zeros((len(tokens), self.dim), np.float32)

    def record(self):
        return {"name": NAME, "version": 1, "dim": self.dim, "weights_sha256": None}


class OwnEmbedder:
    """Embedder of any kind of study.

    The tokens, their places and edges are its own, the vectors are those of the files.
    """

    def __init__(self, study):
        kept = study.embedding["vectors"]
        folder = (study.path / kept["folder"]).resolve()
        self._folder = folder if folder.is_dir() else Path(kept["absolute"])
        self._study, self.encoder = study, OwnVectors(study.embedding["dim"])
        self._scratch = tempfile.mkdtemp(prefix="prospector-")
        aside = _Aside(study, EmbeddingStore(Path(self._scratch) / "tokens.zarr"))
        self._store = aside.store
        self._tokens = study.kind.embedder(aside, self.encoder)

    def __enter__(self):
        self._tokens.__enter__()
        return self

    def __exit__(self, *error):
        self._tokens.__exit__(*error)
        remove_made(Path(self._scratch))

    def embed(self, datum, progress, stopped):
        vectors = read_vector_file(_files(self._study, self._folder, datum)[datum.uid])
        if not self._tokens.embed(datum, lambda done, total: None, stopped):
            return False
        made = self._store.read(datum.uid)
        words = self._study.kind.words
        if len(vectors) != len(made.embeddings):
            raise EmbeddingError(
                f"{datum.name} has {words.count(len(made.embeddings))}, its file {len(vectors):,} vectors:"
                " one each is needed, in their order"
            )
        if vectors.shape[1] != self.encoder.dim:
            raise EmbeddingError(
                f"the vectors of {datum.name} have {vectors.shape[1]} numbers, not {self.encoder.dim} as"
                " before"
            )
        attrs = {**made.attrs, "encoder": self.encoder.record()}
        self._study.store.write(datum.uid, vectors, made.positions, attrs, made.edges, block=_BLOCK)
        self._store.remove(datum.uid)
        progress(len(vectors), len(vectors))
        return True

    def note(self, datum):
        return self._tokens.note(datum)


class _Aside:
    """A study whose embeddings are kept elsewhere for the moment."""

    def __init__(self, study, store):
        self._study, self.store = study, store

    def __getattr__(self, name):
        return getattr(self._study, name)
