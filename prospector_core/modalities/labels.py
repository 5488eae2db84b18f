"""The labels table: which data there are, where they lie, and their class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import LabelsError
from .classes import UNLABELLED, classes_of
from .matching import match_files
from .parts import Rect
from .table_files import plain_number, read_table

__all__ = ["LabelRow", "LabelTable", "read_labels"]

_FILE_COLUMNS = (
    "slide",
    "file",
    "filename",
    "image",
    "path",
    "slide_id",
    "wsi",
    "wsi_id",
    "image_id",
    "filepath",
    "file_path",
    "file_name",
    "slide_name",
    "id",
    "name",
    "datum",
    "sample",
    "sample_id",
    "graph",
)
_LABEL_COLUMNS = ("label", "class", "y", "diagnosis", "category", "target", "outcome", "status")
_NAME_COLUMNS = ("name", "datum", "id")
_FIELD_COLUMNS = ("x", "y", "width", "height")
_HELD_OUT = {"test", "testing", "held-out", "held out", "heldout", "holdout", "hold-out", "hold out"} | {
    *("val", "valid", "validation", "dev", "development", "tune", "tuning", "external"),
}
_FITTED_ON = {"train", "training", "fit"}


@dataclass(frozen=True)
class LabelRow:
    """One datum: its name, file, field, label and split.

    The file is as the table gives it. A field of None is the whole slide; a label of None is not known.

    ``part``: which part of a file of another kind it is, such as {"chain": "A"}: plain values, None = all of
    it. ``line``: where it stands in the table, from 1.
    """

    name: str
    file: str
    field: Rect | None
    label: int | None
    split: str | None
    part: dict | None = None
    line: int = field(default=0, compare=False)


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
    said : list of str
        What a user should know of how the table was read, once it was.
    """

    table: Any
    file_column: str | None = None
    label_column: str | None = None
    positive: str | None = None
    known: tuple[str, ...] | None = None
    leave_out: frozenset[str] = frozenset()
    said: list[str] = field(default_factory=list, compare=False)

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
            said=self.said,
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
    said: list[str] | None = None,
    known: Sequence[str] | None = None,
) -> tuple[list[LabelRow], list[str]]:
    """Read a labels table (CSV, TSV, Excel or Parquet; see ``table_files``).

    Columns, upper or lower case: the file (``slide``, ``file``, ``image``, ``id``, ...), the class (``label``
    or ``class``), optionally ``name`` (of the datum), ``x, y, width, height`` (a field, level-0 pixels) and
    ``split`` (data whose split is "test" are left out of fitting). An empty label means not known.
    ``part_columns``: columns that, where they are there, say which part of its file a datum is ("chain");
    without a name its name is file and part. ``said``: takes up what a user should know of how it was read.

    Returns (rows, classes): list of LabelRow, whose labels are 0..n-1, and the names of the n classes by
    label. Of two, class 1 is the one to find: ``positive``, else the one that does not sound negative, else
    the later in the alphabet. Several stand in the order of the alphabet, those that sound negative first;
    with ``positive`` they become two: that one, and "other than" it. Where classes are ``known`` already,
    another one is refused. Raises LabelsError naming the table, the row or column, and the fix.
    """
    path = Path(path)
    table = read_table(path, LabelsError, "labels table")
    columns, lines = [name.lower() for name in table.columns], table.lines
    records = [dict(zip(columns, row)) for row in table.rows]
    notes = [] if said is None else said
    notes += table.said
    file_column = _column(path, columns, file_column, _FILE_COLUMNS, "file")
    # `y` names a class only where there is no field that needs it
    has_field = all(name in columns for name in _FIELD_COLUMNS)
    candidates = [name for name in _LABEL_COLUMNS if not (has_field and name == "y")]
    label_column = _column(path, columns, label_column, candidates, "label")
    name_column = _name_column(records, columns, file_column, label_column)
    labels = [plain_number(record[label_column]) for record in records]
    classes, one_of = classes_of(path, labels, positive, known)
    rows, seen = [], {}
    for number, record, label in zip(lines, records, labels):
        file, name = record[file_column], record[name_column] or record[file_column]
        part = {column: record[column].strip() for column in part_columns if record.get(column, "").strip()}
        if part and name_column == file_column:
            name = _part_name(name, part)
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
        rect = _field(path, number, record) if has_field else None
        split = _split_of(path, number, record.get("split", ""))
        rows.append(LabelRow(name, file, rect, one_of.get(label), split, part or None, number))
    notes += _unlabelled(path, labels, one_of)
    return rows, classes


def _part_name(file: str, part: dict[str, str]) -> str:
    """What a part of a file is called: the file, without its endings, and which part."""
    rest = (value for column, value in part.items() if column != "frames")
    return " ".join([Path(file.replace("\\", "/")).name.split(".")[0], *rest])


def _unlabelled(path: Path, labels: Sequence[str], known: dict[str, int]) -> list[str]:
    """A line on how many rows have no label, and what stands there; none where all have one."""
    marks = Counter(label or "empty" for label in labels if label not in known)
    how = ", ".join(f"{count} {mark}" for mark, count in marks.most_common(6))
    return [f"{path.name}: {marks.total()} of {len(labels)} rows have no label ({how})"] if marks else []


def _name_column(
    records: list[dict[str, str]], columns: list[str], file_column: str, label_column: str
) -> str:
    """The column that names data: one that is there for it, or an ``id`` that is another in every row."""
    for name in _NAME_COLUMNS:
        if name in columns and name not in (label_column, file_column):
            values = [record[name] for record in records]
            if name != "id" or (all(values) and len(set(values)) == len(values)):
                return name
    return file_column


def _split_of(path: Path, line: int, word: str) -> str | None:
    """Whether a datum is held out, "test", or fitted on, "train"; None where the table does not say."""
    word = word.strip().lower()
    if not word or word in UNLABELLED:
        return None
    if word in _HELD_OUT:
        return "test"
    if word in _FITTED_ON:
        return "train"
    raise LabelsError(
        f"{path.name}, line {line}: column 'split' says {word[:40]!r}: write train or test there, or nothing"
    )


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


def _field(path: Path, number: int, record: dict[str, str]) -> Rect | None:
    given = [record[name].strip() for name in _FIELD_COLUMNS]
    if not any(given):
        return None
    try:
        # a comma is that of decimals: thousands are not written in a table
        x, y, width, height = (int(float(value.replace(",", "."))) for value in given)
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
