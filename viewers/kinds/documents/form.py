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
                "A table (CSV, TSV, Excel) or JSON of many texts, or a folder of text, Markdown, PDF, Word"
                " (docx), HTML and RTF files. They stay where they are."
            ),
        )
        table = st.file_uploader(
            "Labels (CSV)",
            type=["csv", "tsv", "txt"],
            help=(
                "One row per document: its file or id, and its label; optionally split. Not needed where the"
                " table or JSON has a column label."
            ),
        )
        text_column, id_column = _ask_columns()
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
            "text_column": text_column.strip() or None,
            "id_column": id_column.strip() or None,
        },
    )


def _ask_columns() -> tuple[str, str]:
    """Ask for the columns of a table of documents: the text, and its id."""
    left, right = st.columns(2)
    usual = "Of a table, or JSON. Empty: by usual names"
    return (
        left.text_input("Column of the text", placeholder="text", help=usual),
        right.text_input("Column of the id", placeholder="id", help=usual),
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
