"""The end of every form that makes a study.

The study is made, embedded and fitted in the background, and opened.
"""

import re
import tempfile
from pathlib import Path

import streamlit as st

from pages import jobs, shared
from pages.words import plain
from prospector_core.errors import ProspectorError
from prospector_core.store.readable import remember_sources
from prospector_core.study import Study
from sample_data import sample_folder
from viewers.access import session as access
from viewers.streamlit_patches import undisturbed

__all__ = ["make_study", "place_of"]


def make_study(name, table, doing, **options):
    """Make a study of what a form says, and draw the page anew; what is wrong with it is said.

    Parameters: name, as typed; table, the labels as uploaded, or None; doing, what the progress bar says;
    options of ``Study.create``.
    """
    folder = sample_folder().parent / (re.sub(r"[^\w.]+", "-", name.lower()).strip("-.") or "study")
    bar = st.progress(0.0, doing)
    try:
        with undisturbed(), tempfile.TemporaryDirectory() as scratch:
            labels = None
            if table is not None:
                labels = Path(scratch) / Path(table.name).name
                labels.write_bytes(table.getvalue())
            access.require_editor(
                folder
            )  # by the rules for its name: else whoever makes it could not open it
            Study.create(
                folder,
                labels=labels,
                name=name.strip(),
                progress=lambda done, total: bar.progress(done / total, doing),
                **options,
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


def place_of(text):
    """A file or folder as typed: Path."""
    return Path(text.strip()).expanduser()
