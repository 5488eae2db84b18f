"""The sidebar of every page: the study, the class, undo, redo and refit."""

import streamlit as st

from pages.editing import elsewhere, note_field
from pages.panels.refit import refit_bar
from pages.people import locked, who
from pages.shared import choose_class
from prospector_core.errors import ProspectorError
from prospector_core.wording import datum_words
from viewers.words import plain

__all__ = ["class_box", "sidebar"]


def sidebar(study):
    """Name of the study, undo and redo, and the refit that makes edits count."""
    with st.sidebar:
        who(study)
    if study is None:
        return
    with st.sidebar:
        st.markdown(f"**{plain(study.name)}**")
        try:
            fit = study.view
            if fit is None:
                return
            st.caption(
                f"{len(study.data)} {datum_words(study)[1]} · {fit.n_concepts} concepts · radius {fit.radius}"
                f" · {plain(fit.settings.kernel)} kernel"
            )
            if study.several:
                class_box(study)
            refit_bar(study)
            if not locked(study):
                note_field()
            elsewhere(study)
        except ProspectorError:
            return  # the page says it, where there is room for the reason


def class_box(study):
    """Which class every page looks at, where there are more than two."""
    st.session_state["class_shown"] = study.target
    st.selectbox(
        "Class",
        range(len(study.classes)),
        format_func=lambda label: study.classes[label],
        key="class_shown",
        on_change=lambda: choose_class(study, st.session_state["class_shown"]),
        help=(
            "Each class has a map and a kernel of its own, against all others. What you choose holds on every"
            " page"
        ),
    )
