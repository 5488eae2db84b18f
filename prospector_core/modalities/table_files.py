"""Tables as people have them: CSV of any writing, Excel workbooks, Parquet; cells as text."""

from __future__ import annotations

import csv
import datetime
import io
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..store.memory import check_memory, size_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..errors import ProspectorError

__all__ = ["Table", "plain_number", "read_table"]

_TIMES = 20  # bytes of memory that a byte of a table becomes, as rows of cells
_HEAD = 30  # rows that are looked at to find the header and what separates cells
_LONGEST_CELL = 2**27
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"))
_WIDE_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SPOKEN = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252"}


@dataclass(frozen=True)
class Table:
    """A table whose cells are text.

    Attributes
    ----------
    path : Path
    columns : list of str
        As written, without space around them, composed (Unicode NFC).
    rows : list of list of str
        As long as ``columns``; without space around cells.
    lines : list of int
        Where each row stands in the file, from 1.
    said : list of str
        What a user should know of how it was read, a line each.
    """

    path: Path
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]
    said: list[str] = field(default_factory=list)


def plain_number(text: str) -> str:
    """A number as it is compared: "1.0" and "1" are "1"; other text as it is.

    Numbers with zeros in front are names, such as "007".
    """
    digits = text.lstrip("+-")
    if not digits[:1].isdigit() or (digits[0] == "0" and digits[1:2].isdigit()):
        return text
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return text


def read_table(path: str | Path, error: type[ProspectorError], what: str = "table") -> Table:
    """Read a table: text of any writing, Excel (.xlsx), or Parquet, told by its content.

    Text may be separated by commas, semicolons, tabs or bars, in UTF-8, UTF-16 or Windows-1252, with a line
    ``sep=;`` or a title above the header.

    Parameters
    ----------
    path : path
    error : type
        What is raised.
    what : str
        What it is, for messages: "labels table".
    """
    path = Path(path)
    if not path.is_file():
        raise error(f"there is no {what} {path}: give a CSV or Excel file with a file and a label column")
    check_memory(_TIMES * size_of(path), path, "its table", error, 0)
    try:
        start = path.open("rb").read(8)
        if start[:4] == b"PK\x03\x04":
            cells, said = _workbook(path, error)
        elif start[:4] == b"PAR1":
            cells, said = _parquet(path, error)
        else:
            cells, said = _text(path, error)
    except OSError as problem:
        raise error(f"{path} cannot be read ({problem.strerror}): check its permissions") from problem
    return _headed(path, cells, said, error)


def _headed(
    path: Path, cells: list[tuple[int, list[str]]], said: list[str], error: type[ProspectorError]
) -> Table:
    """A table of rows (line, cells), the first full one of which is the header."""
    cells = [(line, [_clean(cell) for cell in row]) for line, row in cells]
    cells = [(line, row) for line, row in cells if any(row)]
    if not cells:
        raise error(f"{path} is empty: give a CSV file with a file and a label column")
    widths = Counter(sum(map(bool, row)) for _, row in cells[:_HEAD])
    usual = max(widths, key=lambda width: (widths[width], width))
    first = next(at for at, (_, row) in enumerate(cells) if sum(map(bool, row)) >= min(2, usual))
    if first:
        said.append(f"{path.name}: {first} line{'s' * (first > 1)} above the header skipped")
    header = [unicodedata.normalize("NFC", name) for name in cells[first][1]]
    while header and not header[-1]:
        header.pop()
    rows = [(row + [""] * len(header))[: len(header)] for _, row in cells[first + 1 :]]
    if not rows:
        raise error(f"{path} has a header but no rows: add one row per datum")
    return Table(path, header, rows, [line for line, _ in cells[first + 1 :]], said)


def _clean(cell: str) -> str:
    return cell.translate(_INVISIBLE).strip()


