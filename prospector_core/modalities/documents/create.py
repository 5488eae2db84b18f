"""Making a study of documents: which there are, and their labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import BadInputError, DocumentError, LabelsError
from ...store.place import portable
from ..labels import LabelRow, LabelTable, classes_of
from ..parts import NewStudy
from .document import Fields
from .files import DocumentFile, list_documents
from .options import DocumentOptions
from .sentences import LANGUAGES

__all__ = ["look_at_documents"]


def look_at_documents(
    path: Path,
    sources: Any,
    labels: LabelTable,
    options: DocumentOptions,
    progress: Callable[[int, int], None] | None,
) -> NewStudy:
    """Read the documents once, and their labels. See ``Modality.look``.

    Parameters
    ----------
    path : Path
        Of the study.
    sources : a JSON lines file, a folder of text, Markdown or PDF files, or a list of files
    labels : LabelTable
        Without a table: the label field of JSON lines.
    options : DocumentOptions
    progress : function(files read, files), or None
    """
    words, language = options.words, options.language
    if words is not None and not 1 <= words <= 10_000:
        raise BadInputError(
            f"a window of {words} words is not possible: give 1 to 10000, or leave it out for sentences"
        )
    if language is not None and language not in LANGUAGES:
        raise BadInputError(
            f"there are no rules for the language {language!r}: choose one of {', '.join(LANGUAGES)}"
        )
    of_lines = labels.table is None
    fields = Fields(*((labels.file_column, labels.label_column) if of_lines else (None, None)))
    found = _read_all(list_documents(sources), fields, progress)
    rows, classes, chosen = _from_fields(found, labels) if of_lines else _matched(found, labels)
    rows = [
        replace(row, part=None if document.at is None else {"id": document.name, "at": document.at})
        for row, (_, document) in zip(rows, chosen)
    ]
    places = {
        file: (portable(file, path), {"documents": n}, file)
        for file, n in sorted(Counter(file for file, _ in chosen).items())
    }
    embedding = {
        "encoder": options.encoder,
        **({"words": words} if words else {}),
        **({"language": language} if language else {}),
        **({} if options.keep_text else {"keep_text": False}),
        "notes": _notes(found, chosen),
        # where documents are named by another field than the usual one, they are found again by it
        **({"id_field": fields.id} if fields.id else {}),
    }
    return NewStudy(rows, classes, [file for file, _ in chosen], places, embedding)


def _read_all(files, fields, progress):
    """Every document, its text let go of: list of (file, Document).

    Raises DocumentError for one that is there twice.
    """
    found, seen = [], {}
    stems = Counter(file.stem for file in files)
    home = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    for number, file in enumerate(files, start=1):
        with DocumentFile(file, fields) as opened:
            for document in opened:
                name = document.name
                if not opened.many and stems[name] > 1:
                    name = file.relative_to(home).as_posix()
                where = f"{file.name}, line {document.line}" if document.line else file.name
                if name in seen:
                    raise DocumentError(
                        f"{where}: the id {name!r} is already in {seen[name]}: give each document its own id"
                    )
                seen[name] = where
                empty = not any(map(str.isalnum, document.text))
                note = document.note or ("it is empty" if empty else "")
                found.append(
                    (file, replace(document, name=name, text="" if empty else " ", sections=(), note=note))
                )
        if progress:
            progress(number, len(files))
    if not any(document.text for _, document in found):
        raise DocumentError(
            f"{files[0].parent if len(files) > 1 else files[0]} holds no text: all documents are empty"
        )
    return found


def _matched(found, labels):
    """(rows, classes, (file, Document) of each row) of a labels table."""
    rows, classes = labels.read()
    exact, loose = {}, {}
    for at, (file, document) in enumerate(found):
        names = [document.name] if document.line else [document.name, file.name, file.stem]
        for name in names:
            exact.setdefault(name, set()).add(at)
            loose.setdefault(name.lower(), set()).add(at)
    table, chosen, missing, taken = labels.name, [], [], {}
    for row in rows:
        given = row.file.replace("\\", "/")
        last = given.rpartition("/")[2]
        places = (
            exact.get(row.file)
            or exact.get(given)
            or exact.get(last)
            or loose.get(last.lower())
            or exact.get(Path(last).stem)
            or set()
        )
        if len(places) > 1:
            raise LabelsError(f"{table}: {row.file!r} could be {len(places)} documents: give its folder too")
        if not places:
            missing.append(row.file)
            continue
        (at,) = places
        if at in taken:
            raise LabelsError(
                f"{table}: {taken[at]!r} and {row.name!r} are the same document: leave one line out"
            )
        taken[at] = row.name
        chosen.append(found[at])
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise LabelsError(
            f"{table} names {some}, not found among the {len(found)} documents: correct the table or the"
            " documents"
        )
    return rows, classes, chosen


def _from_fields(found, table):
    """The same of the label fields of JSON lines."""
    labels = [document.label or "" for _, document in found]
    if not any(labels):
        raise LabelsError(
            "no document has a field label: say where the labels are, with --labels labels.csv, or name the"
            " field with --label-column"
        )
    classes, numbers = classes_of(found[0][0], labels, table.positive, table.known)
    rows = [
        LabelRow(document.name, document.name, None, numbers.get(document.label), document.split)
        for _, document in found
    ]
    new = {row.name for row in table.new(rows)}
    if not new:
        raise LabelsError(f"all {len(rows)} documents are in the study already: there is nothing to add")
    found = [each for each in found if each[1].name in new]
    return table.new(rows), classes, found


def _notes(found, chosen):
    """What a person must know of the documents that were read: list of lines."""
    notes = [document.note for _, document in chosen if document.note and document.text]
    empty = [document.name for _, document in chosen if not document.text]
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        notes.append(f"{len(empty)} documents are empty and will be left out: {', '.join(empty[:3])}{more}")
    if len(chosen) < len(found):
        notes.append(
            f"{len(found) - len(chosen)} documents have no line in the labels table and are left out"
        )
    return notes
