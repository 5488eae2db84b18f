"""Heavy steps on one datum, as functions that run here or on a worker.

Each opens the study by its place, and keeps it.

What they make lies in the study afterwards (embeddings, derived arrays, maps, exported files), so that little
travels back, and nothing is lost with a worker.
"""

import re
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import StudyError
from ..scheduling import OnCluster
from ..store.remote import ClosedStore
from ..store.removal import remove_file

__all__ = [
    "Place",
    "asked_file",
    "count",
    "embed",
    "embed_with",
    "export",
    "place_of",
    "sample",
    "save_map",
    "study_at",
]

_COPY = re.compile(r"\.workers-[0-9a-f]{12}\.sqlite(\.partial|-journal|-wal|-shm)?")
_LEFT_BEHIND = 86_400  # seconds after which the copy of a program that was killed is removed

_here = threading.local()  # the study that this thread works on, where it is open already


class Place(NamedTuple):
    """Where a study is for a worker.

    Its folder, in it the copy of the database that workers read (None: its own), and the address of its
    embeddings, where the person who sent the worker has allowed one on their machine.
    """

    path: str
    database: str | None = None
    store: str | None = None


@contextmanager
def place_of(study, on):
    """The Place of a study for the tasks that ``on`` runs inside the block.

    In this process they use this very object. Workers read a copy of the database, as it is now: sqlite's own
    cannot be shared between machines. Raises StorageFullError, StudyError.
    """
    path = str(study.path.resolve())
    if not isinstance(on, OnCluster):
        before = getattr(_here, "study", None)
        _here.study = study
        try:
            yield Place(path)
        finally:
            _here.study = before
        return
    if study.database.read_only:  # nothing changes there: workers read the study itself
        yield Place(path)
        return
    study.database.check()
    for left in study.path.glob(".workers-*.sqlite*"):
        with suppress(OSError):
            if _COPY.fullmatch(left.name) and time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                remove_file(left)
    store = None if study.address is None or isinstance(study.store, ClosedStore) else study.address
    copy = study.path / f".workers-{uuid.uuid4().hex[:12]}.sqlite"
    try:
        study.database.copy_to(copy)
        yield Place(path, copy.name, store)
    finally:
        remove_file(copy)


@lru_cache(maxsize=1)
def _opened(path, database, store):
    from .study import Study

    study = Study(path, database)
    study.vouched = store
    study.keep_little()
    return study


def study_at(place):
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


_embedders = {}


def embed(place, threads, uid):
    """Embed one datum, with the study's own encoder: (complete?, note).

    It stops once ``asked_file`` is there.
    """
    study = study_at(place)
    if place not in _embedders:  # an encoder is loaded once a process
        _embedders.clear()
        _embedders[place] = study.embedder(None, threads).__enter__()
    asked = asked_file(study, uid)
    return embed_with(_embedders[place], study, None, asked.exists, uid)


def asked_file(study, uid):
    """The file that asks a worker to stop embedding a datum: workers do not see the queue."""
    return Path(study.path) / f".stop-{uid}"


def embed_with(embedder, study, progress, stopped, uid):
    """Embed one datum: (complete?, note)."""
    datum = study.datum(uid)
    tell = (
        (lambda done, total: None) if progress is None else (lambda done, total: progress(datum, done, total))
    )
    return embedder.embed(datum, tell, stopped), embedder.note(datum)


def sample(place, centre, chosen):
    """Embeddings of some tokens of a datum, centred, and the mean of all: as ``Study.sampled``.

    ``chosen``: (uid, tokens).
    """
    uid, tokens = chosen
    return study_at(place).sampled(uid, tokens, centre)


def count(place, centroids, settings, state, folder, row):
    """Quantise and count a datum, or a region of one, under a CurationState.

    What is made is kept in the study.

    ``row``: (uid, Region or None); ``folder``: of derived arrays, in place of the study's own (None).
    """
    study_at(place).count(centroids, settings, state, *row, folder=folder)


def save_map(place, fit, target, uid):
    """Compute and keep the prospect map of a datum under a fit, seen from a class: where it lies."""
    return _seen(place, target).save_map(uid, fit)


def export(place, target, masked, write, options, item):
    """Write one file of an export: ``item`` is (datum's uid, path).

    ``write`` a function(study, datum, **options) -> bytes.

    ``masked``: the false discovery rate of the mask that the study is seen through, or None.
    """
    from ..store.files import write_atomic

    uid, path = item
    study = _seen(place, target)
    if masked is not None and study.current_fit.masked != masked:
        from ..evaluation.mask import masked_study

        study, _ = masked_study(study, masked)  # what shuffled labels give is kept in the study
    write_atomic(path, write(study, study.datum(uid), **options))


def _seen(place, target):
    study = study_at(place)
    return study if study.target == target else study.of_class(target)
