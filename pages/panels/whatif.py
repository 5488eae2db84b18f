"""What the clicked token's score would be if something were otherwise."""

import math

import streamlit as st

from pages.panels import preview
from prospector_core.study.change import last_change
from viewers.colour_limits import in_both
from viewers.words import plain, signed

__all__ = ["what_if"]

MOST_CONCEPTS = 6


def what_if(study, datum, token, explanation, fit):
    """What the token would score without its neighbourhood, and without each of the concepts around it."""
    _compared(study, datum, token, explanation.score)
    if not study.view.radius:
        return
    box = st.expander("What if?", icon=":material/help_center:", key="what_if", on_change="rerun")
    if not box.open:  # nothing is asked that nobody looks at
        return
    near = list(
        dict.fromkeys(term.neighbour for term in explanation.terms if isinstance(term.neighbour, int))
    )
    near = [concept for concept in near if concept != explanation.concept][:MOST_CONCEPTS]
    with box:
        asked = [
            ("by itself, without neighbours", study.what_if(datum, token, without_neighbours=True, view=fit))
        ]
        asked += [
            (
                f"without *{plain(study.concept_name(concept))}* around it",
                study.what_if(datum, token, without=concept, view=fit),
            )
            for concept in near
        ]
        lines = [
            f"- {words}: **{signed(found.would_be)}** ({signed(found.difference)})" for words, found in asked
        ]
        st.markdown("\n".join(lines))
        st.caption(
            f"Under the present weights; nothing is refitted. Without a concept its {study.kind.words.tokens}"
            f" are gaps, and what lay behind them may be out of reach. On the {study.kind.words.datum},"
            " neighbours are framed in the colour of what they add (key n)."
        )


def _compared(study, datum, token, score):
    """Its score under the edit on trial, else before the last refit, where that differs."""
    tried = preview.current(study)
    change = tried or last_change(study)
    if change is None or not in_both(change, datum):
        return
    other = float(study.prospect(datum, change.after if tried else change.before)[token])
    if math.isnan(other):
        st.caption(
            "After the edit on trial it has no score." if tried else "Before the last refit it had no score."
        )
    elif round(other - score, 2):
        when = "after the edit on trial" if tried else "before the last refit"
        st.caption(f"{signed(other)} {when}")
