"""The form that makes a study of protein structures."""

import streamlit as st

from prospector_core.modalities.structures.contacts import CONTACTS
from prospector_core.modalities.structures.encoders import list_residue_encoders, residue_encoder_note
from viewers.kinds.parts import NewStudy
from viewers.words import place_of

__all__ = ["structures_form"]

_ATOMS = {"side": "middles of side chains", "ca": "C-alphas", "cb": "C-betas"}


def structures_form() -> NewStudy | None:
    """Ask for structures and labels."""
    with st.form("new_structures"):
        name = st.text_input("Name", placeholder="zinc sites")
        folder = st.text_input(
            "Folder of structures",
            placeholder="/data/structures",
            help="PDB or mmCIF, plain or gzip. They stay where they are.",
        )
        table = st.file_uploader(
            "Labels (CSV)",
            type=["csv", "tsv", "txt"],
            help=(
                "One row per chain: a file and a label column; chain, if not all of the file are meant;"
                " optionally name, model, assembly, split"
            ),
        )
        left, middle, right = st.columns(3)
        known = list_residue_encoders()
        encoder = left.selectbox(
            "Encoder",
            known,
            index=known.index("residue-type"),
            accept_new_options=True,
            help=(
                "Choose one, or type another: several joined by +, or esm2:NAME (its weights must be on this"
                " machine). "
            )
            + residue_encoder_note("pocketnet"),
        )
        atom = middle.selectbox("Contacts between", list(_ATOMS), format_func=_ATOMS.get)
        cutoff = right.number_input(
            "up to, Å (0 = the usual)",
            0.0,
            50.0,
            0.0,
            0.5,
            help=", ".join(f"{_ATOMS[each]}: {distance:g} Å" for each, distance in CONTACTS.items()),
        )
        asked = st.form_submit_button("Make the study", type="primary", icon=":material/add:")
    if not asked:
        return None
    if not name.strip() or not folder.strip() or table is None:
        st.warning("Give a name, the folder of structures and the labels table.", icon=":material/edit:")
        return None
    return NewStudy(
        name,
        table,
        "looking at structures",
        {
            "structures": place_of(folder),
            "encoder": encoder,
            "atom": atom,
            "cutoff": cutoff or None,
        },
    )
