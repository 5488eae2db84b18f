"""The form that makes a study of slides."""

import streamlit as st

from prospector_core.errors import ProspectorError
from prospector_core.modalities.slides.encoders import list_encoders
from prospector_core.modalities.slides.stain import STAIN_METHODS
from viewers.kinds.parts import NewStudy
from viewers.kinds.slides.pictures import stain_pictures
from viewers.words import place_of, plain

__all__ = ["slides_form"]


def slides_form() -> NewStudy | None:
    """Ask for slides and labels; show what stain normalisation does, if asked to."""
    with st.form("new_study"):
        name = st.text_input("Name", placeholder="lymph nodes")
        slides = st.text_input(
            "Folder of slides",
            placeholder="/data/slides",
            help="SVS, TIFF, OME-TIFF, NDPI, MRXS, PNG, JPEG. They stay where they are.",
        )
        table = st.file_uploader(
            "Labels (CSV)",
            type=["csv", "tsv", "txt"],
            help=(
                "One row per slide: a file and a label column; optionally x, y, width, height (a field) and"
                " split"
            ),
        )
        mpp, tile, encoder = _ask_tiles()
        unstated, stain = _ask_scans()
        asked = st.form_submit_button("Make the study", type="primary", icon=":material/add:")
    if not asked:
        _stain_example()
        return None
    if not name.strip() or not slides.strip() or table is None:
        st.warning("Give a name, the folder of slides and the labels table.", icon=":material/edit:")
        return None
    return NewStudy(
        name,
        table,
        "looking at slides",
        {
            "slides": place_of(slides),
            "mpp": mpp,
            "tile": tile,
            "encoder": encoder,
            "stain": stain,
            "slide_mpp": unstated or None,
        },
    )


def _ask_tiles() -> tuple[float, int, str]:
    """Ask for the resolution and side of tiles, and for their encoder."""
    left, middle, right = st.columns(3)
    mpp = left.number_input(
        "Resolution of tiles, µm per pixel",
        0.05,
        20.0,
        0.5,
        0.05,
        help="0.5 is the resolution of a 20x objective. 224 pixels are then 112 µm of tissue",
    )
    tile = middle.number_input("Side of a tile, pixels", 16, 2048, 224, 16)
    known = list_encoders()
    encoder = right.selectbox(
        "Encoder",
        known,
        index=known.index("efficientnet-lite0"),
        accept_new_options=True,
        help=(
            "Choose one, or type another: timm:NAME, open_clip:MODEL/PRETRAINED (their weights must be on"
            " this machine); with @patches at the end, a vision transformer's patches are the tiles"
        ),
    )
    return mpp, int(tile), encoder


def _ask_scans() -> tuple[float, str | None]:
    """Ask for the resolution of slides that do not state it (0: unknown), and for the stain normalisation."""
    left, right = st.columns(2, vertical_alignment="bottom")
    unstated = left.number_input(
        "µm per pixel of slides that do not state it (0: unknown)", 0.0, 20.0, 0.0, 0.05
    )
    stain = right.selectbox(
        "Stain normalisation",
        [None, *STAIN_METHODS],
        format_func=lambda one: one.capitalize() if one else "None",
        help=(
            "Bring every slide (H&E) to the same colours before its tiles are encoded. For slides of"
            " several laboratories or scanners"
        ),
    )
    return unstated, stain


def _stain_example():
    """What stain normalisation does, on the sample's slide: shown when asked for."""
    if not st.toggle("Show what stain normalisation does", key="shown_stain"):
        return
    try:
        with st.spinner("Normalising a part of the sample slide…"):
            pictures = stain_pictures()
    except ProspectorError as error:
        st.error(plain(error), icon=":material/error:")
        return
    for column, (name, picture) in zip(st.columns(len(pictures)), pictures.items()):
        column.image(picture, caption=name, width="stretch", alt=f"A part of the sample slide: {name}")
    st.caption(
        "A part of the sample slide. Slides are estimated one by one and brought to one reference. The"
        " encoder sees the normalised tiles; the viewer still shows slides as they were scanned."
    )
