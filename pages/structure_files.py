"""Files to keep of a chain: its map for other programs, and figures."""

import streamlit as st

from pages.words import plain
from prospector_core.errors import ProspectorError
from viewers.access.session import exported
from viewers.structure_figure import LAYERS, structure_figure

__all__ = ["save_box"]

_WORDS = {
    "bfactor": "PDB, score as B-factor",
    "mmcif": "mmCIF, score as B-factor",
    "defattr": "ChimeraX attributes (.defattr)",
    "pml": "PyMOL script (.pml)",
    "molviewspec": "MolViewSpec scene (Mol*)",
    "csv": "Table (CSV)",
    "parquet": "Table (Parquet)",
    "png": "Figure (PNG)",
}


def save_box(study, datum):
    """A popover with the exports of one chain; a file is made when it is saved."""
    with st.popover(
        "Save", icon=":material/download:", help="The map of this chain for other programs, or as a figure"
    ):
        format = st.selectbox("As", list(_WORDS), format_func=_WORDS.get, key="save_format")
        layer = "strip"
        if format == "png":
            layer = st.segmented_control(
                "Shows",
                list(LAYERS),
                default="strip",
                required=True,
                key="save_layer",
                format_func=LAYERS.get,
            )
        suffix = ".png" if format == "png" else study.kind.exports[format].suffix

        def draw():
            if format == "png":
                return structure_figure(study, datum, layer=layer)
            return study.kind.exports[format].write(study, datum)

        st.download_button(
            "Save",
            exported(study, f"{format} of {datum.name}", draw),
            file_name=f"chain-fit{study.current_fit.id}{suffix}",
            key="save_chain",
            type="primary",
            on_click="ignore",
            icon=":material/download:",
            disabled=not _at_hand(study, datum, format),
        )
        st.caption("All chains at once: prospector export STUDY --format …")


def _at_hand(study, datum, format):
    if format in ("csv", "parquet", "png", "defattr", "pml"):
        return True
    try:
        study.structure_path(datum)
    except ProspectorError as error:
        st.caption(f":orange[:material/warning:] {plain(error)}")
        return False
    return True
