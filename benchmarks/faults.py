"""The same bytes on workers that die as in this process.

Studies embedded, fitted and mapped twice, and compared.

In each phase one worker is killed (SIGKILL) while it works; a slide is cut short; and the scheduler itself is
killed and started again. What is compared is what is on disk: embeddings, the fit's digest, the maps.
"""

import csv
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter

import numpy as np

from prospector_core.errors import BadInputError, StudyError
from prospector_core.evaluation.datasets import data_folder
from prospector_core.scheduling import OnCluster, scheduler
from prospector_core.store.removal import remove_made
from prospector_core.study import Study

from .edits import CONCEPTS, tissue

__all__ = [
    "KilledOnce",
    "LocalScheduler",
    "compare",
    "format_faults",
    "make_mosaics",
    "make_vectors",
    "measure_faults",
]

DIMENSIONS, A_DATUM = 512, 250_000
_SECRET = b"studies that are compared have the same numbers"
_BEGINS = 60.0  # seconds for workers to be there
_BUSY_WITHIN, _POLL = 0.1, 0.01


class KilledOnce(OnCluster):
    """Workers of which one is killed in each run, while it works on an item.

    Attributes: killed, how many were killed so far; peak, bytes of resident memory that a worker took at
    most, by phase.
    """

    def __init__(self, on):
        super().__init__(on.client, on.threads)
        self.killed, self.peak = 0, {}

    def run(self, function, items, *shared):
        """As ``OnCluster.run``; once an item is done.

        A worker that is busy with another is killed (any, if none is).
        """
        pids = self.client.run(os.getpid)
        for number, each in enumerate(super().run(function, items, *shared)):
            if not number:
                self._kill(pids)
            yield each
        with suppress(Exception):  # workers that are just being started again
            peaks = self.client.run(_peak).values()
            self.peak[function.__name__] = max(self.peak.get(function.__name__, 0), *peaks)

    def _kill(self, pids):
        until = time.monotonic() + _BUSY_WITHIN
        while True:
            busy = [address for address, keys in self.client.processing().items() if keys and address in pids]
            if busy or time.monotonic() > until:
                break
            time.sleep(_POLL)
        with suppress(ProcessLookupError):
            os.kill(pids[busy[0] if busy else next(iter(pids))], signal.SIGKILL)
            self.killed += 1


def _peak():
    """Resident memory that this process took at most, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class LocalScheduler:
    """A dask scheduler and its workers, each a process of this machine.

    They can be killed and started again on the same port.
    """

    def __init__(self, workers=2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address, self._workers, self._processes = f"tcp://127.0.0.1:{self.port}", workers, []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.kill()

    def start(self):
        """Start the scheduler, then the workers."""
        base = [sys.executable, "-m"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        served = [
            *base,
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-dashboard",
        ]
        worker = [
            *base,
            "distributed.cli.dask_worker",
            self.address,
            "--nthreads",
            "1",
            "--nworkers",
            str(self._workers),
            "--no-dashboard",
            "--memory-limit",
            "0",
            "--death-timeout",
            "60",
        ]
        self._processes = [subprocess.Popen(each, **quiet) for each in (served, worker)]

    def kill(self):
        """Kill all of them, as a machine that goes off would."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes = []


