"""Pictures read from slides: a tile, the typical tiles of a concept, a datum at a glance.

Each is read once.
"""

import contextlib

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.stain import STAIN_METHODS, estimate_stain, tissue_pixels
from prospector_core.modalities.slides.tissue import tissue_mask
from sample_data.fields import SLIDE
from viewers.pictures import mosaic
from viewers.study_key import source_key

__all__ = ["token_picture", "typical_sheet", "slide_picture", "stain_pictures"]


def _no_picture(side):
    """In place of a picture whose slide is not at hand: grey, with a word. (side, side, 3) uint8."""
    grey = Image.new("RGB", (side, side), _GREY)
    ImageDraw.Draw(grey).text(
        (side / 2, side / 2),
        "slide not\nat hand",
        _DARK,
        anchor="mm",
        align="center",
        font_size=max(8, side / 7),
    )
    return np.asarray(grey)


@st.cache_data(show_spinner=False, max_entries=4096)
def _token_picture(study_path, uid, token, side, context, at_hand, _study):
    if not at_hand:
        return _no_picture(side)
    x, y, width, height = _study.token_rect(uid, token)
    margin = width * (context - 1) / 2
    with _study.open_source(uid) as slide:
        return slide.read_scaled(x - margin, y - margin, width + 2 * margin, height + 2 * margin, side, side)


def token_picture(study, datum, token, side=96, context=1.0):
    """A token's tile as (side, side, 3) uint8; ``context`` 3 shows its neighbours too."""
    return _token_picture(
        source_key(study, datum), datum.uid, int(token), side, context, study.at_hand(datum), study
    )


_SMALL = 16.0  # microns
_TISSUE = (222, 200, 210)
_GREY, _DARK = (205, 208, 212), (70, 76, 84)


def typical_sheet(study, places, side=96):
    """Pictures of tiles in rows of four: (h, w, 4) uint8; ``places``: list of (datum uid, token)."""
    with contextlib.ExitStack() as stack:
        slides = {}  # opening a slide costs more than reading a tile
        pictures = []
        for uid, token in places:
            datum = study.datum(uid)
            if study.files.state(datum.source) != "there":
                pictures.append(_no_picture(side))
                continue
            if datum.source not in slides:
                slides[datum.source] = stack.enter_context(study.open_source(datum))
            slide = slides[datum.source]
            x, y, width, height = study.token_rect(datum, token)
            # A patch of a few microns says nothing by itself: it is shown in the middle of its neighbours.
            margin = width if slide.mpp and width * slide.mpp < _SMALL else 0
            pictures.append(
                slide.read_scaled(x - margin, y - margin, width + 2 * margin, height + 2 * margin, side, side)
            )
    return mosaic(pictures, gap=0)


@st.cache_data(show_spinner=False, max_entries=4096)
def _slide_picture(study_path, uid, side, at_hand, _study):
    datum = _study.datum(uid)
    if not at_hand:
        if not _study.is_embedded(datum):
            return _no_picture(side)
        return _where_tokens_are(_study, datum, side)
    with _study.open_source(datum) as slide:
        if datum.field is None:
            return slide.thumbnail(side)
        field, scale = datum.field, side / max(datum.field.width, datum.field.height)
        size = max(1, round(field.width * scale)), max(1, round(field.height * scale))
        return slide.read_scaled(field.x, field.y, field.width, field.height, *size)


def _where_tokens_are(study, datum, side):
    """The shape of the tissue, in place of a slide that is not at hand: (h, w, 3) uint8."""
    grid = study.grid(datum)
    cells = np.full((*grid["shape"], 3), 255, np.uint8)
    cells[tuple(np.asarray(grid["positions"]).T)] = _TISSUE
    scale = side / max(cells.shape[:2])
    size = [max(1, round(length * scale)) for length in cells.shape[1::-1]]
    return np.asarray(Image.fromarray(cells).resize(size, Image.Resampling.BOX))


def slide_picture(study, datum, side=160):
    """A slide or field at a glance: (h, w, 3) uint8, the longer side ``side`` pixels."""
    return _slide_picture(source_key(study, datum), datum.uid, side, study.at_hand(datum), study)


@st.cache_data(show_spinner=False, max_entries=1)
def stain_pictures(side=360):
    """A part of the sample's slide as scanned and as each method of stain normalisation makes it.

    Returns {caption: (side, side, 3)}.

    Raises ProspectorError.
    """
    x, y, width = 900, 900, 720  # dermis, epidermis and glass, in level-0 pixels
    with open_slide(SLIDE) as slide:
        pixels = tissue_pixels(slide, tissue_mask(slide), 224, 0.5)
        scanned = slide.read_scaled(x, y, width, width, side, side)
    found = {method.capitalize(): estimate_stain(method, pixels).apply(scanned) for method in STAIN_METHODS}
    return {"As scanned": scanned, **found}
