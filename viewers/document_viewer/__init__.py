"""The document viewer: a Streamlit component that shows a text as a page to read.

Its tokens tinted by score or concept.

Colour, threshold, search and scrolling live in the browser: they run no Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from viewers.component import component
from viewers.overlays import diverging_css

__all__ = ["document_viewer"]

_RENDER = component(__file__, "dv")


def document_viewer(
    document: Mapping[str, Any],
    *,
    key: str,
    concepts: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    limit: float,
    unit: str,
    words: Mapping[str, str],
    selected: Sequence[int] = (),
    focus: int = 0,
    neighbours: Sequence[Mapping[str, Any]] = (),
    marks: Sequence[Mapping[str, Any]] = (),
    height: int = 900,
    above: int = 190,
    on_pick: Callable[[], None] | None = None,
) -> Any:
    """Show a document.

    Parameters
    ----------
    document : mapping ``id`` (changes with the text, not with the fit), ``title``, ``text``, ``sections``
        (list of [heading, start, end]), ``language``, ``rtl``; one value per token: ``starts``, ``ends`` (in
        UTF-16 units, as a browser counts), ``scores`` (None: excluded), ``concepts_of`` (ids).
    key : str
        Fixed for the place in the app; place in the text and colours survive reruns under it.
    concepts : list of mappings
        ``id, name, colour, excluded``.
    classes : (name of class 0, name of class 1)
    limit : float
        Score of the strongest colour. ``unit``: what scores are counted in.
    words : mapping
        ``token``, ``tokens``: what tokens are called.
    selected : tokens that are selected, in order
    focus : int
        Another number than before: go to the first selected token.
    neighbours : list of mappings
        ``token, colour`` of tokens that the selected one's score comes from.
    marks : list of mappings
        ``token, evidence, label`` of tokens that the expert marked.
    on_pick : callable, optional Called before the rerun that a click causes; ``st.session_state[key].pick``
        is then ``{"first", "last"}``, or both None where nothing is selected any more.
    """
    data = {
        **document,
        "key": key,
        "concepts": [dict(concept) for concept in concepts],
        "classes": list(classes),
        "limit": float(limit),
        "unit": unit,
        "words": dict(words),
        "ramp": diverging_css(17),
        "selected": [int(token) for token in selected],
        "focus": int(focus),
        "neighbours": [dict(each) for each in neighbours],
        "marks": [dict(each) for each in marks],
        "height": int(height),
        "above": int(above),
    }
    return _RENDER(key=key, data=data, on_pick_change=on_pick or (lambda: None))
