"""The open study: which it is, what pages say where there is none, and the way to one of its tokens."""

import contextlib
import os
from pathlib import Path

import streamlit as st

from prospector_core.errors import ProspectorError
from prospector_core.store.files import study_gone
from prospector_core.study import Study
from sample_data import sample_folder
from viewers.access import session as access
from viewers.study_key import identity
from viewers.words import plain

__all__ = [
    "DATUM_PAGE",
    "style",
    "open_study",
    "current_study",
    "choose_class",
    "choose_study",
    "known_studies",
    "require_fit",
    "say_error",
    "errors_said",
    "show_token",
]

DATUM_PAGE = "datum.py"
"""The page that shows a datum."""

_STYLE = """<style>
.stMainBlockContainer {padding: 3.6rem 2.5rem 2rem}
@media (max-width: 800px) {.stMainBlockContainer {padding-left: 1rem; padding-right: 1rem}}
/* Columns inside these containers go below each other where the page, less the sidebar, is narrow. */
[class*="st-key-split"] {container-type: inline-size}
@container (max-width: 760px) {
  .st-key-split > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {flex-wrap: wrap}
  .st-key-split > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"]
    > [data-testid="stColumn"] {min-width: 100%}
}
/* Cards: as many beside each other as there is room for. */
@container (max-width: 760px) {
  .st-key-cards > [data-testid="stLayoutWrapper"],
  .st-key-cards > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] {display: contents}
  .st-key-cards {display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem}
  .st-key-cards > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"]
    > [data-testid="stColumn"] {width: auto; min-width: 0}
  [class*="st-key-split_family"] > [data-testid="stLayoutWrapper"]
    > [data-testid="stHorizontalBlock"] {flex-wrap: wrap}
  [class*="st-key-split_family"] > [data-testid="stLayoutWrapper"]
    > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"] {min-width: 45%}
}
/* Sentences as buttons: they are text to read. */
[class*="st-key-sentences_"] button {justify-content: flex-start; text-align: left}
[class*="st-key-sentences_"] button p {text-align: left}
/* What is chosen among the cards stays in sight while they scroll below it. */
[data-testid="stLayoutWrapper"]:has(> .st-key-chosen_place) {position: sticky; top: 3.75rem; z-index: 90}
.st-key-chosen {background: Canvas}
</style>"""


def style():
    """What Streamlit has no setting for."""
    st.html(_STYLE)


@st.cache_resource(show_spinner=False, max_entries=8)
def _open(path, identity):
    return access.guarded(Study.open(path))


def open_study(path):
    """The study at a path, opened once for all sessions (anew if the folder was replaced)."""
    return _open(str(path), identity(path))


def current_study(say=False):
    """The study of this session, or None; ``say`` shows why it cannot be opened.

    Of more than two classes, it is seen from the one that was chosen in this session, at first from the last.
    """
    path = st.session_state.get("study_path") or os.environ.get("PROSPECTOR_STUDY")
    if not path and not ((sample_folder() / "study.sqlite").exists() and access.may_open(sample_folder())):
        return None
    try:
        access.require_role(path or sample_folder())
        if path and not Path(path).exists():
            raise study_gone(path)
        study = open_study(path or sample_folder())
        return study.seen_from(_class_of(study)) if study.several else study
    except ProspectorError as error:
        if say:
            say_error(error)
        return None


def _class_of(study):
    """The class that this session looks at: its number."""
    chosen = st.session_state.get("class_chosen", {}).get(str(study.path))
    return chosen if chosen in range(len(study.classes)) else study.target


def choose_class(study, target):
    """Look at another class from now on, on every page."""
    st.session_state["class_chosen"] = {
        **st.session_state.get("class_chosen", {}),
        str(study.path): int(target),
    }


def choose_study(path):
    """Make a study the current one; what was selected in the former is forgotten."""
    access.require_role(path)
    Study.open(path)
    for key in [
        key
        for key in st.session_state
        if str(key).startswith(("at_", "atlas_", "cell_", "shown_", "change", "preview"))
    ]:
        del st.session_state[key]
    st.session_state["study_path"] = str(path)


def known_studies():
    """Study folders beside the sample and the one that is open: {name: path}."""
    folders = [
        folder for folder in access.folders(sample_folder().parent) if (folder / "study.sqlite").exists()
    ]
    opened = st.session_state.get("study_path") or os.environ.get("PROSPECTOR_STUDY")
    if (
        opened
        and (Path(opened) / "study.sqlite").exists()
        and Path(opened).resolve() not in [f.resolve() for f in folders]
    ):
        folders.append(Path(opened))
    folders = [folder for folder in folders if access.may_open(folder)]
    names = [folder.name for folder in folders]
    return {folder.name if names.count(folder.name) == 1 else str(folder): folder for folder in folders}


def require_fit():
    """The current study if it has been fitted; else says what to do, and ends the page."""
    study = current_study()
    if study is None:
        st.info("No study is open. Make or open one on the **Study** page.", icon=":material/folder_open:")
        st.page_link("study.py", label="Go to Study", icon=":material/folder_open:")
        st.stop()
    if study.view is None:
        working = study.queue.at_work()
        st.info(
            "This study has no concepts yet: "
            + (
                "it is being embedded. The first map is there when data of every class are embedded and"
                " fitted."
                if working
                else (
                    "find them on the **Study** page, under **Concepts and kernel**."
                    if study.embedded()
                    else "embed and fit it on the **Study** page."
                )
            ),
            icon=":material/hourglass_empty:",
        )
        st.page_link("study.py", label="Go to Study", icon=":material/folder_open:")
        st.stop()
    return study


def say_error(error):
    """An error as a person reads it."""
    st.error(plain(error), icon=":material/error:")


@contextlib.contextmanager
def errors_said():
    """Where an error ends this part of a page and not the others."""
    try:
        yield
    except ProspectorError as error:
        say_error(error)


def show_token(datum, token):
    """Select a token (None: the datum alone) and go to it on the page of its datum."""
    st.session_state["at_datum"], st.session_state["at_token"] = (
        datum.uid,
        (None if token is None else int(token)),
    )
    st.session_state["at_focus"] = True
    for name in ("at_last", "at_glass"):
        st.session_state.pop(name, None)
    st.switch_page(DATUM_PAGE)
