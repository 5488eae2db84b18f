"""A study that grows: data are added and removed, and its labels follow a table that has changed.

What is asked for is looked at first and can be shown; then it is applied as edits of the journal, each with
undo. Embeddings, and all edits of what is removed, stay.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInputError, LabelsError, ProspectorError
from ..modalities.labels import LabelTable, read_labels
from ..modalities.parts import NewStudy
from ..store.fingerprints import fingerprint
from ..store.place import portable
from ..store.readable import is_readable, require_readable
from ..wording import checked_name
from .create import table_record, write_rows

if TYPE_CHECKING:
    from ..modalities.labels import LabelRow
    from .data import Datum
    from .study import Study

__all__ = [
    "Growth",
    "LabelChanges",
    "add_data",
    "compare_labels",
    "look_at_new",
    "remove_data",
    "table_changed",
]


@dataclass(frozen=True)
class Growth:
    """Data that were looked at, to be added to a study.

    Attributes
    ----------
    study : Study
    new : NewStudy
        What was found of those that the study never had.
    back : list of (Datum, LabelRow)
        Those that it had once, and that come back as they were.
    """

    study: Study = field(repr=False)
    new: NewStudy = field(repr=False)
    back: list[tuple[Datum, LabelRow]] = field(repr=False)

    @property
    def rows(self) -> list[LabelRow]:
        """All that is to be added."""
        return [*self.new.rows, *(row for _, row in self.back)]

    def apply(self) -> list[Datum]:
        """Add them, in one edit. Returns them; nothing is embedded yet.

        Raises
        ------
        StudyError, CurationConflictError
            The study cannot be written, or another window added the same meanwhile; then nothing is added.
        """
        study = self.study
        secret = bytes.fromhex(study.database.read_meta("secret") or study.database.read_meta("id") or "00")
        with study.database.transaction() as connection:
            n = connection.execute("SELECT COUNT(*) FROM data").fetchone()[0]
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('data_at_first', ?)", (json.dumps(n),))
            there = {name for (name,) in connection.execute("SELECT name FROM data")}
            if double := next((row.name for row in self.new.rows if row.name in there), None):
                raise BadInputError(f"{double!r} was added meanwhile: look at the data again")
            known = dict(connection.execute("SELECT path, id FROM sources").fetchall())
            uids = write_rows(connection, study.path, self.new, secret, known)
            study.log.record(connection, "add", {"data": [*uids, *(datum.uid for datum, _ in self.back)]})
            for datum, row in self.back:
                if row.label != datum.label:
                    study.log.record(connection, "relabel", {"datum": datum.uid, "label": row.label})
        return [study.datum(uid) for uid in [*uids, *(datum.uid for datum, _ in self.back)]]


def look_at_new(
    study: Study,
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    labels: Any = None,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    on: Any = None,
    **options: Any,
) -> Growth:
    """Look at files that may be added to a study, as ``Study.create`` looks at those of a new one.

    Parameters
    ----------
    study : Study
    sources : folder, file, or list of files
    labels : labels table
        Rows of data that the study has already are left out. Documents may say their labels themselves.
    file_column, label_column : str, optional
        Columns of the table, where they are not obvious.
    progress : function(files looked at, files), optional
    on : scheduler, optional
    options
        Of the kind of data, where new files need another value: ``slide_mpp=0.25``.

    Raises
    ------
    BadInputError, LabelsError, and the error of the kind
        What is wrong; nothing was written.
    """
    study.database.check_writable()
    if study.embedding.get("imported") or study.embedding.get("vectors"):
        raise BadInputError(
            f"the embeddings of {study.name!r} were computed elsewhere: make a new study of all of them"
        )
    kind = study.kind
    if labels is None and kind.needs_labels:
        raise LabelsError("say where the labels are: give a table with a file and a label column")
    if labels is None:
        file_column = file_column or study.embedding.get("id_field")
    names = frozenset(datum.name for datum in study.data)
    table = LabelTable(labels, file_column, label_column, None, tuple(study.classes), names)
    given = {name: value for name, value in options.items() if value is not None}
    settings = replace(kind.options_of(study.embedding), **given)
    new = kind.look(study.path, _paths(sources), table, settings, progress, on)
    kind.check_growth(study, new)
    for row in new.rows:
        checked_name(row.name, "item", LabelsError)
    return _parted(study, new)


def _paths(sources: Any) -> Any:
    """One folder or file as it is, several as a list of files: folders among them are not looked into."""
    given = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    if not given or not all(isinstance(each, (str, os.PathLike)) for each in given):
        raise BadInputError("give a folder or files to add: graphs in memory are for new studies")
    if len(given) == 1:
        return given[0]
    if folder := next((each for each in given if Path(each).is_dir()), None):
        raise BadInputError(f"{folder} is a folder: give one folder, or files")
    return [Path(each).resolve() for each in given]


def _parted(study: Study, new: NewStudy) -> Growth:
    """What was found, without what the study had before. Raises where a file is another than it was."""
    uids = dict(study.database.read("SELECT path, id FROM sources"))
    kept = {key: uids.get(portable(file, study.path)) for key, (_, _, file) in new.sources.items()}
    for uid in kept.values():
        if uid is not None and study.files.state(uid) == "other":
            raise BadInputError(
                f"{study.sources[uid].path} has changed since the study was made of it: put the file back"
                " that was there, and give new data in a file of their own"
            )
    study.table.forget()  # another process may have added some, and undone that
    hidden = {row.name: row for row in study.table.rows}
    back, rows, files = [], [], []
    for row, file in zip(new.rows, new.files):
        before = hidden.get(row.name)
        if before is None:
            rows.append(row)
            files.append(file)
        elif kept[file] == before.source and (before.field, before.part) == (row.field, row.part):
            back.append((study.datum(before.uid), row))
        else:
            raise BadInputError(
                f"the study had another {row.name!r} before, of another file or part: give it another name"
            )
    used = {file: new.sources[file] for file in dict.fromkeys(files)}
    return Growth(study, replace(new, rows=rows, files=files, sources=used, fill=None), back)


def add_data(study: Study, sources: Any, labels: Any = None, **options: Any) -> list[Datum]:
    """Add data to a study, in one edit with undo; embed them next, then refit. See ``growth.look_at_new``.

    Concepts, names and all edits stay. Returns what was added.
    """
    return look_at_new(study, sources, labels, **options).apply()


def remove_data(study: Study, data: Iterable[Any]) -> int:
    """Take data out of a study, in one edit with undo. Their embeddings and edits stay.

    Returns the id of the journal's entry. Raises BadInputError for data that the study does not have.
    """
    there = {datum.uid for datum in study.data}
    uids = list(dict.fromkeys(study.datum(each).uid for each in data))
    if gone := next((uid for uid in uids if uid not in there), None):
        raise BadInputError(f"{study.datum(gone).name} is no longer in the study: there is nothing to remove")
    if not uids:
        raise BadInputError("name the data to remove")
    if len(uids) == len(there):
        raise BadInputError("these are all data of the study: a study without data is none")
    with study.log.recording() as record:
        return record("remove", {"data": uids})


# ---- labels


@dataclass(frozen=True)
class LabelChanges:
    """What a labels table says otherwise than a study does.

    Attributes
    ----------
    study : Study
    table : Path
    new : list of LabelRow
        Rows of data that the study does not have: they are added with their files.
    corrected : list of (Datum, int or None)
        Data and the class that the table gives them.
    gone : list of Datum
        Data that the table does not name.
    """

    study: Study = field(repr=False)
    table: Path
    new: list[LabelRow]
    corrected: list[tuple[Datum, int | None]]
    gone: list[Datum]

    def class_name(self, label: int | None) -> str:
        """Return what a class is called, in words."""
        return "not known" if label is None else self.study.classes[label]

    def apply(self, remember: bool = True) -> int:
        """Correct labels and take out what is gone, each as an edit with undo. Returns how many edits.

        New rows are not added here: see `add_data`. ``remember``: whether the study follows this table's file
        from now on, so that a later change of it is said.
        """
        study = self.study
        uids = [datum.uid for datum in self.gone]
        if len(uids) == len(study.data):
            raise BadInputError(f"{self.table.name} names no datum of the study: is it another table?")
        with study.log.recording() as record:
            for datum, label in self.corrected:
                record("relabel", {"datum": datum.uid, "label": label})
            if uids:
                record("remove", {"data": uids})
        if remember and not self.new:
            remember_table(study, self.table)
        return len(self.corrected) + bool(uids)


def compare_labels(
    study: Study,
    table: str | os.PathLike[str],
    file_column: str | None = None,
    label_column: str | None = None,
) -> LabelChanges:
    """Compare a labels table with what a study says by now; nothing is written.

    Rows and data are the same where they have the same name.

    Raises
    ------
    LabelsError
        The table cannot be read, or has classes that the study does not have.
    """
    require_readable(table, LabelsError)
    rows, _ = read_labels(
        table,
        file_column=file_column,
        label_column=label_column,
        part_columns=study.kind.part_columns,
        known=study.classes,
    )
    data, labels = {datum.name: datum for datum in study.data}, {row.name: row.label for row in rows}
    return LabelChanges(
        study,
        Path(table),
        [row for row in rows if row.name not in data],
        [(data[name], label) for name, label in labels.items() if name in data and data[name].label != label],
        [datum for name, datum in data.items() if name not in labels],
    )


def remember_table(study: Study, table: Any) -> None:
    """Keep what the table is now: a later change of it is then said."""
    for key, value in table_record(table).items():
        study.database.write_meta(key, value)


def table_changed(study: Study) -> str:
    """One line where the labels table that the study follows has changed since; "" where not, or unknown."""
    kept = study.database.read_meta("labels_table")
    if not isinstance(kept, dict) or not isinstance(kept.get("path"), str) or not is_readable(kept["path"]):
        return ""
    try:
        now = fingerprint(Path(kept["path"]))
    except (OSError, ProspectorError, ValueError):
        return ""
    if all(kept.get(key) == value for key, value in now.items()):
        return ""
    return (
        f"the labels table {kept['path']} has changed since: to see how, `prospector labels {study.path}"
        f" {kept['path']}`"
    )
