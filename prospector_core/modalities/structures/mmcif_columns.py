"""Columns that the atoms of an mmCIF file lack, filled from those that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import StructureError
from .names import known_residue

if TYPE_CHECKING:
    from gemmi.cif import Block

__all__ = ["fill_columns"]

_PAIRS = {"atom_id": "names of atoms", "comp_id": "names of residues", "seq_id": "numbers of residues"}
_EMPTY = {".", "?", ""}


def fill_columns(name: str, block: Block) -> None:
    """Give the atoms of a block the columns that are needed and can be told from the others.

    Authors' names stand in for the other ones and the other way round; atoms are numbered; elements are told
    from the names of the atoms; without names of chains all is chain A.

    Parameters: name of the file; block of mmCIF with atoms. Raises StructureError naming a column without
    which the atoms cannot be told.
    """
    loop = block.find_loop("_atom_site.Cartn_x").get_loop()
    if loop is None:
        return  # a single atom, written as pairs
    tags = {tag.lower().removeprefix("_atom_site.") for tag in loop.tags}
    table = {tag: list(block.find_values(f"_atom_site.{tag}")) for tag in tags if _names_something(tag)}
    _require(name, tags, table)
    new = _missing(tags, table, loop.length())
    if new:
        first = loop.width()
        loop.add_columns([f"_atom_site.{tag}" for tag in new], ".")
        for at, values in enumerate(new.values(), start=first):
            for row, value in enumerate(values):
                loop[row, at] = value


def _require(name: str, tags: set[str], table: dict[str, list[str]]) -> None:
    """Raise StructureError for a column without which the atoms cannot be told."""
    for axis in "yz":
        if f"cartn_{axis}" not in tags:
            raise StructureError(
                f"{name} has no column _atom_site.Cartn_{axis}: its atoms have no places; write it again"
            )
    for each, words in _PAIRS.items():
        known = [table.get(f"{whose}_{each}", []) for whose in ("label", "auth")]
        if not any(set(values) - _EMPTY for values in known):
            raise StructureError(
                f"{name} has no {words} (column _atom_site.label_{each} or _atom_site.auth_{each}): write the"
                " file again with one of them"
            )


def _missing(tags: set[str], table: dict[str, list[str]], n: int) -> dict[str, list[str]]:
    """{tag: values} of the columns that the n atoms lack."""
    new = {}
    if "id" not in tags:
        new["id"] = [str(at + 1) for at in range(n)]
    for tag in ("label_alt_id", "label_seq_id"):
        if tag not in tags:
            new[tag] = ["."] * n
    for each in ("atom_id", "comp_id", "asym_id"):
        if f"label_{each}" not in tags:
            new[f"label_{each}"] = table.get(f"auth_{each}") or ["A"] * n
    if "type_symbol" not in tags:
        atoms = table.get("label_atom_id") or table["auth_atom_id"]
        residues = table.get("label_comp_id") or table["auth_comp_id"]
        new["type_symbol"] = [_element(*both) for both in zip(atoms, residues)]
    return new


def _names_something(tag: str) -> bool:
    return tag.endswith(("_atom_id", "_comp_id", "_asym_id", "_seq_id"))


def _element(atom: str, residue: str) -> str:
    """The element of an atom told from its name: that of an ion is its residue's."""
    name, residue = atom.strip("'\"").upper(), residue.strip("'\"").upper()
    letters = "".join(each for each in name if each.isalpha())
    two = letters.startswith(("SE", "CL", "BR")) and not known_residue(residue).is_standard()
    return letters[:2].title() if residue == letters or two else letters[:1] or "X"
