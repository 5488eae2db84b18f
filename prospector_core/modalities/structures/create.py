"""Making a study of structures: every chain that the labels table names is looked at once."""

import os
from collections import defaultdict
from pathlib import Path

from ...errors import LabelsError, StructureError, StudyError
from ...store.readable import require_readable
from ...study.create import each_file, portable, write_study
from ...study.labels import match_files, read_labels
from .files import list_structures, open_structure
from .kind import check_contacts
from .trajectory import check_part

__all__ = ["PART_COLUMNS", "create_structure_study"]

PART_COLUMNS = ("chain", "model", "assembly", "trajectory", "frames")


def create_structure_study(
    path,
    *,
    structures,
    labels,
    name=None,
    encoder="residue-type",
    atom="side",
    cutoff=None,
    file_column=None,
    label_column=None,
    positive=None,
    progress=None,
    on=None,
    secret=None,
):
    """Write a new study of structures. See ``Study.create``.

    Parameters: structures, folder or list of PDB and mmCIF files; labels, a table that names file and chain
    (without a chain: all that are protein); encoder, of residues; atom, "side", "ca" or "cb", what stands for
    a residue in the contact graph; cutoff, angstrom up to which two are in contact (None: 6 for "side", 8 for
    the others).
    """
    path = Path(os.path.abspath(path))
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError(f"{path} exists already: choose another folder, or open it with Study.open")
    cutoff = check_contacts(encoder, atom, cutoff)
    rows, classes = read_labels(
        labels,
        file_column=file_column,
        label_column=label_column,
        positive=positive,
        part_columns=PART_COLUMNS,
    )
    matched = match_files(rows, _structure_files(structures), labels)
    of_file = defaultdict(list)
    for row, file in zip(rows, matched):
        of_file[file].append(row)
    found = each_file(of_file, _look_at_structure, Path(labels).name, progress=progress, on=on)
    sources = {file: (portable(file, path), found[file], file) for file in sorted(found)}
    meta = {
        "name": name or path.name,
        "modality": "structures",
        "classes": classes,
        "embedding": {"encoder": encoder, "atom": atom, "cutoff": cutoff},
    }
    write_study(path, meta, rows, matched, sources, secret=secret)


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
            return [folder.resolve()]
        if not folder.is_dir():
            raise StructureError(f"there is no folder {folder}: give the folder that holds the structures")
        files = list_structures(folder)
        if not files:
            raise StructureError(
                f"{folder} holds no structure: it needs .pdb, .ent, .cif or .mmcif files, plain or .gz"
            )
        return [file.resolve() for file in files]
    return [Path(file).resolve() for file in structures]
