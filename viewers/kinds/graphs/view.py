"""What draws cells and token graphs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from prospector_core.study import Study
from viewers.kinds.base import KindView
from viewers.kinds.parts import NewStudy, Pane, SaveForm

__all__ = ["CellView", "GraphView"]


class GraphView(KindView):
    """Tokens of graphs: points where they lie, with an image under them and their features as layers."""

    unwanted = " (debris, doublets)"
    in_napari = "points"
    making = "Graphs"

    def places(self, study: Study, datum) -> np.ndarray:
        """Where tokens lie: (n, 2) or (n, 3) float64."""
        return np.asarray(study.positions(datum), float)

    def draw(self, study: Study, pane: Pane) -> bool:
        """Draw the points over their image, if there is one."""
        from viewers.kinds import points

        from .features import choose_more, feature_layers
        from .under import under_of

        features = feature_layers(study, pane.datum, choose_more(study))
        return points.draw(self, study, pane, under_of(study, pane.datum), features)

    def about_concept(self, study: Study, concept) -> None:
        """Its markers."""
        from .markers import say_markers

        say_markers(study, concept)

    def about_concepts(self, study: Study, concepts) -> None:
        """A heatmap of concepts and their markers."""
        from .markers import marker_heatmap

        marker_heatmap(study, concepts)

    def about_token(self, study: Study, datum, token: int, go_to: Callable[[str, int], None]) -> None:
        """List the features of the token."""
        from .features import about_features

        about_features(study, datum, token)

    def figure(self) -> Callable[..., bytes]:
        """Draw the points as a figure."""
        from viewers.graph_figure import graph_figure

        return graph_figure

    def save_form(self, study: Study, datum) -> SaveForm:
        """Offer a figure, tables, AnnData and GeoJSON."""
        from viewers.graph_figure import LAYERS

        words = study.kind.words
        return SaveForm(
            {
                "png": "Figure (PNG)",
                "csv": "Table (CSV)",
                "parquet": "Table (Parquet)",
                "h5ad": "AnnData (.h5ad)",
                "geojson": "Points (GeoJSON)",
            },
            {layer: layer.capitalize() for layer in LAYERS},
            lambda layer, whole: f"{words.datum}-{layer}",
            f"All {words.data} at once: prospector export STUDY --format …",
            f"The map of this {words.datum} for other programs, or as a figure",
            save_key="save_graph",
        )

    def new_study(self) -> NewStudy | None:
        """Ask for files of graphs and for labels."""
        from .form import graphs_form

        return graphs_form()


class CellView(GraphView):
    """Cells: graphs of their own words."""

    making = "Cells"

    def new_study(self) -> NewStudy | None:
        """Ask for files of cells and for labels."""
        from .form import cells_form

        return cells_form()
