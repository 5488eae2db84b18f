"""Documents of files of many: JSON objects, and rows of a table, by their fields."""

from __future__ import annotations

import csv
import io
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ...errors import DocumentError
from ...store.checked import read_json
from ...store.memory import check_memory, size_of
from .document import LONGEST, Document, Fields, Section, checked, plain
from .encodings import decoded
from .markup import check_archive

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TEXT_FIELDS", "Row", "document_of", "json_rows", "table_rows", "text_field"]

TEXT_FIELDS = (
    "text",
    "content",
    "body",
    "report",
    "note",
    "notes",
    "note_text",
    "report_text",
    "full_text",
    "document",
    "abstract",
    "findings",
    "description",
    "free_text",
    "befund",
    "bericht",
)
_ID_FIELDS = (
    "id",
    "name",
    "doc_id",
    "document_id",
    "uid",
    "report_id",
    "file",
    "note_id",
    "filename",
    "case_id",
)
_LABEL_FIELDS = ("label", "class", "diagnosis", "y", "category")
_HEADING_FIELDS = ("label", "title", "heading", "name")
_TIMES = 20  # bytes of memory that a byte of a table becomes, as rows of named cells
_TITLE_ROWS = 10  # rows above a table's header at most


class Row(NamedTuple):
    """One object of a file: its fields, and its line, or None where there are no lines to name."""

    fields: dict[str, Any]
    line: int


def text_field(found: dict[str, Any], asked: str | None) -> str | None:
    """The field of an object that is its text; None where there is none that is known."""
    if asked is not None:
        return _same(found, asked)
    return next((name for usual in TEXT_FIELDS if (name := _same(found, usual)) is not None), None)


def document_of(
    found: Any, fields: Fields, where: str, at: int, line: int | None, lenient: bool = False
) -> Document:
    """The Document of a JSON object or a row; a text that is null is "". Raises DocumentError.

    ``lenient``: an object without the field of the text has none, too, as others of its file have it.
    """
    if not isinstance(found, dict):
        raise DocumentError(f"{where}: a JSON object is needed, with id and text (or sections)")
    text, sections = _text_of(found, fields, where, lenient)
    name = plain(_field(found, fields.id, _ID_FIELDS, where, "--id-column"))
    label = _field(found, fields.label, _LABEL_FIELDS, where, "--label-column")
    split, title = found.get("split"), found.get("title")
    return Document(
        name or (f"line {line}" if line else ""),
        checked(text, where),
        sections,
        title=plain(title) or "",
        label=plain(label),
        split=(plain(split) or "").lower() or None,
        at=at,
        line=line,
    )


def _same(found: dict[str, Any], wanted: str) -> str | None:
    """The name in an object that is this one, whatever its case and blanks."""
    if wanted in found:
        return wanted
    key = _key(wanted)
    return next((name for name in found if isinstance(name, str) and _key(name) == key), None)


