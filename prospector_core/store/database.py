"""``study.sqlite``: slides, data, the append-only journal of edits, fits and jobs."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StorageFullError, StudyDamagedError, StudyError, StudyVersionError
from .checked import read_json
from .database_schema import FORMAT_VERSION, LATER, SCHEMA, known_schema, squeezed
from .files import storage_errors
from .place import Home, read_only_error, reason_not_to_write
from .removal import own_place, remove_file

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from sqlite3 import Connection
    from typing import Any

__all__ = ["Database"]

_TRIES, _A_MOMENT = 10, 0.002  # to move what was committed into the file itself; seconds between two


_BESIDE = ("-wal", "-journal")  # logs that sqlite keeps beside a database


_LARGEST = 2**29  # bytes of one value


class Database:
    """Connections to one ``study.sqlite``, one a thread.

    Columns that an earlier Prospector did not write are added.

    Where it cannot be written (a read-only file system, no permission) it is read all the same, and edits are
    refused.

    Parameters: path; copy, whether it is one that ``copy_to`` made: read only, and sqlite takes no locks.
    Attributes: read_only, why it cannot be written, in words; "" where it can. Raises StudyError (not there,
    or no longer), StudyVersionError (written by a newer version), StudyDamagedError (not readable).
    """

    def __init__(self, path: str | os.PathLike[str], copy: bool = False) -> None:
        self.path = Path(path)
        self._local, self._copy = threading.local(), copy
        # called before each write; it raises what speaks against it
        self.guard: Callable[[], None] | None = None
        own_place(self.path.parent, self.path)
        if not self.path.is_file():
            raise StudyError(
                f"{self.path.parent} is not a study (no study.sqlite in it): make one with `prospector new`"
            )
        self._home = Home(self.path.parent, self.path.name)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._copied_at: tuple[object, Path] = None, self.path
        self._copying = threading.Lock()
        self.read_only = "" if copy else reason_not_to_write(self.path)
        version = self._first_read()
        self._check_schema()
        if type(version) is not int:
            raise StudyDamagedError(f"{self.path} has no format version: restore it from a backup")
        if version > FORMAT_VERSION:
            raise StudyVersionError(
                f"{self.path.parent} was written by a newer Prospector (study format {version}, "
                f"this one reads up to {FORMAT_VERSION}): update Prospector"
            )
        self._check_uids()
        if not copy and not self.read_only and self._later_columns():
            with self.transaction() as connection:
                for (
                    table,
                    name,
                ) in self._later_columns():  # asked again: another process may have been quicker
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {LATER[table][name]}")

    def _first_read(self) -> int:
        """The format's version; asked again for looking only where sqlite finds that it may not write."""
        try:
            return self.read_meta("format_version")
        except StudyError as error:
            if self._copy or self.read_only or not isinstance(error.__cause__, sqlite3.OperationalError):
                raise
            self.close()
            self.read_only = "the system lets nothing be written there"
            try:
                return self.read_meta("format_version")
            except StudyError:
                raise error from error.__cause__

    def _check_schema(self) -> None:
        """Refuse a database that has more than our tables.

        A stranger's view or trigger would answer, or edit, in their place.
        """
        known = known_schema()
        tables = set()
        for kind, name, sql in self.read("SELECT type, name, sql FROM sqlite_master"):
            if kind == "table" and name.startswith("sqlite_stat"):
                continue
            ours = (kind, name) in known and (kind != "trigger" or squeezed(sql) == known[kind, name])
            if ours and kind == "table":
                tables.add(name)
                virtual = not squeezed(sql).startswith("create table ")
                ours = not virtual and not any(row[6] for row in self.read(f"PRAGMA table_xinfo({name})"))
            if not ours:
                raise StudyDamagedError(
                    f"{self.path} holds a {kind} {name!r:.60} that is not Prospector's: use it only if you"
                    " know who made it, and remove that first, or restore study.sqlite from a backup"
                )
        missing = sorted(
            name for kind, name in known if kind == "table" and name not in {*tables, "sqlite_sequence"}
        )
        if missing:
            raise StudyDamagedError(
                f"{self.path} is damaged (no table {missing[0]}): restore it from a backup"
            )

    def _check_uids(self) -> None:
        """Raise StudyDamagedError for numbers of data and files that are not ours.

        Folders and objects are called by them.
        """
        for table, column in (("data", "uid"), ("data", "source"), ("sources", "id")):
            foreign = self.read(
                f"SELECT {column} FROM {table} WHERE typeof({column}) != 'text' OR length(CAST({column} AS"
                f" BLOB)) != 15 OR {column} NOT GLOB ? LIMIT 1",
                ("[a-z]" + "[0-9a-f]" * 14,),
            )
            if foreign:
                raise StudyDamagedError(
                    f"{self.path} names a datum or file by {str(foreign[0][0])[:60]!r}, which no Prospector"
                    " writes: restore it from a backup"
                )

    def _later_columns(self) -> list[tuple[str, str]]:
        """(table, column) of what is missing, in order."""
        there = {table: self.columns(table) for table in LATER}
        # a table that is not there at all is damage, and not made good here
        return [
            (table, name)
            for table in LATER
            if there[table]
            for name in LATER[table]
            if name not in there[table]
        ]

    def columns(self, table: str) -> set[str]:
        """Names of the columns that a table has: a study of before, looked at only, lacks some."""
        return {row[1] for row in self.read(f"PRAGMA table_info({table})")}

    @classmethod
    def create(cls, path: Path, meta: Mapping[str, Any]) -> Database:
        """Write a new database with the given meta values, complete or not at all."""
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        remove_file(partial)
        connection = sqlite3.connect(partial)
        try:
            with explained(path):
                connection.execute("PRAGMA synchronous=FULL")
                n = len(meta.get("classes", ())) or 2
                connection.executescript(SCHEMA.replace("{labels}", ", ".join(map(str, range(n)))))
                rows = {"format_version": 1 if n == 2 else FORMAT_VERSION, **meta}
                connection.executemany(
                    "INSERT INTO meta VALUES (?, ?)",
                    [(key, json.dumps(value)) for key, value in rows.items()],
                )
                connection.commit()
                connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        partial.replace(path)
        return cls(path)

    def check(self) -> None:
        """Raise StudyError where the study's folder was moved, removed or replaced since it was opened."""
        self._home.check()

    def check_writable(self) -> None:
        """Raise StudyReadOnlyError where nothing can be written, and as ``check``."""
        self.check()
        if self.read_only:
            raise read_only_error(self.path.parent, self.read_only)

    def _connection(self) -> Connection:
        self.check()
        connection = getattr(self._local, "connection", None)
        if self.read_only:
            now = _stamp(self.path)  # others may still write it, where only we cannot
            if connection is None or self._local.stamp != now:
                self.close()
                self._local.connection, self._local.stamp = self._for_looking(), now
        elif connection is None:
            if self._copy:
                connection = _immutable(self.path)
            else:
                connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA cell_size_check=ON")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
            self._local.connection = connection
        return self._local.connection

    def _for_looking(self) -> Connection:
        """A connection that writes nothing, and sees all that was ever committed.

        What is committed may still stand in the log beside the file, which sqlite reads only where it may
        write beside it too, or where the log's index was left there: else both are read from a copy, never
        the file without its log.
        """
        if not any(_stamp(self.path)[1:]):
            connection = _immutable(self.path)
        else:
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30
            )
            try:
                connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
            except sqlite3.OperationalError:
                connection.close()
                connection = sqlite3.connect(self._copied(), timeout=30, isolation_level=None)
        connection.execute("PRAGMA temp_store=MEMORY")
        for table, columns in LATER.items():  # as if they had been added
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            missing = [f"{kind.split()[-1]} AS {name}" for name, kind in columns.items() if name not in there]
            if there and missing:
                connection.execute(
                    f"CREATE TEMP VIEW {table} AS SELECT *, {', '.join(missing)} FROM main.{table}"
                )
        return connection

    def _copied(self) -> Path:
        """The file and its log, copied to where sqlite can join them: path. It goes with this object."""
        now = _stamp(self.path)
        with self._copying:
            if self._copied_at[0] != now:
                self._scratch = self._scratch or tempfile.TemporaryDirectory(prefix="prospector-")
                folder = Path(tempfile.mkdtemp(dir=self._scratch.name))
                for name in (self.path.name, *(self.path.name + each for each in _BESIDE)):
                    with suppress(FileNotFoundError):
                        shutil.copyfile(self.path.with_name(name), folder / name)
                self._copied_at = now, folder / self.path.name
            return self._copied_at[1]

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with explained(self.path):
            return self._connection().execute(sql, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection inside one immediate transaction: all of it is on disk afterwards, or none of it."""
        self.check_writable()
        if self.guard is not None:
            self.guard()
        with explained(self.path):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
                self.check()  # removed meanwhile, it would be kept nowhere
            except BaseException:
                if connection.in_transaction:  # on a full disk sqlite has rolled back already
                    connection.execute("ROLLBACK")
                raise
            _settle(connection)

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside ``transaction``."""
        connection = getattr(self._local, "connection", None)
        return connection is not None and connection.in_transaction

    def read_meta(self, key: str, default: Any = None) -> Any:
        """A meta value, or ``default``."""
        rows = self.read("SELECT value FROM meta WHERE key = ?", (key,))
        if not rows:
            return default
        try:
            return read_json(rows[0][0], key)
        except ValueError as error:
            raise StudyDamagedError(f"{self.path} is damaged ({error}): restore it from a backup") from None

    def write_meta(self, key: str, value: Any) -> None:
        """Set a meta value (plain JSON), in one transaction."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def copy_to(self, path: Path) -> None:
        """Write a copy of all that is in it now, to be read by processes of other machines.

        It is written whole or not at all.
        """
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        remove_file(partial)
        try:
            with explained(path):
                self._connection().execute("VACUUM INTO ?", (str(partial),))
            with storage_errors(path):
                partial.replace(path)
        finally:
            remove_file(partial)

    def back_up(self, path: Path) -> None:
        """Write all that is in it at this moment into a new file, whoever edits meanwhile.

        A lone file, without others beside it.
        """
        with explained(path), closing(sqlite3.connect(path)) as copy:
            self._connection().backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        for beside in ("-wal", "-shm"):
            remove_file(path.with_name(path.name + beside))

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


def _immutable(path: Path) -> Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True, isolation_level=None)


def _stamp(path: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """What changes when a database does.

    (of the file, of each log beside it; None where that is empty or not there).
    """
    found = []
    for each in (path, *(path.with_name(path.name + log) for log in _BESIDE)):
        stat = None
        with suppress(OSError):
            stat = each.stat()
        found.append(
            None if stat is None or not stat.st_size else (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        )
    return tuple(found)


def _settle(connection: Connection) -> None:
    """Have the file itself hold what was committed, so that it can be copied alone.

    Someone who reads an older state at this moment may put it off until the next edit.
    """
    for _ in range(_TRIES):
        with suppress(sqlite3.Error):  # it is in the write-ahead log, and stays there
            busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if not busy and pages == moved:
                return
        time.sleep(_A_MOMENT)


def _is_full(path: Path) -> bool:
    """Whether the disk has no room for what sqlite keeps beside a database (it then reports an I/O error)."""
    try:
        return shutil.disk_usage(Path(path).parent).free < 2**17
    except OSError:
        return False


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Sqlite's errors as ours: one line that names the file and the fix."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error) or ("I/O" in str(error) and _is_full(path)):
            raise StorageFullError(
                f"the disk is full, {path} could not be written: free some space and repeat"
            ) from error
        if "readonly" in str(error):
            raise read_only_error(Path(path).parent, "the system lets nothing be written there") from error
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
