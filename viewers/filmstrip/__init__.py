"""The filmstrip: a Streamlit component with the data of a study as small pictures in a row.

Sorted by what is asked for.

Sorting and scrolling live in the browser. Pictures are fetched when they come into sight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from viewers.component import component
from viewers.token_pixels import diverging_css

__all__ = ["filmstrip"]

_RENDER = component(__file__, "fs")


def filmstrip(
    data: Sequence[Mapping[str, Any]],
    *,
    key: str,
    class_name: str,
    selected: str | None = None,
    on_pick: Callable[[], None] | None = None,
) -> Any:
    """Show data as a row of pictures.

    Parameters
    ----------
    data : list of mappings ``id, name, url`` (picture), ``label`` (text), ``wrong`` (True where prediction
        and label differ), ``probability`` (of the class, or None), ``evidence`` (total, or None), optionally
        ``predicted`` (text, where there are more than two classes).
    key : str
        Fixed for the place in the app; order and scroll position survive reruns under it.
    class_name : str
        Of the class whose probability and evidence are told.
    selected : str, optional
        Id of the datum that is shown.
    on_pick : callable, optional
        Called before the rerun that a click causes; ``st.session_state[key].pick`` is then ``{"id"}``.
    """
    payload = {
        "key": key,
        "items": [dict(each) for each in data],
        "class_name": class_name,
        "selected": selected,
        "colours": diverging_css(3),
    }
    return _RENDER(key=key, data=payload, on_pick_change=on_pick or (lambda: None))