def _key(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def _text_of(
    found: dict[str, Any], fields: Fields, where: str, lenient: bool
) -> tuple[str, tuple[Section, ...]]:
    """(text, sections) of an object."""
    parts = found.get("sections") if fields.text is None else None
    if parts is not None:
        return _joined(parts, where)
    name = text_field(found, fields.text)
    if name is None and lenient:
        return "", ()
    if name is None:
        columns = ", ".join(str(each)[:40] for each in list(found)[:30])
        wanted = f"no field {fields.text!r}" if fields.text else "no text"
        raise DocumentError(
            f"{where}: it has {wanted} (looked for {', '.join(TEXT_FIELDS[:5])}, ..., or sections; found"
            f" {columns}): name the field with --text-column"
        )
    # of several known names the first that holds a text
    known = [name] if fields.text else [each for usual in TEXT_FIELDS if (each := _same(found, usual))]
    text = next((found[each] for each in known if not _missing(found[each])), None)
    if text is not None and not isinstance(text, str):
        raise DocumentError(
            f"{where}: it has no text: {name} is no text but {type(text).__name__}: name another field with"
            " --text-column"
        )
    return text or "", ()


def _missing(value: Any) -> bool:
    """Whether a value stands for none: null, or the NaN that pandas writes."""
    return value is None or value != value


def _joined(parts: Any, where: str) -> tuple[str, tuple[Section, ...]]:
    """(text, sections) of the sections of a JSON object."""
    if isinstance(parts, dict):
        parts = [{"label": heading, "text": part} for heading, part in parts.items()]
    if not isinstance(parts, list):
        raise DocumentError(f"{where}: sections must be a list of objects with label and text")
    pieces, sections, at = [], [], 0
    for part in parts:
        heading, body = "", part
        if isinstance(part, dict):
            heading = (
                next((plain(part[name]) for name in _HEADING_FIELDS if part.get(name) is not None), "") or ""
            )
            body = part.get("text", "")
        if not isinstance(body, str):
            raise DocumentError(
                f"{where}: section {len(sections) + 1} has no text: give each section label and text"
            )
        sections.append(Section(heading, at, at + len(body)))
        pieces.append(body)
        at += len(body) + 2
    return "\n\n".join(pieces), tuple(sections)


def _field(found: dict[str, Any], asked: str | None, usual: tuple[str, ...], where: str, option: str) -> Any:
    if asked is not None:
        name = _same(found, asked)
        if name is None:
            raise DocumentError(
                f"{where}: it has no field {asked!r}: its fields are {', '.join(map(str, found))} ({option})"
            )
        return found[name]
    names = (_same(found, each) for each in usual)
    return next((found[name] for name in names if name is not None and found[name] is not None), None)


# ---- whole files


def json_rows(path: Path, file: IO[Any]) -> tuple[list[Row], str]:
    """(rows, note) of a JSON file: a list of objects, or an object that holds one. Raises DocumentError."""
    check_memory(_TIMES * size_of(path), path, "its list", DocumentError, 0)
    file.seek(0)
    text, note = decoded(file.read(), path.name)
    found = read_json(text.removeprefix("\ufeff"), path.name, DocumentError)
    if isinstance(found, dict):
        lists = [
            each for each in found.values() if isinstance(each, list) and each and isinstance(each[0], dict)
        ]
        whole = text_field(found, None) is not None or "sections" in found
        found = [found] if whole or len(lists) != 1 else lists[0]
    if not isinstance(found, list):
        raise DocumentError(f"{path.name}: a list of JSON objects is needed, with id and text")
    return [Row(each, line) for line, each in enumerate(found, start=1)], note


def table_rows(path: Path, file: IO[Any], fields: Fields, excel: bool) -> tuple[list[Row], str]:
    """(rows, note) of a table: CSV, TSV, with semicolons, or the first sheet of an Excel file.

    Rows above the header (a title, ``sep=;``) are skipped. Raises DocumentError.
    """
    if excel:
        check_archive(path, file)
        lines, note = _sheet(path, file), ""
    else:
        check_memory(_TIMES * size_of(path), path, "its table", DocumentError, 0)
        lines, note = _csv_lines(path, file)
    if not lines:
        return [], note
    top = _header(lines, fields)
    names = [name.strip() for name in lines[top][1]]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise DocumentError(
            f"{path.name} has {names.count(twice)} columns named {twice[:40]!r}: give each its own name"
        )
    if top:
        said = f"{path.name}: the header is in line {lines[top][0]}, what is above it is left out"
        note = f"{note}; {said}" if note else said
    rows = [
        Row({name: cell for name, cell in zip(names, cells + [""] * (len(names) - len(cells))) if name}, line)
        for line, cells in lines[top + 1 :]
    ]
    return rows, note


def _header(lines: list[tuple[int, list[str]]], fields: Fields) -> int:
    """Which line is the header: the first that names a text, else the first of two cells."""
    upper = [dict.fromkeys(name.strip() for name in cells) for _, cells in lines[:_TITLE_ROWS]]
    for at, names in enumerate(upper):
        if text_field(names, fields.text) is not None and (len(names) > 1 or at == 0 or fields.text):
            return at
    return next((at for at, names in enumerate(upper) if len(names) > 1), 0)


def _csv_lines(path: Path, file: IO[Any]) -> tuple[list[tuple[int, list[str]]], str]:
    """([(line, cells)], note) of a text table, without its blank lines."""
    file.seek(0)
    text, note = decoded(file.read(), path.name)
    text = text.removeprefix("\ufeff").replace("\0", "")
    before = 0
    first, _, rest = text.partition("\n")
    said = first.strip().strip('"')
    if said.lower().startswith("sep=") and len(said) == 5:
        separator, text, before = said[4], rest, 1
    else:
        separator = _separator(text)
    limit = csv.field_size_limit(8 * LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    lines = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((reader.line_num + before, cells))
    except csv.Error as error:
        raise DocumentError(
            f"{path.name}, line {reader.line_num + before}: this is not a table ({error}): save it as CSV,"
            " UTF-8"
        ) from error
    finally:
        csv.field_size_limit(limit)
    return lines, note


def _separator(text: str) -> str:
    """What parts cells: the one that parts the upper lines' names best, tab before the others."""
    upper = [line for line in text[:65536].splitlines()[:_TITLE_ROWS] if line.strip()]
    for line in upper:
        for mark in "\t;,":
            names = [name.strip().strip('"') for name in line.split(mark)]
            if len(names) > 1 and text_field(dict.fromkeys(names), None) is not None:
                return mark
    return max(",;\t", key=(upper[0] if upper else "").count)


def _sheet(path: Path, file: IO[Any]) -> list[tuple[int, list[str]]]:
    """[(row, cells)] of the first sheet of an Excel file that holds anything."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            lines = [
                (number, cells)
                for number, values in enumerate(sheet.iter_rows(values_only=True), start=1)
                if any(cells := [_cell(value) for value in values])
            ]
            if lines:
                return lines
    except Exception as error:  # of openpyxl, lxml and zipfile: each has its own
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise DocumentError(
            f"{path.name} is not an Excel file that can be read ({why}): save it as CSV, UTF-8"
        ) from error
    return []


def _cell(value: Any) -> str:
    """A cell of Excel as text; line breaks in a text stay."""
    return value.strip() if isinstance(value, str) else "" if value is None else plain(value) or str(value)
