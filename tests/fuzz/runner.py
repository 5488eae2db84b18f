"""Read mutants of every kind of input in processes of their own, and say in a table what became of them."""

import argparse
import contextlib
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from .kinds import KINDS, copy
from .mutations import drawn

SLOWEST = 10.0  # seconds of work of one mutant
PATIENCE = 60.0  # seconds by the clock: the machine may be busy with others
GROWTH = 2**30  # bytes
__all__ = ["look", "main", "run"]

COLUMNS = ("refused", "read", "traceback", "hang", "growth", "crash")


def _peak():
    """The most memory that this process has held since `_forget`, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def _forget():
    Path("/proc/self/clear_refs").write_text("5")


def look(kind, path):
    """(what became of a mutant, in words what it said)."""
    from prospector_core.errors import ProspectorError

    _forget()
    before, began = _peak(), time.process_time()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(open(os.devnull, "w")):
            warnings.simplefilter("ignore")
            KINDS[kind].read(path)
        found, said = "read", ""
    except ProspectorError as error:
        said = str(error)
        found = "refused" if said.strip() and "\n" not in said and len(said) < 2000 else "traceback"
    except MemoryError:
        found, said = "growth", traceback.format_exc(limit=-6)
    except BaseException:
        found, said = "traceback", traceback.format_exc(limit=-6)
    if _peak() - before > GROWTH:
        return "growth", f"{(_peak() - before) / 1e9:.1f} GB; {said}"
    if time.process_time() - began > SLOWEST:
        return "hang", f"{time.process_time() - began:.0f} s; {said}"
    return found, said


def _work(kind, paths, pipe):
    """A process that reads mutant after mutant."""
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 6 * 2**30, resource.RLIM_INFINITY))
    while True:
        seed = pipe.recv()
        if seed is None:
            return
        with tempfile.TemporaryDirectory(prefix="prospector-fuzz-") as folder:
            draw = drawn(f"{kind} {seed}")
            path = copy(draw.choice(paths), Path(folder))
            KINDS[kind].mutate(path, draw)
            pipe.send(look(kind, path))


class _Worker:
    """One such process, started again after one that died or hung."""

    def __init__(self, kind, paths):
        self._kind, self._paths, self._process = kind, paths, None

    def look(self, seed):
        if self._process is None:
            self._pipe, there = multiprocessing.Pipe()
            self._process = multiprocessing.Process(
                target=_work, args=(self._kind, self._paths, there), daemon=True
            )
            self._process.start()
            there.close()
        self._pipe.send(seed)
        try:
            if self._pipe.poll(PATIENCE):
                return self._pipe.recv()
            found = "hang", f"no answer within {PATIENCE:.0f} s"
        except (EOFError, OSError):
            self._process.join(5)
            found = "crash", f"the process ended with {self._process.exitcode}"
        self.end()
        return found

    def end(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def run(kind, n, first, keep, say):
    """N mutants of a kind: Counter of what became of them, and the finds as (seed, what, said)."""
    counts, finds = Counter(), []
    with tempfile.TemporaryDirectory(prefix="prospector-fuzz-") as scratch:
        (Path(scratch) / "sound").mkdir()
        paths = KINDS[kind].make(Path(scratch) / "sound")
        worker = _Worker(kind, paths)
        try:
            for seed in range(first, first + n):
                what, said = worker.look(seed)
                counts[what] += 1
                if what not in ("refused", "read"):
                    finds.append((seed, what, said))
                    say(f"{kind} {seed}: {what}\n{said}\n")
                    if keep:
                        draw = drawn(f"{kind} {seed}")
                        place = Path(keep) / f"{kind}-{seed}"
                        shutil.rmtree(place, ignore_errors=True)
                        place.mkdir(parents=True)
                        KINDS[kind].mutate(copy(draw.choice(paths), place), draw)
        finally:
            worker.end()
    return counts, finds


def main():
    """Print the table; exit with 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("-n", type=int, default=300, help="mutants of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    parser.add_argument("--keep", help="folder in which to keep the mutants that were found")
    options = parser.parse_args()
    wrong = set(options.kinds) - set(KINDS)
    if wrong:
        parser.error(f"there is no kind {wrong.pop()}")
    multiprocessing.set_start_method("spawn")  # libraries with threads of their own do not survive a fork
    print(
        f"{'kind':<12} {'mutants':>8}" + "".join(f"{name:>10}" for name in COLUMNS) + f"{'seconds':>9}",
        flush=True,
    )
    found = 0
    for kind in options.kinds or KINDS:
        began = time.monotonic()
        counts, finds = run(
            kind,
            options.n,
            options.first,
            options.keep,
            lambda text: print(text, file=sys.stderr, flush=True),
        )
        found += len(finds)
        figures = "".join(f"{counts[name]:>10}" for name in COLUMNS)
        print(f"{kind:<12} {options.n:>8}{figures}{time.monotonic() - began:>9.0f}", flush=True)
    print(f"{found} found" if found else "nothing found")
    return bool(found)
