"""Where a study is for the steps that run on workers: each opens it by its place, and keeps it.

What the steps make lies in the study afterwards (embeddings, derived arrays, maps, exported files), so that
little travels back, and nothing is lost with a worker.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import StudyError
from ..scheduling import OnCluster
from ..store.closed_store import ClosedStore
from ..store.removal import remove_file

if TYPE_CHECKING:
    from .study import Study

__all__ = ["Place", "place_of", "seen_at", "study_at"]

_COPY = re.compile(r"\.workers-[0-9a-f]{12}\.sqlite(\.partial|-journal|-wal|-shm)?")
_LEFT_BEHIND = 86_400  # seconds after which the copy of a program that was killed is removed

_here = threading.local()  # the study that this thread works on, where it is open already


class Place(NamedTuple):
    """Where a study is for a worker.

    It holds the folder of the study, the copy in it of the database that workers read (None: its own), and
    the address of its embeddings, where the person who sent the worker has allowed one on their machine.
    """

    path: str
    database: str | None = None
    store: str | None = None
    study_type: Any = None  # Study, which imports this module


@contextmanager
def place_of(study: Study, on: Any) -> Iterator[Place]:
    """The Place of a study for the tasks that ``on`` runs inside the block.

    Tasks in this process use this very object. Workers read a copy of the database, as it is now: sqlite's
    own cannot be shared between machines. Raises StorageFullError, StudyError.
    """
    path = str(study.path.resolve())
    if not isinstance(on, OnCluster):
        before = getattr(_here, "study", None)
        _here.study = study
        try:
            yield Place(path, study_type=type(study))
        finally:
            _here.study = before
        return
    if study.database.read_only:  # nothing changes there: workers read the study itself
        yield Place(path, study_type=type(study))
        return
    study.database.check()
    for left in study.path.glob(".workers-*.sqlite*"):
        with suppress(OSError):
            if _COPY.fullmatch(left.name) and time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                remove_file(left)
    store = None if study.address.url is None or isinstance(study.store, ClosedStore) else study.address.url
    copy = study.path / f".workers-{uuid.uuid4().hex[:12]}.sqlite"
    try:
        study.database.copy_to(copy)
        yield Place(path, copy.name, store, type(study))
    finally:
        remove_file(copy)


@lru_cache(maxsize=1)
def _opened(path: str, database: str | None, store: str | None, study_type: type[Study]) -> Study:
    study = study_type.open(path, database, little=True)
    study.address.vouched = store
    return study


def study_at(place: Place) -> Study:
    """The study at a Place, as tasks have it. Raises StudyError."""
    here = getattr(_here, "study", None)
    if here is not None and str(here.path.resolve()) == place.path:
        return here
    try:
        return _opened(*place)
    except StudyError as error:
        raise StudyError(
            f"{error} (seen from a worker: the study's folder must be in the same place for all of them)"
        ) from error


def seen_at(place: Place, target: int) -> Study:
    """The study at a Place, seen from a class. Raises StudyError."""
    study = study_at(place)
    return study if study.target == target else study.seen_from(target)
