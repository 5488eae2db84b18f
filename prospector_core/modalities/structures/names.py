"""Names of residues: the standard ones, modified ones, and those that programs of simulation write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gemmi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gemmi import ResidueInfo

__all__ = ["is_simulation_name", "known_residue", "letter_of", "standard_name"]

_STATES = {
    "ALA": "",
    "ARG": "ARN ARGN AR0",
    "ASN": "",
    "ASP": "ASH ASPH ASPP ASPN AS4",
    "CYS": "CYX CYM CYN CYS1 CYS2 CYSH CYSX CYSM CYSN CYSD CYXH CYS-",
    "GLN": "QLN",
    "GLU": "GLH GLUH GLUP GLUN GL4",
    "GLY": "",
    "HIS": "HID HIE HIP HIN HIH HSD HSE HSP HSC HISD HISE HISH HISA HISB HISP HISN HIS1 HIS2 HIS+",
    "ILE": "ILEU",
    "LEU": "",
    "LYS": "LYN LYP LSN LYSN LYSH LYSP LYS+ LY0",
    "MET": "",
    "PHE": "",
    "PRO": "",
    "SER": "SERD",
    "THR": "",
    "TRP": "",
    "TYR": "TYM TYRD TYRN TYRM",
    "VAL": "",
}
"""Names that force fields give to the states of a residue: its protons, its charge, its disulfide."""

_LETTERS = {"UNK": "X", "SEC": "U", "PYL": "O"}


def _of_simulations() -> dict[str, str]:
    """{name: standard name}; N and C before a name: the residue at that end of a chain (Amber, GROMACS)."""
    found = {}
    for standard, words in _STATES.items():
        for state in (standard, *words.split()):
            for name in (state, *(end + state for end in "NC" if len(state) == 3)):
                # a name that the chemical dictionary has means what it means there
                if not gemmi.find_tabulated_residue(name).found():
                    found[name] = standard
    return found


_SIMULATED = _of_simulations()


def standard_name(name: str) -> str:
    """The standard name of a residue that a simulation named ("HSD": "HIS"); others as they are."""
    return _SIMULATED.get(name.upper(), name)


def is_simulation_name(name: str) -> bool:
    """Whether a name is one that programs of simulation write for an amino acid."""
    return name.upper() in _SIMULATED


def known_residue(name: str) -> ResidueInfo:
    """What gemmi's table knows of a residue by its name."""
    return gemmi.find_tabulated_residue(standard_name(name))


def letter_of(name: str, parents: Mapping[str, str]) -> str:
    """One-letter code of a residue, or of its parent; "X" where neither is known.

    Parameters: name; parents, {name: parent's name}, as the file itself gives them.
    """
    code = known_residue(name).one_letter_code.strip().upper()
    if (not code or code == "X") and name in parents:
        code = known_residue(parents[name]).one_letter_code.strip().upper()
    return code or _LETTERS.get(name, "X")
