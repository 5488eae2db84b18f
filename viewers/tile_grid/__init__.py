"""Tiles as a grid of pictures that can be clicked.

A Streamlit component over one picture that holds them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from viewers.component import component

__all__ = ["tile_grid"]

_RENDER = component(__file__, "tg")


def tile_grid(
    url: str,
    names: Sequence[str],
    *,
    key: str,
    label: str,
    columns: int = 4,
    rows: int = 2,
    on_pick: Callable[[], None] | None = None,
) -> Any:
    """Show tiles that go somewhere.

    Parameters
    ----------
    url : str
        Of a picture made by :func:`viewers.pictures.mosaic` without gaps, ``columns`` x ``rows`` tiles.
    names : list of str
        What each tile is, left to right: said on hover and by screen readers.
    key : str
        Fixed for the place in the app.
    label : str
        What the tiles are together.
    columns, rows : int
        Of the picture; the last row may be short.
    on_pick : callable, optional
        Called before the rerun that a click causes; ``st.session_state[key].pick`` is then ``{"index"}``.
    """
    data = {"url": url, "tiles": list(names), "label": label, "columns": int(columns), "rows": int(rows)}
    return _RENDER(key=key, data=data, on_pick_change=on_pick or (lambda: None))
