"""The graph viewer: a Streamlit component with the tokens of one datum as points where they are.

WebGL2 or a plain canvas.

Movement, zoom, layers, the lasso and the point under the pointer live in the browser; numbers come as bytes
when they are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from viewers.component import component
from viewers.token_pixels import diverging_css, sequential_css
from viewers.viewing import NO_FOCUS, NO_MARKING, Focus, Layer, Marking, Room

__all__ = ["encode_edges", "encode_numbers", "encode_positions", "graph_viewer"]

_RENDER = component(__file__, "gv")


def encode_positions(positions: np.ndarray) -> bytes:
    """Where tokens are, (n, 2) or (n, 3), less their middle.

    Bytes of float32: x, y, z of one token after the other, z = 0 in the plane.
    """
    positions = np.asarray(positions, float)
    full = np.zeros((len(positions), 3), "<f4")
    full[:, : positions.shape[1]] = positions - middle_of(positions)
    return full.tobytes()


def encode_numbers(values: np.ndarray, top: float | None = None) -> bytes:
    """One number per token, NaN where it has none.

    Bytes of float32; before the numbers stands ``top``, the number of the strongest colour.
    """
    return (b"" if top is None else np.float32(top).tobytes()) + np.asarray(values, "<f4").tobytes()


def encode_edges(edges: np.ndarray) -> bytes:
    """Edges (m, 2): uint32 pairs."""
    return np.asarray(edges, "<u4").tobytes()


def middle_of(positions: np.ndarray) -> np.ndarray:
    """The middle of the box around points, (2,) or (3,).

    What the browser's float32 coordinates count from.
    """
    return (
        (positions.min(axis=0) + positions.max(axis=0)) / 2
        if len(positions)
        else np.zeros(positions.shape[1])
    )


def graph_viewer(
    graph: Mapping[str, Any],
    layers: Sequence[Mapping[str, Any]],
    *,
    key: str,
    layer: Layer,
    focus: Focus = NO_FOCUS,
    marking: Marking = NO_MARKING,
    room: Room,
    under: Mapping[str, Any] | None = None,
) -> Any:
    """Show a datum.

    Parameters
    ----------
    graph : mapping ``id`` (another one resets the view), ``n``, ``dims`` (2 or 3), ``middle`` (coordinates
        that positions count from), ``positions`` and ``edges`` (addresses of bytes), ``unit`` (of
        coordinates, "" unknown: no scale bar).
    layers : list of mappings ``id, label, kind, url, unit``; kind "concept" (values are ids), "diverging"
        (``limit, low, high``: the score of the strongest colour and the words of both ends) or "sequential"
        (``low, high``: numbers of both ends; ``headed``: the higher comes before the values); ``group``:
        layers of one group share a list.
    key : str
        Fixed for the place in the app.
    layer : Layer
        Its name is the id of one of ``layers``.
    focus : Focus
        Of tokens, which are ringed; ``on_pick``: ``st.session_state[key].pick`` is then ``{"token"}``, None
        for a click beside all tokens.
    marking : Marking
        ``on_mark`` gets ``{"evidence", "tokens"}`` where the view was turned in space.
    room : Room
    under : mapping, optional What is under the points: ``images`` (``id, name, width, height, top``
        (halvings), ``tile, matrix`` (pixels to coordinates less ``middle``: a, b, c, d, e, f), ``channels``
        (names), ``rgb``, ``urls`` (addresses of tiles by contrast), ``borders``: lines around cells),
        ``contrasts`` (their names in words), ``outlines`` (``url, side, origin`` of squares) or None.
    """
    data = {
        "graph": dict(graph),
        "layers": [dict(each) for each in layers],
        **_look(layer),
        "selected": focus.selected,
        "neighbours": [dict(neighbour) for neighbour in focus.neighbours],
        "regions": [dict(region) for region in marking.regions],
        "marking": marking.tools_data(),
        "focus": focus.place,
        "focus_count": focus.count,
        "under": None if under is None else dict(under),
        "height": int(room.height),
        "above": int(room.above),
    }
    return _RENDER(
        key=key,
        data=data,
        on_pick_change=focus.on_pick or (lambda: None),
        on_mark_change=lambda: _marked(key, marking),
        on_step_change=lambda: _stepped(key, marking),
    )


def _look(layer: Layer) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "concepts": [dict(concept) for concept in layer.concepts],
        "words": dict(layer.words or {}),
        "ramp": diverging_css(33),
        "more": sequential_css(33),
    }


def _marked(key: str, marking: Marking) -> None:
    if marking.on_mark is not None and st.session_state[key].mark:
        marking.on_mark(st.session_state[key].mark)


def _stepped(key: str, marking: Marking) -> None:
    if marking.on_step is not None and st.session_state[key].step:
        marking.on_step(st.session_state[key].step["step"])
