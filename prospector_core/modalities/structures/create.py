"""Making a study of structures: every chain that the labels table names is looked at once."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import LabelsError, StructureError
from ...scheduling import each_file
from ...store.place import portable
from ...store.readable import require_readable
from ..labels import LabelTable
from ..parts import NewStudy
from .contacts import check_contacts
from .files import by_code, list_structures, open_structure
from .options import PART_COLUMNS, StructureOptions
from .trajectory import check_part

__all__ = ["look_at_structures"]


def look_at_structures(
    path: Path,
    structures: str | os.PathLike[str] | list,
    labels: LabelTable,
    options: StructureOptions,
    progress: Callable[[int, int], None] | None,
    on: Any,
) -> NewStudy:
    """Look at the structures that a labels table names. See ``Modality.look``.

    Parameters
    ----------
    path : Path
        Of the study.
    structures : folder or list of PDB and mmCIF files
    labels : LabelTable
        Names file and chain; without a chain: all that are protein.
    options : StructureOptions
    progress : function(files looked at, files), or None
    on : scheduler or None
    """
    cutoff = check_contacts(options.atom, options.cutoff)
    rows, classes = labels.read(PART_COLUMNS)
    files = _structure_files(structures)
    named = [replace(row, file=file) for row, file in zip(rows, by_code([row.file for row in rows], files))]
    matched = labels.match(named, files)
    of_file = defaultdict(list)
    for row, file in zip(rows, matched):
        of_file[file].append(row)
    found = each_file(of_file, _look_at_structure, labels.name, progress=progress, on=on)
    sources = {file: (portable(file, path), found[file], file) for file in sorted(found)}
    embedding = {"encoder": options.encoder, "atom": options.atom, "cutoff": cutoff}
    return NewStudy(rows, classes, matched, sources, embedding)


def _look_at_structure(table, item):
    """What a structure says of itself, as a study keeps it, once every chain that its rows name was found.

    ``item``: (file, list of LabelRow).
    """
    structure = open_structure(item[0])
    for row in item[1]:
        part = check_part(row.part or {}, f"{table}, {row.name}")
        model = part.get("model", "1")
        try:
            structure.chain(part.get("chain"), int(model) if model.isdigit() else 1, part.get("assembly"))
        except StructureError as error:
            raise LabelsError(f"{table}, {row.name!r}: {error}") from error
    return {
        "format": structure.format,
        "title": structure.title,
        "models": structure.n_models,
        "assemblies": structure.assemblies[:20],
    }


def _structure_files(structures):
    if isinstance(structures, (str, os.PathLike)):
        folder = Path(structures)
        require_readable(folder, StructureError)
        if folder.is_file():
            return [Path(os.path.abspath(folder))]
        if not folder.is_dir():
            raise StructureError(f"there is no folder {folder}: give the folder that holds the structures")
        files = list_structures(folder)
        if not files:
            raise StructureError(
                f"{folder} holds no structure: it needs .pdb, .ent, .cif or .mmcif files, plain or .gz"
            )
        return [Path(os.path.abspath(file)) for file in files]
    return [Path(os.path.abspath(file)) for file in structures]
