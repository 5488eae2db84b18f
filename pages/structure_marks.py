"""Regions of a chain that the expert marks.

Residues chosen by number, or one and its neighbours, as evidence or to be moved.
"""

import re

import streamlit as st

from pages import chains
from pages.concept_edits import meant
from pages.edits import Edit, offer_in_form, popover, trial_here
from pages.people import locked
from pages.session import edit_quietly
from pages.slide_reassign import choosable
from pages.words import plain
from prospector_core.errors import BadInputError
from prospector_core.study.explanations import neighbours

__all__ = ["mark_box", "mark_list", "read_residues"]

MARKS = {
    "for": ":material/add_circle:",
    "against": ":material/do_not_disturb_on:",
    "ignore": ":material/block:",
}


def read_residues(text, numbers, chains_of):
    """Residues of a chain from words such as "45-60, 72A, B:12-14": sorted list of indices.

    Raises BadInputError.
    """
    found = set()
    several = len(set(chains_of)) > 1
    for part in filter(None, (each.strip() for each in re.split(r"[,;\s]+(?=[\w-])", text.strip()))):
        match = re.fullmatch(r"(?:(\w+):)?(-?\d+[A-Za-z]?)(?:\s*-\s*(-?\d+[A-Za-z]?))?", part)
        if not match:
            raise BadInputError(f"{part!r} is no residue: write numbers and ranges, such as 45-60, 72")
        chain, first, last = match.groups()
        where = [at for at, name in enumerate(chains_of) if chain in (None, name)]
        if not where:
            raise BadInputError(f"there is no chain {chain} here")
        if several and chain is None:
            raise BadInputError(f"say which chain {part} is of, such as {chains_of[0]}:{part}")
        ends = []
        for number in (first, last or first):
            at = next((index for index in where if numbers[index] == number), None)
            if at is None:
                raise BadInputError(
                    f"there is no residue {number} in this chain: it has {numbers[where[0]]} to"
                    f" {numbers[where[-1]]}"
                )
            ends.append(at)
        found |= set(range(min(ends), max(ends) + 1))
    if not found:
        raise BadInputError("write which residues, such as 45-60, 72")
    return sorted(found)


def _chosen(study, datum, token):
    """Tokens that the form means, in every frame."""
    attrs, n = study.attrs(datum), chains.n_residues(study, datum)
    text = st.session_state.get("mark_text", "").strip()
    if not text and token is not None:
        near = neighbours(study, datum, token).tokens
        residues = sorted({int(each) % n for each in near})
    else:
        residues = read_residues(text, list(attrs["numbers"]), list(attrs["chains"]))
    return [frame * n + each for frame in range(len(chains.frames_of(study, datum))) for each in residues]


def mark_box(study, datum, token):
    """A popover that marks residues as evidence, or moves them to another concept."""
    box = popover(
        "Mark residues",
        "mark_box_box",
        icon=":material/draw:",
        help="Say what residues speak for, or what they are",
    )
    if not box.open:
        return
    words = {
        "for": f"speak for {plain(study.classes[study.target])}",
        "against": "speak against it",
        "ignore": "are to be ignored",
        "move": "belong to …",
    }
    names = choosable(study, {each.id: each for each in study.concepts()})
    with box:
        with st.form("mark_form", border=False):
            hint = (
                "empty: the selected residue and its neighbours" if token is not None else "such as 45-60, 72"
            )
            st.text_input(
                "Residues",
                key="mark_text",
                placeholder=hint,
                help="Numbers as in the file, ranges with -; B:12 in another chain",
            )
            st.radio("They", list(words), format_func=words.get, key="mark_what")
            st.selectbox(
                "Concept, if they belong to another", list(names), format_func=names.get, key="mark_to"
            )

            def read():
                tokens = _chosen(study, datum, token)
                if st.session_state["mark_what"] == "move":
                    return Edit("reassign", (datum.uid, tokens, st.session_state["mark_to"]))
                return Edit("annotate", (datum.uid, tokens, st.session_state["mark_what"]), meant(study))

            offer_in_form(study, read, "Mark", "mark", ("mark_box_box",), icon=":material/draw:")
        trial_here(study, [("annotate", datum.uid), ("reassign", datum.uid)], "mark_")


def mark_list(study, datum, go_to):
    """Regions that are marked in this chain; each is shown or withdrawn. ``go_to``: function(token)."""
    regions = [region for region in study.curation.state.regions if region.datum == datum.uid]
    if not regions:
        return
    labels, n = chains.labels_of(study, datum), chains.n_residues(study, datum)
    words = {"for": "for", "against": "against", "ignore": "ignored"}
    with st.expander(f"Marked residues ({len(regions)})", icon=":material/draw:"):
        for region in regions:
            residues = sorted({each % n for each in region.tokens})
            text = ", ".join(labels[each] for each in residues[:3]) + (
                f" and {len(residues) - 3} more" if len(residues) > 3 else ""
            )
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    f"{words[region.evidence]}: {plain(text)}",
                    key=f"region_{region.entry}",
                    type="tertiary",
                    icon=MARKS[region.evidence],
                    on_click=go_to,
                    args=(int(region.tokens[0]),),
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
