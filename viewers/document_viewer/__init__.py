"""The document viewer: a Streamlit component that shows a text as a page to read.

Its tokens tinted by score or concept.

Colour, threshold, search and scrolling live in the browser: they run no Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from viewers.component import component
from viewers.token_pixels import diverging_css
from viewers.viewing import NO_FOCUS, Focus, Room, Scale

__all__ = ["document_viewer"]

_RENDER = component(__file__, "dv")


def document_viewer(
    document: Mapping[str, Any],
    *,
    key: str,
    concepts: Sequence[Mapping[str, Any]],
    scale: Scale,
    focus: Focus = NO_FOCUS,
    room: Room,
) -> Any:
    """Show a document.

    Parameters
    ----------
    document : mapping ``id`` (changes with the text, not with the fit), ``title``, ``text``, ``sections``
        (list of [heading, start, end]), ``language``, ``rtl``; one value per token: ``starts``, ``ends`` (in
        UTF-16 units, as a browser counts), ``scores`` (None: excluded), ``concepts_of`` (ids).
        ``words``: ``token, tokens``, what tokens are called; ``marks``: a list of ``token, evidence, label``
        of tokens that the expert marked.
    key : str
        Fixed for the place in the app; place in the text and colours survive reruns under it.
    concepts : list of mappings
        ``id, name, colour, excluded``.
    scale : Scale
    focus : Focus
        Of tokens; another ``count`` than before goes to the first selected one. ``on_pick``:
        ``st.session_state[key].pick`` is then ``{"first", "last"}``, or both None where nothing is selected
        any more.
    room : Room
    """
    data = {
        **document,
        "key": key,
        "concepts": [dict(concept) for concept in concepts],
        "classes": list(scale.classes),
        "limit": float(scale.limit),
        "unit": scale.unit,
        "ramp": diverging_css(17),
        "selected": [int(token) for token in focus.selected or ()],
        "focus": int(focus.count),
        "neighbours": [dict(neighbour) for neighbour in focus.neighbours],
        "height": int(room.height),
        "above": int(room.above),
    }
    return _RENDER(key=key, data=data, on_pick_change=focus.on_pick or (lambda: None))
