"""The atlas: a Streamlit component with tokens as points in the plane.

A point shows its tile, a click selects it, a lasso (or a rectangle by keys) chooses several.

Zoom, movement, colour, the tile under the pointer and the line of a lasso live in the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from viewers.component import component
from viewers.overlays import diverging_css

__all__ = ["atlas"]

_TWO = ("#2171b5", "#cc4c02")  # the ends of the map's colours
_RENDER = component(__file__, "at")


def atlas(
    points: Mapping[str, Sequence],
    *,
    key: str,
    concepts: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    limit: float,
    sides: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    pictures: str | None = None,
    texts: Sequence[str] | None = None,
    selected: int | None = None,
    chosen: Sequence[int] = (),
    height: int = 620,
    on_pick: Callable[[], None] | None = None,
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
    classes : list of str
        Names of the classes.
    limit : float
        Score of the strongest colour.
    sides : (str, str), optional
        What negative and positive scores speak for; by default "for" class 0 and "for" class 1.
    colours : list of "#rrggbb", optional
        Of the classes; by default of two.
    pictures : str, optional
        Address below which the pictures of tokens are, ``<pictures>/0/<point>_0.png``.
    texts : list of str, optional
        A text a point, in place of pictures.
    selected : int, optional
        Index of the point that is selected.
    chosen : list of int
        Indices of the points that were chosen together.
    height : int
        CSS px.
    on_pick : callable, optional
        Called before the rerun that a click causes; ``st.session_state[key].pick`` is then ``{"point"}``.
    on_lasso : callable, optional
        The same when several are chosen, or none: ``.lasso`` is ``{"points"}``.
    on_step : callable, optional
        The same for undo and redo by keys: ``.step`` is ``{"to"}``, "undo" or "redo".
    """
    data = {
        "key": key,
        "points": {name: list(values) for name, values in points.items()},
        "concepts": [dict(concept) for concept in concepts],
        "classes": list(classes),
        "sides": list(sides or (f"for {classes[0]}", f"for {classes[1]}")),
        "class_colours": list(colours or _TWO),
        "limit": float(limit),
        "ramp": diverging_css(17),
        "pictures": pictures,
        "texts": None if texts is None else list(texts),
        "selected": selected,
        "chosen": [int(number) for number in chosen],
        "height": int(height),
    }
    nothing = lambda: None
    return _RENDER(
        key=key,
        data=data,
        on_pick_change=on_pick or nothing,
        on_lasso_change=on_lasso or nothing,
        on_step_change=on_step or nothing,
    )
