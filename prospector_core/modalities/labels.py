"""The labels table: which data there are, where they lie, and their class."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import LabelsError
from ..store.memory import check_memory, size_of
from .parts import Rect

__all__ = ["LabelRow", "LabelTable", "classes_of", "match_files", "read_labels"]

_FILE_COLUMNS = (
    "slide",
    "file",
    "filename",
    "image",
    "path",
    "slide_id",
    "id",
    "name",
    "datum",
    "sample",
    "sample_id",
    "graph",
)
_LABEL_COLUMNS = ("label", "class", "y", "diagnosis")
_NAME_COLUMNS = ("name", "datum", "id")
_FIELD_COLUMNS = ("x", "y", "width", "height")
_NEGATIVE = {"0", "no", "false", "negative", "neg", "normal", "control", "absent", "benign", "healthy"}
_MOST_CLASSES = 32  # a table of more has numbers or names for labels
_TABLE_TIMES = 20  # bytes of memory that a byte of a table becomes, as rows of named cells
_UNLABELLED = {"", "na", "nan", "none", "unknown", "?"}


@dataclass(frozen=True)
class LabelRow:
    """One datum: its name, file, field, label and split.

    The file is as the table gives it. A field of None is the whole slide; a label of None is not known.

    ``part``: which part of a file of another kind it is, such as {"chain": "A"}: plain values, None = all of
    it.
    """

    name: str
    file: str
    field: Rect | None
    label: int | None
    split: str | None
    part: dict | None = None


@dataclass(frozen=True)
class LabelTable:
    """Where the labels of a new study are, and how they are read.

    Attributes
    ----------
    table : path, or what else a kind of data takes for labels, or None
    file_column, label_column, positive : str or None
        As for `read_labels`.
    known : tuple of str, or None
        The classes of the study that data are added to (None: a new study, whose classes the table says).
    leave_out : frozenset of str
        Names of data that the study has already: their rows are not read.
    """

    table: Any
    file_column: str | None = None
    label_column: str | None = None
    positive: str | None = None
    known: tuple[str, ...] | None = None
    leave_out: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The name of the table's file."""
        return Path(self.table).name

    def read(self, part_columns: Sequence[str] = ()) -> tuple[list[LabelRow], list[str]]:
        """Return rows and classes, as `read_labels`, without those to leave out."""
        rows, classes = read_labels(
            self.table,
            file_column=self.file_column,
            label_column=self.label_column,
            positive=self.positive,
            part_columns=part_columns,
            known=self.known,
        )
        new = self.new(rows)
        if rows and not new:
            raise LabelsError(
                f"{self.name}: all {len(rows)} rows are in the study already: to correct their labels, use"
                " `prospector labels`"
            )
        return new, classes

    def new(self, rows: list[LabelRow]) -> list[LabelRow]:
        """Return the rows that are not left out."""
        return [row for row in rows if row.name not in self.leave_out]

    def match(self, rows: list[LabelRow], files: list[Path]) -> list[Path]:
        """Return the file of each row, as `match_files`."""
        return match_files(rows, files, self.table)


