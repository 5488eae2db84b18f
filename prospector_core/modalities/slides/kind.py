"""Slides: a token is a tile of tissue, and its neighbours are the up to 8 tiles around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInputError, SlideError
from ..base import Modality
from ..parts import Export, Words
from .options import SlideOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from ...method.graphs import TokenGraph
    from ...method.hotspots import HotSpot
    from ...study import Study
    from ...study.data import Datum
    from ...study.fits import FitView
    from ...study.sources import Source
    from ..labels import LabelTable
    from ..layouts import Layout
    from ..parts import Embedder, NewStudy
    from .coarse import ProvisionalMap
    from .readers import Slide

__all__ = ["Slides"]

_TEXT_SIDE = "open_clip:"


class Slides(Modality):
    """Studies of whole slides, or of rectangles of them (fields)."""

    name = "slides"
    words = Words("slide", "slides", "tile", "tiles", "slide")
    place_names = ("row", "column")
    options = SlideOptions
    source_help = "Folder of slides: SVS, TIFF, OME-TIFF, NDPI, MRXS, PNG, JPEG."
    encoder_help = (
        "efficientnet-lite0 (default), also timm:NAME, open_clip:MODEL/PRETRAINED, either with @patches"
    )
    looking = "looking at slides"
    on_workers = True
    vectors_option = "features"
    tiled = True
    planar = True
    source_error = SlideError

    def check_options(self, given: Mapping[str, Any]) -> None:
        if "patches" in given and "features" not in given:
            raise BadInputError("--patches goes with --features: say where the features are")
        if "stain" in given and "features" in given:
            raise BadInputError(
                "--stain is for slides that are embedded here: features are taken as they are"
            )

    def imports(self, given: Mapping[str, Any]) -> bool:
        return "features" in given

    def look(
        self,
        path: Path,
        sources: Any,
        labels: LabelTable,
        options: SlideOptions,
        progress: Callable[[int, int], None] | None = None,
        on: Any = None,
    ) -> NewStudy:
        if options.features is not None:
            from .import_features import look_at_features

            return look_at_features(path, sources, labels, options, progress)
        from .create import look_at_slides

        return look_at_slides(path, sources, labels, options, progress, on)

    def facts(self, study: Study) -> dict[str, Any]:
        return {"slides_without_mpp": _without_mpp(study)}

    def notes(self, study: Study) -> list[str]:
        unknown = _without_mpp(study)
        if not unknown or study.embedding.get("imported"):
            return []
        return [
            f"{len(unknown)} of {len(study.sources)} slides do not state their microns per pixel; tiles of"
            f" {study.embedding['tile']} of their own pixels are used (say --slide-mpp 0.25 if you know it)"
        ]

    def summary(self, study: Study) -> list[str]:
        if not study.embedding.get("imported"):
            return []
        empty = len(study.data) - len(study.embedded())
        tokens = sum(study.n_tokens(datum) for datum in study.embedded())
        return [
            f"{tokens:,} patches of the encoder {study.embedding['encoder']} imported"
            + (f"; {empty} data have none and are left out" if empty else "")
        ]

    def open_source(self, source: Source) -> Slide:
        """The slide, open, its microns per pixel as given to the study."""
        from .readers import open_slide

        slide = open_slide(source.path)
        slide.mpp = source.info["mpp"]
        return slide

    def may_be(self, source: Source, path: Path) -> bool:
        """Whether its picture is as large; of what is no picture nothing more is known."""
        from .readers import open_slide

        size = source.info.get("width"), source.info.get("height")
        if not all(size):
            return True
        try:
            with open_slide(path) as slide:
                return (slide.width, slide.height) == size
        except SlideError:
            return False

    def list_encoders(self) -> list[str]:
        from .encoders import list_encoders

        return list_encoders()

    def check_encoder(self, name: str) -> None:
        from .encoders import check_encoder_name

        check_encoder_name(name)

    def make_encoder(self, name: str, **options: Any) -> Any:
        from .encoders import get_encoder

        return get_encoder(name, **options)

    def has_text_side(self, encoder: str) -> bool:
        """Models of open_clip with one vector per tile."""
        return encoder.startswith(_TEXT_SIDE) and "@patches" not in encoder

    def embedder(self, study: Study, encoder: Any) -> Embedder:
        from .embedder import TileEmbedder

        return TileEmbedder(study, encoder)

    def layout(self) -> type[Layout]:
        from ..layouts import OfTiles

        return OfTiles

    def graph(self, n: int, positions: Any, edges: Any, attrs: dict[str, Any]) -> TokenGraph:
        """The grid of tiles, holes and all."""
        from ...method.graphs import TokenGraph

        return TokenGraph.from_grid(positions)

    def places(self, study: Study, datum: Datum) -> dict[str, Any]:
        """Row and column on the grid; x, y (corner) and size in level-0 pixels.

        Of features that were imported: the patches' own, which overlap where the squares drawn do not.
        """
        grid = study.grid(datum)
        side = float(study.attrs(datum).get("patch") or grid["pitch"])
        corner = np.array(grid["origin"]) + grid["positions"][:, ::-1] * grid["pitch"]
        corner -= (side - grid["pitch"]) / 2
        return {
            "row": grid["positions"][:, 0],
            "column": grid["positions"][:, 1],
            "x": corner[:, 0],
            "y": corner[:, 1],
            "size": np.full(len(corner), side),
        }

    def place(self, study: Study, datum: Datum, token: int) -> dict[str, Any]:
        """Row and column on the grid."""
        return dict(zip(self.place_names, study.positions(datum)[token].tolist(), strict=True))

    def grid(self, study: Study, datum: Datum) -> dict[str, Any]:
        attrs = study.attrs(datum)
        return {
            "positions": study.positions(datum),
            "origin": tuple(attrs["origin"]),
            "pitch": attrs["pitch"],
            "shape": tuple(attrs["shape"]),
        }

    def centres(self, study: Study, datum: Datum) -> np.ndarray:
        """Where outlines that are drawn find each tile: (n, 2) its centre in level-0 pixels."""
        grid = study.grid(datum)
        return (grid["positions"][:, ::-1] + 0.5) * grid["pitch"] + np.array(grid["origin"])

    def hot_spots(self, study: Study, datum: Datum, scores: np.ndarray, threshold: float) -> list[HotSpot]:
        """Of tiles, with their rectangle and area on the slide."""
        from ...method.hotspots import hot_spots

        grid, mpp = self.grid(study, datum), study.sources[datum.source].info.get("mpp")
        return hot_spots(
            grid["positions"], scores, threshold, origin=grid["origin"], pitch=grid["pitch"], mpp=mpp
        )

    def partial_map(self, study: Study, uid: str, view: FitView) -> ProvisionalMap | None:
        from .coarse import provisional_map_of

        return provisional_map_of(study, uid, view)

    def partial_version(self, study: Study, uid: str, view: FitView) -> tuple | None:
        from .coarse import provisional_version_of

        return provisional_version_of(study, uid, view)

    @property
    def exports(self) -> dict[str, Export]:
        from .geojson import geojson
        from .ometiff import ome_tiff

        return {
            "geojson": Export(".geojson", geojson, ("what", "threshold")),
            "ome-tiff": Export(".ome.tif", ome_tiff),
            **self.tables(),
        }


def _without_mpp(study: Study) -> list[str]:
    """Names of slides that do not state their microns per pixel."""
    return [source.name for source in study.sources.values() if source.info["mpp"] is None]
