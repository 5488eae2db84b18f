"""A study that grows, on the Study page: new files and a table in; the difference is shown, then applied."""

import tempfile
from pathlib import Path

import streamlit as st

from pages import jobs, shared
from pages.people import locked
from prospector_core.errors import BadInputError, ProspectorError
from prospector_core.store.files import write_atomic
from prospector_core.store.readable import remember_sources
from prospector_core.study.growth import Growth, compare_labels, look_at_new
from viewers.access import session as access
from viewers.streamlit_patches import undisturbed
from viewers.words import place_of

__all__ = ["growing"]


def growing(study):
    """A form that looks at new data or at a new table, what it found, and the button that applies it."""
    words, key = study.kind.words, f"growth_{study.path}"
    with st.expander("Add data, or follow a new labels table", icon=":material/library_add:"):
        with st.form("grow", border=False):
            place = st.text_input(
                f"File or folder of new {words.data}",
                placeholder="/data/new",
                help="They stay where they are. Leave it empty to compare the labels alone",
            )
            dropped = st.file_uploader(
                "Or drop files here",
                accept_multiple_files=True,
                key="grow_files",
                help="They are kept in a folder beside the study",
            )
            table = st.file_uploader(
                "Labels table as it is now",
                type=["csv", "tsv", "txt"],
                key="grow_table",
                help=f"Rows of {words.data} that the study has already are passed over where files are added",
            )
            asked = st.form_submit_button("Look", icon=":material/search:", disabled=locked(study))
        if asked:
            st.session_state.pop(key, None)
            _look(study, key, place, dropped, table)
        if key in st.session_state:
            _offer(study, key, st.session_state[key])


def _look(study, key, place, dropped, table):
    """Keep what was found in the session, or say what is wrong; the study is not changed."""
    if table is None and not (place.strip() or dropped):
        st.warning("Name a folder, drop files, or give a labels table.", icon=":material/edit:")
        return
    try:
        with undisturbed(), tempfile.TemporaryDirectory() as scratch:
            labels = None
            if table is not None:
                labels = Path(scratch) / Path(table.name).name
                labels.write_bytes(table.getvalue())
            if place.strip() or dropped:
                files = _kept(study, dropped) if dropped else place_of(place)
                st.session_state[key] = look_at_new(study, files, labels)
            else:
                st.session_state[key] = compare_labels(study, labels)
    except ProspectorError as error:
        shared.say_error(error)


def _kept(study, dropped):
    """Write dropped files beside the study: list of paths. None is written over."""
    access.require_editor(study.path)
    folder, found = study.path.with_name(f"{study.path.name}-files"), []
    folder.mkdir(exist_ok=True)
    for each in dropped:
        file = folder / Path(each.name).name
        if file.exists() and file.read_bytes() != each.getvalue():
            raise BadInputError(f"{file} is there already, with other content: give the file another name")
        if not file.exists():
            write_atomic(file, each.getvalue())
        found.append(file)
    return found


def _offer(study, key, found):
    """What would change, a row each, and the button that does it."""
    rows = _rows(study, found)
    if not rows:
        st.info("The table and the study say the same.", icon=":material/check:")
        return
    st.dataframe(rows, hide_index=True, width="stretch", alt="What would change")
    new_only = all(row["what"] == "new" for row in rows)
    if not isinstance(found, Growth) and new_only:
        st.info("To add the new rows, name their files as well.", icon=":material/edit:")
    elif st.button("Apply", key="grow_apply", type="primary", disabled=locked(study)):
        _apply(study, key, found)


def _rows(study, found):
    """What would change, as rows of a table."""

    def name(label):
        return "not known" if label is None else study.classes[label]

    if isinstance(found, Growth):
        return [{"what": "new", "name": row.name, "now": "", "then": name(row.label)} for row in found.rows]
    return [
        *({"what": "new", "name": row.name, "now": "", "then": name(row.label)} for row in found.new),
        *(
            {"what": "corrected", "name": datum.name, "now": name(datum.label), "then": name(label)}
            for datum, label in found.corrected
        ),
        *({"what": "gone", "name": datum.name, "now": name(datum.label), "then": ""} for datum in found.gone),
    ]


def _apply(study, key, found):
    """Do it, as edits with undo; new data are then embedded in the background."""
    try:
        access.require_editor(study.path)
        if isinstance(found, Growth):
            added = found.apply()
            remember_sources(study.path)
            jobs.embed(study, [datum.uid for datum in added])
            st.toast(f"{len(added)} added; they are being embedded. Then refit.")
        else:
            st.toast(f"{found.apply(remember=False)} edits made. Refit to see the effect.")
    except ProspectorError as error:
        shared.say_error(error)
        return
    st.session_state.pop(key, None)
    st.rerun()
