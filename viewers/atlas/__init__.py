"""The atlas: a Streamlit component with tokens as points in the plane.

A point shows its tile, a click selects it, a lasso (or a rectangle by keys) chooses several.

Zoom, movement, colour, the tile under the pointer and the line of a lasso live in the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from viewers.component import component
from viewers.token_pixels import diverging_css
from viewers.viewing import NO_FOCUS, Focus, Scale

__all__ = ["atlas"]

_HEIGHT = 620  # CSS px
_TWO = ("#2171b5", "#cc4c02")  # the ends of the map's colours
_RENDER = component(__file__, "at")


def atlas(
    points: Mapping[str, Sequence],
    *,
    key: str,
    concepts: Sequence[Mapping[str, Any]],
    scale: Scale,
    hover: Mapping[str, Any],
    focus: Focus = NO_FOCUS,
    on_lasso: Callable[[], None] | None = None,
    on_step: Callable[[], None] | None = None,
) -> Any:
    """Show points.

    Parameters
    ----------
    points : mapping Lists of one length: ``x, y`` (-1 to 1), ``concept`` (id), ``score`` (None where it has
        none), ``label`` (class or None, of its datum), ``name`` (of its datum).
    key : str
        Fixed for the place in the app; zoom and colour survive reruns under it.
    concepts : list of mappings
        ``id, name, colour, excluded``.
    scale : Scale
    hover : mapping
        ``pictures``, the address below which the pictures of tokens are, ``<pictures>/0/<point>_0.png``; or
        ``texts``, a list of one text per point.
    focus : Focus
        The point that is selected, and those chosen together; ``on_pick``: ``st.session_state[key].pick`` is
        then ``{"point"}``.
    on_lasso : callable, optional
        The same when several are chosen, or none: ``.lasso`` is ``{"points"}``.
    on_step : callable, optional
        The same for undo and redo by keys: ``.step`` is ``{"to"}``, "undo" or "redo".
    """
    classes, texts = scale.classes, hover.get("texts")
    data = {
        "key": key,
        "points": {name: list(values) for name, values in points.items()},
        "concepts": [dict(concept) for concept in concepts],
        "classes": list(classes),
        "sides": list(scale.sides or (f"for {classes[0]}", f"for {classes[1]}")),
        "class_colours": list(scale.colours or _TWO),
        "limit": float(scale.limit),
        "ramp": diverging_css(17),
        "pictures": hover.get("pictures"),
        "texts": None if texts is None else list(texts),
        "selected": focus.selected,
        "chosen": [int(number) for number in focus.chosen],
        "height": _HEIGHT,
    }
    nothing = lambda: None
    return _RENDER(
        key=key,
        data=data,
        on_pick_change=focus.on_pick or nothing,
        on_lasso_change=on_lasso or nothing,
        on_step_change=on_step or nothing,
    )
