"""Around the clicked tile: its neighbours drawn on the slide, and what its score would be if something were otherwise."""

import numpy as np
import streamlit as st

from pages import shared
from prospector_core.palette import hex_of
from viewers.overlays import diverging_colours

__all__ = ["drawn_neighbours", "what_if"]

MOST_NEIGHBOURS = 400  # drawn; of a larger receptive field those that add most
MOST_CONCEPTS = 6


def drawn_neighbours(study, datum, token):
    """The tiles that a tile's score comes from, for the slide viewer: list of {x, y, width, height, colour}."""
    around = study.neighbours(datum, token)
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
    near = list(dict.fromkeys(term.neighbour for term in explanation.terms if term.neighbour is not None))
    near = [concept for concept in near if concept != explanation.concept][:MOST_CONCEPTS]
    if not study.current_fit.radius:
        return
    with st.expander("What if?", icon=":material/help_center:"):
        asked = [("by itself, without neighbours", study.what_if(datum, token, without_neighbours=True))]
        asked += [
            (
                f"without *{shared.plain(study.concept_name(concept))}* around it",
                study.what_if(datum, token, without=concept),
            )
            for concept in near
        ]
        lines = [
            f"- {words}: **{shared.signed(found.would_be)}** ({shared.signed(found.difference)})"
            for words, found in asked
        ]
        st.markdown("\n".join(lines))
        st.caption(
            "Under the present weights; nothing is refitted. Without a concept its tiles are gaps, and what lay behind them may be out of "
            "reach. On the slide, neighbours are framed in the colour of what they add (key n)."
        )
