"""The files that a study's data come from.

Whether each is there, and is still the one that the study was made of.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import BadInputError, ProspectorError
from ..store.database import Database
from ..store.fingerprints import fingerprint
from ..store.readable import is_readable, require_readable, why_not_readable
from .records import source_row

__all__ = ["Source", "Sources"]

_FRESH = 1.0  # seconds that what the database says of the files is believed: pages ask many times a rerun


@dataclass(frozen=True)
class Source:
    """A file that data come from: uid, path, name and info.

    The info holds width, height, mpp, objective_power, ...
    """

    uid: str
    path: Path
    name: str
    info: dict


class Sources:
    """The files of one study, as its database and the disk now have them.

    Parameters
    ----------
    database : Database
    home : Path
        Of the study.
    word : str
        What a file is called.
    """

    def __init__(self, database: Database, home: Path, word: str) -> None:
        self._database, self._home, self._word = database, home, word
        self._known: tuple[float, int, dict[str, Source]] = (-_FRESH, -1, {})

    def all(self) -> dict[str, Source]:
        """Return {uid: Source}, read anew once another program has linked them anew."""
        at, version, found = self._known
        if time.monotonic() - at >= _FRESH:
            now = self._database.read_meta("relinked", 0)
            if now != version:
                rows = self._database.read("SELECT id, path, name, info FROM sources ORDER BY name")
                found = {row[0]: self._source(*source_row(self._database.path, row)) for row in rows}
            self._known = time.monotonic(), now, found
        return found

    def forget(self) -> None:
        """Read them again when they are asked for next: there are others."""
        self._known = (-_FRESH, -1, {})

    @property
    def version(self) -> int:
        """How often files were linked anew: what is remembered of them ends with it."""
        self.all()
        return self._known[1]

    def _source(self, uid: str, path: str, name: str, info: dict) -> Source:
        found = (self._home / path).resolve()  # relative: study and slides may move together ...
        if not found.exists() and Path(info.get("absolute", found)).exists():
            found = Path(info["absolute"])  # ... or the study alone
        return Source(uid, found, name, info)

    def state(self, uid: str) -> str:
        """Return "there", "missing", "other" (another file lies in its place).

        "barred" (outside the folders that may be read), or "never" (made of features alone).
        """
        source = self.all()[uid]
        if not source.info.get("at_hand", True):
            return "never"
        if not is_readable(source.path):
            return "barred"
        try:
            stat = source.path.stat()
            stamp = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            now = dict(_fingerprint(source.path, stamp))
        except OSError:
            return "missing"
        known = source.info.get("fingerprint")
        if known is None:
            self._keep(source, now)
            return "there"
        return "there" if now == known else "other"

    def path(self, uid: str, error: type[ProspectorError] = BadInputError) -> Path:
        """Return where a file lies; raises ``error`` where it is gone, or is another."""
        source, state = self.all()[uid], self.state(uid)
        if state == "barred":
            require_readable(source.path, error)
        if state != "there":
            raise error(self.why_not(uid, state))
        return source.path

    def why_not(self, uid: str, state: str | None = None) -> str:
        """Return why a file cannot be read, in one line; "" where it can."""
        source, state = self.all()[uid], state or self.state(uid)
        if state == "barred":
            return why_not_readable(source.path)
        relink = f"say where it is now with `prospector relink {self._home} FOLDER`, or on the Study page"
        return {
            "there": "",
            "never": (
                f"the {self._word} of {source.name} is not there: the study was made from its features alone;"
                " maps, exports and tables work, and with --slides a new study shows it too"
            ),
            "missing": (
                f"the {self._word} {source.name} is no longer at {source.path}: put it back, or {relink}"
            ),
            "other": (
                f"another file is at {source.path} now, in place of the {self._word} {source.name} that the"
                f" study was made of: put that back, or {relink}"
            ),
        }[state]

    def missing(self) -> list[Source]:
        """Return those that are gone, or others now."""
        return [source for uid, source in self.all().items() if self.state(uid) in ("missing", "other")]

    def relink(self, found: dict[str, tuple[str, dict]]) -> None:
        """Have files elsewhere from now on, all in one transaction: {uid: (path as it is kept, info)}."""
        with self._database.transaction() as connection:
            for uid, (path, info) in found.items():
                connection.execute(
                    "UPDATE sources SET path = ?, info = ? WHERE id = ?", (path, json.dumps(info), uid)
                )
            version = self._database.read_meta("relinked", 0) + 1
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('relinked', ?)", (json.dumps(version),))
        self.forget()

    def adopt(self, uids: Iterable[str]) -> None:
        """Take files as they lie there now for those that the study is of.

        What is embedded next is made of them.
        """
        for uid in set(uids):
            if self.state(uid) == "other":
                source = self.all()[uid]
                self.relink({uid: (self._row(uid), {**source.info, "fingerprint": fingerprint(source.path)})})

    def _row(self, uid: str) -> str:
        """The path of a file as it is kept."""
        return self._database.read("SELECT path FROM sources WHERE id = ?", (uid,))[0][0]

    def _keep(self, source: Source, now: dict) -> None:
        """Note the fingerprint of a file of a study that was made before there were any.

        The first time it is seen.
        """
        source.info["fingerprint"] = now
        if self._database.read_only:
            return
        try:
            with self._database.transaction() as connection:
                (info,) = connection.execute(
                    "SELECT info FROM sources WHERE id = ?", (source.uid,)
                ).fetchone()
                kept = json.dumps({"fingerprint": now, **json.loads(info)})
                connection.execute("UPDATE sources SET info = ? WHERE id = ?", (kept, source.uid))
        except ProspectorError:
            pass  # it is asked again


@lru_cache(maxsize=65536)
def _fingerprint(path: Path, stamp: tuple[int, ...]) -> tuple[tuple[str, object], ...]:
    return tuple(fingerprint(path).items())
