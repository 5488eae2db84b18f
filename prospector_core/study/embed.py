"""The embedding job of a study: every datum that is not embedded yet, in order, resumable at any moment."""

import time

from filelock import FileLock, Timeout

from ..embedding import embed_datum, open_grid_writer
from ..encoders import get_encoder
from ..encoders.base import same_vectors
from ..errors import EmbeddingError, ProspectorError, StorageFullError, StudyError
from ..files import storage_errors
from ..stain import normalised
from ..tiling import tile_grid
from ..tissue import tissue_mask

__all__ = ["embed_study"]

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

    Returns {uid: reason} of the data that could not be embedded (no tissue, unreadable slide); the others are done.
    Raises StorageFullError, MissingExtraError, EmbeddingError (encoder).
    """
    if study.embedding.get("imported"):
        if anew:
            raise EmbeddingError(f"the features of {study.path} were imported: they cannot be made again here")
        return {}  # what has no features has no tissue either
    chosen = [study.datum(each) for each in data] if data else study.data
    todo = [datum for datum in chosen if anew or not study.store.has(datum.uid)]
    if not todo:
        return {}
    # The operating system gives the lock back when the process that holds it dies, however it dies.
    lock = FileLock(study.path / "embed.lock", timeout=0)
    with storage_errors(lock.lock_file):
        try:
            lock.acquire()
        except Timeout as error:
            raise StudyError(f"{study.path} is being embedded by another program: wait for it, or stop it") from error
    try:
        return _embed(study, todo, progress, stop, threads, encoder)
    finally:
        lock.release()


def _embed(study, todo, progress, stop, threads, encoder):
    encoder = encoder or get_encoder(study.embedding["encoder"], **({"threads": threads} if threads else {}))
    _check_others(study, {datum.uid for datum in todo}, encoder)
    for datum in todo:
        _report(study, datum.uid, "waiting", *study.store.progress(datum.uid))
    failed, slide, mask, opened = {}, None, None, None
    try:
        for datum in todo:
            if stop is not None and stop():
                break
            try:
                if opened != datum.source:
                    if slide is not None:
                        slide.close()
                    opened, slide = None, None
                    slide = study.open_slide(datum)
                    mask = tissue_mask(slide)
                    if study.embedding.get("stain"):
                        slide = _normalised(study, slide, mask)
                    opened = datum.source
                _embed_one(study, datum, slide, mask, encoder, progress, stop)
            except StorageFullError as error:
                _report(study, datum.uid, "failed", *study.store.progress(datum.uid), str(error), quiet=True)
                raise
            except KeyboardInterrupt:
                _report(study, datum.uid, "stopped", *study.store.progress(datum.uid), quiet=True)
                raise
            except ProspectorError as error:
                failed[datum.uid] = f"{datum.name}: {error}" if datum.name not in str(error) else str(error)
                _report(study, datum.uid, "failed", *study.store.progress(datum.uid), str(error))
    finally:
        if slide is not None:
            slide.close()
    return failed


def _check_others(study, todo, encoder):
    """Vectors of two encoders, or of two versions of one, must not meet in one study."""
    record = encoder.record()
    others = [uid for uid in study.store.uids() if uid not in todo]
    if not all(same_vectors(study.store.layout(uid)[1].get("encoder", record), record) for uid in others):
        raise EmbeddingError(
            f"data of {study.path} were embedded by another encoder or version than {encoder.name} is now: "
            f"embed all of them again with `prospector embed {study.path} --anew`"
        )


def _embed_one(study, datum, slide, mask, encoder, progress, stop):
    wanted = study.embedding
    grid = tile_grid(slide, wanted["tile"], wanted["mpp"], datum.field, mask, wanted["min_tissue"])
    writer = open_grid_writer(study.store, datum.uid, slide, grid, encoder)
    last = 0.0

    def tell(done, total):
        nonlocal last
        if progress is not None:
            progress(datum, done, total)
        if time.monotonic() - last > _REPORT_EVERY:
            last = time.monotonic()
            _report(study, datum.uid, "running", done, total)

    complete = embed_datum(slide, grid, encoder, writer, progress=tell, stop=stop)
    note = _stain_note(slide)
    _report(study, datum.uid, "done" if complete else "stopped", *study.store.progress(datum.uid), note)


def _normalised(study, slide, mask):
    """The slide in normalised colours: one estimate a slide, whatever fields of it are data."""
    wanted = study.embedding
    return normalised(slide, mask, wanted["stain"], wanted["tile"], wanted["mpp"], wanted["min_tissue"])


def _stain_note(slide):
    """What the user must know of a slide whose colours could not be normalised, else ""."""
    failed = getattr(slide, "stain", {}).get("failed")
    return f"{slide.path.name}: {failed}; its tiles were embedded in their own colours" if failed else ""


def _report(study, uid, state, done, total, message="", quiet=False):
    try:
        with study.database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO jobs VALUES ('embed', ?, ?, ?, ?, ?, ?)",
                (uid, state, done, total, message, time.time()),
            )
    except ProspectorError as error:
        # On a full disk the reason that matters is already on its way; a busy database only costs a progress bar its step.
        if not quiet and type(error) is not StudyError:
            raise
