"""The queue of embedding jobs: a table of ``study.sqlite``, and a lock held by the process that works on it.

Any process may ask: requests are rows of the table, and the one at work reads them. What the table says of a
process that died is told from the truth by the lock, which the operating system gives back however a process
ends.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ..errors import ProspectorError, StudyError
from ..store.files import storage_errors
from .records import job_rows

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from ..store.database import Database
    from ..store.embeddings import EmbeddingStore
    from .embeddings_address import StudyAddress

__all__ = ["Job", "Queue", "Rate", "seconds_left"]

_STARTS_WITHIN = 30.0  # seconds that a process has from being started until it holds the lock
_PATIENCE = 1.0  # seconds to wait for the lock: who looks whether it is held, holds it for a moment


@dataclass(frozen=True)
class Job:
    """A datum on the queue.

    Attributes: uid; state ("waiting", "running", "paused", "interrupted", "done" or "failed"); done and
    total, tokens (total 0 = not known yet); message (why it failed); rate, tokens per second of late (0 = not
    known); asked ("pause" or "cancel" where the process at work has not answered yet, else "").
    """

    uid: str
    state: str
    done: int
    total: int
    message: str
    rate: float
    asked: str

    @property
    def seconds_left(self) -> float | None:
        """Seconds until it is done at the present rate, or None where that cannot be told."""
        return (self.total - self.done) / self.rate if self.state == "running" and self.rate > 0 else None


class Rate:
    """Tokens a second over the last minute.

    Parameters: window, seconds; least, seconds before anything is said; clock, function() -> seconds.
    """

    def __init__(
        self, window: float = 60.0, least: float = 4.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._window, self._least, self._clock = window, least, clock
        self._seen = deque()

    def add(self, done: int) -> float:
        """Note how many are done by now. Returns the rate, 0.0 while it is too early to tell."""
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:
            self._seen.popleft()
        began, before = self._seen[0]
        return (done - before) / (now - began) if now - began >= self._least else 0.0


def seconds_left(jobs: Sequence[Job]) -> float | None:
    """Seconds until all that is running or waiting is done, or None.

    Data not looked at yet count as the others' mean.
    """
    rate = next((job.rate for job in jobs if job.state == "running" and job.rate > 0), 0.0)
    known = [job.total for job in jobs if job.total]
    if not rate or not known:
        return None
    mean = sum(known) / len(known)
    return sum((job.total or mean) - job.done for job in jobs if job.state in ("running", "waiting")) / rate


class Queue:
    """What is to be embedded, in which order, and what became of it.

    Methods raise StorageFullError and StudyError where the database cannot be written.

    Parameters
    ----------
    database : Database
    path : Path
        Of the study.
    address : StudyAddress
    """

    def __init__(self, database: Database, path: Path, address: StudyAddress) -> None:
        self._database, self._address = database, address
        self.path = path

    @property
    def _store(self) -> EmbeddingStore:
        return self._address.store  # asked each time: its address may have been allowed since

    # ---- what there is to see

    def jobs(self) -> list[Job]:
        """All data that are or were on the queue, in the order in which they come: list of Job."""
        rows = job_rows(self._database, "embed", "state != 'running', place, position")
        dead = any(row[1] == "running" for row in rows) and not self.at_work()
        return [
            Job(row[0], "interrupted" if dead and row[1] == "running" else row[1], *row[2:5], *row[6:])
            for row in rows
        ]

    def waiting(self) -> bool:
        """Whether a datum waits for its turn."""
        return bool(
            self._database.read("SELECT 1 FROM jobs WHERE kind = 'embed' AND state = 'waiting' LIMIT 1")
        )

    def at_work(self) -> bool:
        """Whether a process works on the queue, or was started a moment ago to do so."""
        state, _, updated = self.worker()
        if state == "starting" and abs(time.time() - updated) < _STARTS_WITHIN:
            return True
        return self._held()

    def worker(self) -> tuple[str, str, float]:
        """What the process at work last said of itself: (state, message, when)."""
        rows = job_rows(self._database, "worker")
        return (rows[0][1], rows[0][4], rows[0][5]) if rows else ("", "", 0.0)

    # ---- requests, of any process

    def add(self, uids: Iterable[str]) -> None:
        """Put data at the end of the queue; those that are on it already wait (again) in their place."""
        with self._database.transaction() as connection:
            end = connection.execute(
                "SELECT COALESCE(MAX(place) + 1, 0) FROM jobs WHERE kind = 'embed' AND state NOT IN ('done',"
                " 'failed')"
            ).fetchone()[0]
            for uid in uids:
                done, total = self._store.progress(uid)
                if self._store.has(uid):  # to be made anew
                    done = 0
                connection.execute(
                    "INSERT INTO jobs (kind, uid, state, done, total, message, updated, place) "
                    "VALUES ('embed', ?, 'waiting', ?, ?, '', ?, ?) ON CONFLICT (kind, uid) DO UPDATE SET "
                    "place = CASE WHEN state IN ('done', 'failed') THEN excluded.place ELSE place END, "
                    "done = CASE WHEN state = 'running' THEN done ELSE excluded.done END, "
                    "total = CASE WHEN excluded.total THEN excluded.total ELSE total END, "
                    "state = CASE WHEN state = 'running' THEN state ELSE 'waiting' END, "
                    "request = '', message = '', updated = excluded.updated",
                    (uid, done, total, time.time(), end),
                )

    def pause(self, uids: Iterable[str] | None = None) -> None:
        """Pause data (default: all): what is finished of them is kept, and others go on."""
        alive = self.at_work()
        with self._database.transaction() as connection:
            for uid in self._chosen(connection, uids, "waiting", "running"):
                connection.execute(
                    "UPDATE jobs SET request = CASE WHEN state = 'running' AND ? THEN 'pause' ELSE '' END, "
                    "state = CASE WHEN state = 'running' AND ? THEN state ELSE 'paused' END "
                    "WHERE kind = 'embed' AND uid = ?",
                    (alive, alive, uid),
                )

    def go_on(self, uids: Iterable[str] | None = None) -> None:
        """Let data (default: all) that are paused, or whose process died, wait for their turn again."""
        alive = self.at_work()
        with self._database.transaction() as connection:
            for uid in self._chosen(connection, uids, "paused", "running"):
                connection.execute(
                    "UPDATE jobs SET request = '', state = CASE WHEN state = 'running' AND ? THEN state ELSE"
                    " 'waiting' END WHERE kind = 'embed' AND uid = ?",
                    (alive, uid),
                )

    def cancel(self, uid: str) -> None:
        """Take a datum off the queue and remove what is half made of it; finished embeddings stay."""
        alive = self.at_work()
        with self._database.transaction() as connection:
            for one in self._chosen(connection, [uid], "waiting", "running", "paused", "failed"):
                state = connection.execute(
                    "SELECT state FROM jobs WHERE kind = 'embed' AND uid = ?", (one,)
                ).fetchone()[0]
                if state == "running" and alive:
                    connection.execute(
                        "UPDATE jobs SET request = 'cancel' WHERE kind = 'embed' AND uid = ?", (one,)
                    )
                else:
                    self._remove(connection, one)

    def first(self, uid: str) -> None:
        """Make a datum the next one."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET place = (SELECT MIN(place) - 1 FROM jobs WHERE kind = 'embed') "
                "WHERE kind = 'embed' AND uid = ?",
                (uid,),
            )

    def starting(self) -> bool:
        """Note that a process is being started. Returns False where one is at work already."""
        held = self._held()
        with self._database.transaction() as connection:
            state, _, updated = self.worker()
            if held or (state == "starting" and abs(time.time() - updated) < _STARTS_WITHIN):
                return False
            self._say(connection, "starting", "")
            return True

    # ---- the process at work

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the lock of those who work on the queue. Raises StudyError while another process does."""
        self._database.check()  # the lock's folder would be made anew
        lock = FileLock(self.path / "embed.lock", timeout=_PATIENCE)
        with storage_errors(lock.lock_file):
            try:
                lock.acquire()
            except Timeout as error:
                raise StudyError(
                    f"{self.path} is being embedded by another program: wait for it, or pause it"
                ) from error
        try:
            self.say("working")
            yield
        finally:
            lock.release()

    def take_over(self, only: Collection[str] | None = None) -> None:
        """Settle what a process that died has left.

        Its data wait again; those not in ``only`` (if given) are paused.
        """
        with self._database.transaction() as connection:
            for uid in self._chosen(connection, None, "running", "waiting"):
                asked = connection.execute(
                    "SELECT request FROM jobs WHERE kind = 'embed' AND uid = ?", (uid,)
                )
                asked = asked.fetchone()[0]
                if asked == "cancel":
                    self._remove(connection, uid)
                    continue
                state = "paused" if asked == "pause" or (only is not None and uid not in only) else "waiting"
                connection.execute(
                    "UPDATE jobs SET state = ?, request = '' WHERE kind = 'embed' AND uid = ?", (state, uid)
                )

    def claim(self) -> str | None:
        """Begin the next datum that waits: its uid, or None."""
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT jobs.uid FROM jobs JOIN data ON data.uid = jobs.uid WHERE kind = 'embed' AND state ="
                " 'waiting' ORDER BY place, position LIMIT 1"
            ).fetchone()
            if found is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', request = '', message = '', rate = 0, updated = ? "
                "WHERE kind = 'embed' AND uid = ?",
                (time.time(), found[0]),
            )
            return found[0]

    def asked(self, uid: str) -> str:
        """What was asked of a datum that is being embedded: "pause", "cancel" or ""."""
        rows = self._database.read("SELECT request FROM jobs WHERE kind = 'embed' AND uid = ?", (uid,))
        return rows[0][0] if rows else ""

    def report(self, uid: str, done: int, total: int, rate: float) -> None:
        """Say how far a datum is. A busy or full disk only costs the progress bar its step."""
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "UPDATE jobs SET done = ?, total = ?, rate = ?, updated = ? WHERE kind = 'embed' AND"
                    " uid = ?",
                    (done, total, rate, time.time(), uid),
                )
        except StudyError:
            pass

    def end(self, uid: str, state: str, message: str = "") -> None:
        """Say what became of a datum: "done", "failed" or "paused".

        Where it was asked to cancel, a paused datum is taken off instead.
        """
        done, total = self._store.progress(uid)
        with self._database.transaction() as connection:
            if state == "paused" and self.asked(uid) == "cancel":
                self._remove(connection, uid)
                return
            connection.execute(
                "UPDATE jobs SET state = ?, done = ?, total = ?, message = ?, request = '', rate = 0, updated"
                " = ? WHERE kind = 'embed' AND uid = ?",
                (state, done, total, message, time.time(), uid),
            )

    def leave(self, message: str = "") -> None:
        """Before the process ends early: what was not begun is paused, so that nothing waits for nobody."""
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "UPDATE jobs SET state = 'paused' WHERE kind = 'embed' AND state = 'waiting'"
                )
                self._say(connection, "failed" if message else "ended", message)
        except ProspectorError:
            pass  # the reason to end is on its way, and the lock tells the rest

    def say(self, state: str, message: str = "") -> None:
        """Say what the process at work does: "working", "fitting", "ended", or "failed" and why."""
        with self._database.transaction() as connection:
            self._say(connection, state, message)

    # ----

    def _say(self, connection: sqlite3.Connection, state: str, message: str) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO jobs (kind, uid, state, done, total, message, updated) VALUES ('worker',"
            " '', ?, 0, 0, ?, ?)",
            (state, message, time.time()),
        )

    def _chosen(self, connection: sqlite3.Connection, uids: Iterable[str] | None, *states: str) -> list[str]:
        marks = ", ".join("?" * len(states))
        rows = connection.execute(f"SELECT uid FROM jobs WHERE kind = 'embed' AND state IN ({marks})", states)
        return [row[0] for row in rows.fetchall() if uids is None or row[0] in uids]

    def _remove(self, connection: sqlite3.Connection, uid: str) -> None:
        self._store.discard(uid)
        connection.execute("DELETE FROM jobs WHERE kind = 'embed' AND uid = ?", (uid,))

    def _held(self) -> bool:
        self._database.check()
        lock = FileLock(self.path / "embed.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        except OSError:  # a study that may only be read: nobody works on it here
            return False
        lock.release()
        return False
