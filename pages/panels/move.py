"""From a token to its concepts.

What can be done with the clicked token and its concept, and regions that change concept.
"""

import streamlit as st

from pages.editing import edit_quietly
from pages.panels import concept_edits, preview
from pages.panels.concept_edits import choosable
from pages.panels.edits import Edit, offer_in_form, popover, said, trial_here
from pages.panels.marks import marking_words, tokens_drawn
from pages.people import locked
from viewers.words import plain

__all__ = ["concept_actions", "marking", "move_drawn", "move_target", "move_words"]


def concept_actions(study, datum, token, concept):
    """What can be done where a token was clicked: with the token, and with its concept."""
    found = {each.id: each for each in study.concepts()}
    here = found[concept]
    st.caption(f"Is **{plain(here.name)}** right?")
    with st.container(horizontal=True, gap="xsmall", key="actions"):
        _other_concept(study, datum, token, found)
        concept_edits.exclude_or_include(study, here, "this_", "Exclude")
        if not here.excluded:
            concept_edits.split(study, here, "this_")
            _merge(study, here, found)
            pinned = concept_edits.pin_of(study, concept)
            fitted = float(study.view.fitted_coef[concept])
            concept_edits.pin(
                study, concept, fitted, pinned, "this_pin", "Pin" if pinned is None else "Pinned"
            )
        concept_edits.rename(study, here, "this_name")
    for words in concept_edits.waiting(study, here):
        st.caption(f":orange[:material/pending:] {plain(here.name)} {plain(words)} at the next refit")


def _other_concept(study, datum, token, found):
    kind = study.kind.words
    box = popover(f"Move {kind.token}", "this_move_box", help=f"This {kind.token} belongs to another concept")
    if not box.open:
        return
    names = choosable(study, found)
    with box:
        with st.form("this_move_form", border=False):
            st.selectbox("It belongs to", list(names), format_func=names.get, key="this_move_to")

            def read():
                return Edit("reassign", (datum.uid, [token], st.session_state["this_move_to"]))

            offer_in_form(
                study, read, "Move", "this_move", ("this_move_box",), icon=":material/drive_file_move:"
            )
        trial_here(study, [("reassign", datum.uid)], "this_move_")
        st.caption(f"For many {kind.tokens}, draw a region on the {kind.datum} and mark it as “move to …”.")


def _merge(study, here, found):
    box = popover("Merge", "this_merge_box", help="Make this and another concept one")
    if not box.open:
        return
    names = choosable(study, found)
    with box:
        other = st.selectbox(
            "Merge with",
            [k for k in names if k != here.id],
            format_func=names.get,
            key="this_merge_with",
            index=None,
            placeholder="Choose a concept",
        )
        if other is not None:
            concept_edits.merge(study, [here, found[other]], "this_merge", ("this_merge_box",))
            trial_here(study, [("merge", [here.id, other])], "this_merge_")


# ---- regions


def _target(study):
    """The concept that drawn regions are moved to, or None where there is none."""
    names = choosable(study, {each.id: each for each in study.concepts()})
    chosen = st.session_state.get("move_to")
    return (chosen if chosen in names else next(iter(names), None)), names


def marking(study):
    """What regions may be marked as on the slide, for the viewer; None for who may not edit."""
    return None if locked(study) else {**marking_words(study), **move_words(study)}


def move_words(study):
    """What the drawing tools call a move to a concept.

    Returns {"reassign": {"label", "help"}}, or nothing where there is no concept to move to.
    """
    target, names = _target(study)
    if target is None:
        return {}
    return {
        "reassign": {
            "label": f"move to {names[target]}",
            "help": f"Its {study.kind.words.tokens} belong to that concept; choose which at the right",
        }
    }


def move_target(study):
    """What becomes of regions that are drawn.

    Whether they are tried first, and where those drawn as "move to …" go.
    """
    target, names = _target(study)
    if target is None:
        return
    with st.expander("Drawing", icon=":material/draw:"):
        st.session_state["move_to_shown"] = target
        kind = study.kind.words
        st.selectbox(
            f"Move drawn {kind.tokens} to",
            list(names),
            format_func=names.get,
            key="move_to_shown",
            on_change=_chose,
            help=(
                f"Draw a region on the {kind.datum} and mark it as “move to …”: its {kind.tokens} then belong"
                " to this concept"
            ),
        )
        st.session_state["try_shown"] = bool(st.session_state.get("try_drawn"))
        st.toggle(
            "Preview what I draw",
            key="try_shown",
            on_change=_chose_to_try,
            help="A region that is drawn says what it would change; it is kept when you say so",
        )


def _chose_to_try():
    st.session_state["try_drawn"] = st.session_state["try_shown"]


def _chose():
    # under a key of its own: a widget's would be lost while another page is on show
    st.session_state["move_to"] = st.session_state["move_to_shown"]


def move_drawn(study, data, drawn):
    """Give the tokens of a region that was drawn to the chosen concept, in every datum that it touches."""
    target, _ = _target(study)
    found = {datum: tokens_drawn(study, datum, drawn) for datum in data}
    touched = [datum for datum in data if found[datum]]
    if not touched:
        st.toast(
            f"No {study.kind.words.token} has its centre in that region: nothing was moved.",
            icon=":material/error:",
        )
    else:
        move = Edit("reassign", ({datum.uid: found[datum] for datum in touched}, None, target))
        if st.session_state.get("try_drawn"):
            preview.begin(study, lambda: move)
        elif edit_quietly(lambda: move(study.curation)):
            where = touched[0].name if len(touched) == 1 else f"{len(touched)} {study.kind.words.data}"
            st.toast(
                f"{plain(said(study, study.curation.can_undo()))} in {plain(where)}. Refit to see the effect."
            )
