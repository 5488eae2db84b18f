"""Making a study of documents: which there are, and their labels."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import BadInputError, DocumentError, LabelsError
from ...store.place import portable
from ..classes import classes_of
from ..labels import LabelRow, LabelTable
from ..parts import NewStudy
from .document import Fields
from .files import DocumentFile, list_documents
from .options import DocumentOptions
from .sentences import LANGUAGES

__all__ = ["look_at_documents"]

_MOST_NAMED = 3  # files that a note names


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
    sources : a table or JSON file of many texts, a folder of files, or a list of files
    labels : LabelTable
        Without a table: the label column, or field of JSON, of the documents.
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
    names = (labels.file_column, labels.label_column) if of_lines else (None, None)
    fields = Fields(options.id_column or names[0], names[1], options.text_column)
    files = _without_table(list_documents(sources), labels)
    found, notes, left_out = _read_all(files, fields, progress)
    matched = _from_fields(found, labels) if of_lines else _matched(found, labels, left_out)
    rows, classes, chosen = matched
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
        "notes": [*notes, *_notes(found, chosen)],
        "reader": fields.reader,
        # where documents are named by another field than the usual one, they are found again by it
        **({"id_field": fields.id} if fields.id else {}),
        **({"text_field": fields.text} if fields.text else {}),
    }
    return NewStudy(rows, classes, [file for file, _ in chosen], places, embedding)


def _without_table(files, labels):
    """The files without the labels table, where it lies beside them."""
    if labels.table is None or len(files) < 2:
        return files
    table = os.path.abspath(labels.table)
    return [file for file in files if str(file) != table]


def _read_all(files, fields, progress):
    """Every document, its text let go of: list of (file, Document); notes; {file left out: why}.

    A file that cannot be read is left out. Raises DocumentError for a document that is there twice, and
    where none is left.
    """
    found, notes, seen, left_out, first = [], [], {}, {}, None
    stems = Counter(file.stem for file in files)
    home = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    for number, file in enumerate(files, start=1):
        try:
            documents, many, said = _read_file(file, fields)
        except DocumentError as error:
            left_out[file], first = str(error), first or error
            documents, many, said = [], False, []
        notes += said
        for document in documents:
            name = document.name
            if not many and stems[name] > 1:
                name = file.relative_to(home).as_posix()
            where = f"{file.name}, line {document.line}" if document.line else file.name
            if name in seen:
                raise DocumentError(
                    f"{where}: the id {name!r} is already in {seen[name]}: give each document its own id"
                )
            seen[name] = where
            found.append((file, replace(document, name=name)))
        if progress:
            progress(number, len(files))
    if first is not None and not found:
        raise first
    if not any(document.text for _, document in found):
        raise DocumentError(
            f"{files[0].parent if len(files) > 1 else files[0]} holds no text: all documents are empty"
        )
    if left_out:
        why = [*left_out.values()][:_MOST_NAMED]
        more = f"; and {len(left_out) - _MOST_NAMED} more" if len(left_out) > _MOST_NAMED else ""
        notes.append(
            f"{len(left_out)} of {len(files)} files cannot be read and are left out: {'; '.join(why)}{more}"
        )
    return found, notes, left_out


def _read_file(file, fields):
    """(documents, their text let go of; whether the file is one of many; notes) of a file."""
    found = []
    with DocumentFile(file, fields) as opened:
        for document in opened:
            empty = not any(map(str.isalnum, document.text))
            note = document.note or ("it is empty" if empty else "")
            found.append(replace(document, text="" if empty else " ", sections=(), note=note))
        return found, opened.many, opened.notes


def _matched(found, labels, left_out):
    """(rows, classes, (file, Document) of each row) of a labels table, without files that are left out."""
    rows, classes = labels.read()
    gone = {name.lower() for file in left_out for name in (file.name, file.stem)}
    exact, loose = {}, {}
    for at, (file, document) in enumerate(found):
        names = [document.name] if document.line else [document.name, file.name, file.stem]
        for name in names:
            exact.setdefault(name, set()).add(at)
            loose.setdefault(name.lower(), set()).add(at)
    table, kept, chosen, missing, taken = labels.name, [], [], [], {}
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
        if not places and last.lower() in gone:
            continue
        if not places:
            missing.append(row.file)
            continue
        (at,) = places
        if at in taken:
            raise LabelsError(
                f"{table}: {taken[at]!r} and {row.name!r} are the same document: leave one line out"
            )
        taken[at] = row.name
        kept.append(row)
        chosen.append(found[at])
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise LabelsError(
            f"{table} names {some}, not found among the {len(found)} documents: correct the table or the"
            " documents"
        )
    if len(kept) < len(rows) and len({row.label for row in kept} - {None}) < 2:
        raise LabelsError(
            f"{table}: files of one class only can be read, {len(rows) - len(kept)} of {len(rows)} cannot:"
            f" {next(iter(left_out.values()))}"
        )
    return kept, classes, chosen


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
    notes = _grouped((file.name, document.note) for file, document in chosen if document.text)
    empty = [document.name for _, document in chosen if not document.text]
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        notes.append(f"{len(empty)} documents are empty and will be left out: {', '.join(empty[:3])}{more}")
    if len(chosen) < len(found):
        notes.append(
            f"{len(found) - len(chosen)} documents have no line in the labels table and are left out"
        )
    return notes


def _grouped(notes):
    """Notes on files, those that say the like of many as one: list of lines."""
    groups = {}
    for name, note in notes:
        if note:
            groups.setdefault(re.sub(r"\d+", "#", note.removeprefix(name)), []).append(note)
    found = []
    for alike in groups.values():
        if len(alike) <= _MOST_NAMED:
            found += alike
        else:
            found.append(f"{alike[0]}; the like in {len(alike) - 1} more files")
    return found
