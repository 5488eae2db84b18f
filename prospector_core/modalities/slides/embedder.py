"""Embedding the data of a study of slides: each slide is opened once, however many fields of it are data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..parts import Embedder
from .embedding import embed_datum, open_grid_writer
from .stain import normalised
from .tiling import tile_grid
from .tissue import tissue_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...encoders.base import Encoder
    from ...study import Datum, Study

__all__ = ["TileEmbedder"]


class TileEmbedder(Embedder):
    """Keeps the slide of the present datum open, with its tissue mask.

    While the next datum is on it too.
    """

    def __init__(self, study: Study, encoder: Encoder) -> None:
        self.encoder = encoder
        self._study, self._source, self._slide, self._mask = study, None, None, None

    def __exit__(self, *error: object) -> None:
        self._close()

    def embed(self, datum: Datum, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        slide, mask = self._open(datum)
        study, wanted = self._study, self._study.embedding
        grid = tile_grid(slide, wanted["tile"], wanted["mpp"], datum.field, mask, wanted["min_tissue"])
        kept_as = wanted.get("dtype", "float32")  # of studies that were made before there was a choice
        writer = open_grid_writer(study.store, datum.uid, slide, grid, self.encoder, dtype=kept_as)
        return embed_datum(slide, grid, self.encoder, writer, progress=progress, stop=stopped)

    def note(self, datum: Datum) -> str:
        """Whether the colours of its slide could not be normalised."""
        failed = getattr(self._slide, "stain", {}).get("failed")
        return (
            f"{self._slide.path.name}: {failed}; its tiles were embedded in their own colours"
            if failed
            else ""
        )

    def _open(self, datum):
        if self._source != datum.source:
            self._close()
            self._slide = self._study.open_source(datum)
            self._mask = tissue_mask(self._slide)
            if self._study.embedding.get("stain"):
                self._slide = self._normalised()
            self._source = datum.source
        return self._slide, self._mask

    def _normalised(self):
        """The slide in normalised colours: one estimate a slide, whatever fields of it are data."""
        wanted = self._study.embedding
        return normalised(
            self._slide, self._mask, wanted["stain"], wanted["tile"], wanted["mpp"], wanted["min_tissue"]
        )

    def _close(self):
        if self._slide is not None:
            self._slide.close()
        self._source, self._slide = None, None
