"""Families of sites as their page shows them: typical sites laid over each other, as atoms and as a logo."""

from __future__ import annotations

import numpy as np
import streamlit as st

from prospector_core.method.families import superpose
from prospector_core.modalities.structures.contacts import contact_points
from prospector_core.modalities.structures.trajectory import read_frames
from prospector_core.study import Study
from prospector_core.study.families import find_families
from viewers.study_key import study_key

__all__ = ["SHOWN", "families_of", "laid_over", "main_concepts"]

SHOWN = 8
"""Typical sites of a family that are shown."""

_LEAST_SHARE = 0.03  # of a concept that a family is said to be made of
_BACKBONE = ("O", "OXT", "N", "C")  # atoms that are not drawn
_METALS = ("K", "W", "V")  # beside all elements of two letters; what else binds hides the site


def families_of(study: Study, fit) -> list:
    """The families of a fit: list of Family."""
    labels = tuple(datum.label for datum in study.data)
    return _families(study_key(study), fit.id, fit.target, labels, study)


@st.cache_data(show_spinner=False, max_entries=8)
def _families(key, fit_id, target, labels, _study):
    return find_families(_study)


def main_concepts(family) -> list[tuple[int, float]]:
    """The concepts that most of a family is made of, at most three: list of (concept, share)."""
    order = np.argsort(-family.composition, kind="stable")[:3]
    return [(int(k), float(family.composition[k])) for k in order if family.composition[k] >= _LEAST_SHARE]


def laid_over(study: Study, fit, family) -> tuple[bytes, dict[str, list[int]], list[dict], float | None]:
    """Typical sites of a family over the most typical one.

    Returns
    -------
    text : bytes
        Atoms as mmCIF; chain "0" is the first site, its ligands are chain "L0".
    concepts : dict
        Chain -> concepts of its residues.
    columns : list of dict
        One a residue of the first site: {letter: how many sites have it there}.
    rmsd : float or None
        Mean RMSD to the first site, angstrom; None where there is no other.
    """
    return _laid_over(study_key(study), fit.id, fit.target, family.number, study, family)


@st.cache_data(show_spinner=False, max_entries=64)
def _laid_over(key, fit_id, target, number, _study, _family):
    lines, concepts_of, columns, reference, rmsds = _header(), {}, [], None, []
    for at, site in enumerate(_family.sites[:SHOWN]):
        structure, chain, residues = _read(_study, site)
        sides = contact_points(chain, "side")[residues]
        points = np.stack([chain.xyz[residues], sides], axis=1)
        concepts = _study.concepts_of(site.datum)[site.tokens]
        if reference is None:
            rotation, shift = np.eye(3), -points[:, 1].mean(0)
            reference, matched = (points + shift, concepts), [(i, i) for i in range(len(residues))]
            columns = [{} for _ in residues]
        else:
            rotation, shift, matched, rmsd = superpose(reference[0], points, reference[1], concepts)
            rmsds.append(rmsd)
        for place, residue in matched:
            letter = chain.letters[residues[residue]]
            columns[place][letter] = columns[place].get(letter, 0) + 1
        concepts_of[str(at)] = concepts.tolist()
        for order, residue in enumerate(residues, start=1):
            for name, element, place in chain.atoms[residue]:
                if name not in _BACKBONE:
                    moved = np.array(place) @ rotation + shift
                    word = (element, name, chain.residues[residue], str(at), order)
                    lines.append(_atom("ATOM", len(lines), word, moved))
        for ligand in structure.ligands(sides, 4.5):
            if len(ligand.element) == 2 or ligand.element in _METALS:
                word = (ligand.element, ligand.name, ligand.residue, f"L{at}", 1)
                lines.append(_atom("HETATM", len(lines), word, np.array(ligand.xyz) @ rotation + shift))
    mean = float(np.mean(rmsds)) if rmsds else None
    return "\n".join([*lines, "#", ""]).encode(), concepts_of, columns, mean


def _read(study, site):
    """(structure, chain of the site's frame, residues of the site)."""
    datum = study.datum(site.datum)
    structure = study.open_source(datum)
    frames = read_frames(structure, datum.part or {}, study.source_path(datum).parent)
    n = len(frames[0][1])
    return structure, frames[int(site.tokens[0]) // n][1], [int(token) % n for token in site.tokens]


def _header():
    names = (
        "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id"
        " label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id"
        " auth_asym_id pdbx_PDB_model_num"
    )
    return ["data_sites", "loop_", *(f"_atom_site.{name}" for name in names.split())]


def _atom(group, serial, word, place):
    """A line of mmCIF; ``word``: element, name, residue, chain and number of the residue."""
    (element, name, residue, chain, number), (x, y, z) = word, place
    return (
        f"{group} {serial} {element} {name} . {residue} {chain} 1 {number} ? {x:.3f} {y:.3f} {z:.3f} 1.00"
        f" 0.00 {number} {chain} 1"
    )
