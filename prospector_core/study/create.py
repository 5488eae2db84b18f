"""Making a study: the steps that all kinds of data share.

What is in the sources a kind says itself (``Modality.look``); the folder is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInputError, LabelsError, StudyError
from ..modalities.base import Modality
from ..modalities.labels import LabelTable
from ..modalities.options import options_of
from ..modalities.parts import NewStudy
from ..modalities.registry import modalities
from ..store.database import Database
from ..store.files import partial_name, storage_errors
from ..store.fingerprints import fingerprint
from ..store.place import portable
from ..store.removal import remove_made
from ..wording import checked_name

__all__ = ["create_study", "kind_of_sources", "table_record", "uid_of", "write_rows", "write_study"]


def kind_of_sources(given: Mapping[str, Any]) -> Modality:
    """Return the kind of data whose sources are among these options. Raises BadInputError."""
    kinds = modalities()
    named = [kind for kind in kinds if given.get(kind.name) is not None]
    if not named:  # sources of another form, such as features
        own = {kind: [one.name for one in options_of(kind.options) if one.source] for kind in kinds}
        named = [kind for kind, names in own.items() if any(given.get(name) is not None for name in names)]
    if len(named) != 1:
        raise BadInputError(
            f"say what the study is of: one of {', '.join(f'{kind.name}=' for kind in kinds)}"
            + (f", not {' and '.join(kind.name for kind in named)}" if named else "")
        )
    return named[0]


def create_study(
    path: str | os.PathLike[str],
    kind: Modality,
    labels: Any,
    given: dict[str, Any],
    *,
    name: str | None = None,
    secret: bytes | None = None,
) -> None:
    """Write the folder of a new study; nothing is embedded yet.

    Parameters
    ----------
    path : folder to make
    kind : Modality
    labels : labels table, or what else the kind takes for one
    given : dict
        The sources, under the kind's name; its options; file_column, label_column, positive, progress and
        on, as for ``Study.create``.
    name : str, optional
        Of the study (default: of its folder).
    secret : bytes, optional
        What opaque numbers are keyed by (default: new ones).
    """
    path = Path(os.path.abspath(path))  # "." has no name of its own
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError(
            f"{path} exists already: choose another folder"
            + (
                ", or add data to that study with `prospector add`"
                if (path / "study.sqlite").exists()
                else ""
            )
        )
    if labels is None and kind.needs_labels:
        raise LabelsError("say where the labels are: give a table with a file and a label column")
    table = LabelTable(labels, *(given.pop(key, None) for key in ("file_column", "label_column", "positive")))
    sources, progress, on = (given.pop(key, None) for key in (kind.name, "progress", "on"))
    options = kind.options(**given)
    kind.check_encoder(options.encoder)
    new = kind.look(path, sources, table, options, progress, on)
    meta: dict[str, Any] = {"name": name or path.name, "modality": kind.name, **table_record(table.table)}
    if table.said:
        meta["reading"] = table.said
    write_study(path, meta, new, secret)


def table_record(table: Any) -> dict[str, Any]:
    """What a study keeps of the labels table that it was made from, to see when it has changed: meta values.

    Empty where the labels come from elsewhere.
    """
    if not isinstance(table, (str, os.PathLike)):
        return {}
    try:
        return {"labels_table": {"path": os.path.abspath(table), **fingerprint(Path(table))}}
    except OSError:
        return {}


def write_study(path: Path, meta: dict, new: NewStudy, secret: bytes | None = None) -> None:
    """Write the folder, whole or not at all.

    Parameters
    ----------
    path : Path
    meta : dict
        Name and kind of data.
    new : NewStudy
    secret : bytes, optional
        What opaque numbers are keyed by (default: new ones).
    """
    checked_name(meta["name"], "study", StudyError)
    for kind, names in (("class", new.classes), ("item", [row.name for row in new.rows])):
        for name in names:
            checked_name(name, kind, LabelsError)
    partial = partial_name(path)
    secret = secrets.token_bytes(32) if secret is None else bytes(secret)
    meta |= {"classes": new.classes, "embedding": new.embedding}
    meta |= {"id": secrets.token_hex(16), "secret": secret.hex()}
    try:
        with storage_errors(path):
            partial.mkdir(parents=True)
            database = Database.create(partial / "study.sqlite", meta)
            with database.transaction() as connection:
                write_rows(connection, path, new, secret)
            if new.fill is not None:
                new.fill(partial, database)
            database.close()
            if path.exists():  # an empty folder, perhaps the one that the user stands in: it stays
                for each in sorted(partial.iterdir(), key=lambda each: each.name == "study.sqlite"):
                    each.replace(path / each.name)  # the database last: it is what makes a folder a study
            else:
                partial.replace(path)
    finally:
        remove_made(partial)


def write_rows(
    connection: sqlite3.Connection,
    path: Path,
    new: NewStudy,
    secret: bytes,
    known: Mapping[str, str] | None = None,
) -> list[str]:
    """Write what was found of files and data after the rows that are there. Returns the uids of the data.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a transaction.
    path : Path
        Where the study lies, or will lie.
    new : NewStudy
    secret : bytes
        What opaque numbers are keyed by.
    known : dict, optional
        {path as it is kept: uid} of files that are there already.
    """
    uids = {}
    for key, (about, info, file) in new.sources.items():
        place = portable(file, path)
        uids[key] = (known or {}).get(place) or uid_of("s", about, secret)
        if place not in (known or {}):
            info = json.dumps({**info, "absolute": str(file), **_told(file, info)})
            row = (uids[key], place, file.name, info)
            connection.execute("INSERT INTO sources VALUES (?, ?, ?, ?)", row)
    made = [uid_of("d", row.name, secret) for row in new.rows]
    (start,) = connection.execute("SELECT COALESCE(MAX(position) + 1, 0) FROM data").fetchone()
    for position, (uid, row, file) in enumerate(zip(made, new.rows, new.files), start=start):
        field = [row.field.x, row.field.y, row.field.width, row.field.height] if row.field else row.part
        connection.execute(
            "INSERT INTO data VALUES (?, ?, ?, ?, ?, ?, ?)",
            (position, uid, row.name, uids[file], field and json.dumps(field), row.label, row.split),
        )
    return made


def _told(file, info):
    """What tells the file from others wherever it is moved to, as a part of its info."""
    if not info.get("at_hand", True):  # of features: there is no such file
        return {}
    try:
        return {"fingerprint": fingerprint(file)}
    except OSError:  # made together with the study, and lies in it
        return {}


def uid_of(prefix: str, text: str, secret: bytes) -> str:
    """An opaque number for a datum or file.

    Without the secret of its study nobody can tell which name it stands for, not even with a list of all
    names in hand: it is keyed (HMAC-SHA-256).
    """
    return prefix + hmac.new(secret, f"{prefix} {text}".encode(), hashlib.sha256).hexdigest()[:14]
