"""The embedding job of a study: one datum of the queue after the other, resumable at any moment."""

import contextlib
import time

from ..embedding import embed_datum, open_grid_writer
from ..encoders import get_encoder
from ..encoders.base import same_vectors
from ..errors import EmbeddingError, ProspectorError, StorageFullError
from ..stain import normalised
from ..tiling import tile_grid
from ..tissue import tissue_mask
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
    queue, slides, failed = study.queue, _OpenSlide(study), {}
    stopped = stop or (lambda: False)
    try:
        encoder = encoder or get_encoder(study.embedding["encoder"], **({"threads": threads} if threads else {}))
        unfinished = {job.uid for job in queue.jobs() if job.state not in ("done", "failed")}
        _check_others(study, unfinished, encoder)
        while not stopped() and (uid := queue.claim()) is not None:
            datum = study.datum(uid)
            try:
                slide, mask = slides.of(datum)
                complete = _embed_one(study, datum, slide, mask, encoder, progress, stopped)
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
                queue.end(uid, "done" if complete else "paused", _stain_note(slide))
    except ProspectorError as error:
        queue.leave(str(error))
        raise
    except Exception as error:
        queue.leave(f"embedding ended unexpectedly ({type(error).__name__}: {error})")
        raise
    except BaseException:
        queue.leave()
        raise
    finally:
        slides.close()
    if stopped():
        queue.leave()
    else:
        queue.say("ended")
    return failed


def _end_quietly(queue, uid, state, message=""):
    """Where the reason that matters is already on its way."""
    with contextlib.suppress(ProspectorError):
        queue.end(uid, state, message)


class _OpenSlide:
    """The slide of the present datum with its tissue mask, kept while the next datum lies on it too."""

    def __init__(self, study):
        self._study, self._source, self._slide, self._mask = study, None, None, None

    def of(self, datum):
        if self._source != datum.source:
            self.close()
            self._slide = self._study.open_slide(datum)
            self._mask = tissue_mask(self._slide)
            if self._study.embedding.get("stain"):
                self._slide = _normalised(self._study, self._slide, self._mask)
            self._source = datum.source
        return self._slide, self._mask

    def close(self):
        if self._slide is not None:
            self._slide.close()
        self._source, self._slide = None, None


def _normalised(study, slide, mask):
    """The slide in normalised colours: one estimate a slide, whatever fields of it are data."""
    wanted = study.embedding
    return normalised(slide, mask, wanted["stain"], wanted["tile"], wanted["mpp"], wanted["min_tissue"])


def _stain_note(slide):
    """What the user must know of a slide whose colours could not be normalised, else ""."""
    failed = getattr(slide, "stain", {}).get("failed")
    return f"{slide.path.name}: {failed}; its tiles were embedded in their own colours" if failed else ""


def _check_others(study, todo, encoder):
    """Vectors of two encoders, or of two versions of one, must not meet in one study."""
    record = encoder.record()
    others = [uid for uid in study.store.uids() if uid not in todo]
    if not all(same_vectors(study.store.layout(uid)[1].get("encoder", record), record) for uid in others):
        raise EmbeddingError(
            f"data of {study.path} were embedded by another encoder or version than {encoder.name} is now: "
            f"embed all of them again with `prospector embed {study.path} --anew`"
        )


def _embed_one(study, datum, slide, mask, encoder, progress, stopped):
    """Whether it is complete; False where it was asked to stop."""
    wanted, queue, rate = study.embedding, study.queue, Rate()
    grid = tile_grid(slide, wanted["tile"], wanted["mpp"], datum.field, mask, wanted["min_tissue"])
    writer = open_grid_writer(study.store, datum.uid, slide, grid, encoder)
    last = 0.0

    def tell(done, total):
        nonlocal last
        if progress is not None:
            progress(datum, done, total)
        speed = rate.add(done)
        if time.monotonic() - last > _REPORT_EVERY:
            last = time.monotonic()
            queue.report(datum.uid, done, total, speed)

    stop = lambda: stopped() or bool(queue.asked(datum.uid))
    return embed_datum(slide, grid, encoder, writer, progress=tell, stop=stop)
