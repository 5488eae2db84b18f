"""Embedding the data of a study of graphs or cells: each file is opened once, however many data it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbeddingError, GraphError
from ..parts import Embedder
from ..token_file import TokenOptions
from .edges import build_graph, laid_out
from .files import open_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...encoders.base import Encoder
    from ...study import Datum, Study

__all__ = ["TokenEmbedder"]

_BLOCK = 4096  # tokens a block on disk: their vectors are short


class TokenEmbedder(Embedder):
    """Keeps the file of the present datum open, while the next one is in it too."""

    def __init__(self, study: Study, encoder: Encoder) -> None:
        self.encoder = encoder
        self._study, self._path, self._file = study, None, None

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
        self._path, self._file = None, None

    def embed(self, datum: Datum, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        kept = self._study.embedding
        table = self._table(datum)
        if list(table.names) != list(kept["features"]):
            raise EmbeddingError(
                f"{datum.name} no longer has the features that the study was made with: make a new study"
            )
        if stopped():
            return False
        progress(0, len(table))
        graph = build_graph(table, kept["edges"])
        vectors = np.asarray(self.encoder.encode(table.features))
        if vectors.ndim != 2 or len(vectors) != len(table):
            raise EmbeddingError(
                f"the encoder {self.encoder.name} gave {vectors.shape} for {len(table)}"
                f" {self._study.kind.words.tokens}"
            )
        positions = laid_out(graph) if table.positions is None else table.positions
        attrs = {
            "encoder": self.encoder.record(),
            "unit": table.unit,
            "ids": table.ids,
            "graph": kept["edges"] or "default",
        }
        if table.positions is None:
            attrs["laid_out"] = True
        self._study.store.write(datum.uid, vectors, positions, attrs, graph.edges, block=_BLOCK)
        progress(len(table), len(table))
        return True

    def _table(self, datum):
        path = self._study.files.path(datum.source, GraphError)
        if self._path != path:
            self.__exit__()
            kept = self._study.embedding["table"]
            self._path, self._file = path, open_tokens(path, TokenOptions(**kept))
        part = (datum.part or {}).get("sample") or self._file.parts[0]
        if part not in self._file.parts:
            raise EmbeddingError(f"{path.name} no longer holds {part!r}: put it back, or make a new study")
        return self._file.read(part)
