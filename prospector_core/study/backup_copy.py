"""Copying the files of a study into a backup, each as it is at one moment, and checking what was written."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ..errors import StudyDamagedError, StudyError
from ..store.closed_store import ClosedStore
from ..store.removal import is_link, remove_file, remove_made
from .backup_record import DATABASE, RECORD

__all__ = ["copy_all", "copy_file", "read_only", "row_of", "verify"]

Rows = dict[str, dict[str, Any]]  # {path in the backup: what is known of it}

_MADE_AGAIN = ("derived", "embed.lock", "worker.log", RECORD)
_UID = re.compile(r"[a-z][0-9a-f]{14}")
_TRIES = 5  # to copy a folder that others write meanwhile
_PIECE = 2**20


def copy_all(
    study: Any, partial: Path, target: Path, earlier: Rows, progress: Callable[[int, int], None] | None
) -> list[dict[str, Any]]:
    """Copy all but the database into a folder: list of rows."""
    rows, units = [], list(_units(study, partial))
    for number, (source, name) in enumerate(units, start=1):
        rows += _copy_unit(source, name, partial, target, earlier)
        if progress:
            progress(number, len(units))
    return rows


def _units(study: Any, partial: Path) -> Iterator[tuple[Path, str]]:
    """Yield (path, name in the backup) of what belongs together.

    A datum's embeddings, a fit, a file or folder.
    """
    with closing(read_only(partial / DATABASE)) as database:
        fits = {str(row[0]) for row in database.execute("SELECT id FROM fits")}
    for path in sorted(study.path.iterdir()):
        name = path.name
        if name in _MADE_AGAIN or name.startswith((".", DATABASE)):
            continue
        if name == "embeddings.zarr":
            store = study.store
            if is_link(path):
                if isinstance(store, ClosedStore):
                    raise StudyError(store.why)
                path = path.resolve()
            for each in sorted(path.iterdir()):
                if each.name == "zarr.json" or _UID.fullmatch(each.name):  # what is half made is made again
                    yield each, f"{name}/{each.name}"
        elif name == "fits" and not is_link(path):
            for each in sorted(path.iterdir()):
                if each.name in fits:
                    yield each, f"{name}/{each.name}"
        else:
            yield path, name


def _copy_unit(source: Path, name: str, partial: Path, target: Path, earlier: Rows) -> list[dict[str, Any]]:
    """Copy a file or folder as it is at one moment: list of rows.

    What others write meanwhile is copied again.
    """
    for _ in range(_TRIES):
        try:
            before = _state(source)
            rows = [
                _copied(source / inside, f"{name}/{inside}" if inside else name, partial, target, earlier)
                for inside in before
            ]
            if _state(source) == before:
                return rows
        except FileNotFoundError:
            if not os.path.lexists(source):  # taken away meanwhile
                remove_made(partial / name)
                return []
        remove_made(partial / name) if (partial / name).is_dir() else remove_file(partial / name)
    raise StudyError(f"{source} is being written all the time: wait until that has ended, and back up again")


def _state(source: Path) -> dict[str, tuple[int, int]]:
    """Return {name of a file in it: (size, time)}. Raises StudyError for a link."""
    found, waiting = {}, [source]
    while waiting:
        path = waiting.pop()
        if is_link(path):
            raise StudyError(
                f"{path} is a link, which a backup would not hold: put what it leads to in its place"
            )
        if path.is_dir():
            waiting += sorted(each for each in path.iterdir() if not each.name.endswith(".partial"))
        else:
            about = path.stat()
            found["" if path == source else path.relative_to(source).as_posix()] = (
                about.st_size,
                about.st_mtime_ns,
            )
    return found


def _copied(source: Path, name: str, partial: Path, target: Path, earlier: Rows) -> dict[str, Any]:
    """Copy a file, or take it from the earlier backup where it has not changed: its row."""
    about, known, made = source.stat(), earlier.get(name), partial / name
    made.parent.mkdir(parents=True, exist_ok=True)
    if known and (known["size"], known["time"]) == (about.st_size, about.st_mtime_ns):
        try:
            try:
                os.link(target / name, made)
            except OSError:
                shutil.copyfile(target / name, made)
            verify(partial, known)
            return {**known, "new": False}
        except (OSError, StudyDamagedError):  # what the earlier backup holds is no longer good
            remove_file(made)
    digest = copy_file(source, made)
    return {
        "path": name,
        "size": made.stat().st_size,
        "time": about.st_mtime_ns,
        "sha256": digest,
        "new": True,
    }


def copy_file(source: Path, target: Path) -> str:
    """Copy a file and return its SHA-256 as it was read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    said = hashlib.sha256()
    with open(source, "rb") as file, open(target, "xb") as copy:
        while piece := file.read(_PIECE):
            said.update(piece)
            copy.write(piece)
    return said.hexdigest()


def row_of(folder: Path, name: str) -> dict[str, Any]:
    """Return what a backup says of a file in it: path, size in bytes, time, SHA-256, and that it is new."""
    about = (folder / name).stat()
    return {
        "path": name,
        "size": about.st_size,
        "time": about.st_mtime_ns,
        "sha256": _digest(folder / name),
        "new": True,
    }


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path, row: dict[str, Any]) -> None:
    """Read what was written, and raise StudyDamagedError unless it is what was meant."""
    if _digest(folder / row["path"]) != row["sha256"]:
        raise StudyDamagedError(
            f"{folder / row['path']} was not written as it was read: check the disk, and repeat"
        )


def read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads, and writes nothing beside the file."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
