"""Tokens of graphs and cells: a point among those around it, in the colours of concepts."""

import streamlit as st

from pages import shared
from pages.points import picture_of_datum, picture_of_token
from prospector_core.errors import EmbeddingError
from viewers import tile_server
from viewers.pictures import mosaic, png
from viewers.tile_grid import tile_grid
from viewers.token_pictures import TokenPictures

__all__ = ["CAPTION", "NOTHING_THERE", "SHOW", "UNWANTED", "hover", "picture", "token", "typical"]

SHOW = "Show where it lies"
UNWANTED = " (debris, doublets)"
CAPTION = "It is ringed, with its neighbours and their edges, in the colours of their concepts."
NOTHING_THERE = "Nothing lies there. Click on a point."


def picture(study, datum, side):
    """A datum at a glance: (h, w, 3) uint8."""
    if not study.is_embedded(datum):
        raise EmbeddingError(f"{datum.name} is not embedded yet")
    return picture_of_datum(study, datum, side)


def token(study, datum, token, width, context=3.0, alt=""):
    """Draw one token among those around it."""
    st.image(
        picture_of_token(study, datum, token, 240, context),
        width=width if width != "stretch" else 180,
        alt=alt,
    )


@st.cache_data(show_spinner=False, max_entries=1024)
def _typical(study_key, fit_id, concept, colours, _study):
    found = _study.typical_tokens(concept)
    if not found:
        return None
    pictures = [picture_of_token(_study, datum, at, 112, 2.4) for datum, at in found]
    return png(mosaic(pictures, gap=0)), [(datum.uid, at) for datum, at in found]


def typical(study, concept, on_pick):
    """Draw a concept's most typical tokens; a click calls ``on_pick(datum uid, token)``.

    Returns False where it has none.
    """
    found = _typical(shared.study_key(study), study.view.id, concept.id, tuple(study.colours()), study)
    if found is None:
        return False
    picture, places = found
    key = f"tiles_{concept.id}"

    def picked():
        pick = st.session_state[key].pick
        if pick:
            on_pick(*places[pick["index"]])

    words = study.kind.words
    names = [f"{study.datum(uid).name}: show this {words.token} where it lies" for uid, _ in places]
    version = tuple(study.colours())
    url = tile_server.register_image(
        (shared.study_key(study), "typical", concept.id), picture, version=version
    )
    tile_grid(
        url,
        names,
        key=key,
        label=f"The most typical {words.tokens} of {concept.name}",
        rows=-(-len(names) // 4),
        on_pick=picked,
    )
    return True


def hover(study, atlas):
    """What the atlas shows beside a point: pictures of tokens among those around them."""

    def read(number):
        return picture_of_token(study, study.datum(atlas.uids[atlas.datum[number]]), atlas.token[number], 122)

    pictures = TokenPictures(len(atlas), read)
    version = (len(study.embedded()), len(atlas), study.view.id)
    return {
        "pictures": tile_server.register_tiles(
            (shared.study_key(study), "atlas"), pictures, version=version, kind="image"
        )
    }
