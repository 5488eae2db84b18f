"""The form that makes a study of cells or of other token graphs."""

import streamlit as st

from prospector_core.modalities.graphs.encoders import TRANSFORMS, list_feature_encoders
from viewers.kinds.parts import NewStudy
from viewers.words import place_of

__all__ = ["cells_form", "graphs_form"]

_EDGES = ("neighbours:6", "radius:30", "delaunay", "delaunay:50", "given")


def cells_form() -> NewStudy | None:
    """Ask for cells and labels."""
    return _form(
        "cells",
        "File or folder of cells",
        "/data/cells.h5ad",
        "AnnData (.h5ad), SpatialData (.zarr), Parquet, CSV or NPZ tables; or a folder of channel images,"
        " each with a label image NAME_mask.tif",
    )


def graphs_form() -> NewStudy | None:
    """Ask for token graphs and labels."""
    return _form(
        "graphs",
        "File or folder of graphs",
        "/data/graphs",
        "Parquet, CSV or NPZ tables of tokens, with edges beside them if there are any; or AnnData",
    )


def _form(kind: str, label: str, example: str, help: str) -> NewStudy | None:
    with st.form(f"new_{kind}"):
        name = st.text_input("Name", placeholder="T cells in tumours")
        place = st.text_input(label, placeholder=example, help=f"{help}. They stay where they are.")
        table = st.file_uploader(
            "Labels (CSV)",
            type=["csv", "tsv", "txt"],
            help="One row a sample: the sample (or its file) and its class; optionally split",
        )
        left, middle, right = st.columns(3)
        edges = left.selectbox(
            "Edges",
            [None, *_EDGES],
            accept_new_options=True,
            format_func=lambda one: one or "given, else 6 nearest",
            help="Which tokens are neighbours. You can type other numbers: radius:45, neighbours:8",
        )
        transform = middle.selectbox(
            "Transform",
            list(TRANSFORMS),
            format_func=lambda one: f"{one} ({TRANSFORMS[one]})" if one != "none" else "none",
            help="Before features are standardised: log1p for counts, arcsinh for intensities",
        )
        known = list_feature_encoders()
        encoder = right.selectbox("Features are", known, index=known.index("standardised"))
        left, middle, right = st.columns(3)
        values = left.text_input("Values of AnnData", "X", help="X, layers/NAME or obsm/NAME")
        sample = middle.text_input("Sample column", placeholder="found by its name")
        unit = right.text_input("Unit of coordinates", placeholder="as the file says", help="µm, px, …")
        asked = st.form_submit_button("Make the study", type="primary", icon=":material/add:")
    if not asked:
        return None
    if not name.strip() or not place.strip() or table is None:
        st.warning(f"Give a name, where the {kind} are, and the labels table.", icon=":material/edit:")
        return None
    return NewStudy(
        name,
        table,
        f"reading {kind}",
        {
            kind: place_of(place),
            "encoder": encoder,
            "edges": edges,
            "transform": transform,
            "values": values.strip() or "X",
            "sample_column": sample.strip() or None,
            "unit": unit.strip() or None,
        },
    )
