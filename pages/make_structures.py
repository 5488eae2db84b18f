"""The form that makes a study of protein structures; it is then embedded and fitted in the background."""

import re
import tempfile
from pathlib import Path

import streamlit as st

from pages import jobs, shared
from prospector_core.encoders.residues import list_residue_encoders, residue_encoder_note
from prospector_core.errors import ProspectorError
from prospector_core.modalities.structures import CONTACTS
from prospector_core.study import Study
from sample_data import sample_folder

__all__ = ["structures_form"]

_ATOMS = {"side": "middles of side chains", "ca": "C-alphas", "cb": "C-betas"}


def structures_form():
    """Structures and labels in, a new study out."""
    with st.form("new_structures"):
        name = st.text_input("Name", placeholder="zinc sites")
        folder = st.text_input(
            "Folder of structures",
            placeholder="/data/structures",
            help="PDB or mmCIF, plain or gzip. They stay where they are.",
        )
        table = st.file_uploader("Labels (CSV)", type=["csv", "tsv", "txt"],
                                 help="One row a chain: a file and a label column; chain, if not all of the file are meant; optionally name, model, assembly, split")  # fmt: skip
        left, middle, right = st.columns(3)
        known = list_residue_encoders()
        encoder = left.selectbox(
            "Encoder", known, index=known.index("residue-type"), accept_new_options=True,
            help="Choose one, or type another: several joined by +, or esm2:NAME (its weights must be on this machine). "
            + residue_encoder_note("pocketnet"),
        )  # fmt: skip
        atom = middle.selectbox("Contacts between", list(_ATOMS), format_func=_ATOMS.get)
        cutoff = right.number_input("up to, Å (0 = the usual)", 0.0, 50.0, 0.0, 0.5,
                                    help=", ".join(f"{_ATOMS[each]}: {distance:g} Å" for each, distance in CONTACTS.items()))  # fmt: skip
        asked = st.form_submit_button("Make the study", type="primary", icon=":material/add:")
    if not asked:
        return
    if not name.strip() or not folder.strip() or table is None:
        st.warning("Give a name, the folder of structures and the labels table.", icon=":material/edit:")
        return
    target = sample_folder().parent / (re.sub(r"[^\w.]+", "-", name.lower()).strip("-.") or "study")
    bar = st.progress(0.0, "looking at structures")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            labels = Path(scratch) / Path(table.name).name
            labels.write_bytes(table.getvalue())
            Study.create(
                target, structures=Path(folder.strip()).expanduser(), labels=labels, name=name.strip(), encoder=encoder, atom=atom,
                cutoff=cutoff or None, progress=lambda done, total: bar.progress(done / total, "looking at structures"),
            )  # fmt: skip
        made = shared.open_study(target)
        jobs.embed(made, [datum.uid for datum in made.data])
        shared.choose_study(target)
    except ProspectorError as error:
        bar.empty()
        shared.say_error(error)
    else:
        st.rerun()
