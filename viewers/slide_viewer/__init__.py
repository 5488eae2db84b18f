"""The slide viewer: a Streamlit component that shows a gigapixel slide with its prospect map or its concepts.

The layer, its opacity, zoom and highlight live in the browser: changing them runs no Python. A click comes
back as level-0 pixels. Needs the routes of :mod:`viewers.tile_server` in the app.

The JavaScript is served by those routes and not by Streamlit's ``asset_dir``, which is found for installed
packages only: the app must also run from a plain checkout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from viewers.component import component
from viewers.token_pixels import diverging_css, sequential_css
from viewers.viewing import NO_FOCUS, NO_MARKING, Focus, Layer, Marking, Room

__all__ = ["slide_viewer"]

_LAYERS = ("map", "sprite", "error", "change", "class", "none")
_RENDER = component(__file__, "pv")


def slide_viewer(
    slide: Mapping[str, Any],
    overlays: Sequence[Mapping[str, Any]] = (),
    *,
    key: str,
    fields: Sequence[Mapping[str, Any]] = (),
    layer: Layer,
    focus: Focus = NO_FOCUS,
    marking: Marking = NO_MARKING,
    room: Room,
) -> Any:
    """Show a slide. Rectangles and polygons are in level-0 pixels.

    Parameters
    ----------
    slide : mapping
        From :func:`viewers.tile_server.slide_source`.
    overlays : list of mappings
        One of each kind per datum of this slide; what each holds is said at :func:`_overlay`.
    key : str
        Fixed for the place in the app; zoom, layer and opacity survive reruns under it.
    fields : list of mappings
        Outlines: ``x, y, width, height, label, selected`` and optionally ``colour``. The label is shown for
        the selected one, the one under the pointer, and those that are large on screen.
    layer : Layer
        Its name is "map", "sprite", "error", "change", "class" or "none".
    focus : Focus
        Of rectangles; ``on_pick``: ``st.session_state[key].click`` is then the click.
    marking : Marking
    room : Room

    Returns
    -------
    result
        ``result.click`` is None, or in the one rerun after a click ``{"x", "y" (level-0 px), "slide" (id),
        "layer", "zoom" (screen px a level-0 px), "magnification" (or None), "keyboard"}``.
    """
    if layer.name not in _LAYERS:
        raise ValueError(f"layer must be {', '.join(_LAYERS[:-1])} or none, not {layer.name!r}")
    data = {
        "key": key,
        "slide": dict(slide),
        "overlays": [_overlay(overlay) for overlay in overlays],
        "fields": [dict(field) for field in fields],
        **_looks(layer, room),
        **_places(focus, marking),
        # Another number after each click: data that did not change would not reach the browser, and its mark
        # of a click that is on its way would stay.
        "answered": st.session_state.get(f"{key}_answered", 0),
        "heard": st.session_state.get(f"{key}_heard", 0),
    }

    def clicked() -> None:
        st.session_state[f"{key}_answered"] = st.session_state.get(f"{key}_answered", 0) + 1
        if focus.on_pick is not None:
            focus.on_pick()

    hear = lambda: _hear(key, marking.on_mark, marking.on_step)
    return _RENDER(key=key, data=data, on_click_change=clicked, on_edits_change=hear)


def _overlay(overlay: Mapping[str, Any]) -> dict[str, Any]:
    """An overlay as the browser takes it.

    Parameters
    ----------
    overlay : mapping
        ``id, kind ("map", "sprite", "error", "change" or "class"), url, x, y, width, height``; ``url`` from
        :func:`viewers.tile_server.register_image`. A new url for the same id swaps in place. The one of kind
        "map" may have the addresses of its tokens' numbers (:mod:`viewers.tokens`): ``tokens``, for threshold
        and hover, ``doubt``, for hatching where the sign is not certain; and ``shape`` (rows, columns) with
        them. Images of kind "error", "change" and "class", and doubts, are fetched when they are first shown.
        A grid too large for one picture has instead of ``url`` its ``tiles`` (from
        :func:`viewers.tile_server.register_tiles`), ``levels`` (how often it is halved) and ``shape``; its
        map instead of ``tokens`` and ``doubt`` the addresses ``numbers`` and ``doubts`` of theirs block by
        block, ``above`` (from :func:`viewers.token_tiles.above_table`) and the address ``summary`` (from
        :func:`viewers.token_tiles.encode_summary`).
    """
    return dict(overlay)


def _looks(layer: Layer, room: Room) -> dict[str, Any]:
    return {
        "height": int(room.height),
        "above": int(room.above),
        "link": room.link,
        "aligned": bool(room.aligned),
        "layer": layer.name,
        "opacity": float(layer.opacity),
        "legend": dict(layer.legend) if layer.legend else None,
        "concepts": [dict(concept) for concept in layer.concepts],
        "ramp": diverging_css(17),
        "error_ramp": sequential_css(9),
    }


def _places(focus: Focus, marking: Marking) -> dict[str, Any]:
    place = _rectangle(focus.place)
    return {
        "selected": _rectangle(focus.selected),
        "neighbours": [dict(neighbour) for neighbour in focus.neighbours],
        "focus": place and {**place, "count": int(focus.count)},
        "regions": [dict(region) for region in marking.regions],
        "marking": marking.tools_data() or None,
    }


def _hear(key: str, on_mark: Callable | None, on_step: Callable | None) -> None:
    """Pass each edit on once: a message holds those of earlier ones too.

    As long as they were not confirmed.
    """
    for edit in st.session_state[key].edits or []:
        if edit["number"] > st.session_state.get(f"{key}_heard", 0):
            st.session_state[f"{key}_heard"] = edit["number"]
            if "mark" in edit and on_mark is not None:
                on_mark(edit["mark"])
            elif "step" in edit and on_step is not None:
                on_step(edit["step"])


def _rectangle(
    rectangle: Mapping[str, float] | Sequence[float] | None,
) -> dict[str, float] | None:
    if rectangle is None:
        return None
    if not isinstance(rectangle, Mapping):
        rectangle = dict(zip(("x", "y", "width", "height"), rectangle, strict=True))
    return {name: float(rectangle[name]) for name in ("x", "y", "width", "height")}
