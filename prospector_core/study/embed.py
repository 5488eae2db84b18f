"""The embedding job of a study: one datum of the queue after the other, resumable at any moment."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..encoders.base import same_vectors
from ..errors import EmbeddingError, ProspectorError, StorageFullError, StoreNotAllowedError
from ..scheduling import OnCluster
from ..store.derived import forget_others
from ..store.removal import remove_file
from .own_vectors import OwnEmbedder
from .queue import Rate
from .worker_context import Place, place_of, study_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..encoders.base import Encoder
    from ..modalities.parts import Embedder
    from ..scheduling import InProcess
    from .data import Datum
    from .study import Study

__all__ = ["embed_study", "embedder_of", "work_on_queue"]

_REPORT_EVERY = 0.5  # seconds between job updates in the database


def embedder_of(study: Study, encoder: Any = None, threads: int | None = None) -> Embedder:
    """What embeds the study's data: with its own encoder, its own vectors, or another encoder."""
    if encoder is None and study.embedding.get("vectors"):
        return OwnEmbedder(study)
    return study.kind.embedder(study, encoder or study.kind.encoder_of(study, threads))


def embed_study(
    study: Study,
    data: Iterable[Datum | str] | None = None,
    progress: Callable[[Datum, int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    threads: int | None = None,
    encoder: Encoder | None = None,
    anew: bool = False,
    on: InProcess | OnCluster | None = None,
) -> dict[str, str]:
    """Embed data that are not embedded yet.

    Parameters
    ----------
    study : Study
    data : data to embed (default: all)
    progress : function(datum, tokens done, tokens) called often
    stop : function() -> bool, asked often; True ends the job, what is finished is kept
    threads : encoder threads; encoder : an Encoder to use instead of making the study's own
    anew : embed what is embedded already too; the old embeddings stay until the new ones are complete
    on : where it runs, from ``scheduling.scheduler`` (default: here); the same bytes either way

    Meanwhile any process may pause, cancel, add and reorder data: see ``Study.queue``. Returns {uid: reason}
    of the data that could not be embedded (no tissue, unreadable slide); the others are done. Raises
    StorageFullError, MissingExtraError, EmbeddingError (encoder), StudyError (another process is at it).
    """
    study.database.check()
    if study.embedding.get("imported"):
        if anew:
            raise EmbeddingError(
                f"the features of {study.path} were imported: they cannot be made again here"
            )
        return {}  # what has no features has no tissue either
    if (why := study.address.refusal()) is not None:
        raise StoreNotAllowedError(why)
    chosen = [study.datum(each) for each in data] if data else study.data
    store = study.store
    todo = [each.uid for each in chosen if anew or store.renewing(each.uid) or not store.has(each.uid)]
    if not todo:
        return {}
    study.database.check_writable()
    with study.queue.working():
        study.queue.take_over(set(todo))
        for uid in todo if anew else ():
            store.renew(uid)
        study.queue.add(todo)
        return _work(study, progress, stop, threads, encoder, on)


def _adopt_files(study, todo):
    """Take files that changed since the study was made as they are, where all that is made of them is new.

    Where other data of a file are embedded already, one study would be of two files: that stays refused.
    """
    files = {}
    for datum in study.data:
        files.setdefault(datum.source, set()).add(datum.uid)
    made = set(study.store.uids())
    study.files.adopt(source for source, uids in files.items() if uids & todo and not (uids - todo) & made)


def work_on_queue(
    study: Study,
    progress: Callable[[Datum, int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    threads: int | None = None,
    encoder: Encoder | None = None,
    on: InProcess | OnCluster | None = None,
) -> dict[str, str]:
    """Embed what waits on the queue of a study, and nothing else.

    Parameters, result and errors as ``embed_study``.
    """
    study.database.check_writable()
    with study.queue.working():
        study.queue.take_over()
        return _work(study, progress, stop, threads, encoder, on) if study.queue.waiting() else {}


def _work(study, progress, stop, threads, encoder, on=None):
    queue, failed = study.queue, {}
    stopped = stop or (lambda: False)
    try:
        with embedder_of(study, encoder, threads) as embedder:
            unfinished = {job.uid for job in queue.jobs() if job.state not in ("done", "failed")}
            _adopt_files(study, unfinished)
            _check_others(study, unfinished, embedder.encoder)
            if isinstance(on, OnCluster):
                if encoder is not None:
                    raise EmbeddingError(
                        "the workers of a cluster make the study's own encoder: give no other"
                    )
                with place_of(study, on) as place:
                    _embed_there(study, on, place, threads, progress, stopped, failed)
            else:
                _embed_here(study, embedder, progress, stopped, failed)
    except ProspectorError as error:
        queue.leave(str(error))
        raise
    except Exception as error:
        queue.leave(f"embedding ended unexpectedly ({type(error).__name__}: {error})")
        raise
    except BaseException:
        queue.leave()
        raise
    if stopped():
        queue.leave()
    else:
        queue.say("ended")
    return failed


def _embed_here(study, embedder, progress, stopped, failed):
    """One datum of the queue after the other; ``failed`` is filled."""
    queue = study.queue
    while not stopped() and (uid := queue.claim()) is not None:
        try:
            asked = lambda uid=uid: stopped() or bool(queue.asked(uid))
            complete, note = _embed_one(embedder, study, _told(queue, progress), asked, uid)
        except StorageFullError as error:
            _end_quietly(queue, uid, "failed", str(error))
            raise
        except ProspectorError as error:
            _failed(study, uid, str(error), failed)
        except Exception as error:  # a mistake, say of an encoder of others
            _end_quietly(queue, uid, "failed", f"it ended unexpectedly ({type(error).__name__}: {error})")
            raise
        except BaseException:  # Ctrl-C
            _end_quietly(queue, uid, "paused")
            raise
        else:
            _end(study, uid, complete, note)


def _embed_there(study, on, place, threads, progress, stopped, failed):
    """As many data of the queue at a time as there are workers. How far each is, is read from the store."""
    queue, running, lock = study.queue, set(), threading.Lock()

    def claimed() -> Iterator[str]:
        while not stopped() and (uid := queue.claim()) is not None:
            with lock:
                running.add(uid)
            yield uid

    def look() -> None:
        rates = {}
        while not ended.wait(_REPORT_EVERY):
            with lock:
                now = list(running)
            for uid in now:
                with contextlib.suppress(
                    Exception
                ):  # begun, or completed, this very moment: looked at again soon
                    done, total = study.store.progress(uid)
                    queue.report(uid, done, total, rates.setdefault(uid, Rate()).add(done))
                    if progress is not None and total:
                        progress(study.datum(uid), done, total)
                with contextlib.suppress(ProspectorError, OSError):
                    if stopped() or queue.asked(uid):
                        _touch(_stop_file(study, uid))

    ended = threading.Event()
    watcher = threading.Thread(target=look, name="watch-embedding", daemon=True)
    watcher.start()
    try:
        for done in on.run(_embed_at, claimed(), place, threads):
            with lock:
                running.discard(done.item)
            remove_file(_stop_file(study, done.item))
            if isinstance(done.error, StorageFullError):
                _end_quietly(queue, done.item, "failed", str(done.error))
                raise done.error
            if done.error is not None:
                _failed(study, done.item, str(done.error), failed)
            else:
                complete, note = done.value
                _end(study, done.item, complete, note)
    finally:
        ended.set()
        watcher.join()
        for uid in running:  # the cluster was lost, or Ctrl-C
            remove_file(_stop_file(study, uid))
            _end_quietly(queue, uid, "paused")


_embedders: dict[Place, Embedder] = {}  # of a worker


def _embed_at(place: Place, threads: int | None, uid: str) -> tuple[bool, str]:
    """Embed one datum, with the study's own encoder: (complete?, note). It stops once its file is there."""
    study = study_at(place)
    if place not in _embedders:  # an encoder is loaded once a process
        _embedders.clear()
        _embedders[place] = embedder_of(study, None, threads).__enter__()
    return _embed_one(_embedders[place], study, None, _stop_file(study, uid).exists, uid)


def _embed_one(
    embedder: Embedder,
    study: Study,
    progress: Callable[[Datum, int, int], None] | None,
    stopped: Callable[[], bool],
    uid: str,
) -> tuple[bool, str]:
    """Embed one datum: (complete?, note)."""
    datum = study.datum(uid)

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(datum, done, total)

    return embedder.embed(datum, tell, stopped), embedder.note(datum)


def _stop_file(study: Study, uid: str) -> Path:
    """The file that asks a worker to stop embedding a datum: workers do not see the queue."""
    return study.path / f".stop-{uid}"


def _end(study, uid, complete, note):
    """Note that a datum is embedded, or was stopped; what was derived of other embeddings of it goes."""
    study.queue.end(uid, "done" if complete else "paused", note)
    if complete:
        forget_others(study.path / "derived", uid, study.stamp(uid))


def _touch(path):
    """Have a file be there; a link in its place is not followed."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def _failed(study, uid, said, failed):
    """Note why a datum could not be embedded."""
    name = study.datum(uid).name
    failed[uid] = said if name in said else f"{name}: {said}"
    study.queue.end(uid, "failed", said)


def _told(queue, progress):
    """Progress of one datum as the caller and the queue hear it: function(datum, done, total)."""
    rate, last = Rate(), 0.0

    def tell(datum: Datum, done: int, total: int) -> None:
        nonlocal last
        if progress is not None:
            progress(datum, done, total)
        speed = rate.add(done)
        if time.monotonic() - last > _REPORT_EVERY:
            last = time.monotonic()
            queue.report(datum.uid, done, total, speed)

    return tell


def _end_quietly(queue, uid, state, message=""):
    """Where the reason that matters is already on its way."""
    with contextlib.suppress(ProspectorError):
        queue.end(uid, state, message)


def _check_others(study, todo, encoder):
    """Vectors of two encoders, or of two versions of one, must not meet in one study."""
    record = encoder.record()
    others = [uid for uid in study.store.uids() if uid not in todo]
    if not all(same_vectors(study.store.layout(uid)[1].get("encoder", record), record) for uid in others):
        raise EmbeddingError(
            f"data of {study.path} were embedded by another encoder or version than {encoder.name} is now: "
            f"embed all of them again with `prospector embed {study.path} --anew`"
        )
