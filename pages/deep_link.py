"""Addresses that lead to a place.

`?datum=UID&token=7` or `?datum=UID&view=x,y,width,height`, by opaque ids only.
"""

import math

import streamlit as st

__all__ = ["follow_link"]


def follow_link(study):
    """Go once to the place that the page's address names; an address that makes no sense is passed over."""
    asked = {name: st.query_params[name] for name in ("datum", "token", "view") if name in st.query_params}
    for name in asked:
        del st.query_params[name]  # a later click must not lead back
    if study is None or asked.get("datum") not in {d.uid for d in study.embedded()} or study.view is None:
        return
    state, datum = st.session_state, study.datum(asked["datum"])
    for key in ("at_token", "at_last", "at_glass", "at_side", "at_token_beside"):
        state.pop(key, None)
    state["at_datum"], state["at_focus"] = datum.uid, True
    token, view = asked.get("token", ""), _numbers(asked.get("view", ""))
    if token.isascii() and token.isdigit() and len(token) < 10 and int(token) < study.n_tokens(datum):
        state["at_token"] = int(token)
    elif view is not None:
        state["at_focus"] = False
        state["at_view"], state["at_view_count"] = view, state.get("at_view_count", 0) + 1


def _numbers(text):
    """(x, y, width, height) of a view, or None."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        return None
    return (
        (x, y, width, height)
        if all(map(math.isfinite, (x, y, width, height))) and min(width, height) > 0
        else None
    )
