"""The form that makes a study of documents."""

import streamlit as st

from prospector_core.modalities.documents.encoders import list_text_encoders
from viewers.kinds.parts import NewStudy
from viewers.words import place_of

__all__ = ["documents_form"]


def documents_form() -> NewStudy | None:
    """Ask for documents and labels."""
    with st.form("new_documents"):
        name = st.text_input("Name", placeholder="nodal metastasis")
        place = st.text_input(
            "File or folder of documents",
            placeholder="/data/reports.jsonl",
            help=(
                "JSON lines with id and text (or sections), or a folder of text, Markdown and PDF files. They"
                " stay where they are."
            ),
        )
        table = st.file_uploader(
            "Labels (CSV)",
            type=["csv", "tsv", "txt"],
            help=(
                "One row per document: its file or id, and its label; optionally split. Not needed where JSON"
                " lines have a field label."
            ),
        )
        encoder, size = _ask_encoding()
        keep = st.checkbox(
            "Keep the text in the study",
            True,
            help=(
                "Without it, the text is read from its file whenever it is shown: the study then shows none"
                " where the files are not"
            ),
        )
        asked = st.form_submit_button("Make the study", type="primary", icon=":material/add:")
    if not asked:
        return None
    if not name.strip() or not place.strip():
        st.warning("Give a name, and the file or folder of the documents.", icon=":material/edit:")
        return None
    return NewStudy(
        name,
        table,
        "reading documents",
        {
            "documents": place_of(place),
            "encoder": encoder,
            "words": size or None,
            "keep_text": keep,
        },
    )


def _ask_encoding() -> tuple[str, int]:
    """Ask for the encoder, and for the words per passage."""
    left, right = st.columns(2)
    encoder = left.selectbox(
        "Encoder",
        list_text_encoders(),
        accept_new_options=True,
        help=(
            "Or type transformers: and a name on the hub or a folder (the weights must be on this"
            " machine, or fetchable)"
        ),
    )
    size = right.number_input(
        "Words per passage (0: sentences)",
        0,
        10_000,
        0,
        10,
        help="What is scored: each sentence, or passages of some words, for texts without full stops",
    )
    return encoder, size
