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
from viewers.overlays import diverging_css

__all__ = ["structure_viewer"]

_RENDER = component(__file__, "sv")


def structure_viewer(
    chain: Mapping[str, Any],
    *,
    key: str,
    concepts: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    limit: float,
    pair_limit: float,
    unit: str,
    selected: int | None = None,
    frame: int = 0,
    focus: bool = False,
    neighbours: Sequence[Mapping[str, Any]] = (),
    height: int = 900,
    above: int = 190,
    on_pick: Callable[[], None] | None = None,
    on_frame: Callable[[], None] | None = None,
) -> Any:
    """Show a chain.

    Parameters
    ----------
    chain : mapping ``id`` (changes with what is shown, not with the fit), ``fit`` (number of the fit),
        ``letters`` (str of n), ``labels``, ``numbers`` (n words each), ``resi`` (n numbers that the atoms
        carry), ``breaks`` (residues before which the chain is broken), ``flat`` (n [x, y], -1 to 1),
        ``edges`` (list of [i, j, weight of the pair]), ``top`` (residues with the highest scores), ``atoms``
        (address of mmCIF text, or None), ``only_alpha`` (it has C-alphas only), ``has_ligands``, ``missing``
        (why there are no atoms); ``scores`` (n, None: excluded) and ``sprite`` (n concept ids). Of a
        trajectory in place of these two ``frames``: ``numbers``, ``scores``, ``concepts`` and ``urls``, one
        entry a frame.
    key : str
        Fixed for the place in the app; view and colours survive reruns under it.
    concepts : list of mappings
        ``id, name, colour, excluded``.
    classes : (name of class 0, name of class 1)
    limit, pair_limit : float
        Score, and weight of a pair, of the strongest colour.
    selected : int, optional
        Residue that is selected. ``focus``: fly there.
    frame : int
        Frame that ``neighbours`` belong to.
    neighbours : list of mappings
        ``token, colour`` of residues that its score comes from.
    on_pick, on_frame : callable, optional Called before the rerun that a click causes;
        ``st.session_state[key].pick`` is then ``{"token"}`` (of a trajectory frame x n + residue), ``.frame``
        ``{"frame"}``.
    """
    data = {
        **chain,
        "key": key,
        "concepts": [dict(concept) for concept in concepts],
        "classes": list(classes),
        "limit": float(limit),
        "pair_limit": float(pair_limit),
        "unit": unit,
        "ramp": diverging_css(17),
        "selected": selected,
        "frame": int(frame),
        "focus": bool(focus),
        "neighbours": [dict(each) for each in neighbours],
        "height": int(height),
        "above": int(above),
        # another number after each click: data that did not change would not reach the browser
        "answered": st.session_state.get(f"{key}_answered", 0),
    }

    def picked() -> None:
        st.session_state[f"{key}_answered"] = st.session_state.get(f"{key}_answered", 0) + 1
        if on_pick is not None:
            on_pick()

    return _RENDER(key=key, data=data, on_pick_change=picked, on_frame_change=on_frame or (lambda: None))
