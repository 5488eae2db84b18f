"""A fit as it lies in a study: read, and compared with what the database says was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import FitError, StudyDamagedError
from .fit_records import check_settings
from .fits import Fit, way_out
from .journal import read_journal, replay
from .settings import FitSettings

if TYPE_CHECKING:
    from pathlib import Path

    from ..store.database import Database

__all__ = ["embeddings_of", "load_kept"]


def load_kept(path: Path, database: Database, id: int) -> Fit:
    """The fit with a number: Fit.

    Everything that decides its maps, and what is shown of it, is compared with the database: settings,
    summary, and the digest of the rest (``Fit.digest``; fits of before there were digests have none). The
    text of ``head.json`` must be the one that these values are written as.

    Parameters: path, of the study; database, Database. Raises StudyDamagedError, FitError where there is
    none.
    """
    rows = database.read("SELECT journal, settings, summary FROM fits WHERE id = ?", (id,))
    if not rows:
        raise FitError(f"the study {path.name!r} has no fit {id}")
    folder, (journal, settings, summary) = path / "fits" / str(id), rows[0]
    try:
        settings, summary = FitSettings(**check_settings(json.loads(settings))), dict(json.loads(summary))
        state = replay(read_journal(database, journal))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyDamagedError(
            f"{database.path} is damaged (what it says of fit {id} cannot be read: {error}): restore it from"
            " a backup"
        ) from error
    fit = Fit.load(folder, id, journal, state)
    wrong = _difference(fit, folder, settings, summary, _digest(database, id))
    if wrong:
        raise StudyDamagedError(f"{folder} is not what was written ({wrong}): {way_out(folder)}")
    return fit


def embeddings_of(database: Database, id: int) -> dict[str, str] | None:
    """The stamps of the embeddings that a fit was made of, {uid: stamp}; empty where that was not kept."""
    there = "embeddings" in database.columns("fits")
    rows = database.read("SELECT embeddings FROM fits WHERE id = ?", (id,)) if there else []
    return json.loads(rows[0][0] or "{}") if rows else {}


def _digest(database: Database, id: int) -> str | None:
    """The digest that was kept of a fit, "" where none was: a study of before may have no column of it."""
    there = "digest" in database.columns("fits")
    return database.read("SELECT digest FROM fits WHERE id = ?", (id,))[0][0] if there else ""


def _difference(
    fit: Fit, folder: Path, settings: Mapping[str, Any], summary: Mapping[str, Any], digest: str | None
) -> str:
    """What of a fit differs from what the database says, in words; "" where nothing does."""
    if asdict(fit.settings) != asdict(settings):
        return "its settings differ"
    kept = json.loads(json.dumps(fit.summary))
    if any(name not in kept or not _same(kept[name], value) for name, value in summary.items()):
        return "its summary differs"
    if digest not in ("", fit.digest()):
        return "its digest differs"
    text = (folder / "head.json").read_bytes()
    if json.dumps(json.loads(text), indent=1, sort_keys=True).encode() != text:
        return "its text differs"
    return ""


def _same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal; numbers that are none (NaN) are equal to each other."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