def read_labels(
    path: str | Path,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    positive: str | None = None,
    part_columns: Sequence[str] = (),
    known: Sequence[str] | None = None,
) -> tuple[list[LabelRow], list[str]]:
    """Read a labels table (CSV or TSV with a header).

    Columns, upper or lower case: the file (``slide``, ``file``, ``image``, ``id``, ...), the class (``label``
    or ``class``), optionally ``name`` (of the datum), ``x, y, width, height`` (a field, level-0 pixels) and
    ``split`` (data whose split is "test" are left out of fitting). An empty label means not known.
    ``part_columns``: columns that, where they are there, say which part of its file a datum is ("chain");
    without a name its name is file and part.

    Returns (rows, classes): list of LabelRow, whose labels are 0..n-1, and the names of the n classes by
    label. Of two, class 1 is the one to find: ``positive``, else the one that does not sound negative, else
    the later in the alphabet. Several stand in the order of the alphabet, those that sound negative first;
    with ``positive`` they become two: that one, and "other than" it. Where classes are ``known`` already,
    another one is refused. Raises LabelsError naming the table, the row or column, and the fix.
    """
    path = Path(path)
    records, columns, lines = _read_table(path)
    file_column = _column(path, columns, file_column, _FILE_COLUMNS, "file")
    # `y` names a class only where there is no field that needs it
    has_field = all(name in columns for name in _FIELD_COLUMNS)
    candidates = [name for name in _LABEL_COLUMNS if not (has_field and name == "y")]
    label_column = _column(path, columns, label_column, candidates, "label")
    name_column = next(
        (name for name in _NAME_COLUMNS if name in columns and name != label_column), file_column
    )
    labels = [record[label_column].strip() for record in records]
    classes, one_of = classes_of(path, labels, positive, known)
    rows, seen = [], {}
    for number, record, label in zip(lines, records, labels):
        file, name = record[file_column].strip(), record[name_column].strip()
        part = {column: record[column].strip() for column in part_columns if record.get(column, "").strip()}
        if part and name_column == file_column:
            name = " ".join(
                [
                    Path(name.replace("\\", "/")).name.split(".")[0],
                    *(each for column, each in part.items() if column != "frames"),
                ]
            )
        if not file or not name:
            raise LabelsError(
                f"{path.name}, line {number}: column {file_column!r} is empty: name the file there"
            )
        if name in seen:
            raise LabelsError(
                f"{path.name}, line {number}: {name!r} is already in line {seen[name]}: give each datum"
                " its own name"
            )
        seen[name] = number
        field = _field(path, number, record) if has_field else None
        split = record.get("split", "").strip().lower() or None
        rows.append(LabelRow(name, file, field, one_of.get(label), split, part or None))
    return rows, classes


def classes_of(
    path: str | Path,
    labels: Sequence[str],
    positive: str | None = None,
    known: Sequence[str] | None = None,
) -> tuple[list[str], dict[str, int]]:
    """What labels as written amount to.

    (classes, {label: number}); those that mean "not known" have no number.

    Parameters: path, where they were written, for the texts of errors; labels, list of str; known, the
    classes of the study that they are for, if there is one. Raises LabelsError.
    """
    if known is not None:
        return list(known), _numbers_of(Path(path), labels, list(known))
    classes = _classes(Path(path), labels, positive)
    known = sorted({label for label in labels if label.lower() not in _UNLABELLED})
    return classes, {
        label: int(label == positive) if positive is not None else classes.index(label) for label in known
    }


def _numbers_of(path: Path, labels: Sequence[str], classes: list[str]) -> dict[str, int]:
    """{label: number} among the classes of a study. Raises LabelsError for another class."""
    written = sorted({label for label in labels if label.lower() not in _UNLABELLED})
    rest = len(classes) == 2 and classes[0] == f"other than {classes[1]}"
    strange = [label for label in written if label not in classes]
    if strange and not rest:
        raise LabelsError(
            f"{path.name} has the class {strange[0]!r}, which the study does not have (its classes are"
            f" {_and(classes)}): correct the table, or make a new study"
        )
    return {label: classes.index(label) if label in classes else 0 for label in written}


def _read_table(path: Path) -> tuple[list[dict[str, str]], list[str], list[int]]:
    if not path.is_file():
        raise LabelsError(f"there is no labels table {path}: give a CSV file with a file and a label column")
    check_memory(_TABLE_TIMES * size_of(path), path, "its table", LabelsError, 0)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(
            f"{path} is not a text table (byte {error.start} is not UTF-8): save it as CSV, UTF-8"
        ) from error
    except OSError as error:
        raise LabelsError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if "\0" in text:
        raise LabelsError(f"{path} is not a text table (it holds zero bytes): save it as CSV, UTF-8")
    if not text.strip():
        raise LabelsError(f"{path} is empty: give a CSV file with a file and a label column")
    body = text.lstrip("\n")
    before = len(text) - len(body)
    reader = csv.reader(io.StringIO(body), delimiter=max(",;\t", key=body.splitlines()[0].count))
    records, numbers = [], []
    try:
        columns = [name.strip().lower() for name in next(reader)]
        for cells in reader:
            if any(cell.strip() for cell in cells):
                records.append(dict(zip(columns, cells + [""] * (len(columns) - len(cells)))))
                numbers.append(reader.line_num + before)
    except csv.Error as error:
        raise LabelsError(
            f"{path.name}, line {reader.line_num + before}: this is not a table ({error}): save it as CSV,"
            " UTF-8"
        ) from error
    if not records:
        raise LabelsError(f"{path} has a header but no rows: add one row per datum")
    return records, columns, numbers


