"""The form that makes a study of documents; it is then embedded and fitted in the background."""

import re
import tempfile
from pathlib import Path

import streamlit as st

from pages import jobs, shared
from prospector_core.encoders.texts import list_text_encoders
from prospector_core.errors import ProspectorError
from prospector_core.study import Study
from sample_data import sample_folder

__all__ = ["documents_form"]


def documents_form():
    """Documents and labels in, a new study out."""
    with st.form("new_documents"):
        name = st.text_input("Name", placeholder="nodal metastasis")
        place = st.text_input(
            "File or folder of documents", placeholder="/data/reports.jsonl",
            help="JSON lines with id and text (or sections), or a folder of text, Markdown and PDF files. They stay where they are; the study keeps their text.",
        )  # fmt: skip
        table = st.file_uploader("Labels (CSV)", type=["csv", "tsv", "txt"],
                                 help="One row a document: its file or id, and its label; optionally split. Not needed where JSON lines have a field label.")  # fmt: skip
        left, right = st.columns(2)
        encoder = left.selectbox("Encoder", list_text_encoders(), accept_new_options=True,
                                 help="Or type transformers: and a name on the hub or a folder (the weights must be on this machine, or fetchable)")  # fmt: skip
        size = right.number_input("Words a token (0 = sentences)", 0, 10_000, 0, 10)
        asked = st.form_submit_button("Make the study", type="primary", icon=":material/add:")
    if not asked:
        return
    if not name.strip() or not place.strip():
        st.warning("Give a name, and the file or folder of the documents.", icon=":material/edit:")
        return
    target = sample_folder().parent / (re.sub(r"[^\w.]+", "-", name.lower()).strip("-.") or "study")
    bar = st.progress(0.0, "reading documents")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            labels = None
            if table is not None:
                labels = Path(scratch) / Path(table.name).name
                labels.write_bytes(table.getvalue())
            Study.create(
                target, documents=Path(place.strip()).expanduser(), labels=labels, name=name.strip(), encoder=encoder, words=size or None,
                progress=lambda done, total: bar.progress(done / total, "reading documents"),
            )  # fmt: skip
        made = shared.open_study(target)
        jobs.embed(made, [datum.uid for datum in made.data])
        shared.choose_study(target)
        for note in made.embedding["notes"][:3]:
            st.toast(note, icon=":material/info:", duration="long")
    except ProspectorError as error:
        bar.empty()
        shared.say_error(error)
    else:
        st.rerun()
