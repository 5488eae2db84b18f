"""Widgets whose value is kept in the journal."""

import streamlit as st

__all__ = ["field_key", "typed"]


def field_key(key: str, value: object) -> str:
    """Return the key of a widget whose value is kept in the journal.

    It is another key as soon as the widget holds something else than `value`. If the widget were given its
    value each time it is drawn, what is being typed in it would be lost. And after an undo, a click made
    before the browser knows would bring the old value back as if it were typed again.
    """
    versions = st.session_state.setdefault("field_versions", {})
    now = _version(key, versions)
    if st.session_state.get(now, value) != value:
        st.session_state.setdefault("fields_before", {})[now] = st.session_state[now]
        versions[key] = versions.get(key, 0) + 1
    return _version(key, versions)


def typed(key: str) -> object:
    """Return what was typed in the field of that key; for its callback.

    None where the browser only repeats what a field held that was replaced since.
    """
    value = st.session_state[key]
    return None if st.session_state.get("fields_before", {}).get(key) == value else value


def _version(key: str, versions: dict[str, int]) -> str:
    return f"{key}_{versions[key]}" if key in versions else key
