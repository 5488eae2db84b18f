"""``study.sqlite``: slides, data, the append-only journal of edits, fits and jobs."""

import json
import shutil
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageFullError, StudyDamagedError, StudyError, StudyVersionError
from ..files import storage_errors

__all__ = ["Database", "FORMAT_VERSION"]

FORMAT_VERSION = 2
"""The newest format that is read. Studies of two classes are written in format 1, which earlier versions read too."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (                       -- files that data come from: slides, structures, documents
    id TEXT PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL, info TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE data (                          -- one labelled object a row, in the order of the labels table
    position INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL
    REFERENCES sources (id), field TEXT, label INTEGER CHECK (label IN ({labels})), split TEXT
);
CREATE TABLE journal (                       -- edits, never changed and never removed: undo appends
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, action TEXT NOT NULL, payload TEXT NOT NULL,
    author TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT ''
);
CREATE TABLE fits (                          -- journal: the last entry that the fit knows; digest: see Fit.digest
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, journal INTEGER NOT NULL, settings TEXT NOT NULL,
    summary TEXT NOT NULL, author TEXT NOT NULL DEFAULT '', digest TEXT NOT NULL DEFAULT ''
);
CREATE TABLE jobs (                          -- long work, a row a datum: the queue, requests, and what progress bars show
    kind TEXT NOT NULL, uid TEXT NOT NULL, state TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    message TEXT NOT NULL, updated REAL NOT NULL, place REAL NOT NULL DEFAULT 0, request TEXT NOT NULL DEFAULT '',
    rate REAL NOT NULL DEFAULT 0, PRIMARY KEY (kind, uid)
) WITHOUT ROWID;
CREATE TRIGGER journal_is_append_only_1 BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER journal_is_append_only_2 BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""

# Columns that a study made earlier does not have. What was written stays as it is, and the earlier program goes on too.
_NUMBER, _TEXT = "REAL NOT NULL DEFAULT 0", "TEXT NOT NULL DEFAULT ''"
_LATER = {
    "jobs": {"place": _NUMBER, "request": _TEXT, "rate": _NUMBER},
    "journal": {"author": _TEXT, "note": _TEXT},
    "fits": {"author": _TEXT, "digest": _TEXT},
}


class Database:
    """Connections to one ``study.sqlite``, one a thread. Columns that an earlier Prospector did not write are added.

    Parameters: path; copy, whether it is one that ``copy_to`` made: read only, and sqlite takes no locks.
    Raises StudyError (not there), StudyVersionError (written by a newer version), StudyDamagedError (not readable).
    """

    def __init__(self, path, copy=False):
        self.path = Path(path)
        self._local, self._copy = threading.local(), copy
        self.guard = None  # called before each write; it raises what speaks against it
        if not self.path.is_file():
            raise StudyError(f"{self.path.parent} is no study (no study.sqlite in it): make one with `prospector new`")
        version = self.read_meta("format_version")
        if not isinstance(version, int):
            raise StudyDamagedError(f"{self.path} has no format version: restore it from a backup")
        if version > FORMAT_VERSION:
            raise StudyVersionError(
                f"{self.path.parent} was written by a newer Prospector (study format {version}, "
                f"this one reads up to {FORMAT_VERSION}): update Prospector"
            )
        if not copy and self._later_columns():
            with self.transaction() as connection:
                for table, name in self._later_columns():  # asked again: another process may have been quicker
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {_LATER[table][name]}")

    def _later_columns(self):
        """(table, column) of what is missing, in order."""
        there = {table: {row[1] for row in self.read(f"PRAGMA table_info({table})")} for table in _LATER}
        # a table that is not there at all is damage, and not made good here
        return [(table, name) for table in _LATER if there[table] for name in _LATER[table] if name not in there[table]]

    @classmethod
    def create(cls, path, meta):
        """Write a new database with the given meta values, complete or not at all."""
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        partial.unlink(missing_ok=True)
        connection = sqlite3.connect(partial)
        try:
            with explained(path):
                connection.execute("PRAGMA synchronous=FULL")
                n = len(meta.get("classes", ())) or 2
                connection.executescript(_SCHEMA.replace("{labels}", ", ".join(map(str, range(n)))))
                rows = {"format_version": 1 if n == 2 else FORMAT_VERSION, **meta}
                connection.executemany(
                    "INSERT INTO meta VALUES (?, ?)", [(key, json.dumps(value)) for key, value in rows.items()]
                )
                connection.commit()
                connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        partial.replace(path)
        return cls(path)

    def _connection(self):
        connection = getattr(self._local, "connection", None)
        if connection is None:
            if self._copy:
                connection = sqlite3.connect(
                    f"{self.path.resolve().as_uri()}?immutable=1", uri=True, isolation_level=None
                )
            else:
                connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA foreign_keys=ON")
            self._local.connection = connection
        return connection

    def read(self, sql, parameters=()):
        """All rows of a query."""
        with explained(self.path):
            return self._connection().execute(sql, parameters).fetchall()

    @contextmanager
    def transaction(self):
        """A connection inside one immediate transaction: all of it is on disk afterwards, or none of it."""
        if self.guard is not None:
            self.guard()
        with explained(self.path):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # on a full disk sqlite has rolled back already
                    connection.execute("ROLLBACK")
                raise

    def read_meta(self, key, default=None):
        """A meta value, or ``default``."""
        rows = self.read("SELECT value FROM meta WHERE key = ?", (key,))
        try:
            return json.loads(rows[0][0]) if rows else default
        except ValueError as error:
            raise StudyDamagedError(
                f"{self.path} is damaged ({key} is not readable): restore it from a backup"
            ) from error

    def write_meta(self, key, value):
        """Set a meta value (plain JSON), in one transaction."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def copy_to(self, path):
        """Write a copy of all that is in it now, to be read by processes of other machines: whole or not at all."""
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        partial.unlink(missing_ok=True)
        try:
            with explained(path):
                self._connection().execute("VACUUM INTO ?", (str(partial),))
            with storage_errors(path):
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def close(self):
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


def _is_full(path):
    """Whether the disk has no room for what sqlite keeps beside a database (it then reports an I/O error)."""
    try:
        return shutil.disk_usage(Path(path).parent).free < 2**17
    except OSError:
        return False


@contextmanager
def explained(path):
    """sqlite's errors as ours: one line that names the file and the fix."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error) or ("I/O" in str(error) and _is_full(path)):
            raise StorageFullError(
                f"the disk is full, {path} could not be written: free some space and repeat"
            ) from error
        if "locked" in str(error):
            raise StudyError(
                f"{path} is busy in another program for more than 30 s: wait, or close it there"
            ) from error
        raise StudyDamagedError(
            f"{path} cannot be used ({error}): check the disk and permissions, or restore a backup"
        ) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise StudyDamagedError(f"{path} is damaged ({error}): restore it from a backup") from error
