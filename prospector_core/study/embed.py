"""The embedding job of a study: one datum of the queue after the other, resumable at any moment."""

import contextlib
import time

from ..encoders.base import same_vectors
from ..errors import EmbeddingError, ProspectorError, StorageFullError
from .jobs import Rate

__all__ = ["embed_study", "work_on_queue"]

_REPORT_EVERY = 0.5  # seconds between job updates in the database


def embed_study(study, data=None, progress=None, stop=None, threads=None, encoder=None, anew=False):
    """Embed data that are not embedded yet.

    Parameters
    ----------
    study : Study
    data : data to embed (default: all)
    progress : function(datum, tokens done, tokens) called often
    stop : function() -> bool, asked often; True ends the job, what is finished is kept
    threads : encoder threads; encoder : an Encoder to use instead of making the study's own
    anew : embed what is embedded already too; the old embeddings stay until the new ones are complete

    Meanwhile any process may pause, cancel, add and reorder data: see ``Study.queue``.
    Returns {uid: reason} of the data that could not be embedded (no tissue, unreadable slide); the others are done.
    Raises StorageFullError, MissingExtraError, EmbeddingError (encoder), StudyError (another process is at it).
    """
    if study.embedding.get("imported"):
        if anew:
            raise EmbeddingError(f"the features of {study.path} were imported: they cannot be made again here")
        return {}  # what has no features has no tissue either
    chosen = [study.datum(each) for each in data] if data else study.data
    todo = [datum.uid for datum in chosen if anew or not study.store.has(datum.uid)]
    if not todo:
        return {}
    with study.queue.working():
        study.queue.take_over(set(todo))
        study.queue.add(todo)
        return _work(study, progress, stop, threads, encoder)


def work_on_queue(study, progress=None, stop=None, threads=None, encoder=None):
    """Embed what waits on the queue of a study, and nothing else. Parameters, result and errors as ``embed_study``."""
    with study.queue.working():
        study.queue.take_over()
        return _work(study, progress, stop, threads, encoder) if study.queue.waiting() else {}


def _work(study, progress, stop, threads, encoder):
    queue, failed = study.queue, {}
    stopped = stop or (lambda: False)
    try:
        with study.kind.embedder(study, encoder, threads) as embedder:
            unfinished = {job.uid for job in queue.jobs() if job.state not in ("done", "failed")}
            _check_others(study, unfinished, embedder.encoder)
            while not stopped() and (uid := queue.claim()) is not None:
                datum = study.datum(uid)
                try:
                    complete = _embed_one(study, datum, embedder, progress, stopped)
                except StorageFullError as error:
                    _end_quietly(queue, uid, "failed", str(error))
                    raise
                except ProspectorError as error:
                    failed[uid] = f"{datum.name}: {error}" if datum.name not in str(error) else str(error)
                    queue.end(uid, "failed", str(error))
                except Exception as error:  # a mistake, say of an encoder of others
                    _end_quietly(queue, uid, "failed", f"it ended unexpectedly ({type(error).__name__}: {error})")
                    raise
                except BaseException:  # Ctrl-C
                    _end_quietly(queue, uid, "paused")
                    raise
                else:
                    queue.end(uid, "done" if complete else "paused", embedder.note(datum))
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


def _embed_one(study, datum, embedder, progress, stopped):
    """Whether it is complete; False where it was asked to stop."""
    queue, rate = study.queue, Rate()
    last = 0.0

    def tell(done, total):
        nonlocal last
        if progress is not None:
            progress(datum, done, total)
        speed = rate.add(done)
        if time.monotonic() - last > _REPORT_EVERY:
            last = time.monotonic()
            queue.report(datum.uid, done, total, speed)

    return embedder.embed(datum, tell, lambda: stopped() or bool(queue.asked(datum.uid)))
