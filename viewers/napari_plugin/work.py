"""Long work on a thread, with its progress in napari's activity dock."""

from dataclasses import dataclass

from napari.qt.threading import create_worker
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QTimer

from prospector_core.errors import ProspectorError

__all__ = ["in_thread", "later", "run_steps", "say"]


@dataclass(frozen=True)
class _Failed:
    """What is wrong; an exception that is returned would be raised by the worker."""

    why: str


def say(text, kind="info"):
    """Something for the person to read."""
    (show_warning if kind == "warning" else show_info)(text)


def later(act):
    """Call a function once the event at hand is over."""
    QTimer.singleShot(0, act)


def in_thread(work, done, text="Prospector", ended=None):
    """Call ``done(work())``, the work on a thread.

    What is wrong with it is said, and nothing is done. Returns the worker.

    ``ended``: called at the end whatever came of it.
    """
    worker = create_worker(_caught(work), _progress={"desc": text})
    worker.returned.connect(lambda found: _taken(found, done))
    if ended is not None:
        worker.finished.connect(ended)
    worker.start()
    return worker


def run_steps(steps, n, text, done, ended):
    """Go through a generator on a thread.

    It can be stopped in the activity dock, or by the worker's ``quit``.

    Parameters: steps, a generator of (done, of how many); n, how many there will be; text, what it is; done,
    function of what the generator returns; ended, function called at the end whatever came of it. Returns the
    worker.
    """

    def walk():
        try:
            return (yield from steps)
        except ProspectorError as error:
            return _Failed(str(error))

    worker = create_worker(walk, _progress={"total": n, "desc": text})
    worker.returned.connect(lambda found: _taken(found, done))
    worker.aborted.connect(lambda: say("Stopped: nothing was changed."))
    worker.finished.connect(ended)
    worker.start()
    return worker


def _caught(work):
    def run():
        try:
            return work()
        except ProspectorError as error:
            return _Failed(str(error))

    return run


def _taken(found, done):
    if isinstance(found, _Failed):
        say(found.why, "warning")
    else:
        done(found)