def _column(path: Path, columns: list[str], asked: str | None, candidates: Sequence[str], what: str) -> str:
    there = ", ".join(name if len(name) <= 40 else f"{name[:40]}..." for name in columns[:30])
    if asked is not None and asked.strip().lower() not in columns:
        raise LabelsError(f"{path.name} has no column {asked!r}: its columns are {there}")
    for name in candidates if asked is None else [asked.strip().lower()]:
        if columns.count(name) > 1:
            raise LabelsError(
                f"{path.name} has {columns.count(name)} columns named {name[:40]!r}: give each its own name"
            )
        if name in columns:
            return name
    raise LabelsError(
        f"{path.name} has no {what} column (looked for {', '.join(candidates)}; found {there}): "
        f"name it with --{what}-column"
    )


def _classes(path: Path, labels: Sequence[str], positive: str | None) -> list[str]:
    values = sorted({label for label in labels if label.lower() not in _UNLABELLED})
    if len(values) > _MOST_CLASSES and positive is None:
        raise LabelsError(
            f"{path.name} has {len(values)} classes ({', '.join(values[:6])}, ...), more than"
            f" {_MOST_CLASSES}: is another column the label (--label-column)? Or name one class, to find it"
            " against the rest (--positive)"
        )
    if len(values) < 2:
        raise LabelsError(
            f"{path.name} has {'one class only (' + values[0] + ')' if values else 'no labels'}: data of both"
            " classes are needed"
        )
    if positive is not None:
        if positive not in values:
            raise LabelsError(f"{path.name} has no class {positive!r}: its classes are {_and(values)}")
        rest = [value for value in values if value != positive]
        return [*rest, positive] if len(rest) == 1 else [f"other than {positive}", positive]
    # those that sound negative first, each group in the order of the alphabet ("0" before "1")
    return sorted(
        values,
        key=lambda value: (value.lower() not in _NEGATIVE and not value.lower().startswith("no "), value),
    )


def _and(names: Sequence[str], most: int = 12) -> str:
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _field(path: Path, number: int, record: dict[str, str]) -> Rect | None:
    given = [record[name].strip() for name in _FIELD_COLUMNS]
    if not any(given):
        return None
    try:
        x, y, width, height = (int(float(value)) for value in given)
    except (ValueError, OverflowError) as error:
        raise LabelsError(
            f"{path.name}, line {number}: x, y, width and height must be numbers, got {', '.join(given)}"
        ) from error
    if width <= 0 or height <= 0 or x < 0 or y < 0:
        raise LabelsError(
            f"{path.name}, line {number}: the field {x}, {y}, {width} x {height} is not a rectangle of the"
            " slide"
        )
    return Rect(x, y, width, height)


def match_files(rows: Sequence[LabelRow], files: Sequence[Path], table: str | Path) -> list[Path]:
    """The file of each row, found by relative path, file name or stem.

    Parameters: rows from ``read_labels``; files, list of Path; table, the labels table's path (for messages).
    Returns list of Path, one per row. Raises LabelsError for a row without, or with more than one, such file.
    """
    by_key, exact = {}, {}
    for file in files:
        exact.setdefault(file.name, set()).add(file)
        for key in {file.name.lower(), file.stem.lower(), file.name.split(".")[0].lower()}:
            by_key.setdefault(key, set()).add(file)
    found, missing = [], []
    for row in rows:
        given = Path(row.file.replace("\\", "/")).name
        name = given.lower()
        matches = exact.get(given) or by_key.get(name) or by_key.get(Path(name).stem) or set()
        if len(matches) > 1:
            raise LabelsError(
                f"{Path(table).name}: {row.file!r} could be"
                f" {' or '.join(sorted(file.name for file in matches))}: give the full file name"
            )
        if matches:
            found.append(next(iter(matches)))
        else:
            missing.append(row.file)
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise LabelsError(
            f"{Path(table).name} names {some}, not found among the {len(files)} files given: correct the"
            " table or the folder"
        )
    return found
