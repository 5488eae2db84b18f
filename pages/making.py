"""The end of every form that makes a study.

The study is made, embedded and fitted in the background, and opened.
"""

import re
import tempfile
from pathlib import Path

import streamlit as st

from pages import jobs, shared
from prospector_core.errors import ProspectorError
from prospector_core.store.readable import remember_sources
from prospector_core.study import Study
from sample_data import sample_folder
from viewers.access import session as access
from viewers.kinds.parts import NewStudy
from viewers.streamlit_patches import undisturbed
from viewers.words import plain

__all__ = ["make_study"]


def make_study(new: NewStudy) -> None:
    """Make a study of what a form says, and draw the page anew; what is wrong with it is said."""
    folder = sample_folder().parent / (re.sub(r"[^\w.]+", "-", new.name.lower()).strip("-.") or "study")
    bar = st.progress(0.0, new.doing)
    try:
        with undisturbed(), tempfile.TemporaryDirectory() as scratch:
            labels = None
            if new.table is not None:
                labels = Path(scratch) / Path(new.table.name).name
                labels.write_bytes(new.table.getvalue())
            access.require_editor(
                folder
            )  # by the rules for its name: else whoever makes it could not open it
            Study.create(
                folder,
                labels=labels,
                name=new.name.strip(),
                progress=lambda done, total: bar.progress(done / total, new.doing),
                **new.options,
            )
            remember_sources(folder)
            access.note("made", folder)
            made = shared.open_study(folder)
            jobs.embed(made, [datum.uid for datum in made.data])
            shared.choose_study(folder)
        for note in made.embedding.get("notes", [])[:3]:
            st.toast(plain(note), icon=":material/info:", duration="long")
    except ProspectorError as error:
        bar.empty()
        shared.say_error(error)
    else:
        st.rerun()
