"""``backup.json``: what a backup says of itself. It may come from a stranger, as a study may."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import StudyDamagedError
from ..store.removal import is_link

__all__ = ["DATABASE", "RECORD", "read_record"]

RECORD, DATABASE = "backup.json", "study.sqlite"


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return what a backup says of itself, None where there is none. Raises StudyDamagedError."""
    path = folder / RECORD
    if is_link(folder / RECORD) or not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        sound = (
            record["format"] == 1
            and all(type(record[key]) is str for key in ("study", "at"))
            and type(record["entries"]) is int
            and isinstance(record["elsewhere"], str | None)
            and all(_is_row(row) for row in record["files"])
            and [row["path"] for row in record["files"]].count(DATABASE) == 1
        )
        datetime.fromisoformat(record["at"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyDamagedError(f"{path} cannot be read ({error}): take another backup") from error
    if not sound:
        raise StudyDamagedError(
            f"{path} is not as Prospector writes it: take another backup, or update Prospector"
        )
    return record


def _is_row(row: Any) -> bool:
    place = PurePosixPath(row["path"])
    plain = str(place) == row["path"] and place.parts and not place.is_absolute() and ".." not in place.parts
    return (
        plain
        and not set(row["path"]) & set("\\\0:" if os.name == "nt" else "\\\0")
        and type(row["size"]) is int
        and type(row["time"]) is int
        and type(row["sha256"]) is str
    )
