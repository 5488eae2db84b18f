"""Where the heavy steps run: in this process, or on the workers of a dask cluster.

The steps are the same functions.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadInputError, MissingExtraError, ProspectorError, StudyError

__all__ = ["Done", "InProcess", "OnCluster", "each_file", "parse_memory", "scheduler"]

_NAMED = 5  # of several files that cannot be read
_PATIENCE = "10s"  # for a scheduler to answer
_LEAST_MEMORY = 10**9  # of a worker; the libraries alone take a third of it
_LOSSES = (
    3  # workers that may die over one item before it is given up; dask starts it again on another until then
)
_DASK_SETTINGS = {
    "distributed.scheduler.allowed-failures": _LOSSES,
    "distributed.admin.tick.limit": (
        "60s"
    ),  # native loops that hold a worker's loop up for a while are no fault
    "distributed.worker.daemon": True,
    "distributed.worker.multiprocessing-method": (
        "spawn"
    ),  # after numba's threads have run, a fork would abort
    # what items hold is not dask's to spill, and a paused worker would wait for ever: who takes
    # too much is ended
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
}


@dataclass(frozen=True)
class Done:
    """What became of one item: its value, or the error that says why there is none."""

    item: Any
    value: Any = None
    error: ProspectorError | None = None

    def get(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


class InProcess:
    """Runs items one after the other, here."""

    n_workers = 1

    def run(self, function: Callable, items: Iterable, *shared: Any) -> Iterator[Done]:
        """Yield what ``function(*shared, item)`` gives for each item, as they come.

        A ProspectorError ends that item and no other. An item is taken from ``items`` when there is room for
        it.
        """
        for item in items:
            yield _outcome(function, item, shared)


class OnCluster:
    """Runs items on the workers of a dask cluster, as many at a time as there are workers.

    Parameters: client, dask.distributed.Client; threads, of the compiled loops of a worker (default: all
    cores that it sees). An item whose worker died is run again on another.
    """

    def __init__(self, client: Any, threads: int | None = None) -> None:
        self.client, self.threads = client, threads

    @property
    def n_workers(self) -> int:
        """How many workers there are now, at least 1."""
        return max(1, len(self.client.scheduler_info(n_workers=-1)["workers"]))

    def run(self, function: Callable, items: Iterable, *shared: Any) -> Iterator[Done]:
        """As ``InProcess.run``, in the order in which they are done.

        ``function`` and ``shared`` travel to the workers.

        Raises StudyError where the cluster is lost.
        """
        from distributed import as_completed

        coming, running = iter(items), {}
        watched = as_completed([])

        def more() -> None:
            while len(running) < self.n_workers:
                for item in coming:
                    future = self.client.submit(
                        _outcome_there, function, item, shared, self.threads, pure=False, retries=0
                    )
                    running[future.key] = item
                    watched.add(future)
                    break
                else:
                    return

        try:
            more()
            while running:
                future = next(watched)
                item = running.pop(future.key)
                yield _result(future, item)
                more()
        except (OSError, TimeoutError, RuntimeError) as error:
            if isinstance(error, ProspectorError):
                raise
            raise StudyError(
                f"the cluster was lost ({_first_line(error)}): start it again and repeat; what was finished"
                " is kept"
            ) from error
        finally:
            for future in list(watched.futures) if hasattr(watched, "futures") else ():
                future.cancel()


def _outcome(function: Callable, item: Any, shared: tuple) -> Done:
    """One item, here or on a worker."""
    try:
        return Done(item, function(*shared, item))
    except ProspectorError as error:
        return Done(item, error=error)


_alone = threading.Lock()


def _outcome_there(function: Callable, item: Any, shared: tuple, threads: int | None) -> Done:
    """One item on a worker. A worker with several threads has one item at a time.

    Compiled loops have threads of their own.
    """
    with _alone:
        if threads:
            from numba import config, set_num_threads  # late: it takes long to load

            set_num_threads(min(threads, config.NUMBA_NUM_THREADS))
        return _outcome(function, item, shared)


def _result(future: Any, item: Any) -> Done:
    error = future.exception() if future.status in ("error", "cancelled") else None
    if error is None and future.status == "finished":
        return future.result()
    if type(error).__name__ == "KilledWorker":
        words = f"its worker died {_LOSSES + 1} times over: it may need more memory than a worker has"
        return Done(item, error=StudyError(words))
    if future.status in ("cancelled", "lost"):
        raise StudyError("the cluster was restarted: repeat; what was finished is kept")
    return Done(
        item, error=StudyError(f"it ended unexpectedly ({type(error).__name__}: {_first_line(error)})")
    )


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def parse_memory(text: str) -> int:
    """Return the bytes of a size like "4GB", "1500 MiB" or "4e9". Raises BadInputError."""
    found = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([kmgt]?)(i?)b?\s*", str(text).lower())
    try:
        size = float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " ")
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{text!r} is not a size of memory: say 4GB") from error
    if size < _LEAST_MEMORY:
        raise BadInputError(f"a worker cannot work with {text} of memory: give 1GB or more")
    return int(size)


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own log, whole tracebacks of a scheduler that went, is not shown.

    What matters is said in one line.
    """
    logs = [
        logging.getLogger(name) for name in ("distributed", "distributed.client")
    ]  # dask sets the level of each
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in zip(logs, before):
            log.setLevel(level)