def _text(path: Path, error: type[ProspectorError]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    text, encoding = _decoded(path.read_bytes(), path, error)
    said = [f"{path.name} is read as {_SPOKEN[encoding]}"] if encoding in _SPOKEN else []
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", 1)
    skipped, separator = 0, ""
    if lines[0].strip().lower().startswith("sep=") and len(lines) == 2:
        separator, text, skipped = lines[0].strip()[4:5] or "\t", lines[1], 1
    separator = separator or _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    found, begins = [], skipped + 1
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        for cells in reader:
            found.append((begins, cells))
            begins = skipped + reader.line_num + 1
    except csv.Error as problem:
        raise error(
            f"{path.name}, line {skipped + reader.line_num}: this is not a table ({problem}): save it as CSV,"
            " UTF-8"
        ) from problem
    finally:
        csv.field_size_limit(limit)
    return found, said


def _decoded(raw: bytes, path: Path, error: type[ProspectorError]) -> tuple[str, str]:
    """Text and its encoding, told by the marks and bytes that it has."""
    marked = (name for mark, name in (*_BOMS, *_WIDE_BOMS) if raw.startswith(mark))
    encoding = next(marked, None) or _without_mark(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as problem:
        raise error(
            f"{path} is not a text table (byte {problem.start} is none of {encoding}): save it as CSV, UTF-8"
        ) from problem
    control = sum(text.count(chr(code)) for code in (*range(9), *range(14, 32)))
    if "\0" in text:
        raise error(f"{path} is not a text table (it holds zero bytes): save it as CSV, UTF-8")
    if control > len(text) / 100:
        raise error(f"{path} is not a text table (it holds control characters): save it as CSV, UTF-8")
    return text, encoding


def _without_mark(raw: bytes) -> str:
    head = raw[:4096]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        every = head[start::2]
        if len(head) > 8 and len(raw) % 2 == 0 and every.count(0) > 0.7 * len(every):
            return encoding
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _separator(text: str) -> str:
    """What separates cells: what cuts most of the first rows into as many as the others, two at least."""
    head = "".join(line + "\n" for line in text.split("\n")[:_HEAD])
    best, found = (0.0, 0), ","
    for separator in ",;\t|":
        try:
            rows = [row for row in csv.reader(io.StringIO(head, newline=""), delimiter=separator) if any(row)]
        except csv.Error:
            continue
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if widths:
            width, alike = max(widths.items(), key=lambda item: (item[1], item[0]))
            if (alike / len(rows), width) > best:
                best, found = (alike / len(rows), width), separator
    return found


def _workbook(path: Path, error: type[ProspectorError]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The first sheet of an Excel workbook that holds something."""
    try:
        with zipfile.ZipFile(path) as packed:
            need = sum(part.file_size for part in packed.infolist())
            names = packed.namelist()
    except (zipfile.BadZipFile, OSError) as problem:
        raise error(f"{path.name} is cut short or damaged ({problem}): save it again") from problem
    if "xl/workbook.xml" not in names:
        raise error(f"{path.name} is no table: give CSV, Excel (.xlsx) or Parquet")
    check_memory(_TIMES * need, path, "its workbook", error, 0)
    from openpyxl import load_workbook  # late: half a second that other tables need not wait

    try:
        book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if hasattr(sheet, "iter_rows")]
        filled = []
        for sheet in sheets:
            rows = [
                (line, [_cell_text(value) for value in row])
                for line, row in enumerate(sheet.iter_rows(values_only=True), start=1)
            ]
            if any(any(row) for _, row in rows):
                filled.append((sheet.title, rows))
    except Exception as problem:  # openpyxl raises what it pleases
        raise error(
            f"{path.name} cannot be read as an Excel workbook ({problem}): save it as CSV"
        ) from problem
    if not filled:
        raise error(f"{path} is empty: give a table with a file and a label column")
    others = [name for name, _ in filled[1:]]
    said = [f"{path.name}: sheet “{filled[0][0]}” is read, not {', '.join(others)}"] if others else []
    return filled[0][1], said


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value)


def _parquet(path: Path, error: type[ProspectorError]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    import pyarrow

    from ..store.tables import read_parquet

    try:
        table = read_parquet(path, error)
        columns = [[_cell_text(value) for value in column.to_pylist()] for column in table.columns]
    except (OSError, ValueError, pyarrow.ArrowException) as problem:
        raise error(f"{path.name} is not a Parquet table that can be read: save it again") from problem
    header: Sequence[str] = list(map(str, table.column_names))
    rows = [list(header), *map(list, zip(*columns))]
    return list(enumerate(rows, start=1)), []
