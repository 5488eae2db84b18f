"""How time and memory grow with the number of tokens, and what a second worker brings.

Measured from embeddings on disk to maps on disk.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from prospector_core.scheduling import scheduler
from prospector_core.store.removal import remove_made
from prospector_core.study import Study

from .edits import make_large_study
from .memory import METHOD, extra_memory

__all__ = ["SIZES", "format_scale", "measure_scale"]

SIZES = (1_000_000, 3_000_000, 10_000_000, 30_000_000)
DIMENSIONS, CONCEPTS, RADIUS = 512, 30, 2
A_DATUM = 250_000  # tokens
STEPS = ("sample", "concepts", "count and fit", "maps")
_SAID = {"reading": "sample", "finding": "concepts", "counting": "count and fit"}


def measure_scale(sizes=SIZES, workers=2, workers_at=3_000_000, folder=None, progress=None):
    """Seconds and peak memory of each step, for studies of so many tokens of 512 numbers in half precision.

    Parameters
    ----------
    sizes : tokens in all, ascending; a study has data of 250,000 each, and is in ``folder`` (default: a
        temporary one) while it is measured: 1 KB per token
    workers, workers_at : processes to compare with one, and at how many tokens (0: not at all)
    progress : function(text)

    Returns {"dimensions", "concepts", "radius", "sizes": [{"tokens", "data", "bytes", "make_seconds",
    "steps": {step: {"seconds", "peak_bytes"}}}], "slope": {step: slope of log seconds on log tokens},
    "workers": {...} or None}. The peak is of memory that the step took beside what was held before it. Every
    step reads what the one before has left on disk.
    """
    say = progress or (lambda text: None)
    rows, compared = [], None
    for tokens in sizes:
        with tempfile.TemporaryDirectory(dir=folder, prefix="prospector-scale-") as scratch:
            path, data = Path(scratch) / "study", max(4, round(tokens / A_DATUM))
            say(f"{tokens:,} tokens: making a study")
            began = perf_counter()
            study = make_large_study(path, data, tokens // data, dimensions=DIMENSIONS)
            made = perf_counter() - began
            size = sum(file.stat().st_size for file in study.store.path.rglob("*") if file.is_file())
            steps = _steps(Study.open(path), lambda step, tokens=tokens: say(f"{tokens:,} tokens: {step}"))
            rows.append(
                {
                    "tokens": sum(map(study.n_tokens, study.data)),
                    "data": data,
                    "bytes": size,
                    "make_seconds": made,
                    "steps": steps,
                }
            )
            if workers_at == tokens:
                say(f"{tokens:,} tokens: {workers} workers")
                compared = _compare(path, workers)
    return {
        "dimensions": DIMENSIONS,
        "concepts": CONCEPTS,
        "radius": RADIUS,
        "memory_method": METHOD,
        "sizes": rows,
        "slope": _slopes(rows),
        "workers": compared,
    }


def _steps(study, say):
    """Each step of a study that has just been opened: {step: {"seconds", "peak_bytes"}}."""
    found, times = {}, []

    def heard(text):
        times.append((_SAID[text.split()[0]], perf_counter()))
        say(times[-1][0])

    peak = extra_memory(lambda: study.fit(concepts=CONCEPTS, radius=RADIUS, progress=heard))
    times.append((None, perf_counter()))
    for (step, began), (_, ended) in zip(times, times[1:]):
        found[step] = {"seconds": ended - began, "peak_bytes": peak}  # of the whole fit: one call
    say("maps")
    began = perf_counter()
    peak = extra_memory(study.save_maps)
    found["maps"] = {"seconds": perf_counter() - began, "peak_bytes": peak}
    return found


def _compare(path, workers):
    """Seconds of fit and maps with one process and with several, and whether the bytes are the same.

    Both start from the same state.
    """
    found, digests = {}, []
    for n in (1, workers):
        remove_made(path / "derived")
        study = Study.open(path)
        with scheduler(workers=n) as on:
            list(on.run(_ready, range(2 * on.n_workers)))  # workers have started and loaded the core
            began = perf_counter()
            fit = study.fit(concepts=CONCEPTS, radius=RADIUS, on=on).after
            maps = study.save_maps(on=on)
            found[str(n)] = perf_counter() - began
        digests.append((fit.digest(), [path.read_bytes() for path in maps.values()]))
    return {
        "seconds": found,
        "times_faster": found["1"] / found[str(workers)],
        "same_bytes": digests[0] == digests[1],
    }


def _ready(number):
    from prospector_core.study import Study

    return Study is not None and number


def _slopes(rows):
    """Slope of log seconds on log tokens of each step, least squares; None with fewer than two sizes."""
    if len(rows) < 2:
        return dict.fromkeys((*STEPS, "all"))
    size = np.log([row["tokens"] for row in rows])
    seconds = {step: [row["steps"][step]["seconds"] for row in rows] for step in STEPS}
    seconds["all"] = np.sum(list(seconds.values()), axis=0)
    return {step: float(np.polyfit(size, np.log(each), 1)[0]) for step, each in seconds.items()}


def format_scale(result):
    """The figures of ``measure_scale`` as a table for people."""
    lines = [
        (
            f"{result['dimensions']} numbers per token in half precision, K = {result['concepts']}, r ="
            f" {result['radius']}; seconds per step, and peak memory beside what was held (MB)"
        ),
        f"{'tokens':>12}{'data':>6}{'GB':>7}"
        + "".join(f"{step:>16}" for step in STEPS)
        + f"{'fit MB':>9}{'maps MB':>9}",
    ]
    for row in result["sizes"]:
        steps = row["steps"]
        peaks = (steps["count and fit"]["peak_bytes"], steps["maps"]["peak_bytes"])
        lines.append(
            f"{row['tokens']:>12,}{row['data']:>6}{row['bytes'] / 1e9:>7.1f}"
            + "".join(f"{steps[step]['seconds']:>16.2f}" for step in STEPS)
            + "".join(f"{'-' if peak is None else f'{peak / 1e6:.0f}':>9}" for peak in peaks)
        )
    if any(result["slope"].values()):
        lines.append(
            f"{'growth':>25}"
            + "".join(f"{result['slope'][step]:>16.2f}" for step in STEPS)
            + f"   all {result['slope']['all']:.2f} (1: as the tokens)"
        )
    if result["workers"]:
        several = result["workers"]
        lines.append(
            f"{', '.join(f'{n} process(es) {seconds:.1f} s' for n, seconds in several['seconds'].items())}:"
            f" {several['times_faster']:.2f} times faster, the bytes are"
            f" {'the same' if several['same_bytes'] else 'NOT THE SAME'}"
        )
    return "\n".join(lines)
