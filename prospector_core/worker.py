"""Long work in a process of its own, so that pages stay quick: embed a study, and fit it if it has no fit yet."""

import subprocess
import sys
from pathlib import Path

__all__ = ["start", "is_running", "stop", "last_message"]

_running = {}


def start(study_path):
    """Begin embedding (and, for a study never fitted, fitting) in the background; nothing if it is running already."""
    key = _key(study_path)
    if is_running(key):
        return
    with open(_log(key), "wb") as log:
        command = [sys.executable, "-m", "prospector_core.worker", str(key)]
        _running[key] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def is_running(study_path):
    """Whether a process started here is still at work on the study."""
    process = _running.get(_key(study_path))
    return process is not None and process.poll() is None


def stop(study_path):
    """End the work on a study; finished blocks are kept."""
    process = _running.get(_key(study_path))
    if process is not None and process.poll() is None:
        process.terminate()
        process.wait()


def last_message(study_path):
    """The last line that the work printed: its error if it failed, else empty."""
    process = _running.get(_key(study_path))
    if process is None or process.poll() in (None, 0) or not _log(_key(study_path)).exists():
        return ""
    lines = _log(_key(study_path)).read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("prospector: ") if lines else ""


def _key(study_path):
    return Path(study_path).resolve()


def _log(key):
    return key / "worker.log"


if __name__ == "__main__":
    from prospector_core.cli import main as prospector
    from prospector_core.study import Study

    path = sys.argv[1]
    try:
        prospector(["embed", path])
    except SystemExit as done:
        if done.code and not Study.open(path).embedded():
            raise
    if Study.open(path).current_fit is None:
        prospector(["fit", path])
