"""Undo, redo and refit, and the lines that say what waits for a refit."""

import streamlit as st

from pages.editing import by_me, edit_quietly
from pages.panels.change import note_change, say_change
from pages.people import locked
from pages.shared import say_error
from prospector_core.errors import ProspectorError
from prospector_core.study.change import Change
from prospector_core.study.views import newer_embeddings
from viewers.streamlit_patches import undisturbed
from viewers.words import plain

__all__ = ["newer_here", "refit_bar", "refit_here", "step_history"]


def refit_bar(study):
    """Undo, redo and refit, and what the last refit changed."""
    edits = study.curation
    last, undone, pending = edits.can_undo(), edits.can_redo(), edits.pending()
    left, right = st.columns(2)
    left.button(
        "Undo",
        key="undo",
        icon=":material/undo:",
        disabled=last is None or locked(study),
        width="stretch",
        on_click=_undo,
        args=(study,),
        help=f"Take back: {plain(edits.describe(last))}{_whose(edits, last)}" if last else "Nothing to undo",
    )
    right.button(
        "Redo",
        key="redo",
        icon=":material/redo:",
        disabled=undone is None or locked(study),
        width="stretch",
        on_click=_redo,
        args=(study,),
        help=(
            f"Bring back: {plain(edits.describe(undone))}{_whose(edits, undone)}"
            if undone
            else "Nothing to redo"
        ),
    )
    if pending:
        st.caption(":orange[:material/pending: Edits wait for a refit.] The map still shows the last fit.")
    _refit_button(study, pending or bool(newer_embeddings(study)), "refit")
    shown = st.session_state.get("change")
    tried = st.session_state.get("preview", (None,))[0] == str(
        study.path
    )  # then its box stands in this place
    if not tried and shown and shown[0] == str(study.path) and study.view.id == shown[1]:
        with st.container(border=True):
            st.markdown("**What the refit changed**" if shown[2] else "**The fit**")
            change = study.change(shown[2]) if shown[2] else Change(study, None, study.view)
            say_change(study, change, "moved")


def refit_here(study, waiting):
    """While edits wait: a line on the page itself that says which, with undo and refit.

    The sidebar may be folded away.

    ``waiting``: those edits in words, the last one last.
    """
    if not study.curation.pending():
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="waiting"):
        shown = "; ".join(f"**{plain(words)}**" for words in waiting[-3:]) or "**an edit was undone**"
        more = f"{len(waiting) - 3} more and " if len(waiting) > 3 else ""
        st.markdown(
            f":orange[:material/pending:] Waiting for a refit: {more}{shown}. The map and the weights still"
            " show the last fit.",
            width="stretch",
        )
        with st.container(horizontal=True, gap="xsmall", width="content"):  # the two stay beside each other
            last = study.curation.can_undo()
            if last is not None:
                st.button(
                    "Undo",
                    key="undo_here",
                    icon=":material/undo:",
                    disabled=locked(study),
                    on_click=_undo,
                    args=(study,),
                    help=f"Take back: {plain(study.curation.describe(last))}",
                )
            _refit_button(study, True, "refit_here", "content")


def newer_here(study):
    """Where data were embedded anew since the fit: a line on the page that says so, with a refit."""
    newer = newer_embeddings(study)
    if not newer:
        return
    words = study.kind.words
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="newer"):
        st.markdown(
            f":orange[:material/update:] The embeddings of {len(newer)}"
            f" {words.datum if len(newer) == 1 else words.data} are newer than this fit. Maps show them with"
            " the concepts and weights of before: refit, or find concepts again on the Study page.",
            width="stretch",
        )
        if not study.curation.pending():  # then the button is above
            _refit_button(study, True, "refit_newer", "content")


def _undo(study):
    # what would be undone is asked inside: a study that is gone is said as any other edit's refusal
    if last := _quietly(study, study.curation.undo):
        st.toast(f"Undone: {plain(study.curation.describe(last))}")


def _redo(study):
    if undone := _quietly(study, study.curation.redo):
        st.toast(f"Redone: {plain(study.curation.describe(undone))}")


def _quietly(study, step):
    """Undo or redo: the Entry that it was about, None where it was refused, which is then said."""
    made = []
    edit_quietly(lambda: made.append(step()))
    return made[0] if made else None


def _refit_button(study, pending, key, width="stretch"):
    st.button(
        "Refit",
        key=key,
        icon=":material/refresh:",
        type="primary" if pending else "secondary",
        disabled=not pending or locked(study),
        width=width,
        on_click=_ask_to_refit,
        args=(study, key),
        help="Fit the kernel again under all edits; concepts are not searched again",
    )
    if not pending:
        st.session_state.pop("refit_asked", None)  # done already, or undone since
    elif st.session_state.get("refit_asked") == (str(study.path), key):
        _refit(study)


def _ask_to_refit(study, key):
    # kept until it is done: a run that another click ends would forget the button
    st.session_state["refit_asked"] = str(study.path), key


def _refit(study):
    try:
        with undisturbed(), st.spinner("Refitting…"), by_me(study):
            del st.session_state["refit_asked"]
            change = study.refit()
            note_change(study, change)
            st.toast(f"Refitted: {plain(change.sentences()[0])}", icon=":material/check:")
    except ProspectorError as error:
        say_error(error)
        return
    st.rerun()


def _whose(edits, entry):
    """Whose edit it is, where it is someone else's."""
    return f" (made by {plain(entry.author)})" if entry.author not in ("", edits.author) else ""


def step_history(study, step):
    """Undo or redo, asked for by keys on a viewer; ``step``: "undo" or "redo"."""
    edits = study.curation
    entry = edits.can_undo() if step == "undo" else edits.can_redo()
    if entry is None:
        st.toast(f"Nothing to {step}.")
    elif edit_quietly(edits.undo if step == "undo" else edits.redo):
        st.toast(f"{'Undone' if step == 'undo' else 'Redone'}: {plain(edits.describe(entry))}")
