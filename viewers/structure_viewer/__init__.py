"""The structure viewer: a Streamlit component that shows a protein chain in 3D with its sequence.

Its contacts and its map.

Colour, shape, view and frame live in the browser: changing them runs no Python. Needs the routes of
:mod:`viewers.tile_server` in the app, which serve its JavaScript and the atoms. Where there is no WebGL (or
no structure file), the contact graph, the contact map and the sequence strip work all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from viewers.component import component
from viewers.token_pixels import diverging_css
from viewers.viewing import NO_FOCUS, Focus, Room, Scale

__all__ = ["structure_viewer"]

_RENDER = component(__file__, "sv")


def structure_viewer(
    chain: Mapping[str, Any],
    *,
    key: str,
    concepts: Sequence[Mapping[str, Any]],
    scale: Scale,
    focus: Focus = NO_FOCUS,
    room: Room,
    on_frame: Callable[[], None] | None = None,
) -> Any:
    """Show a chain.

    Parameters
    ----------
    chain : mapping ``id`` (changes with what is shown, not with the fit), ``fit`` (number of the fit),
        ``letters`` (str of n), ``labels``, ``numbers`` (n words each), ``resi`` (n numbers that the atoms
        carry), ``breaks`` (residues before which the chain is broken), ``flat`` (n [x, y], -1 to 1),
        ``edges`` (list of [i, j, weight of the pair]), ``top`` (residues with the highest scores), ``atoms``
        (address of mmCIF text, or None), ``only_alpha`` (it has C-alphas only), ``has_ligands``,
        ``has_context``, ``missing`` (why there are no atoms); ``scores`` (n, None: excluded) and ``sprite``
        (n concept ids). Of a trajectory in place of these two ``frames``: ``numbers``, ``scores``,
        ``concepts`` and ``urls``, one
        entry a frame.
    key : str
        Fixed for the place in the app; view and colours survive reruns under it.
    concepts : list of mappings
        ``id, name, colour, excluded``.
    scale : Scale
    focus : Focus
        Of residues; ``on_pick``: ``st.session_state[key].pick`` is then ``{"token"}`` (of a trajectory frame
        x n + residue). ``count``: not 0 to fly there.
    room : Room
    on_frame : callable, optional
        Called likewise; ``.frame`` is ``{"frame"}``.
    """
    data = {
        **chain,
        "key": key,
        "concepts": [dict(concept) for concept in concepts],
        "classes": list(scale.classes),
        "limit": float(scale.limit),
        "pair_limit": float(scale.pair_limit),
        "unit": scale.unit,
        "ramp": diverging_css(17),
        "selected": focus.selected,
        "frame": int(focus.frame),
        "focus": bool(focus.count),
        "neighbours": [dict(neighbour) for neighbour in focus.neighbours],
        "height": int(room.height),
        "above": int(room.above),
        # another number after each click: data that did not change would not reach the browser
        "answered": st.session_state.get(f"{key}_answered", 0),
    }

    def picked() -> None:
        st.session_state[f"{key}_answered"] = st.session_state.get(f"{key}_answered", 0) + 1
        if focus.on_pick is not None:
            focus.on_pick()

    return _RENDER(key=key, data=data, on_pick_change=picked, on_frame_change=on_frame or (lambda: None))
