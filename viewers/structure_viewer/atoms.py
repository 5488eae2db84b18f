"""What the structure viewer draws of a chain.

Its atoms as mmCIF text, the numbers they carry, and the chain in the plane.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["ONLY_ALPHA_ABOVE", "atoms_text", "breaks_of", "flattened", "numbers_of"]

ONLY_ALPHA_ABOVE = 6000
"""Residues above which C-alphas alone are drawn: all atoms would be too much for a browser."""

_BROKEN = 4.5  # angstrom between neighbouring C-alphas
_COLUMNS = (
    "group_PDB",
    "id",
    "type_symbol",
    "label_atom_id",
    "label_alt_id",
    "label_comp_id",
    "label_asym_id",
    "label_entity_id",
    "label_seq_id",
    "pdbx_PDB_ins_code",
    "Cartn_x",
    "Cartn_y",
    "Cartn_z",
    "occupancy",
    "B_iso_or_equiv",
    "auth_seq_id",
    "auth_asym_id",
    "pdbx_PDB_model_num",
)


def breaks_of(chain) -> list[int]:
    """Residues before which the chain is broken, or another chain begins."""
    away = np.linalg.norm(np.diff(chain.xyz, axis=0), axis=1) > _BROKEN
    other = np.array([one != two for one, two in zip(chain.chains, chain.chains[1:])], bool)
    return (np.flatnonzero(away | other) + 1).tolist()


def numbers_of(chain) -> list[int]:
    """The number that each residue's atoms carry in ``atoms_text``.

    Consecutive, with a step at each break.
    """
    steps = np.ones(len(chain), int)
    steps[breaks_of(chain)] = 3
    return np.cumsum(steps).tolist()


def atoms_text(chain, ligands: Sequence = (), context: Sequence = ()) -> bytes:
    """Atoms of a chain as mmCIF: protein in chain P, numbered by ``numbers_of``, ligands in chain L.

    What stands around it is in chains C1, C2, ...

    Parameters
    ----------
    chain : readers.structure.Chain
    ligands, context : lists of readers.structure.Atom
    """
    lines = ["data_shown", "loop_", *(f"_atom_site.{column}" for column in _COLUMNS)]
    serial, only_alpha = 0, len(chain) > ONLY_ALPHA_ABOVE
    for number, residue, atoms in zip(numbers_of(chain), chain.residues, chain.atoms, strict=True):
        for name, element, place in atoms:
            if only_alpha and name != "CA":
                continue
            serial += 1
            lines.append(_atom("ATOM", serial, element, name, residue, "P", number, place))
    seen: dict[tuple[str, str, str], int] = {}
    for atom in ligands:
        number = seen.setdefault((atom.chain, atom.residue, atom.number), len(seen) + 1)
        serial += 1
        lines.append(_atom("HETATM", serial, atom.element, atom.name, atom.residue, "L", number, atom.xyz))
    chains: dict[str, str] = {}
    seen = {}
    for atom in context:
        name = chains.setdefault(atom.chain, f"C{len(chains) + 1}")
        number = seen.setdefault((atom.chain, atom.residue, atom.number), len(seen) + 1)
        serial += 1
        lines.append(_atom("ATOM", serial, atom.element, atom.name, atom.residue, name, number, atom.xyz))
    return ("\n".join(lines) + "\n#\n").encode()


def _atom(group, serial, element, name, residue, chain, number, place) -> str:
    # a quote in a name (O5') needs quotes around it
    name = f'"{name}"' if "'" in name else name
    x, y, z = place
    return (
        f"{group} {serial} {element} {name} . {residue} {chain} 1 {number} ? {x:.3f} {y:.3f} {z:.3f} 1.00"
        f" 0.00 {number} {chain} 1"
    )


def flattened(xyz: np.ndarray) -> np.ndarray:
    """The chain in the plane of its two longest axes: (n, 2), each from -1 to 1."""
    centred = xyz - xyz.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T if len(xyz) > 2 else centred[:, :2]
    flat = flat * np.sign(flat[np.abs(flat).argmax(0), [0, 1]])  # the same side up on every machine
    return flat / max(float(np.abs(flat).max()), 1e-9)