def _checked_bound(workers: int | None, cluster: str | None, memory: str | None) -> int:
    """Return the bytes that a worker may take, 0 for no bound. Raises BadInputError for a contradiction."""
    bound = 0 if memory is None else parse_memory(memory)
    if workers is not None and cluster is not None:
        raise BadInputError("give --workers or --cluster, not both: a cluster has its own workers")
    if workers is not None and workers < 1:
        raise BadInputError(f"{workers} workers cannot work: give 1 or more")
    if bound and cluster is not None:
        raise BadInputError(
            f"a cluster's workers have their own bound: start them with `dask worker --memory-limit {memory}`"
        )
    if bound and workers in (None, 1):
        raise BadInputError("--memory is of workers: give --workers 2 or more")
    return bound


@contextmanager
def scheduler(
    workers: int | None = None, cluster: str | None = None, memory: str | None = None
) -> Iterator[InProcess | OnCluster]:
    """Where to run: in this process, with processes on this machine, or on a cluster.

    ``workers`` is the number of processes, ``cluster`` an address, "tcp://host:port".

    ``memory``, such as "4GB": what a worker of this machine may take; one that takes more is ended, and its
    item done by another. The study's folder must be in the same place for all of them. Raises BadInputError,
    MissingExtraError, StudyError.
    """
    bound = _checked_bound(workers, cluster, memory)
    if cluster is None and workers in (None, 1):
        yield InProcess()
        return
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingExtraError(
            "work on several processes needs dask: pip install 'prospector-heads[cluster]'"
        ) from error
    with (
        _quiet(),
        dask.config.set(_DASK_SETTINGS),
    ):
        if cluster is not None:
            try:
                client = Client(cluster, timeout=_PATIENCE)
            except (OSError, TimeoutError, ValueError) as error:
                raise StudyError(
                    f"no dask scheduler answers at {cluster} ({_first_line(error)}): start one with `dask"
                    f" scheduler`, and workers with `dask worker {cluster}`"
                ) from error
            with client:
                yield OnCluster(client)
            return
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                host="127.0.0.1",
                memory_limit=bound,
            ) as local,
            Client(local) as client,
        ):
            yield OnCluster(client, max(1, (os.cpu_count() or 1) // workers))


def each_file(
    files: dict[Path, Any],
    function: Callable[..., Any],
    *shared: object,
    progress: Callable[[int, int], None] | None = None,
    on: InProcess | OnCluster | None = None,
) -> dict[Path, Any]:
    """What ``function(*shared, (file, known))`` gives for each file: {file: value}.

    ``on`` says where the function runs (default: here).

    Parameters: files, {file: what is known of it}. Raises the error of the first file that fails, in their
    order, after all were looked at; it says which others failed.
    """
    found, failed = {}, {}
    for number, done in enumerate((on or InProcess()).run(function, sorted(files.items()), *shared), start=1):
        if done.error is None:
            found[done.item[0]] = done.value
        else:
            failed[done.item[0]] = done.error
        if progress:
            progress(number, len(files))
    if failed:
        first = failed[min(failed)]
        if len(failed) > 1:
            names, more = ", ".join(file.name for file in sorted(failed)[1:_NAMED]), len(failed) - _NAMED
            others = f"{names} and {more} more" if more > 0 else names
            raise type(first)(
                f"{first} ({len(failed)} of {len(files)} cannot be used: also {others})"
            ) from first
        raise first
    return found
