"""Edits of this session: made in the name of who sits here, and told of those that other windows made."""

import contextlib

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException

from pages.shared import current_study
from prospector_core.errors import AccessError, ProspectorError, StudyError
from prospector_core.study import Editor
from viewers.access import session as access
from viewers.words import plain

__all__ = ["editor_of", "note_field", "edit_quietly", "by_me", "drawn", "elsewhere"]


def editor_of(study):
    """Who edits in this session, and what of the journal its pages have shown: Editor."""
    key = f"editor_{study.path}"
    if key not in st.session_state:
        st.session_state[key] = Editor(seen=study.curation.seen)
    editor = st.session_state[key]
    person = access.person_here()  # on a server: who has logged in, whatever the session says
    editor.author = person.name if person else st.session_state.get("author")  # None: whoever started the app
    return editor


def note_field():
    """A place for the reason of the next edit, whichever page it is made on; empty again once it was used."""
    number = st.session_state.setdefault("note_number", 0)
    st.text_input(
        "Note for the next edit",
        key=f"note_{number}",
        max_chars=500,
        placeholder="why?",
        help="Kept with the edit, and shown in the history and the report",
    )


def _note():
    return st.session_state.get(f"note_{st.session_state.get('note_number', 0)}", "")


def _note_used():
    # another field, as a drawn one cannot be emptied
    if _note():
        st.session_state["note_number"] += 1


def edit_quietly(action):
    """Make an edit inside a widget's callback, which nothing cuts short (viewers/streamlit_patches.py).

    Returns whether it was made.

    It is refused if someone else has edited the same thing after this page was drawn. The note in the
    sidebar, if there is one, is kept with it.
    """
    try:
        study = current_study()
        if study is None:
            raise StudyError("the study is no longer where it was: open it where it is now")
        with by_me(study):
            action()
    except ProspectorError as error:
        st.toast(plain(error), icon=":material/error:")
        return False
    return True


@contextlib.contextmanager
def by_me(study):
    """Edits inside the block are made by this session, for the reason that is noted in the sidebar.

    If there is one.

    Raises AccessError, before anything is done, for who may look at the study only.
    """
    if study is None:  # a login that has ended since the page was drawn
        raise AccessError("no study is open here any more: nothing was changed")
    access.require_editor(study.path)
    before, editor = study.curation.seen, editor_of(study)
    known = set(editor.own)
    try:
        with study.curation.by(editor, _note()):
            yield
    finally:
        for entry in sorted(editor.own - known):
            access.note("edited", study, f"journal {entry}")
    if study.curation.seen != before:
        _note_used()


@contextlib.contextmanager
def drawn(study):
    """What is drawn inside the block shows the journal as it now is.

    A click counts as made on what was drawn before.

    Where a newer request ends the drawing, the page was not seen.
    """
    if study is None:
        yield
        return
    editor, latest = editor_of(study), study.curation.seen
    others = study.curation.since(editor)
    if others:
        st.toast(_told(study, others), icon=":material/group:")
    st.session_state["drawing"] = latest, _fit_id(study)
    try:
        yield
    except RerunException:
        raise
    except BaseException:  # an error that the page says, or its end
        editor.seen = latest
        raise
    editor.seen = latest


@st.fragment(run_every=3)
def elsewhere(study):
    """A line that says, within seconds, that this study was edited or refitted in another window."""
    if not access.may_open(study.path):
        st.rerun()  # the login has ended: the page says so
    seen, fit = st.session_state.get("drawing", (None, None))
    others = study.curation.since(Editor(seen=seen, own=editor_of(study).own))
    if others or _fit_id(study) != fit:
        said = _told(study, others) if others else "The study was refitted elsewhere."
        st.caption(f":orange[:material/group:] {said}")
        if st.button(
            "Show", key="reload", icon=":material/refresh:", help="Draw this page as the study now is"
        ):
            st.rerun()


def _told(study, others):
    last = others[-1]
    what = plain(study.curation.describe(last)) + (f" ({plain(last.author)})" if last.author else "")
    number = (
        f"{len(others)} edits were made elsewhere, the last"
        if len(others) > 1
        else "An edit was made elsewhere"
    )
    return f"{number}: {what}."


def _fit_id(study):
    return study.database.read("SELECT MAX(id) FROM fits")[0][0]  # not loaded: it may be damaged
