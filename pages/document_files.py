"""Files to keep of a document: its text with tints, spans, annotations, tables."""

import streamlit as st

from pages.overlays import limit_of
from viewers.access.session import exported
from viewers.document_figure import LAYERS, document_figure

__all__ = ["save_box"]

_WORDS = {
    "html": "Page with tints (HTML)",
    "csv": "Table (CSV)",
    "parquet": "Table (Parquet)",
    "jsonl": "Spans (JSON lines)",
    "annotations": "Web annotations (W3C)",
    "png": "Figure (PNG)",
}


def save_box(study, datum):
    """A popover with the exports of one document; a file is made when it is saved."""
    with st.popover(
        "Save",
        icon=":material/download:",
        help="This document with its map, for people and for other programs",
    ):
        format = st.selectbox("As", list(_WORDS), format_func=_WORDS.get, key="save_format")
        layer = "map"
        if format == "png":
            layer = st.segmented_control(
                "Tinted by",
                list(LAYERS),
                default="map",
                required=True,
                key="save_layer",
                format_func=LAYERS.get,
            )
        suffix = ".png" if format == "png" else study.kind.exports[format].suffix

        def draw():
            if format == "png":
                return document_figure(study, datum, layer=layer, limit=limit_of(study))
            return study.kind.exports[format].write(study, datum)

        st.download_button(
            "Save",
            exported(study, f"{format} of {datum.name}", draw),
            file_name=f"document-fit{study.current_fit.id}{suffix}",
            key="save_document",
            type="primary",
            on_click="ignore",
            icon=":material/download:",
        )
        st.caption("The file holds the text. All documents at once: prospector export STUDY --format …")
