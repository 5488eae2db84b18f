"""A picture to keep: what the Slide page shows as a figure for a paper or a report."""

import streamlit as st

from pages import shared
from pages.overlays import limit_of
from prospector_core.errors import ProspectorError
from viewers.access.session import exported
from viewers.slide_figure import DPI, LAYERS, slide_figure

__all__ = ["figure_button"]

_WIDTHS = {1000: "8.5 cm, one column", 2000: "17 cm, a page", 4000: "34 cm, a poster"}


def figure_button(study, datum):
    """A button that opens the choices of a figure of ``datum`` (Datum or uid).

    The figure is drawn when it is saved.
    """
    datum = study.datum(datum)
    with st.popover("Save figure", icon=":material/image:", help="The map with legend and scale bar, as PNG"):
        layer = st.segmented_control(
            "Layer",
            [each for each in LAYERS if each != "classes" or study.several],
            default="map",
            required=True,
            format_func=str.capitalize,
            key="figure_layer",
        )
        whole = False
        if datum.field is not None:
            whole = (
                st.segmented_control(
                    "Shows",
                    ("field", "slide"),
                    default="field",
                    required=True,
                    key="figure_extent",
                    format_func={"field": "This field", "slide": "Whole slide"}.get,
                )
                == "slide"
            )
        width = st.selectbox(
            "Width",
            list(_WIDTHS),
            index=1,
            key="figure_width",
            format_func=lambda px: f"{px:,} pixels ({_WIDTHS[px]})",
            help=f"At {DPI} dots an inch",
        )
        title = st.text_input("Title", key="figure_title", placeholder="none", max_chars=200)
        fit, limit = study.view.id, limit_of(study)

        def draw():
            return slide_figure(
                study,
                datum,
                layer=layer,
                whole_slide=whole,
                width=width,
                title=title.strip() or None,
                limit=limit if layer == "map" else None,
            )

        st.download_button(
            "Save",
            exported(study, f"figure of {datum.name}", draw),
            file_name=f"{'slide' if whole else 'field' if datum.field else 'slide'}-{layer}-fit{fit}.png",
            mime="image/png",
            key="figure_save",
            type="primary",
            on_click="ignore",
            icon=":material/download:",
            disabled=not _at_hand(study, datum),
        )
        st.caption("Nothing in the figure names the slide, unless you write it into the title.")


def _at_hand(study, datum):
    """Whether the slide can be read; says why not."""
    if not study.at_hand(datum):
        return True  # drawn without tissue
    try:
        study.source_path(datum)
    except ProspectorError as error:
        shared.say_error(error)
        return False
    return True
