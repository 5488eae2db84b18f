"""What a clicked tile's score would be if something around it were otherwise, and what it was or would be under other edits."""

import numpy as np
import streamlit as st

from pages import preview, shared

__all__ = ["other_scores"]

MOST = 5  # neighbouring concepts that are asked about


def other_scores(study, datum, token, explanation):
    """The score in other circumstances, each in one line."""
    _compared(study, datum, token, explanation.score)
    near = [term.neighbour for term in explanation.terms if term.neighbour not in (None, explanation.concept)][:MOST]
    if not near:
        return
    with st.expander("What if …", icon=":material/question_mark:"):
        lines = [("nothing were around it", study.what_if(datum, token, without_neighbours=True))]
        lines += [
            (f"*{shared.plain(study.concept_name(k))}* were excluded", study.what_if(datum, token, without=k))
            for k in near
        ]
        st.markdown("\n".join(f"- {what}: **{shared.signed(found.would_be)}**" for what, found in lines))
        st.caption(f"Now {shared.signed(explanation.score)}; the same kernel, not refitted. A preview refits.")


def _compared(study, datum, token, score):
    """Its score under the edit on trial, else before the last refit, where that differs."""
    tried = preview.current(study)
    change = tried or shared.last_change(study)
    if change is None or not shared.in_both(change, datum):
        return
    other = float(study.prospect(datum, change.after if tried else change.before)[token])
    if np.isnan(other):
        st.caption("After the edit on trial it has no score." if tried else "Before the last refit it had no score.")
    elif round(other - score, 2):
        when = "after the edit on trial" if tried else "before the last refit"
        st.caption(f"{shared.signed(other)} {when}")
