"""Files of the study that are no longer there.

A line where one is missed, and the way to say where they are now.
"""

import streamlit as st

from pages import shared
from pages.people import locked
from prospector_core.errors import ProspectorError
from prospector_core.study.relink import relink
from viewers.words import place_of, plain

__all__ = ["file_line", "files_box", "looking_only"]

_SHOWN = 5  # names
_RESULTS = {
    "found": "found",
    "missing": "not found",
    "other": "same name, other content",
    "several": "several of that name, which differ",
}


def file_line(study, datum):
    """Say in one line that the file of a datum is gone, or is another.

    Nothing where it is there, or may not be read.
    """
    state = study.files.state(study.datum(datum).source)
    if state not in ("missing", "other"):
        return
    source = study.sources[study.datum(datum).source]
    word = study.kind.words.source
    said = (
        f"The {word} {plain(source.name)} is no longer where it was."
        if state == "missing"
        else f"Another file is in the place of the {word} {plain(source.name)}: it is not shown."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(said, icon=":material/hide_image:")
        st.page_link("study.py", label="Find it again", icon=":material/search:")


def files_box(study):
    """On the Study page: how many files are missing, and a form to find them again."""
    key = f"relinked_{study.path}"
    gone = study.files.missing()
    done = st.session_state.get(key)
    if not gone and done is None:
        return
    words = study.kind.words
    with st.container(border=True, key="missing_files"):
        if gone:
            names = ", ".join(plain(source.name) for source in gone[:_SHOWN])
            more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
            st.warning(
                f"{len(gone)} of {len(study.sources)} files are no longer where they were: {names}{more}. "
                "Maps, edits and exports work without them.",
                icon=":material/hide_image:",
            )
        if done is not None:
            _said(done)
        if gone:
            with st.form("relink", border=False):
                folder = st.text_input(
                    f"Folder that the files of the {words.data} are in now",
                    placeholder="/data/archive",
                    help=(
                        "All folders in it are searched. Files are recognised by their content, not by name"
                        " alone"
                    ),
                )
                anyway = any(link.result == "other" for link in done.links) if done is not None else False
                anyway = anyway and st.checkbox("Also take files of the same name with other content")
                asked = st.form_submit_button("Find them", icon=":material/search:", disabled=locked(study))
            if asked and folder.strip():
                _find(study, key, place_of(folder), anyway)


def _find(study, key, folder, anyway):
    bar = st.progress(0.0, "Looking")
    try:
        st.session_state[key] = relink(
            study, [folder], anyway=anyway, progress=lambda done, all: bar.progress(done / all, "Looking")
        )
    except ProspectorError as error:
        shared.say_error(error)
        return
    st.rerun()


def _said(done):
    """What was found, as a line, and a table of what changed or was not found."""
    left = done.of("missing", "other", "several")
    (st.success if not left else st.info)(f"{done}.", icon=":material/search:")
    rows = [
        {
            "file": link.source.name,
            "result": _RESULTS[link.result],
            "where": str(link.path or ""),
            "by": link.how or ", ".join(link.near),
        }
        for link in (*left, *done.of("found"))
    ]
    if rows:
        config = {"by": st.column_config.TextColumn("Recognised by (or similar names)")}
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            height=min(38 + 35 * len(rows), 300),
            column_config=config,
            alt="Files that were looked for",
        )


def looking_only(study):
    """Say once, on top of every page, that the study cannot be edited; nothing where it can."""
    if study is not None and study.database.read_only:
        st.warning(
            f"This study is open for looking only ({plain(study.database.read_only)}). To edit it, copy its"
            " folder to a place that you may write, and open it there.",
            icon=":material/lock:",
        )
