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
from viewers.overlays import diverging_css, sequential_css

__all__ = ["slide_viewer"]

_RENDER = component(__file__, "pv")


def slide_viewer(
    slide: Mapping[str, Any],
    overlays: Sequence[Mapping[str, Any]] = (),
    *,
    key: str,
    height: int = 640,
    layer: str = "map",
    opacity: float = 0.65,
    legend: Mapping[str, Any] | None = None,
    concepts: Sequence[Mapping[str, Any]] = (),
    fields: Sequence[Mapping[str, Any]] = (),
    selected: Mapping[str, float] | Sequence[float] | None = None,
    neighbours: Sequence[Mapping[str, Any]] = (),
    focus: Mapping[str, float] | Sequence[float] | None = None,
    focus_count: int = 0,
    regions: Sequence[Mapping[str, Any]] = (),
    marking: Mapping[str, Mapping[str, str]] | None = None,
    link: str | None = None,
    aligned: bool = False,
    above: int = 190,
    on_click: Callable[[], None] | None = None,
    on_mark: Callable[[Mapping[str, Any]], None] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Any:
    """Show a slide.

    All rectangles are in level-0 pixels: a mapping with ``x, y, width, height`` or a sequence in that order.

    Parameters
    ----------
    slide : mapping
        From :func:`viewers.tile_server.slide_source`.
    overlays : list of mappings ``id, kind ("map", "sprite", "error", "change" or "class"), url, x, y, width,
        height``; one of each kind a datum of this slide, ``url`` from
        :func:`viewers.tile_server.register_image`. A new url for the same id swaps in place. The one of kind
        "map" may have the addresses of its tokens' numbers (:mod:`viewers.tokens`): ``tokens``, for threshold
        and hover, ``doubt``, for hatching where the sign is not certain; and ``shape`` (rows, columns) with
        them. Images of kind "error", "change" and "class", and doubts, are fetched when they are first shown.
        A grid too large for one picture has instead of ``url`` its ``tiles`` (from
        :func:`viewers.tile_server.register_tiles`), ``levels`` (how often it is halved) and ``shape``; its
        map instead of ``tokens`` and ``doubt`` the addresses ``numbers`` and ``doubts`` of theirs block by
        block, ``above`` (from :func:`viewers.token_tiles.above_table`) and the address ``summary`` (from
        :func:`viewers.token_tiles.encode_summary`).
    key : str
        Fixed for the place in the app; zoom, layer and opacity survive reruns under it.
    height : int
        CSS px of the whole viewer; less where the window is lower, so that its legend stays in sight.
    layer : {"map", "sprite", "error", "change", "class", "none"}
        Layer to begin with. Afterwards the person's choice holds until this argument changes.
    opacity : float
        Opacity to begin with, 0 to 1.
    legend : mapping, optional Of the map: ``limit`` (score of the strongest colour), ``label``, ``high`` and
        ``low`` (what the ends support), ``excluded`` (True adds the hatch), ``error_label`` (of the
        uncertainty), ``change`` (a mapping of the first four, of the change), ``classes`` (a list of ``name,
        colour`` of the layer of strongest classes).
    concepts : list of mappings Legend of the sprite: ``id, name, colour ("#rrggbb"), excluded`` and
        optionally ``pinned``. A click on one fades the others.
    fields : list of mappings Outlines: ``x, y, width, height, label, selected`` and optionally ``colour``.
        The label is shown for the selected one, the one under the pointer, and those that are large on
        screen.
    selected : rectangle, optional
        The selected token, outlined in black and white.
    neighbours : list of mappings
        Tokens that its score comes from, framed: ``x, y, width, height, colour``.
    focus : rectangle, optional
        When it changes, the view moves there.
    focus_count : int
        Raise it to move to the same ``focus`` once more.
    regions : list of mappings Regions that were marked: ``rings`` (lists of [x, y]), ``evidence`` ("for",
        "against" or "ignore"), ``label``, and ``lit`` (True draws it stronger).
    marking : mapping, optional Lets regions be marked: ``{evidence: {"label", "help"}}`` for each of the
        three, and for "reassign" where the tiles of a region may be moved to another concept. Without it
        there are no tools.
    link : str, optional Viewers of a page with the same name here move together, in micrometres, until the
        person unlinks them.
    aligned : bool
        A linked viewer begins where the other one stands: for two views of one slide.
    above : int
        CSS px of the page above the viewer and below it: what is left of the window is its height.
    on_click : callable, optional Called before the rerun that a click causes; ``st.session_state[key].click``
        is then the click. Setting the selection here draws the marker in that same run, without another.
    on_mark, on_step : callable, optional Called likewise, once for each region that was drawn, with
        ``{"tool", "evidence", "polygon" (list of [x, y], level-0 px), "slide"}``, and each time that Ctrl+Z
        or its reverse was pressed, with "undo" or "redo".

    Returns
    -------
    result
        ``result.click`` is None, or in the one rerun after a click ``{"x", "y" (level-0 px), "slide" (id),
        "layer", "zoom" (screen px a level-0 px), "magnification" (or None), "keyboard"}``.
    """
    if layer not in ("map", "sprite", "error", "change", "class", "none"):
        raise ValueError(f"layer must be map, sprite, error, change, class or none, not {layer!r}")
    data = {
        "key": key,
        "slide": dict(slide),
        "overlays": [dict(overlay) for overlay in overlays],
        "height": int(height),
        "layer": layer,
        "opacity": float(opacity),
        "legend": dict(legend) if legend else None,
        "ramp": diverging_css(17),
        "error_ramp": sequential_css(9),
        "concepts": [dict(concept) for concept in concepts],
        "fields": [dict(field) for field in fields],
        "selected": _rectangle(selected),
        "neighbours": [dict(each) for each in neighbours],
        "regions": [dict(region) for region in regions],
        "marking": {evidence: dict(words) for evidence, words in marking.items()} if marking else None,
        "link": link,
        "aligned": bool(aligned),
        "above": int(above),
        "focus": _rectangle(focus) and {**_rectangle(focus), "count": int(focus_count)},
        # Another number after each click: data that did not change would not reach the browser, and its mark
        # of a click that is on its way would stay.
        "answered": st.session_state.get(f"{key}_answered", 0),
        "heard": st.session_state.get(f"{key}_heard", 0),
    }

    def clicked() -> None:
        st.session_state[f"{key}_answered"] = st.session_state.get(f"{key}_answered", 0) + 1
        if on_click is not None:
            on_click()

    return _RENDER(
        key=key,
        data=data,
        on_click_change=clicked,
        on_edits_change=lambda: _hear(key, on_mark, on_step),
    )


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
