"""What stands around a chain: the other chains of protein, DNA and RNA. Only ever drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gemmi

from .chains import Atom
from .names import known_residue

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from .chains import Structure

__all__ = ["read_context"]

_BACKBONE = {"N", "CA", "C", "O"}  # of protein: more is not drawn of it
_MOST_ATOMS = 40_000  # more would be too much for a browser: the nearest chains are kept


def read_context(
    structure: Structure,
    near: np.ndarray,
    chains: Iterable[str],
    within: float = 12.0,
    assembly: str | None = None,
) -> list[Atom]:
    """Polymers beside chains, as atoms: the backbone of protein, all of DNA and RNA, hydrogens left out.

    Parameters
    ----------
    near : (m, 3) positions
        A polymer is taken whole where one of its atoms is near one of these.
    chains : names of the chains whose protein is no context
    within : float
        How near, angstrom.
    assembly : str or None
        Name of a biological assembly.

    Raises StructureError.
    """
    from scipy.spatial import cKDTree

    tree, own, found = cKDTree(near), set(chains), []
    for chain in structure.model(1, assembly):
        protein = [] if chain.name in own else structure.polymer(chain)
        for residues, wanted in ((protein, _BACKBONE), (_nucleic(chain), None)):
            atoms = [
                Atom(each.name, each.element.name, residue.name, chain.name, str(residue.seqid), place)
                for residue in residues
                for each in residue.first_conformer()
                if not each.is_hydrogen() and (wanted is None or each.name in wanted)
                for place in [tuple(each.pos.tolist())]
            ]
            if atoms:
                away = float(tree.query([atom.xyz for atom in atoms])[0].min())
                if away <= within:
                    found.append((away, atoms))
    kept: list[Atom] = []
    for _, atoms in sorted(found, key=lambda each: each[0]):
        if len(kept) + len(atoms) <= _MOST_ATOMS:
            kept += atoms
    return kept


def _nucleic(chain: gemmi.Chain) -> list[gemmi.Residue]:
    """Nucleotides of a chain that are a polymer, not one that is bound alone."""
    found = [each for each in chain if known_residue(each.name).is_nucleic_acid()]
    return found if len(found) > 1 else []
