"""Structures: PDB and mmCIF files, plain or gzip, told by what is in them.

Their chains as residues, ligands kept apart.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import unicodedata
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import gemmi
import numpy as np

from ...errors import StructureError
from ...store.memory import check_memory, most_memory
from ...store.readable import require_readable
from .chains import Structure
from .mmcif_columns import fill_columns
from .names import known_residue
from .pdb_columns import mend_columns

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["STRUCTURE_SUFFIXES", "by_code", "list_structures", "open_structure"]

STRUCTURE_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif")
"""Ends of the names of structure files, each also with .gz behind it; .pdb1 to .pdb9.. are assemblies."""

_NAMED = re.compile(r"\.(pdb\d*|ent|cif|mmcif)(\.gz)?$", re.IGNORECASE)

_ATOM_BYTES = 12  # of memory, a byte of text: what gemmi makes of it; a capsid of 100,000 residues has 80 MB


def open_structure(path: Path) -> Structure:
    """Read a structure: PDB or mmCIF, plain or gzip, told by its content and not by its name.

    Raises StructureError, one line that names the file and the fix: missing, empty, cut short, columns that
    are not where PDB has them, coordinates that are not numbers, another kind of file.
    """
    path = Path(path)
    require_readable(path, StructureError)
    text = _text(path)
    head = text[:4096].lstrip()
    mmcif = any(
        line.lower().startswith("data_") for line in head.splitlines() if line and not line.startswith("#")
    )
    notes: list[str] = []
    structure = (
        _read_mmcif(path, text)
        if mmcif and not head.startswith(("HEADER", "ATOM  "))
        else _read_pdb(path, text, notes)
    )
    if not len(structure) or not any(len(chain) for model in structure for chain in model):
        raise StructureError(
            f"{path.name} holds no atoms: it is cut short, or not a structure; download it again"
        )
    try:
        _check_coordinates(path, structure)
        _right_elements(structure)
        structure.merge_chain_parts()  # PDB has the ligands of a chain after all chains
        structure.setup_entities()
    except (ValueError, RuntimeError, IndexError, MemoryError) as error:
        if isinstance(error, StructureError):
            raise
        raise StructureError(
            f"{path.name} is not as it should be ({_short(error)}): download it again"
        ) from error
    return Structure(path, structure, "mmCIF" if mmcif else "PDB", notes)


def _text(path: Path) -> str:
    if path.is_dir():
        raise StructureError(f"{path.name} is a folder: name the structure file itself")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StructureError(
            f"{path.name} does not exist in {path.parent.name or path.parent}: was it moved?"
        ) from None
    except OSError as error:
        raise StructureError(
            f"{path.name} cannot be read ({error.strerror}): check its permissions"
        ) from error
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as file:
                most = max(most_memory() // _ATOM_BYTES, 20 * len(content))
                content = file.read(most + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise StructureError(
                f"{path.name} is cut short or damaged ({error}): copy or download it again"
            ) from error
        if len(content) > most:
            check_memory(_ATOM_BYTES * len(content), path, "its text", StructureError, 0)
    if not content.strip():
        raise StructureError(f"{path.name} is empty: copy or download it again")
    if (
        content[:1] in b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\xde\xdf"
        or b"\0" in content[:65536]
    ):
        raise StructureError(
            f"{path.name} is a binary file, not PDB or mmCIF (BinaryCIF, MMTF?): save it as mmCIF"
        )
    # gemmi cuts columns by bytes: of a letter of two, one half would be no text
    return (
        unicodedata.normalize("NFKD", content.decode("utf-8", "replace")).encode("ascii", "replace").decode()
    )


def _read_mmcif(path: Path, text: str) -> Structure:
    try:
        document = gemmi.cif.read_string(text)
        blocks = [block for block in document if block.find_values("_atom_site.Cartn_x")]
        if not blocks:
            raise StructureError(
                f"{path.name} is mmCIF without atoms (_atom_site): it is cut short, or not of a structure"
            )
        fill_columns(path.name, blocks[0])
        for axis in "xyz":
            for value in blocks[0].find_values(f"_atom_site.Cartn_{axis}"):
                if not _is_number(value):
                    raise StructureError(
                        f"{path.name} has an atom whose coordinate is {value!r}, not a number: mend it, or"
                        " leave the file out"
                    )
        return gemmi.make_structure_from_block(blocks[0])
    except (ValueError, RuntimeError, IndexError, MemoryError) as error:
        if isinstance(error, StructureError):
            raise
        raise StructureError(
            f"{path.name} is not whole mmCIF ({_short(error)}): download it again"
        ) from error


def _read_pdb(path: Path, text: str, notes: list[str]) -> Structure:
    lines = text.splitlines()
    atoms = 0
    for number, line in enumerate(lines, start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            atoms += 1
            if len(line) < 54:
                raise StructureError(
                    f"{path.name}, line {number}: the atom has no whole coordinates: the file is cut short;"
                    " download it again"
                )
            for place in (30, 38, 46):
                if not _is_number(line[place : place + 8]):
                    raise StructureError(
                        f"{path.name}, line {number}: columns {place + 1} to {place + 8} hold"
                        f" {line[place : place + 8].strip()!r} where PDB has a coordinate: its columns are"
                        " shifted or the number is missing; write the file again"
                    )
    if not atoms:
        raise StructureError(
            f"{path.name} has no atoms and does not look like PDB or mmCIF, although its name says"
            " otherwise: give one of these"
        )
    try:
        mended = mend_columns(lines)
        structure = gemmi.read_pdb_string(mended.text)
        for chain in (chain for model in structure for chain in model):
            chain.name = mended.chains.get(chain.name, chain.name)
        notes += mended.notes
        return structure
    except (ValueError, RuntimeError, IndexError, MemoryError) as error:
        raise StructureError(
            f"{path.name} is not PDB as it should be ({_short(error)}): write it again"
        ) from error


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _check_coordinates(path: Path, structure: Structure) -> None:
    """What is far outside of any structure was not a coordinate."""
    positions = gemmi.FlatStructure(structure).pos
    wrong = np.flatnonzero(~np.isfinite(positions).all(1) | (np.abs(positions) > 1e5).any(1))
    if len(wrong):
        raise StructureError(
            f"{path.name}: atom {wrong[0] + 1} has a coordinate that is not possible"
            f" ({positions[wrong[0]].tolist()}): mend it, or leave the file out"
        )


_OF_AMINO_ACIDS = {"C", "N", "O", "S", "Se", "P", "H", "D", "F", "Cl", "Br", "I", "B"}


def _right_elements(structure: gemmi.Structure) -> None:
    """In an amino acid CA is a carbon, not calcium, wherever its name begins, and CD, CE, HG, NE likewise."""
    for residue in (residue for model in structure for chain in model for residue in chain):
        if not known_residue(residue.name).is_amino_acid():
            continue
        for atom in residue:
            if atom.element.name not in _OF_AMINO_ACIDS and atom.name[:1] in "CNOSH":
                atom.element = gemmi.Element(atom.name[:1])


def _short(error: RuntimeError | ValueError) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:160]} ..."


def list_structures(folder: Path) -> list[Path]:
    """What is named like a structure in a folder, sorted by name: list of Path. Raises StructureError."""
    folder = Path(folder)
    require_readable(folder, StructureError)
    if not folder.is_dir():
        raise StructureError(
            f"{os.fspath(folder)} is not a folder: name the folder that holds the structures"
        )
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and _NAMED.search(path.name)
    )


_PDB_CODE = r"(?:pdb_0000)?([0-9][a-z0-9]{3})"
_OF_CODE = re.compile(rf"(?:pdb)?{_PDB_CODE}(?:\.(?:pdb\d*|ent|cif|mmcif))?(?:\.gz)?", re.IGNORECASE)


def by_code(names: Sequence[str], files: Sequence[Path]) -> list[str]:
    """Names of a labels table, those of PDB entries as the entry's file is called.

    "9abc" and "9ABC.pdb" find "pdb9abc.ent.gz" and "pdb_00009abc.cif.gz", as archives call them. A name that
    no file of an entry bears stays as it is.

    Parameters: names; files, list of Path.
    """
    known = {file.name.lower() for file in files}
    by_stem: dict[str, set[str]] = {}
    entries: dict[str, set[str]] = {}
    for file in files:
        by_stem.setdefault(_NAMED.sub("", file.name).lower(), set()).add(file.name)
        if found := _OF_CODE.fullmatch(file.name):
            entries.setdefault(found[1].lower(), set()).add(file.name)
    out = []
    for name in names:
        folder, slash, given = name.replace("\\", "/").rpartition("/")
        found = _OF_CODE.fullmatch(given)
        there = by_stem.get(_NAMED.sub("", given).lower()) or (
            entries.get(found[1].lower()) if found else None
        )
        sure = there is not None and len(there) == 1 and given.lower() not in known
        out.append(f"{folder}{slash}{next(iter(there))}" if sure else name)
    return out
