"""The way from the page of slides or cells to napari: the command that opens this datum there."""

import shlex

import streamlit as st

from viewers.access.session import person_here

__all__ = ["napari_command"]


def napari_command(study, datum):
    """A popover with the command; on a server there is none, as its people sit at other machines."""
    if person_here() is not None:
        return
    with st.popover("napari", icon=":material/desktop_windows:", help="Go on with this study in napari"):
        st.caption("On this machine, in the environment that Prospector is installed in:")
        st.code(
            shlex.join(["prospector", "napari", str(study.path.resolve()), datum.uid]),
            language="sh",
            wrap_lines=True,
        )
        st.caption(
            "It needs `requirements-napari.txt`. The app may stay open: each sees the other's edits within"
            " seconds."
        )
