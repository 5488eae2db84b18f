"""The graph viewer: a Streamlit component with the tokens of one datum as points where they are.

WebGL2 or a plain canvas.

Movement, zoom, layers, the lasso and the point under the pointer live in the browser; numbers come as bytes
when they are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from viewers.component import component
from viewers.overlays import diverging_css, sequential_css

__all__ = ["encode_edges", "encode_numbers", "encode_positions", "graph_viewer"]

_RENDER = component(__file__, "gv")


def encode_positions(positions: np.ndarray) -> bytes:
    """Where tokens are, (n, 2) or (n, 3), less their middle.

    Float32 x, y, z of one after the other, z = 0 in the plane.
    """
    positions = np.asarray(positions, float)
    full = np.zeros((len(positions), 3), "<f4")
    full[:, : positions.shape[1]] = positions - middle_of(positions)
    return full.tobytes()


def encode_numbers(values: np.ndarray, top: float | None = None) -> bytes:
    """One number per token, NaN where it has none.

    Float32; before them ``top``, the number of the strongest colour.
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
    layer: str,
    concepts: Sequence[Mapping[str, Any]],
    words: Mapping[str, str],
    selected: int | None = None,
    neighbours: Sequence[Mapping[str, Any]] = (),
    regions: Sequence[Mapping[str, Any]] = (),
    marking: Mapping[str, Mapping[str, str]] | None = None,
    focus: int | None = None,
    focus_count: int = 0,
    height: int = 900,
    above: int = 176,
    under: Mapping[str, Any] | None = None,
    on_pick: Callable[[], None] | None = None,
    on_mark: Callable[[Mapping[str, Any]], None] | None = None,
    on_step: Callable[[str], None] | None = None,
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
    layer : str
        Which layer is on show at first.
    concepts : list of mappings
        ``id, name, colour, excluded``.
    words : mapping
        ``token, tokens``.
    selected : int, optional
        Token that is ringed.
    neighbours : list of mappings
        ``token, colour``: ringed in that colour.
    regions : list of mappings
        ``rings`` (lists of [x, y]), ``evidence``, ``label``.
    marking : mapping
        What a lasso can be marked as: ``{evidence: {"label", "help"}}``; None: no lasso.
    focus, focus_count :
        Token to go to, whenever the count grows.
    height, above : int
        CSS px at most; what is above the viewer on the page.
    under : mapping, optional What is under the points: ``images`` (``id, name, width, height, top``
        (halvings), ``tile, matrix`` (pixels to coordinates less ``middle``: a, b, c, d, e, f), ``channels``
        (names), ``rgb``, ``urls`` (addresses of tiles by contrast), ``borders``: lines around cells),
        ``contrasts`` (their names in words), ``outlines`` (``url, side, origin`` of squares) or None.
    on_pick : callable
        ``st.session_state[key].pick`` is then ``{"token"}``, None for a click beside all tokens.
    on_mark : callable Called with ``{"evidence", "polygon"}``, or ``{"evidence", "tokens"}`` where the view
        was turned in space.
    on_step : callable
        Called with "undo" or "redo".
    """
    state = st.session_state

    def marked():
        if on_mark is not None and state[key].mark:
            on_mark(state[key].mark)

    def stepped():
        if on_step is not None and state[key].step:
            on_step(state[key].step["step"])

    data = {
        "graph": dict(graph),
        "layers": [dict(each) for each in layers],
        "layer": layer,
        "concepts": [dict(concept) for concept in concepts],
        "words": dict(words),
        "selected": selected,
        "neighbours": [dict(each) for each in neighbours],
        "regions": [dict(each) for each in regions],
        "marking": None if marking is None else {name: dict(each) for name, each in marking.items()},
        "focus": focus,
        "focus_count": focus_count,
        "under": None if under is None else dict(under),
        "height": int(height),
        "above": int(above),
        "ramp": diverging_css(33),
        "more": sequential_css(33),
    }
    return _RENDER(
        key=key,
        data=data,
        on_pick_change=on_pick or (lambda: None),
        on_mark_change=marked,
        on_step_change=stepped,
    )
