"""Correct the class of a datum: for the row that is ticked in the study's table, and on the slide's panel."""

import streamlit as st

from pages.panels.edits import Edit, offer_in_form, popover, trial_here
from viewers.words import plain

__all__ = ["relabel"]

UNKNOWN = "not known"


def relabel(study, datum, where=""):
    """A popover that says what a datum's class is."""
    key = f"{where}relabel_{datum.uid}"
    box = popover(
        "Correct the label", f"{key}_box", help="Say what its class is; the labels table is not touched"
    )
    if not box.open:
        return
    with box:
        with st.form(f"{key}_form", border=False):
            choices = [*(range(len(study.classes)) if study.several else (1, 0)), None]
            st.radio(
                f"{plain(datum.name)} is",
                choices,
                index=choices.index(datum.label),
                key=f"{key}_label",
                format_func=lambda label: UNKNOWN if label is None else plain(study.classes[label]),
            )

            def read():
                return Edit("relabel", (datum.uid, st.session_state[f"{key}_label"]))

            offer_in_form(study, read, "Relabel", key, (f"{key}_box",), icon=":material/label:")
        trial_here(study, [("relabel", datum.uid)], f"{key}_")
