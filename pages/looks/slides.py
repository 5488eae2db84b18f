"""Tokens of slides: pictures of tiles."""

import streamlit as st

from pages import shared
from pages.pictures import slide_picture, token_picture, typical_tiles
from viewers import tile_server
from viewers.tile_grid import tile_grid
from viewers.token_pictures import TokenPictures

__all__ = ["CAPTION", "NOTHING_THERE", "SHOW", "UNWANTED", "hover", "picture", "token", "typical"]

SHOW = "Show on slide"  # what the button says that goes to a token
UNWANTED = " (ink, folds, dust)"  # what an expert may want to exclude, in brackets
CAPTION = "The tile is in the middle, with its surroundings."  # below the picture of a token
NOTHING_THERE = (  # after a click beside all tokens
    "There is no tile there: it is glass, or outside of the fields. Click on tissue."
)


_NO_SLIDE = ":material/hide_image: the slide is not available"


def _at_hand(study, datum):
    """Whether the study was made with the datum's slide, not from features alone.

    One that is gone is drawn grey.
    """
    return study.files.state(study.datum(datum).source) != "never"


def picture(study, datum, side):
    """A datum at a glance: (h, w, 3) uint8, the longer side ``side`` pixels. Raises ProspectorError."""
    return slide_picture(study, datum, side)


def token(study, datum, token, width, context=3.0, alt=""):
    """Draw one token in its surroundings.

    ``width``: CSS px or "stretch"; ``context``: how many tokens wide; ``alt``: words.
    """
    if not _at_hand(study, datum):
        st.caption(_NO_SLIDE)
        return
    st.image(token_picture(study, datum, token, 280, context), width=width, alt=alt)


def typical(study, concept, on_pick):
    """Draw a concept's most typical tokens; a click calls ``on_pick(datum uid, token)``.

    Returns False where it has none.
    """
    if not any(_at_hand(study, datum) for datum in study.embedded()):
        st.caption(_NO_SLIDE)
        return True
    found = typical_tiles(study, concept.id)
    if found is None:
        return False
    picture, places = found
    key = f"tiles_{concept.id}"

    def picked():
        pick = st.session_state[key].pick
        if pick:
            on_pick(*places[pick["index"]])

    names = [f"{study.datum(uid).name}: show this tile on its slide" for uid, _ in places]
    url = tile_server.register_image((shared.study_key(study), "typical", concept.id), picture)
    tile_grid(
        url,
        names,
        key=key,
        label=f"The most typical tiles of {concept.name}",
        rows=-(-len(names) // 4),
        on_pick=picked,
    )
    return True


def hover(study, atlas):
    """What the atlas shows beside a point under the pointer.

    {"pictures": address of pictures} or {"texts": a text a point}.
    """
    if not any(_at_hand(study, datum) for datum in study.embedded()):
        return {"texts": [study.datum(atlas.uids[number]).name for number in atlas.datum]}
    n_embedded = len(study.embedded())

    def read(number):
        return token_picture(study, study.datum(atlas.uids[atlas.datum[number]]), atlas.token[number], 122)

    pictures = TokenPictures(len(atlas), read)
    version = (n_embedded, len(atlas))
    return {
        "pictures": tile_server.register_tiles(
            (shared.study_key(study), "atlas"), pictures, version=version, kind="image"
        )
    }
