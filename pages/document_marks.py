"""What can be said of the selected sentences.

That they speak for or against a class, are to be ignored, or belong elsewhere.
"""

import streamlit as st

from pages import texts
from pages.concept_edits import meant
from pages.edits import Edit, offer_in_form, popover, trial_here
from pages.people import locked
from pages.session import edit_quietly
from pages.slide_reassign import choosable
from pages.words import plain

__all__ = ["mark_box", "mark_list", "marks_of"]

_ICONS = {
    "for": ":material/add_circle:",
    "against": ":material/do_not_disturb_on:",
    "ignore": ":material/block:",
}
_SHORT = {"for": "for", "against": "against", "ignore": "ignored"}


def marks_of(study, datum):
    """Marked tokens of a document for the viewer: list of {"token", "evidence", "label"}."""
    found = []
    for region in study.curation.state.regions:
        if region.datum == datum.uid:
            found += [
                {"token": int(each), "evidence": region.evidence, "label": _SHORT[region.evidence]}
                for each in region.tokens[:1]
            ]
    return found


def mark_box(study, datum, tokens):
    """A popover that marks the selected tokens as evidence, or moves them to another concept."""
    kind = study.kind.words
    many = kind.count(len(tokens))
    box = popover(
        f"Mark {many}",
        "mark_box_box",
        icon=":material/draw:",
        help=f"Say what the selected {kind.tokens} speak for, or what they are",
    )
    if not box.open:
        return
    what = {
        "for": f"speak for {plain(study.classes[study.target])}",
        "against": "speak against it",
        "ignore": "are to be ignored",
        "move": "belong to …",
    }
    names = choosable(study, {each.id: each for each in study.concepts()})
    with box:
        with st.form("mark_form", border=False):
            st.radio("They", list(what), format_func=what.get, key="mark_what")
            st.selectbox(
                "Concept, if they belong to another", list(names), format_func=names.get, key="mark_to"
            )

            def read():
                if st.session_state["mark_what"] == "move":
                    return Edit("reassign", (datum.uid, list(tokens), st.session_state["mark_to"]))
                return Edit(
                    "annotate", (datum.uid, list(tokens), st.session_state["mark_what"]), meant(study)
                )

            offer_in_form(study, read, "Mark", "mark", ("mark_box_box",), icon=":material/draw:")
        trial_here(study, [("annotate", datum.uid), ("reassign", datum.uid)], "mark_")
        st.caption(f"For several {kind.tokens} in a row, hold Shift and click the last one.")


def mark_list(study, datum, go_to):
    """Marks of this document; each is shown or withdrawn.

    ``go_to``: function(uid, first token, last token).
    """
    regions = [region for region in study.curation.state.regions if region.datum == datum.uid]
    if not regions:
        return
    kind = study.kind.words
    with st.expander(f"Marked {kind.tokens} ({len(regions)})", icon=":material/draw:"):
        for region in regions:
            tokens = [int(each) for each in region.tokens]
            text = texts.sentence(study, datum, tokens[0])
            more = f" and {len(tokens) - 1} more" if len(tokens) > 1 else ""
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    f"{_SHORT[region.evidence]}: {plain(text[:60])}{'…' if len(text) > 60 else ''}{more}",
                    key=f"region_{region.entry}",
                    type="tertiary",
                    icon=_ICONS[region.evidence],
                    on_click=go_to,
                    args=(datum.uid, min(tokens), max(tokens)),
                )
                st.button(
                    "",
                    key=f"withdraw_{region.entry}",
                    type="tertiary",
                    icon=":material/delete:",
                    help="Take this mark back",
                    on_click=_withdraw,
                    args=(study, region.entry),
                    disabled=locked(study),
                )


def _withdraw(study, entry):
    if edit_quietly(lambda: study.curation.withdraw(entry)):
        st.toast("Mark taken back. Undo brings it again.")
