"""Long work in a process of its own, so that pages stay quick: embed what is queued, and fit a study that has no fit yet.

The process outlives the app that started it. What it does, and what is asked of it, stands in the study: ``Study.queue``.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from .errors import FitError, ProspectorError
from .study import Study

__all__ = ["main", "start"]


def start(study_path):
    """Begin to work on what waits on the queue of a study, in the background; nothing where a process is at it already."""
    path = Path(study_path).resolve()
    if not Study.open(path).queue.starting():
        return
    # Apart from the app's own process group: Ctrl-C at the app's terminal must not reach it.
    apart = (
        {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    with open(path / "worker.log", "wb") as log:
        command = [sys.executable, "-m", "prospector_core.worker", str(path)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **apart)
    threading.Thread(target=process.wait, daemon=True, name="worker-ended").start()  # leaves no zombie


def main(study_path):
    """Work on the queue of a study until nothing waits, then fit the study if it never was. Returns the exit code."""
    if hasattr(os, "nice"):
        os.nice(10)  # people who look at slides come first
    study = Study.open(study_path)
    queue = study.queue
    try:
        while True:
            study.work_on_queue()
            if study.current_fit is None and study.embedded() and not _paused(queue):
                _fit(study)
            if not queue.waiting():  # something may have been queued while the lock was being given back
                return 0
    except ProspectorError as error:
        print(error, file=sys.stderr)
        queue.leave(str(error))
        return 2


def _paused(queue):
    return any(job.state == "paused" for job in queue.jobs())


def _fit(study):
    with study.queue.working():
        study.queue.say("fitting")
        try:
            study.fit(progress=lambda text: study.queue.say("fitting", text))
        except FitError as error:
            study.queue.say("not fitted", str(error))
        else:
            study.queue.say("ended")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
