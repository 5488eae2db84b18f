"""Tokens of structures: a residue drawn with those in contact with it."""

import streamlit as st

from pages import chains, shared
from prospector_core.errors import EmbeddingError
from viewers import tile_server
from viewers.pictures import mosaic, png
from viewers.tile_grid import tile_grid
from viewers.token_pictures import TokenPictures

__all__ = ["CAPTION", "NOTHING_THERE", "SHOW", "UNWANTED", "hover", "picture", "token", "typical"]

SHOW = "Show in structure"
UNWANTED = " (tags, linkers)"
CAPTION = "The residue is in the middle, those in contact around it, in the colours of their concepts."
NOTHING_THERE = "No residue lies there."


def picture(study, datum, side):
    """A chain at a glance: (h, w, 3) uint8."""
    if not study.is_embedded(datum):
        raise EmbeddingError(f"{datum.name} is not embedded yet")
    return chains.picture_of_chain(study, datum, side)


def token(study, datum, token, width, context=3.0, alt=""):
    """Draw one residue among those in contact with it."""
    st.image(
        chains.picture_of_residue(study, datum, token, 240),
        width=width if width != "stretch" else 180,
        alt=alt,
    )


@st.cache_data(show_spinner=False, max_entries=1024)
def _typical(study_key, fit_id, concept, colours, _study):
    """Of a concept's residues those that score highest, few of each chain."""
    found = []
    for order, datum in enumerate(_study.embedded()):
        scores = _study.prospect(datum)
        tokens = (_study.concepts_of(datum) == concept).nonzero()[0]
        ranked = sorted(tokens.tolist(), key=lambda at: -abs(scores[at]) if scores[at] == scores[at] else 0.0)
        found += [
            (-abs(scores[at]) if scores[at] == scores[at] else 0.0, order, datum, at) for at in ranked[:1]
        ]
    found.sort(key=lambda each: each[:2])
    return [(datum.uid, token) for _, _, datum, token in found[:8]]


def typical(study, concept, on_pick):
    """Draw a concept's most telling residues; a click calls ``on_pick(datum uid, token)``.

    Returns False where it has none.
    """
    places = _typical(shared.study_key(study), study.view.id, concept.id, tuple(study.colours()), study)
    if not places:
        return False
    key = f"tiles_{concept.id}"

    def picked():
        pick = st.session_state[key].pick
        if pick:
            on_pick(*places[pick["index"]])

    labels = {uid: chains.labels_of(study, study.datum(uid)) for uid, _ in places}
    names = [
        f"{labels[uid][token % len(labels[uid])]} of {study.datum(uid).name}: show it in its structure"
        for uid, token in places
    ]
    drawn = mosaic(
        [chains.picture_of_residue(study, study.datum(uid), token, 120) for uid, token in places], gap=0
    )
    url = tile_server.register_image((shared.study_key(study), "typical", concept.id), png(drawn))
    tile_grid(
        url,
        names,
        key=key,
        label=f"The most telling residues of {concept.name}",
        rows=-(-len(names) // 4),
        on_pick=picked,
    )
    return True


def hover(study, atlas):
    """What the atlas shows beside a point: pictures of residues."""

    def read(number):
        return chains.picture_of_residue(
            study, study.datum(atlas.uids[atlas.datum[number]]), atlas.token[number], 122
        )

    pictures = TokenPictures(len(atlas), read)
    version = (len(study.embedded()), len(atlas), study.view.id)
    return {
        "pictures": tile_server.register_tiles(
            (shared.study_key(study), "atlas"), pictures, version=version, kind="image"
        )
    }
