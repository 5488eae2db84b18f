"""An edit that is only tried: what a refit would give, shown before it is kept; then kept or discarded."""

import streamlit as st

from pages.editing import edit_quietly
from pages.panels.change import note_change, say_change
from pages.people import locked
from pages.shared import DATUM_PAGE
from prospector_core.errors import ProspectorError
from prospector_core.study.preview import Draft
from viewers.words import plain

__all__ = ["begin", "current", "discard", "words", "box", "line"]


def begin(study, read, closes=()):
    """Try the edit that ``read()`` returns; for a widget's callback.

    ``closes``: keys of popovers to close then.
    """
    tried = read()
    if edit_quietly(lambda: study.preview(tried)):
        st.session_state["preview"] = (str(study.path), tried)
        for key in closes:
            st.session_state[key] = False


def current(study):
    """What the edit on trial would change, on top of all edits so far: Change, or None if none is tried."""
    path, tried = st.session_state.get("preview", (None, None))
    if path != str(study.path):
        return None
    try:
        return study.preview(tried)
    except ProspectorError:  # edited meanwhile: what was tried makes no sense any more
        discard()
        return None


def words(study):
    """The edit on trial in words."""
    draft = Draft(study)
    st.session_state["preview"][1](draft)
    return "; ".join(study.curation.describe(entry) for entry in draft.edits)


def discard():
    """End the trial; nothing was kept."""
    st.session_state.pop("preview", None)


def keep(study):
    """Make the edit on trial, and refit."""
    _, tried = st.session_state.pop("preview")
    if edit_quietly(lambda: tried(study.curation)):
        for key in [
            key for key in st.session_state if str(key).endswith("_box") and st.session_state[key] is True
        ]:
            st.session_state[key] = False  # the popover that it was tried in
        if not edit_quietly(lambda: note_change(study, study.refit())):
            return
        st.toast("Kept, and refitted. Undo takes it back.", icon=":material/check:")


def box(study, where):
    """What the edit on trial would do, with keep and discard. ``where``: makes keys unique."""
    change = current(study)
    if change is None:
        return
    with st.container(border=True, key=f"{where}preview"):
        st.markdown(f":blue[:material/preview:] **Preview: {plain(words(study))}**")
        say_change(study, change, f"{where}would")
        buttons(study, where)


def line(study):
    """The same in few words, for the top of a page."""
    change = current(study)
    if change is not None:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="previewed"):
            st.markdown(
                f":blue[:material/preview:] **Preview: {plain(words(study))}**. Nothing is kept yet. "
                f"After it {plain(change.scores().sentence)}.",
                width="stretch",
            )
            buttons(study, "top_")


def buttons(study, where):
    """Keep, discard, and a look at the map."""
    with st.container(horizontal=True, gap="xsmall", width="content"):
        st.button(
            "Keep",
            key=f"{where}keep",
            type="primary",
            icon=":material/check:",
            on_click=keep,
            args=(study,),
            disabled=locked(study),
            help="Make this edit and refit",
        )
        st.button("Discard", key=f"{where}discard", icon=":material/close:", on_click=discard)
        if st.button(
            "Side by side",
            key=f"{where}look",
            icon=":material/compare:",
            help="The map now and after the edit, side by side",
        ):
            st.session_state["shown_beside"] = "@after"
            st.switch_page(DATUM_PAGE)
