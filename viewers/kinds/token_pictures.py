"""Pictures of tokens on the pages that all kinds share: typical ones of a concept, and the atlas's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from prospector_core.study import Study
from viewers import tile_server
from viewers.pictures import png
from viewers.study_key import study_key
from viewers.tile_grid import tile_grid
from viewers.token_pictures import TokenPictures

__all__ = ["draw_typical", "hover_pictures"]


@st.cache_data(show_spinner=False, max_entries=1024)
def _typical(key, version, concept, _view, _study):
    places = _view.typical_tokens(_study, concept)
    return places, png(_view.typical_sheet(_study, places)) if places else b""


def draw_typical(view, study: Study, concept, on_pick: Callable[[str, int], None]) -> bool:
    """Draw the tokens typical of a concept as a grid of pictures, as ``KindView.typical`` says."""
    version = (study.view.key, view.pictures_version(study))
    places, sheet = _typical(study_key(study), version, concept.id, view, study)
    if not places:
        return False
    key = f"tiles_{concept.id}"

    def picked():
        pick = st.session_state[key].pick
        if pick:
            on_pick(*places[pick["index"]])

    names = [view.typical_name(study, study.datum(uid), token) for uid, token in places]
    url = tile_server.register_image((study_key(study), "typical", concept.id), sheet)
    tile_grid(
        url,
        names,
        key=key,
        label=view.typical_label(study, concept),
        rows=-(-len(names) // 4),
        on_pick=picked,
    )
    return True


def hover_pictures(view, study: Study, atlas) -> dict[str, Any]:
    """Address of the pictures of an atlas's tokens, as ``KindView.hover`` says."""

    def read(number):
        return view.token_picture(
            study, study.datum(atlas.uids[atlas.datum[number]]), atlas.token[number], 122
        )

    version = (len(study.embedded()), len(atlas), study.view.id, view.pictures_version(study))
    url = tile_server.register_tiles(
        (study_key(study), "atlas"), TokenPictures(len(atlas), read), version=version, kind="image"
    )
    return {"pictures": url}
