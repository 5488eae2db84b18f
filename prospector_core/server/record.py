"""The record of a server: who opened, edited and exported what, and what was refused.

SQLite; lines are only ever added.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import RecordError

__all__ = ["Line", "Record", "read_record"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (          -- never changed and never removed
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL,
    what TEXT NOT NULL, study TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT ''
);
CREATE TRIGGER IF NOT EXISTS record_is_append_only_1 BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS record_is_append_only_2 BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS record_is_append_only_3 BEFORE INSERT ON record
WHEN NEW.id IS NOT NULL AND NEW.id IN (SELECT id FROM record)
BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""
_MOST = 500  # characters of a field: what a stranger sends must not fill the disk


@dataclass(frozen=True)
class Line:
    """One line of the record: who did what, and when.

    It holds the id, the time (UTC, ISO), who, from which address, what was done, to which study, and more
    about it.

    ``what`` is one of: logged in, logged out, opened, edited, fitted, made, queued, exported, refused.
    """

    id: int
    at: str
    who: str
    address: str
    what: str
    study: str = ""
    detail: str = ""


class Record:
    """Adds lines to a record; the file is made on the first use, readable by its owner alone.

    Parameters
    ----------
    path : Path
        The SQLite file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._ready = False

    def add(self, what: str, who: str, address: str = "", study: str = "", detail: str = "") -> None:
        """Add a line; it is on disk when this returns. Raises RecordError."""
        values = [_short(value) for value in (who, address, what, study, detail)]
        with self._lock, self._opened() as connection:
            connection.execute(
                "INSERT INTO record (at, who, address, what, study, detail) VALUES (?, ?, ?, ?, ?, ?)",
                (datetime.now(UTC).isoformat(timespec="milliseconds"), *values),
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self.path.exists():
                self._ready = False
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=10, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA synchronous=FULL")
                if not self._ready:
                    connection.executescript(_SCHEMA)
                    self._ready = True
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise RecordError(
                f"{self.path}: the record could not be written ({error}): tell who runs the server"
            ) from error


def read_record(path: str | Path) -> list[Line]:
    """All lines of a record, oldest first. Raises RecordError."""
    path = Path(path)
    if not path.is_file():
        raise RecordError(f"{path} is not there: name the file that the settings call `record`")
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        ) as connection:
            rows = connection.execute(
                "SELECT id, at, who, address, what, study, detail FROM record ORDER BY id"
            )
            return [Line(*row) for row in rows]
    except sqlite3.Error as error:
        raise RecordError(f"{path} is not a record of Prospector, or is damaged ({error})") from error


def _short(value: object) -> str:
    """One line of text, without what a terminal would obey."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"
