"""Tokens that were chosen together on the atlas.

How many, of which concepts and data, what they look like, and edits of all of them.
"""

from collections import Counter

import streamlit as st

from pages.panels.concept_edits import choosable, meant
from pages.panels.edits import Edit, offer_in_form, popover, trial_here
from pages.panels.marks import MARKS, marking_words
from viewers.atlas_points import some_of
from viewers.kinds import view_of
from viewers.words import plain

__all__ = ["about_chosen", "parts_of"]

PICTURES = 9
LINES = 6  # concepts and data that are named


def parts_of(atlas, chosen):
    """Which tokens of which data points of the atlas are: {datum uid: list of tokens}."""
    parts = {}
    for point in sorted(chosen):
        parts.setdefault(atlas.uids[atlas.datum[point]], []).append(int(atlas.token[point]))
    return parts


def about_chosen(study, atlas, chosen, on_none):
    """The panel beside the atlas. ``chosen``: indices of points; ``on_none``: what chooses none."""
    words, parts = study.kind.words, parts_of(atlas, chosen)
    found = {each.id: each for each in study.concepts()}
    concepts = Counter()
    for uid, tokens in parts.items():
        concepts.update(study.concepts_of(uid)[tokens].tolist())
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{words.count(len(chosen))}** chosen", width="content")
        st.button("Choose none", key="atlas_none", type="tertiary", icon=":material/close:", on_click=on_none)
    with st.container(horizontal=True, gap="xsmall", key="chosen_actions"):
        _move(study, parts, choosable(study, found))
        _mark(study, parts)
    st.caption(f"Of these {words.tokens} alone: the atlas shows a sample of all.")
    _pictures(study, atlas, chosen)
    _shares(
        "Concepts", {found[k].name if k in found else study.concept_name(k): n for k, n in concepts.items()}
    )
    names = {uid: study.datum(uid).name for uid in parts}
    fields = any(study.datum(uid).field is not None for uid in parts)
    _shares(
        "Fields" if fields else words.data.capitalize(),
        {names[uid]: len(tokens) for uid, tokens in parts.items()},
    )


def _pictures(study, atlas, chosen):
    """Some of them, spread over the choice."""
    view = view_of(study)
    with st.container(horizontal=True, gap="xsmall", key="chosen_pictures"):
        for point in some_of(chosen, PICTURES):
            datum, token = study.datum(atlas.uids[atlas.datum[point]]), int(atlas.token[point])
            view.token(study, datum, token, 76, 1.0, f"{study.kind.words.token} of {datum.name}")


def _shares(title, counts):
    """Names with how many of the choice are of each, most first."""
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    said = [f"{plain(name)} ({number})" for name, number in ranked[:LINES]]
    if len(ranked) > LINES:
        said.append(f"{len(ranked) - LINES} more ({sum(number for _, number in ranked[LINES:])})")
    st.markdown(f"**{title}:** {', '.join(said)}")


def _move(study, parts, names):
    box = popover(
        "Move", "atlas_move_box", help="They belong to another concept", icon=":material/drive_file_move:"
    )
    if not box.open:
        return
    with box:
        with st.form("atlas_move_form", border=False):
            st.selectbox("They belong to", list(names), format_func=names.get, key="atlas_move_to")

            def read():
                return Edit("reassign", (parts, None, st.session_state["atlas_move_to"]))

            offer_in_form(
                study, read, "Move", "atlas_move", ("atlas_move_box",), icon=":material/drive_file_move:"
            )
        trial_here(study, [("reassign", parts)], "atlas_move_")


def _mark(study, parts):
    words = marking_words(study)
    box = popover(
        "Mark", "atlas_mark_box", help="They are evidence, or to be ignored", icon=":material/draw:"
    )
    if not box.open:
        return
    with box:
        with st.form("atlas_mark_form", border=False):
            st.radio(
                "They are",
                list(MARKS),
                format_func=lambda each: plain(words[each]["label"]),
                key="atlas_mark_as",
                captions=[plain(words[each]["help"]) for each in MARKS],
            )

            def read():
                return Edit("annotate", (parts, None, st.session_state["atlas_mark_as"]), meant(study))

            offer_in_form(study, read, "Mark", "atlas_mark", ("atlas_mark_box",), icon=":material/draw:")
        trial_here(study, [("annotate", parts)], "atlas_mark_")
