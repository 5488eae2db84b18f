"""Heavy steps on one datum, as functions that run here or on a worker: each opens the study by its path, and keeps it.

What they make lies in the study afterwards (embeddings, derived arrays, maps), so that little travels back, and nothing
is lost with a worker.
"""

import threading
from functools import lru_cache

from ..errors import StudyError

__all__ = ["count", "embed", "sample", "save_map", "use"]

_here = threading.local()  # the study that this thread works on, where it is open already


class use:
    """Inside the block, tasks of this thread that name the study's path use this very object."""

    def __init__(self, study):
        self._study = study

    def __enter__(self):
        self._before = getattr(_here, "study", None)
        _here.study = self._study

    def __exit__(self, *error):
        _here.study = self._before


@lru_cache(maxsize=2)
def _opened(path):
    from .study import Study

    return Study.open(path)


def _study(path):
    here = getattr(_here, "study", None)
    if here is not None and str(here.path.resolve()) == path:
        return here
    try:
        return _opened(path)
    except StudyError as error:
        raise StudyError(
            f"{error} (seen from a worker: the study's folder must be in the same place for all of them)"
        ) from error


_embedders = {}


def embed(path, threads, progress, uid):
    """Embed one datum, with the study's own encoder: (complete?, note). ``progress``: as ``embed_study``'s, or None.

    Asked to pause or cancel by any process, it stops.
    """
    study = _study(path)
    if path not in _embedders:  # an encoder is loaded once a process
        _embedders.clear()
        _embedders[path] = study.embedder(None, threads).__enter__()
    return embed_with(_embedders[path], study, progress, lambda: False, uid)


def embed_with(embedder, study, progress, stopped, uid):
    """Embed one datum: (complete?, note)."""
    datum = study.datum(uid)
    tell = (lambda done, total: None) if progress is None else (lambda done, total: progress(datum, done, total))
    complete = embedder.embed(datum, tell, lambda: stopped() or bool(study.queue.asked(uid)))
    return complete, embedder.note(datum)


def sample(path, centre, chosen):
    """Embeddings of some tokens of a datum, centred, and the mean of all: as ``Study.sampled``. ``chosen``: (uid, tokens)."""
    uid, tokens = chosen
    return _study(path).sampled(uid, tokens, centre)


def count(path, centroids, settings, state, uid):
    """Quantise and count a datum under a CurationState; what is made is kept in the study."""
    _study(path).count(centroids, settings, state, uid)


def save_map(path, fit, target, uid):
    """Compute and keep the prospect map of a datum under a fit, seen from a class: where it lies."""
    study = _study(path)
    return (study if study.target == target else study.of_class(target)).save_map(uid, fit)