def make_mosaics(folder, encoder="efficientnet-lite0", store=None, images=None):
    """A study of real tiles of lymph nodes (set ``camelyon16_mosaics``), with one slide cut short afterwards.

    Parameters: folder to make it in; encoder; store, address of embeddings; images, only so many (default:
    all). Raises BadInputError where the set is not there.
    """
    home, slides = data_folder() / "camelyon16_mosaics", folder / "slides"
    if not (home / "labels.csv").exists():
        raise BadInputError(f"there is no set {home}: PROSPECTOR_DATA names the folder that holds it")
    slides.mkdir(parents=True)
    with open(home / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = rows if images is None else sorted(rows, key=lambda row: row["id"])[:: -(-len(rows) // images)]
    for row in rows:
        (slides / f"{row['id']}.jpg").symlink_to((home / row["image"]).resolve())
    broken = slides / "cut-short.jpg"
    shutil.copyfile(home / rows[0]["image"], broken)
    with open(folder / "labels.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label", "split"])
        table.writerows([f"{row['id']}.jpg", row["label"], row["split"]] for row in rows)
        table.writerow([broken.name, rows[0]["label"], rows[0]["split"]])
    made = Study.create(
        folder / "study",
        slides=slides,
        labels=folder / "labels.csv",
        encoder=encoder,
        tile=128,
        store=store,
        secret=_SECRET,
    )
    os.truncate(broken, 2000)
    return made


def make_vectors(folder, tokens, dimensions=DIMENSIONS, vectors=None, store=None):
    """A study of made cells on grids with holes, whose vectors in half precision are in files of one's own.

    One file per datum.

    Parameters: folder to make it in; tokens in all; vectors, folder of a study made earlier with the same
    arguments, whose files are used again; store, address of embeddings.
    """
    random, data = np.random.default_rng(0), max(6, round(tokens / A_DATUM))
    each = tokens // data
    side = round((each / 0.6) ** 0.5)
    made = vectors is None
    home = folder if made else vectors
    tables, files = home / "cells", home / "vectors"
    centres = random.normal(0, 1, (CONCEPTS, dimensions)).astype(np.float32)
    noise = random.normal(0, 0.25, (4096, dimensions)).astype(np.float32)
    if made:
        tables.mkdir(parents=True)
        files.mkdir()
        with open(home / "labels.csv", "w", newline="") as labels:
            table = csv.writer(labels)
            table.writerow(["file", "label"])
            for number in range(data):
                name = f"d{number:03}"
                positions, kinds = tissue(side, each, number % 2, random)
                np.savez(
                    tables / f"{name}.npz",
                    features=kinds[:, None].astype(np.float32),
                    positions=positions[:, ::-1].astype(float),
                )
                kept = np.lib.format.open_memmap(
                    files / f"{name}.npy", "w+", np.float16, (len(kinds), dimensions)
                )
                for start in range(0, len(kinds), 4096):
                    some = kinds[start : start + 4096]
                    kept[start : start + 4096] = (
                        centres[some] + np.roll(noise, int(random.integers(4096)), axis=0)[: len(some)]
                    )
                kept.flush()
                table.writerow([f"{name}.npz", ("normal", "tumour")[number % 2]])
    return Study.create(
        folder / "study",
        cells=tables,
        labels=home / "labels.csv",
        edges="radius:1.5",
        embeddings=files,
        store=store,
        secret=_SECRET,
    )


def compare(here, there, on, settings=None, say=lambda text: None):
    """Embed, fit and map two equal studies, one in this process and one on workers.

    List of dicts, one a phase.

    Each has phase, seconds here and there, how many workers were killed in it, whether the bytes are the
    same, and failed, the data that could not be embedded with the reason.
    """
    rows = []

    def phase(name, run, bytes_of):
        say(f"{name}, in this process")
        began = perf_counter()
        mine = run(here, None)
        middle, killed = perf_counter(), getattr(on, "killed", 0)
        say(f"{name}, on workers")
        others = run(there, on)
        ended = perf_counter()
        rows.append(
            {
                "phase": name,
                "seconds_here": middle - began,
                "seconds_there": ended - middle,
                "killed": getattr(on, "killed", 0) - killed,
                "same_bytes": bytes_of(here, mine) == bytes_of(there, others),
            }
        )
        return mine, others

    stored = [files_digest if None not in map(files_digest, (here, there)) else embeddings_digest]
    failed = phase(
        "embed",
        lambda study, on: study.embed(on=on),
        lambda study, _: (embeddings_digest(study), stored[0](study)),
    )
    rows[-1]["failed"] = [sorted(each.values()) for each in failed]
    phase(
        "fit",
        lambda study, on: study.fit(on=on, **(settings or {})).after,
        lambda study, fit: (fit.digest(), derived_digest(study)),
    )
    phase(
        "maps",
        lambda study, on: study.save_maps(on=on),
        lambda _, maps: [file.read_bytes() for file in maps.values()],
    )
    return rows


def embeddings_digest(study):
    """SHA-256 of what the store of a study holds of each datum, and of its files where it is a folder."""
    said = hashlib.sha256()
    for uid in study.store.uids():
        vectors, (positions, attrs) = study.store.vectors(uid), study.store.layout(uid)
        said.update(
            f"{uid} {vectors.shape} {vectors.dtype} {sorted(attrs)}".encode()
            + np.asarray(positions).tobytes()
        )
        for _, block in vectors.blocks():
            said.update(block.tobytes())
        edges = study.store.edges(uid)
        said.update(b"" if edges is None else edges.tobytes())
    return said.hexdigest()


def files_digest(study):
    """SHA-256 of every file of a store that is a folder; None of one at an address."""
    if not (study.store.path / "zarr.json").exists() or study.database.read_meta("store"):
        return None
    said = hashlib.sha256()
    for file in sorted(each for each in study.store.path.rglob("*") if each.is_file()):
        said.update(f"{file.relative_to(study.store.path)}".encode() + file.read_bytes())
    return said.hexdigest()


def derived_digest(study):
    """SHA-256 of the counts of every datum: what fits are made from."""
    said = hashlib.sha256()
    for file in sorted(study.path.glob("derived/*/*-counts-*.npy")):
        said.update(file.name.encode() + file.read_bytes())
    return said.hexdigest()


def restart(make, expected, say=lambda text: None):
    """What becomes of a study whose scheduler is killed while data are embedded, and started again.

    List of dicts.

    Parameters: make, function() -> a study, not embedded; expected, ``embeddings_digest`` of it. A run during
    which the scheduler goes must end with StudyError, or go on; the next does only what is missing.
    """
    study, rows = make(), []
    with LocalScheduler() as dask:
        say("embedding on a scheduler that is killed")
        begun = threading.Event()
        killer = threading.Thread(target=lambda: (begun.wait(), dask.kill()), daemon=True)
        with suppress(RuntimeError):
            killer.start()
        began = perf_counter()
        try:
            with _waiting(dask.address) as on:
                study.embed(on=_Begun(on, begun))
            said = "went on"
        except StudyError as error:
            said = str(error)
        begun.set()
        killer.join()
        done = len(study.embedded())
        rows.append(
            {"phase": "scheduler killed", "seconds": perf_counter() - began, "embedded": done, "said": said}
        )
        say("embedding what is missing on a scheduler that was started again")
        dask.start()
        began = perf_counter()
        with _waiting(dask.address) as on:
            failed = study.embed(on=on)
    rows.append(
        {
            "phase": "scheduler started again",
            "seconds": perf_counter() - began,
            "embedded": len(study.embedded()) - done,
            "failed": sorted(failed.values()),
            "same_bytes": embeddings_digest(study) == expected,
        }
    )
    return rows


class _Begun(OnCluster):
    """Workers that say when the first item is done."""

    def __init__(self, on, begun):
        super().__init__(on.client, on.threads)
        self._begun = begun

    def run(self, function, items, *shared):
        for done in super().run(function, items, *shared):
            yield done
            self._begun.set()


@contextmanager
def _waiting(address):
    """The cluster at an address, as soon as it has workers."""
    until = time.monotonic() + _BEGINS
    while True:
        try:
            with scheduler(cluster=address) as on:
                on.client.wait_for_workers(1, timeout=_BEGINS)
                yield on
                return
        except StudyError as error:
            if "no dask scheduler" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.5)


def measure_faults(
    tokens=3_000_000, workers=2, store=None, folder=None, memory="4GB", mosaics=True, progress=None
):
    """Compare two studies, of real tiles and of made vectors, with and without workers that are killed.

    Parameters
    ----------
    tokens : of the made study, in half precision: 1 KB each on disk, three times over (0: not made)
    workers : processes; memory, what each may take
    store : address under which the embeddings of the workers' studies are kept (default: in their folders)
    folder : where the studies are made (default: a temporary one); they are removed in the end
    mosaics : whether the set camelyon16_mosaics is used
    progress : function(text)

    Returns {"workers", "memory", "store", "same_bytes", "studies": {name: {"data", "tokens", "rows",
    "restart", "peak_bytes"}}}. Raises BadInputError.
    """
    say = progress or (lambda text: None)
    found = {}
    url = lambda name: store and f"{store.rstrip('/')}/{name}"
    with tempfile.TemporaryDirectory(dir=folder, prefix="prospector-faults-") as scratch:
        scratch = Path(scratch)
        makers = {}
        if mosaics:
            makers["mosaics"] = lambda name, _: make_mosaics(
                scratch / "mosaics" / name, store=url(f"mosaics-{name}") if name != "here" else None
            )
        if tokens:
            makers["made"] = lambda name, first: make_vectors(
                scratch / "made" / name,
                tokens,
                vectors=first and first.path.parent,
                store=url(f"made-{name}") if name != "here" else None,
            )
        for name, make in makers.items():
            say(f"{name}: making the studies")
            here = make("here", None)
            there = make("there", here)
            with scheduler(workers, memory=memory) as on:
                killing = KilledOnce(on)
                rows = compare(here, there, killing, say=lambda text, name=name: say(f"{name}: {text}"))
            expected = embeddings_digest(there)
            said = lambda text, name=name: say(f"{name}: {text}")
            found[name] = {
                "data": len(here.data),
                "tokens": sum(here.n_tokens(datum) for datum in here.embedded()),
                "rows": rows,
                "peak_bytes": killing.peak,
                "restart": restart(lambda make=make, here=here: make("again", here), expected, said),
            }
            remove_made(scratch / name)
    every = [
        row.get("same_bytes", True) for study in found.values() for row in (*study["rows"], *study["restart"])
    ]
    return {"workers": workers, "memory": memory, "store": store, "same_bytes": all(every), "studies": found}


def format_faults(result):
    """What ``measure_faults`` found, for people."""
    lines = [
        f"{result['workers']} workers of {result['memory']}, one killed in each phase"
        + (f"; embeddings at {result['store']}" if result["store"] else "")
    ]
    words = {True: "the same bytes", False: "OTHER BYTES"}
    for name, study in result["studies"].items():
        lines.append(f"{name}: {study['data']} data, {study['tokens']:,} tokens")
        for row in study["rows"]:
            lines.append(
                f"  {row['phase']:<26}{words[row['same_bytes']]}; {row['killed']} killed;"
                f" {row['seconds_here']:.0f} s here, {row['seconds_there']:.0f} s there"
            )
            for reason in row.get("failed", [[]])[-1]:
                lines.append(f"    listed: {reason}")
        for row in study["restart"]:
            same = f"; {words[row['same_bytes']]}" if "same_bytes" in row else ""
            lines.append(
                f"  {row['phase']:<26}{row['embedded']} data embedded in {row['seconds']:.0f} s{same}"
                + (f"; said: {row['said']}" if "said" in row else "")
            )
        peaks = ", ".join(f"{step} {peak / 1e6:.0f}" for step, peak in study["peak_bytes"].items())
        lines.append(f"  most memory of a worker (MB): {peaks}")
    return "\n".join(lines)
