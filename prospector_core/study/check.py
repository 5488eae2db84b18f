"""Is all of a study what was written: its database, embeddings, fits and maps.

Nothing is written, and nothing is repaired.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import ProspectorError, StudyDamagedError, StudyError, StudyVersionError
from ..store.blocks import group_record
from ..store.database import Database
from ..store.maps import map_fault
from ..store.removal import remove_file
from .fits import way_out
from .journal import read_journal, replay
from .kept_fit import load_kept
from .study import Study

__all__ = ["Fault", "check_study"]

_TRIES, _PAUSE = 20, 0.1  # copies of a database that others write meanwhile


@dataclass(frozen=True)
class Fault:
    """Something that is not what was written.

    Attributes
    ----------
    what : "database", "embeddings", "fit" or "map"
    name : which: of a datum, fit or file
    says : what is wrong
    remedy : what to do
    """

    what: str
    name: str
    says: str
    remedy: str


def check_study(path: str | Path, progress: Callable[[int, int, str], None] | None = None) -> list[Fault]:
    """Return everything in a study that is damaged or missing; an empty list where it is sound.

    Parameters
    ----------
    path : folder of the study
    progress : function(done, total, text)

    Raises
    ------
    StudyError, StudyVersionError
        There is no study, or it is of a newer Prospector.
    """
    path, tell = Path(path), progress or (lambda done, total, text: None)
    file = path / "study.sqlite"
    if not file.is_file():
        raise StudyError(f"{path} is not a study (no study.sqlite in it): make one with `prospector new`")
    with tempfile.TemporaryDirectory(prefix="prospector-check-") as scratch:
        copy = Path(scratch) / "study.sqlite"
        tell(0, 1, "database")
        _copied(file, copy)
        found = list(_of_database(file, copy))
        if found:
            return found
        try:
            database = Database(copy)  # what an earlier version did not write is added to the copy
            found += _of_journal(database, file)
            database.close()
            study = Study.open(path, copy.resolve())
            study.table.rows  # noqa: B018
        except StudyVersionError:
            raise
        except (ProspectorError, ValueError, TypeError) as error:
            if found:
                return found
            return [Fault("database", file.name, str(error).replace(str(copy), str(file)), _BACKUP)]
        fits = [] if found else _fit_steps(study)  # which are read with the database's help
        steps = [*_embedding_steps(study), *fits, *_map_steps(study)]
        for done, (text, look) in enumerate(steps):
            tell(done, len(steps), text)
            found += look()
        tell(len(steps), len(steps), "done")
        study.database.close()
    return found


_BACKUP = "restore it from a backup"


def _copied(file: Path, copy: Path) -> None:
    """Copy a database with what others have written to it lately, without touching it.

    Sqlite itself may write when it reads.
    """
    log = file.with_name(file.name + "-wal")
    for _ in range(_TRIES):
        before = _state(file), _state(log)
        shutil.copyfile(file, copy)
        remove_file(copy.with_name(copy.name + "-wal"))
        if before[1] is not None:
            try:
                shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
            except FileNotFoundError:
                continue
        if (_state(file), _state(log)) == before:
            return
        time.sleep(_PAUSE)
    raise StudyError(f"{file.parent} is being written by another program all the time: check it again later")


def _state(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size


def _of_database(file: Path, copy: Path) -> Iterator[Fault]:
    """What sqlite itself finds."""
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            for (says,) in connection.execute("PRAGMA integrity_check(5)").fetchall():
                if says != "ok":
                    yield Fault("database", file.name, says, _BACKUP)
            for table, *_ in connection.execute("PRAGMA foreign_key_check").fetchall()[:5]:
                yield Fault(
                    "database", file.name, f"a row of {table} names another that is not there", _BACKUP
                )
            connection.execute("PRAGMA journal_mode=DELETE")  # the copy is one file from now on
    except sqlite3.DatabaseError as error:
        yield Fault("database", file.name, str(error), _BACKUP)


def _of_journal(database: Database, file: Path) -> Iterator[Fault]:
    """Whether every entry can be read and replayed, and every fit stands at one."""
    try:
        entries = read_journal(database)
        replay(entries)
        ids = [entry.id for entry in entries]
        if ids != list(range(1, len(ids) + 1)):
            yield Fault("database", file.name, "entries of the journal are missing", _BACKUP)
        for table, column in (
            ("sources", "info"),
            ("data", "field"),
            ("fits", "settings"),
            ("fits", "summary"),
        ):
            for (value,) in database.read(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
                json.loads(value)
        late = database.read("SELECT id FROM fits WHERE journal > ?", (max(ids, default=0),))
        for (id,) in late:
            yield Fault(
                "database", file.name, f"fit {id} knows entries that the journal does not have", _BACKUP
            )
    except ProspectorError as error:
        yield Fault("database", file.name, str(error).replace(str(database.path), str(file)), _BACKUP)
    except Exception as error:  # whatever a value that was never written leads to
        yield Fault(
            "database",
            file.name,
            f"the journal cannot be replayed ({type(error).__name__}: {error})",
            _BACKUP,
        )


def _embedding_steps(study: Study) -> Iterator[tuple[str, Callable[[], list[Fault]]]]:
    folder, elsewhere = study.path / "embeddings.zarr", study.database.read_meta("store")
    expected = _embedded_once(study)
    again = f"prospector embed {study.path}"
    if not elsewhere:
        try:
            record = group_record(folder)
            whole = record["zarr_format"] == 3 and record["node_type"] == "group"
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole and ((folder / "zarr.json").exists() or any(folder.glob("*/zarr.json")) or expected):
            remedy = (
                f"delete {folder / 'zarr.json'} if it is there, then run `{again}`, which writes it again"
            )
            yield (
                folder.name,
                lambda: [Fault("embeddings", folder.name, "zarr.json is missing or damaged", remedy)],
            )
        if not (folder / "zarr.json").exists():  # opening it would make one
            return
    imported = bool(study.embedding.get("imported"))
    try:
        there = set(study.store.uids())
    except ProspectorError as error:
        says = _short(error)
        yield folder.name, lambda: [Fault("embeddings", elsewhere or folder.name, says, "check the address")]
        return
    for datum in study.table.rows:
        if datum.uid in there | expected:
            remedy = _BACKUP if imported else f"`{again} {_quoted(datum.name)} --anew`"
            yield (
                datum.name,
                lambda datum=datum, remedy=remedy: _of_datum(study, datum, datum.uid in there, remedy),
            )
    for uid in sorted(there - {datum.uid for datum in study.table.rows}):
        says = "no datum of the study has these embeddings"
        yield (
            uid,
            lambda uid=uid, says=says: [Fault("embeddings", uid, says, f"remove {study.store.path / uid}")],
        )


def _embedded_once(study: Study) -> set[str]:
    """Data that must have embeddings.

    The list of jobs says that they were made, or the last fit was made of them.
    """
    done = {uid for uid, job in study.jobs().items() if job["state"] == "done" and job["total"]}
    rows = study.database.read("SELECT summary FROM fits ORDER BY id DESC LIMIT 1")
    try:
        return done | set(json.loads(rows[0][0])["predictions"] if rows else ())
    except (ValueError, KeyError, TypeError):  # which is a fault of the database
        return done


def _of_datum(study, datum, there: bool, remedy: str) -> list[Fault]:
    if not there:
        return [Fault("embeddings", datum.name, f"they are missing ({datum.uid})", remedy)]
    try:
        study.store.verify(datum.uid)
    except ProspectorError as error:
        return [Fault("embeddings", datum.name, _short(error), remedy)]
    return []


def _fit_steps(study: Study) -> Iterator[tuple[str, Callable[[], list[Fault]]]]:
    remedy = f"`prospector replay {study.path} --repair`"
    for (id,) in study.database.read("SELECT id FROM fits ORDER BY id"):

        def look(id: int = id) -> list[Fault]:
            try:
                load_kept(study.path, study.database, id)
            except StudyDamagedError as error:
                says = str(error).replace(f": {way_out(study.path / 'fits' / str(id))}", "")
                return [Fault("fit", str(id), says, remedy)]
            return []

        yield f"fit {id}", look


def _map_steps(study: Study) -> Iterator[tuple[str, Callable[[], list[Fault]]]]:
    remedy = f"`prospector prospect {study.path}` (maps of earlier fits: remove the file)"
    for path in sorted(study.path.glob("fits/*/maps/**/*.npy")):

        def look(path: Path = path) -> list[Fault]:
            says = map_fault(path)
            return [Fault("map", str(path.relative_to(study.path)), says, remedy)] if says else []

        yield path.name, look


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _short(error: Exception) -> str:
    """An error without its way out: the fault has its own."""
    return str(error).rsplit(";", 1)[0] if "; remove its folder" in str(error) else str(error)
