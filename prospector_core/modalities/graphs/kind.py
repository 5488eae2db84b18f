"""Graphs and cells: tokens that come with features, and with coordinates or edges."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GraphError
from ..base import Modality
from ..parts import Export, Words
from .options import GraphOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from ...method.graphs import TokenGraph
    from ...method.markers import Markers
    from ...study import Study
    from ...study.data import Datum
    from ..labels import LabelTable
    from ..layouts import Layout
    from ..parts import Embedder, NewStudy
    from ..token_file import Under

__all__ = ["Cells", "Graphs"]


class Graphs(Modality):
    """Studies of token graphs: tables of tokens, graphs in memory."""

    name = "graphs"
    words = Words("graph", "graphs", "token", "tokens", "file")
    place_names = ("x", "y", "z")
    options = GraphOptions
    source_form = "FILE|DIR"
    source_help = "Token graphs of any kind, read in the same ways as --cells."
    encoder_help = "standardised (default) or as-given"
    looking = "reading graphs"
    needs_labels = False  # graphs in memory may have their own
    keeps_edges = True
    planar = True
    source_error = GraphError

    def look(
        self,
        path: Path,
        sources: Any,
        labels: LabelTable,
        options: GraphOptions,
        progress: Callable[[int, int], None] | None = None,
        on: Any = None,
    ) -> NewStudy:
        from .create import look_at_graphs

        return look_at_graphs(path, sources, labels, options, progress)

    def options_of(self, embedding: Mapping[str, Any]) -> GraphOptions:
        table = embedding.get("table") or {}
        reading = {name: table[name] for name in ("values", "spatial", "unit") if name in table}
        # by the name of the option "features" the study keeps those that were taken
        reading |= {name: table.get(name) for name in ("features", "not_features", "x", "y", "table")}
        return replace(super().options_of(embedding), sample_column=table.get("sample"), **reading)

    def check_growth(self, study: Study, new: NewStudy) -> None:
        ours, theirs = study.embedding["features"], new.embedding["features"]
        if ours != theirs:
            odd = [name for name in ours if name not in theirs] or [
                name for name in theirs if name not in ours
            ]
            what = f"{odd[0]!r} is in one of them only" if odd else "their order differs"
            raise GraphError(
                f"the new {self.words.data} have {len(theirs)} features and the study has {len(ours)}"
                f" ({what}): give them the same"
            )

    def facts(self, study: Study) -> dict[str, Any]:
        return {"features": study.embedding["features"], "notes": study.embedding.get("notes", [])}

    def summary(self, study: Study) -> list[str]:
        names = study.embedding["features"]
        taken = f"{len(names)} features: {', '.join(names[:8])}" + (" …" if len(names) > 8 else "")
        return [taken, *study.embedding.get("notes", [])]

    def list_encoders(self) -> list[str]:
        from .encoders import list_feature_encoders

        return list_feature_encoders()

    def check_encoder(self, name: str) -> None:
        from .encoders import check_feature_encoder_name

        check_feature_encoder_name(name)

    def make_encoder(self, name: str, **options: Any) -> Any:
        from .encoders import get_feature_encoder

        return get_feature_encoder(name, **options)

    def encoder_of(self, study: Study, threads: int | None = None) -> Any:
        """The encoder, with what the features of the study are standardised by."""
        kept = study.embedding
        of_features = {
            "names": kept["features"],
            **{key: kept[key] for key in ("transform", "mean", "scale")},
        }
        return self.make_encoder(kept["encoder"], **of_features)

    def embedder(self, study: Study, encoder: Any) -> Embedder:
        from .embedder import TokenEmbedder

        return TokenEmbedder(study, encoder)

    def layout(self) -> type[Layout]:
        from ..layouts import OfGraphs

        return OfGraphs

    def graph(self, n: int, positions: Any, edges: Any, attrs: dict[str, Any]) -> TokenGraph:
        """The edges as they were made."""
        from ...method.graphs import TokenGraph

        return TokenGraph.from_edges(n, np.empty((0, 2), np.int64) if edges is None else edges)

    def places(self, study: Study, datum: Datum) -> dict[str, Any]:
        """Identifier (where tokens have one), coordinates in the unit of the study."""
        ids = study.attrs(datum).get("ids")
        return {**({} if ids is None else {"id": ids}), **super().places(study, datum)}

    def place(self, study: Study, datum: Datum, token: int) -> dict[str, Any]:
        """Coordinates, and its identifier where it has one."""
        place, ids = super().place(study, datum, token), study.attrs(datum).get("ids")
        return place if ids is None else {self.words.token: ids[token], **place}

    def centres(self, study: Study, datum: Datum) -> np.ndarray:
        """The first two coordinates."""
        return study.positions(datum)[:, :2]

    def background(self, study: Study, datum: Datum) -> Under:
        """``token_file.Under``; the same object while the file is as it was.

        Raises ProspectorError where the file is gone or damaged.
        """
        from ..token_file import Under

        path, kept = study.sources[datum.source].path, study.embedding["table"]
        if not study.at_hand(datum) or study.attrs(datum).get("laid_out"):
            return Under()
        return _background(
            path, path.stat().st_mtime_ns, tuple(sorted(kept.items())), (datum.part or {}).get("sample")
        )

    def markers(self, study: Study) -> Markers | None:
        """By the features that tokens came with."""
        from .markers import markers_of

        return markers_of(study)

    @property
    def exports(self) -> dict[str, Export]:
        from .geojson import points_geojson
        from .h5ad import h5ad

        return {
            **self.tables(),
            "geojson": Export(".geojson", points_geojson, ("what", "threshold")),
            "h5ad": Export(".h5ad", h5ad),
        }


@lru_cache(maxsize=16)
def _background(path: Path, changed: int, options: tuple, part: str | None) -> Under:
    from ..token_file import TokenOptions
    from .files import open_tokens

    with open_tokens(path, TokenOptions(**dict(options))) as file:
        return file.under(part if part in file.parts else file.parts[0])


class Cells(Graphs):
    """The same in the words of tissue: samples of cells."""

    name = "cells"
    words = Words("sample", "samples", "cell", "cells", "file")
    looking = "reading cells"
    source_help = (
        "Cells: AnnData (.h5ad) or SpatialData (.zarr), Parquet, CSV or NPZ tables; or a folder of channel"
        " images (TIFF), each with a label image NAME_mask.tif."
    )
