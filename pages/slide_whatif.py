"""Around the clicked tile: its neighbours drawn on the slide.

And what its score would be if something were otherwise.
"""

import numpy as np
import streamlit as st

from pages import preview
from pages.overlays import in_both
from pages.words import plain, signed
from prospector_core.palette import hex_of
from prospector_core.study import explanations
from prospector_core.study.change import last_change
from viewers.overlays import diverging_colours

__all__ = ["drawn_neighbours", "what_if"]

MOST_NEIGHBOURS = 400  # drawn; of a larger receptive field those that add most
MOST_CONCEPTS = 6


def drawn_neighbours(study, datum, token, fit=None):
    """The tiles that a tile's score comes from, for the slide viewer.

    List of {x, y, width, height, colour}.
    """
    around = explanations.neighbours(study, datum, token, fit)
    added = around.contributions[1:]
    if not added.size:
        return []
    most = np.argsort(-np.abs(added), kind="stable")[:MOST_NEIGHBOURS]
    colours = diverging_colours(added, float(np.abs(added).max()) or 1.0)
    drawn = []
    for index in most:
        x, y, width, height = study.token_rect(datum, int(around.tokens[1:][index]))
        drawn.append({"x": x, "y": y, "width": width, "height": height, "colour": hex_of(colours[index])})
    return drawn


def what_if(study, datum, token, explanation):
    """What the tile would score without its neighbourhood, and without each of the concepts around it."""
    _compared(study, datum, token, explanation.score)
    if not study.view.radius:
        return
    box = st.expander("What if?", icon=":material/help_center:", key="what_if", on_change="rerun")
    if not box.open:  # nothing is asked that nobody looks at
        return
    near = list(dict.fromkeys(term.neighbour for term in explanation.terms if term.neighbour is not None))
    near = [concept for concept in near if concept != explanation.concept][:MOST_CONCEPTS]
    with box:
        asked = [
            (
                "by itself, without neighbours",
                explanations.what_if(study, datum, token, without_neighbours=True),
            )
        ]
        asked += [
            (
                f"without *{plain(study.concept_name(concept))}* around it",
                explanations.what_if(study, datum, token, without=concept),
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
    if np.isnan(other):
        st.caption(
            "After the edit on trial it has no score." if tried else "Before the last refit it had no score."
        )
    elif round(other - score, 2):
        when = "after the edit on trial" if tried else "before the last refit"
        st.caption(f"{signed(other)} {when}")
