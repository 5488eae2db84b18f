"""A whole copy of a study, made while others edit, verified, and put back.

A backup is a folder that holds the study as it is, but for what is made again by itself, and ``backup.json``:
of which study it is, when it was made, and the checksum of every file. It is there whole or not at all; the
former backup goes only when the next is verified.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import BadInputError, ProspectorError, StudyDamagedError
from ..store.database import explained
from ..store.files import partial_name, storage_errors, write_atomic
from ..store.removal import is_link, own_place, remove_folder, remove_made
from .backup_copy import copy_all, copy_file, read_only, row_of, verify
from .backup_record import DATABASE, RECORD, read_record

__all__ = ["Backup", "back_up", "last_backup", "restore"]

_JOURNAL = "SELECT id, at, action, payload, author, note FROM journal ORDER BY id"


@dataclass(frozen=True)
class Backup:
    """What is in a backup.

    Attributes
    ----------
    path : Path
    at : str
        When it was made: UTC, ISO.
    entries : int
        Entries of the journal.
    files, new : int
        How many files it holds, and how many of them were copied anew.
    size : int
        Bytes in all.
    elsewhere : str or None
        Where the embeddings lie if not in the study: then they are not in the backup.
    """

    path: Path
    at: str
    entries: int
    files: int
    new: int
    size: int
    elsewhere: str | None


def last_backup(study: Any) -> tuple[str, int] | None:
    """Return when a study was last backed up (UTC, ISO), and how many edits were made since.

    None if never.
    """
    said = study.database.read_meta("last_backup")
    if not (isinstance(said, dict) and isinstance(said.get("at"), str) and type(said.get("entries")) is int):
        return None
    try:
        datetime.fromisoformat(said["at"])
    except ValueError:
        return None
    return (
        said["at"],
        study.database.read("SELECT COUNT(*) FROM journal WHERE id > ?", (said["entries"],))[0][0],
    )


def back_up(
    study: Any, target: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None
) -> Backup:
    """Copy a study into a folder while it may be edited, verify the copy, and note when that was.

    Parameters
    ----------
    study : Study
    target : path A new or empty folder, or one with an earlier backup of this study, which is then replaced;
        what has not changed is not copied again.
    progress : callable, optional
        Called with files done and files in all.

    Raises
    ------
    BadInputError
        The target lies in the study, or holds something else, or the backup of another study, or edits that
        this one has not.
    StorageFullError, StudyError
        It cannot be written, or something in the study cannot be copied; an earlier backup stays as it is.
    """
    target = Path(os.path.abspath(target))
    _check_target(study, target)
    earlier = _earlier(study, target)
    partial = partial_name(target)
    try:
        with storage_errors(target):
            partial.mkdir(parents=True)
            before = _count(study)
            study.database.back_up(partial / DATABASE)
            entries = _check_database(partial / DATABASE)
            if not before <= entries <= _count(study):
                raise StudyDamagedError(
                    f"the copy of {study.database.path} holds {entries} entries: repeat the backup"
                )
            at = datetime.now(UTC).isoformat(timespec="seconds")
            rows = [row_of(partial, DATABASE), *copy_all(study, partial, target, earlier, progress)]
            for row in rows:
                verify(partial, row)
            address = study.database.read_meta("store")
            record = {
                "what": "backup of a Prospector study",
                "format": 1,
                "study": _number(study),
                "at": at,
                "entries": entries,
                "elsewhere": address,
                "files": [{key: row[key] for key in ("path", "size", "time", "sha256")} for row in rows],
            }
            write_atomic(partial / RECORD, json.dumps(record, indent=1).encode())
            read_record(partial)
            if hasattr(os, "sync"):
                os.sync()
            _put(partial, target, earlier)
    finally:
        remove_made(partial)
    with suppress(ProspectorError):  # a study that may only be read is backed up all the same
        study.database.write_meta("last_backup", {"at": at, "entries": entries})
    size, new = sum(row["size"] for row in rows), sum(row["new"] for row in rows)
    return Backup(target, at, entries, len(rows), new, size, address)


def restore(
    backup: str | os.PathLike[str],
    path: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> Backup:
    """Make a study of a backup, after every file of it was verified.

    Parameters
    ----------
    backup : path
        The folder that `back_up` made.
    path : path
        Of the study: a new or empty folder. Nothing is ever overwritten.
    progress : callable, optional
        Called with files done and files in all.

    Raises
    ------
    BadInputError
        There is no backup, or the folder holds something.
    StudyDamagedError
        A file of the backup is missing, or not what was written.
    StorageFullError, StudyError
        The study cannot be written.
    """
    backup, path = Path(backup), Path(os.path.abspath(path))
    record = read_record(backup)
    if record is None:
        raise BadInputError(f"{backup} holds no backup: give the folder that `prospector backup` wrote")
    if is_link(path) or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise BadInputError(f"{path} exists already: restore into a new folder, nothing is overwritten")
    partial = partial_name(path)
    try:
        with storage_errors(path):
            partial.mkdir(parents=True)
            for number, row in enumerate(record["files"], start=1):
                source = own_place(backup, backup / row["path"])
                try:
                    digest = copy_file(source, partial / row["path"])
                except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                    digest = ""
                if digest != row["sha256"]:
                    raise StudyDamagedError(f"{source} is not what was backed up: take an earlier backup")
                verify(partial, row)
                if progress:
                    progress(number, len(record["files"]))
            if _check_database(partial / DATABASE) != record["entries"]:
                raise StudyDamagedError(
                    f"{backup / DATABASE} is not what was backed up: take an earlier backup"
                )
            _make_usable(partial / DATABASE, record)
            if path.exists():
                path.rmdir()
            os.rename(partial, path)
    finally:
        remove_made(partial)
    files = record["files"]
    size = sum(row["size"] for row in files)
    return Backup(path, record["at"], record["entries"], len(files), len(files), size, record["elsewhere"])


# ---- what is there already


def _check_target(study: Any, target: Path) -> None:
    """Raise BadInputError where a backup of the study cannot lie at a path."""
    home, there = study.path.resolve(), target.parent.resolve() / target.name
    if there == home or home in there.parents or there in home.parents:
        raise BadInputError(
            f"{target} and the study {study.path} are in each other: back it up to a folder elsewhere"
        )
    if is_link(target) or (target.exists() and not target.is_dir()):
        raise BadInputError(f"{target} is not a folder: give a new folder, or that of an earlier backup")


def _earlier(study: Any, target: Path) -> dict[str, dict[str, Any]]:
    """Return {path: row} of the backup that a target holds.

    Raises BadInputError where the target may not be replaced.
    """
    if not target.exists() or not any(target.iterdir()):
        return {}
    record = read_record(target)
    if record is None:
        raise BadInputError(f"{target} holds something else than a backup: give a new folder")
    if record["study"] != _number(study):
        raise BadInputError(f"{target} holds the backup of another study: give this one a folder of its own")
    with explained(target / DATABASE), closing(read_only(target / DATABASE)) as database:
        kept = database.execute(_JOURNAL).fetchall()
    if study.database.read(_JOURNAL)[: len(kept)] != kept:
        raise BadInputError(
            f"{target} holds edits that {study.path} does not: give a new folder, and keep that one"
        )
    rows = {row["path"]: row for row in record["files"]}
    for path in target.rglob("*"):
        name = path.relative_to(target).as_posix()
        if is_link(path) or (path.is_file() and name not in rows and not _beside(name)):
            raise BadInputError(f"{path} is not a part of the backup: move it away, or give a new folder")
    return rows


def _beside(name: str) -> bool:
    """Return whether a file stands beside the database of a backup, or says what is in it."""
    return name in (RECORD, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")


def _put(partial: Path, target: Path, earlier: dict[str, Any]) -> None:
    """Give a verified backup its name, in place of an earlier one."""
    if not target.exists():
        os.rename(partial, target)
    elif not earlier:
        target.rmdir()
        os.rename(partial, target)
    else:
        former = partial_name(target).with_suffix(".replaced")
        os.rename(target, former)
        try:
            os.rename(partial, target)
        except OSError:
            os.rename(former, target)
            raise
        remove_folder(former, lambda name: name in earlier or _beside(name))


def _number(study: Any) -> str:
    """Return the number of a study; of one made before there were any, one that its data make."""
    if study.address.identity:
        return study.address.identity
    rows = study.database.read("SELECT position, uid, name FROM data ORDER BY position")
    return hashlib.sha256(json.dumps([study.modality, rows]).encode()).hexdigest()


# ---- the database


def _count(study: Any) -> int:
    return study.database.read("SELECT COUNT(*) FROM journal")[0][0]


def _check_database(path: Path) -> int:
    """Return how many entries a copy of a database holds, after sqlite itself found it sound.

    Raises StudyDamagedError.
    """
    with explained(path), closing(read_only(path)) as database:
        (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise StudyDamagedError(f"{path} is damaged ({said}): take an earlier backup")
        return database.execute("SELECT COUNT(*) FROM journal").fetchone()[0]


def _make_usable(path: Path, record: dict[str, Any]) -> None:
    """Have a restored database be written as every study's, and say when it was backed up."""
    said = json.dumps({"at": record["at"], "entries": record["entries"]})
    with explained(path), closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        with database:
            database.execute("INSERT OR REPLACE INTO meta VALUES ('last_backup', ?)", (said,))
