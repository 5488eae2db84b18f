"""Long work in a process of its own, so that pages stay quick.

Embed what is queued, and fit a study that has no fit yet.

The process outlives the app that started it. What it does, and what is asked of it, stands in the study:
``Study.queue``. Where the environment has PROSPECTOR_WORKERS, a number, or PROSPECTOR_CLUSTER, an address, it
shares the work as ``scheduling.scheduler`` does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BadInputError, FitError, ProspectorError
from .scheduling import scheduler
from .store.removal import own_place
from .study import Study
from .study.embed import work_on_queue

if TYPE_CHECKING:
    from typing import Any

__all__ = ["main", "start"]


def start(study_path: Any, author: Any = None) -> None:
    """Begin to work on what waits on the queue of a study, in the background.

    Nothing where a process is at it already.

    ``author``: in whose name it fits the study; by default that of ``editors.default_author``.
    """
    path = Path(study_path).resolve()
    if not Study.open(path).queue.starting():
        return
    # Apart from the app's own process group: Ctrl-C at the app's terminal must not reach it.
    apart = (
        {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    own_place(path, path / "worker.log")
    environment = {**os.environ, **({"PROSPECTOR_AUTHOR": author} if author else {})}
    with open(path / "worker.log", "wb") as log:
        command = [sys.executable, "-m", "prospector_core.worker", str(path)]
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, **apart
        )
    threading.Thread(target=process.wait, daemon=True, name="worker-ended").start()  # leaves no zombie


def main(study_path: Any) -> Any:
    """Work on the queue of a study until nothing waits, then fit the study if it never was.

    Returns the exit code.
    """
    if hasattr(os, "nice"):
        os.nice(10)  # people who look at slides come first
    study = Study.open(study_path)
    queue = study.queue
    try:
        with scheduler(*_shared()) as on:
            while True:
                work_on_queue(study, on=on)
                if study.view is None and study.embedded() and not _paused(queue):
                    _fit(study, on)
                if not queue.waiting():  # something may have been queued while the lock was being given back
                    return 0
    except ProspectorError as error:
        print(error, file=sys.stderr)
        queue.leave(str(error))
        return 2


def _shared() -> Any:
    """(Workers, cluster) that the environment names."""
    workers, cluster = os.environ.get("PROSPECTOR_WORKERS"), os.environ.get("PROSPECTOR_CLUSTER")
    try:
        return int(workers) if workers else None, cluster or None
    except ValueError as error:
        raise BadInputError(f"PROSPECTOR_WORKERS is {workers!r}: say how many, such as 2") from error


def _paused(queue: Any) -> Any:
    return any(job.state == "paused" for job in queue.jobs())


def _fit(study: Study, on: Any) -> None:
    with study.queue.working():
        study.queue.say("fitting")
        try:
            study.fit(progress=lambda text: study.queue.say("fitting", text), on=on)
        except FitError as error:
            study.queue.say("not fitted", str(error))
        else:
            study.queue.say("ended")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
