"""The tables of ``study.sqlite``, and which of them an earlier version may lack."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

__all__ = ["FORMAT_VERSION", "LATER", "SCHEMA", "known_schema", "squeezed"]

FORMAT_VERSION = 2
"""The newest format that is read. Studies of two classes have format 1, which earlier versions read too."""

SCHEMA = """
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
CREATE TABLE fits (    -- journal: the last entry that the fit knows; digest: see Fit.digest
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, journal INTEGER NOT NULL, settings TEXT NOT NULL,
    summary TEXT NOT NULL, author TEXT NOT NULL DEFAULT '', digest TEXT NOT NULL DEFAULT '',
    embeddings TEXT NOT NULL DEFAULT ''       -- {uid: stamp} of what it was made of
);
CREATE TABLE jobs (    -- long work, a row a datum: the queue, requests, and what progress bars show
    kind TEXT NOT NULL, uid TEXT NOT NULL, state TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    message TEXT NOT NULL, updated REAL NOT NULL, place REAL NOT NULL DEFAULT 0,
    request TEXT NOT NULL DEFAULT '', rate REAL NOT NULL DEFAULT 0, PRIMARY KEY (kind, uid)
) WITHOUT ROWID;
CREATE TRIGGER journal_is_append_only_1 BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER journal_is_append_only_2 BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER journal_is_append_only_3 BEFORE INSERT ON journal
-- INSERT OR REPLACE removes without the second one
WHEN NEW.id IN (SELECT id FROM journal) BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""

# Columns that a study made earlier does not have. What was written stays as it is, and the earlier program
# goes on too.
_NUMBER, _TEXT = "REAL NOT NULL DEFAULT 0", "TEXT NOT NULL DEFAULT ''"

LATER = {
    "jobs": {"place": _NUMBER, "request": _TEXT, "rate": _NUMBER},
    "journal": {"author": _TEXT, "note": _TEXT},
    "fits": {"author": _TEXT, "digest": _TEXT, "embeddings": _TEXT},
}


def squeezed(sql: str | None) -> str:
    """A statement without what does not matter in it."""
    return " ".join(str(sql).split()).lower()


@cache
def known_schema() -> dict[tuple[str, str], str]:
    """What a study's database may hold: {(type, name): statement}."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.replace("{labels}", "0"))
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return {(kind, name): squeezed(sql) for kind, name, sql in rows}
