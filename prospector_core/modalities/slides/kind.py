"""Slides: a token is a tile of tissue, and its neighbours are the up to 8 tiles around it."""

import numpy as np

from ...method.graphs import TokenGraph
from ..base import Words
from ..layouts import OfTiles
from .embedding import embed_datum, open_grid_writer
from .encoders import get_encoder
from .stain import normalised
from .tiling import tile_grid
from .tissue import tissue_mask

__all__ = ["Slides"]


class Slides:
    """Studies of whole slides, or of rectangles of them (fields)."""

    name = "slides"
    words = Words("slide", "slides", "tile", "tiles", "slide")
    encoder = "efficientnet-lite0"
    exports = ("geojson", "ome-tiff", "csv", "parquet", "png")
    keeps_edges = False
    layout = OfTiles
    place_names = ("row", "column")

    def create(self, path, sources, labels, **options):
        """Write a new slide study. See ``Study.create``."""
        from ...study.create import create_study

        create_study(path, slides=sources, labels=labels, **options)

    def graph(self, n, positions, edges, attrs):
        """The grid of tiles, holes and all."""
        return TokenGraph.from_grid(positions)

    def places(self, study, datum):
        """Row and column on the grid; x, y (corner) and size in level-0 pixels."""
        grid = study.grid(datum)
        corner = np.array(grid["origin"]) + grid["positions"][:, ::-1] * grid["pitch"]
        return {
            "row": grid["positions"][:, 0],
            "column": grid["positions"][:, 1],
            "x": corner[:, 0],
            "y": corner[:, 1],
            "size": np.full(len(corner), float(grid["pitch"])),
        }

    def place(self, study, datum, token):
        """Row and column on the grid."""
        return dict(zip(self.place_names, study.positions(datum)[token].tolist(), strict=True))

    def centres(self, study, datum):
        """Where outlines that are drawn find each tile: (n, 2) its centre in level-0 pixels."""
        grid = study.grid(datum)
        return (grid["positions"][:, ::-1] + 0.5) * grid["pitch"] + np.array(grid["origin"])

    def attributes(self, study, datum, kept):
        """Nothing is kept elsewhere."""
        return kept

    def embedder(self, study, encoder=None, threads=None):
        """Embedder of tiles, with the study's own encoder or another."""
        encoder = encoder or get_encoder(
            study.embedding["encoder"], **({"threads": threads} if threads else {})
        )
        return _TileEmbedder(study, encoder)


class _TileEmbedder:
    """Keeps the slide of the present datum open, with its tissue mask.

    While the next datum lies on it too.
    """

    def __init__(self, study, encoder):
        self.encoder = encoder
        self._study, self._source, self._slide, self._mask = study, None, None, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._close()

    def embed(self, datum, progress, stopped):
        slide, mask = self._open(datum)
        study, wanted = self._study, self._study.embedding
        grid = tile_grid(slide, wanted["tile"], wanted["mpp"], datum.field, mask, wanted["min_tissue"])
        kept_as = wanted.get("dtype", "float32")  # of studies that were made before there was a choice
        writer = open_grid_writer(study.store, datum.uid, slide, grid, self.encoder, dtype=kept_as)
        return embed_datum(slide, grid, self.encoder, writer, progress=progress, stop=stopped)

    def note(self, datum):
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
            self._slide = self._study.open_slide(datum)
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
