"""Vectors of one's own: one file per datum, one row per token in their order, in place of an encoder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EmbeddingError
from ..store.embeddings import EmbeddingStore
from ..store.place import portable
from ..store.readable import require_readable
from ..store.removal import remove_made
from ..store.vectors import read_vector_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .data import Datum
    from .study import Study

__all__ = ["NAME", "OwnEmbedder", "OwnVectors", "adopt_vectors"]

NAME = "own-vectors"
_SUFFIXES = (".npy", ".h5", ".hdf5", ".parquet")
_BLOCK = 4096


def adopt_vectors(study: Study, folder: str | os.PathLike[str]) -> None:
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

    def __init__(self, dim: int) -> None:
        self.dim = int(dim)

    def encode(self, tokens: Sequence[Any]) -> np.ndarray:
        """Zeros, one row per token."""
        return np.zeros((len(tokens), self.dim), np.float32)

    def record(self) -> dict[str, Any]:
        return {"name": NAME, "version": 1, "dim": self.dim, "weights_sha256": None}


class OwnEmbedder:
    """Embedder of any kind of study.

    The tokens, their places and edges are its own, the vectors are those of the files.
    """

    def __init__(self, study: Study) -> None:
        kept = study.embedding["vectors"]
        folder = (study.path / kept["folder"]).resolve()
        self._folder = folder if folder.is_dir() else Path(kept["absolute"])
        self._study, self.encoder = study, OwnVectors(study.embedding["dim"])
        self._scratch = tempfile.mkdtemp(prefix="prospector-")
        aside = _Aside(study, EmbeddingStore(Path(self._scratch) / "tokens.zarr"))
        self._store = aside.store
        self._tokens = study.kind.embedder(aside, self.encoder)

    def __enter__(self) -> OwnEmbedder:
        self._tokens.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._tokens.__exit__(*error)
        remove_made(Path(self._scratch))

    def embed(self, datum: Datum, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
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

    def note(self, datum: Datum) -> str:
        return self._tokens.note(datum)


class _Aside:
    """A study whose embeddings are kept elsewhere for the moment."""

    def __init__(self, study: Study, store: EmbeddingStore) -> None:
        self._study, self.store = study, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)
