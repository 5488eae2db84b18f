"""Files to keep of cells or of a graph: its map for other programs, and figures."""

import streamlit as st

from viewers.access.session import exported
from viewers.graph_figure import LAYERS, graph_figure

__all__ = ["save_box"]

_WORDS = {
    "png": "Figure (PNG)",
    "csv": "Table (CSV)",
    "parquet": "Table (Parquet)",
    "h5ad": "AnnData (.h5ad)",
    "geojson": "Points (GeoJSON)",
}


def save_box(study, datum):
    """A popover with the exports of one datum; a file is made when it is saved."""
    words = study.kind.words
    with st.popover(
        "Save",
        icon=":material/download:",
        help=f"The map of this {words.datum} for other programs, or as a figure",
    ):
        format = st.selectbox("As", list(_WORDS), format_func=_WORDS.get, key="save_format")
        layer = "map"
        if format == "png":
            layer = st.segmented_control(
                "Layer", LAYERS, default="map", required=True, key="save_layer", format_func=str.capitalize
            )
        suffix = ".png" if format == "png" else study.kind.exports[format].suffix

        def draw():
            return (
                graph_figure(study, datum, layer=layer)
                if format == "png"
                else study.kind.exports[format].write(study, datum)
            )

        st.download_button(
            "Save",
            exported(study, f"{format} of {datum.name}", draw),
            file_name=f"{words.datum}-{layer}-fit{study.current_fit.id}{suffix}",
            key="save_graph",
            type="primary",
            on_click="ignore",
            icon=":material/download:",
        )
        st.caption(f"All {words.data} at once: prospector export STUDY --format …")
