"""Benchmark of slide viewing: `python -m benchmarks.viewers [--json] [--quick]`.

With `--tokens-side 5000`, it measures a map of 5000 x 5000 places instead, an eighth of them tokens, drawn as
tiles.

A slide of 100,000 x 100,000 pixels is written, and served by a process like the app's over loopback; this
process asks for tiles as a browser does. Wall clock, medians; memory is the server's peak of resident memory
(Linux, VmHWM).
"""

import argparse
import http.client
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, sleep
from urllib.parse import urlparse

import numpy as np

from prospector_core.study.explanations import uncertainty_at

__all__ = ["run", "run_grid"]

IN_FLIGHT = 8
TARGETS = {
    "write_s": 120.0,
    "first_paint_s": 3.0,
    "tissue_mask_s": 10.0,
    "warm_tile_ms": 10.0,
    "tile_ms_while_refitting": 50.0,
    "tile_ms_while_embedding": 50.0,
    "repaint_s": 0.5,
    "peak_memory_mb": 1500.0,
}


def run(quick=False, progress=None):
    """Measure. Returns a dict of plain numbers; ``quick``: a small slide, a check that it runs."""
    from benchmarks.big_slide import write_big_slide
    from sample_data.fields import SLIDE

    say = progress or (lambda text: None)
    figures = {"side": 12_000 if quick else 100_000, "in_flight": IN_FLIGHT}
    with tempfile.TemporaryDirectory() as scratch:
        say("writing the slide")
        path = Path(scratch) / "big.tif"
        start = perf_counter()
        write_big_slide(path, SLIDE, side=figures["side"])
        figures["write_s"] = perf_counter() - start
        figures["file_mb"] = path.stat().st_size / 1e6
        with _Server(path) as server:
            say("first paint")
            start = perf_counter()
            source = server.ask("open")
            overview = _overview(source)
            _fetch(source, overview)
            figures["first_paint_s"] = perf_counter() - start
            figures["first_paint_tiles"] = len(overview)
            say("tissue mask, tokens")
            figures |= server.ask("mask")
            say("changing a weight, painting the map")
            figures |= server.ask("repaint")
            n = 200 if quick else 2000
            tiles = _tissue_tiles(source, figures.pop("places"))
            _fetch(source, tiles)  # from now on they are warm
            say("warm tiles")
            figures["warm_tile_ms"], figures["warm_tile_p95_ms"] = _latency(source, tiles, n)
            say("warm tiles while refitting")
            server.ask("refit")
            figures["tile_ms_while_refitting"], figures["tile_p95_ms_while_refitting"] = _latency(
                source, tiles, n
            )
            figures["refits_meanwhile"] = server.ask("stop")
            say("tiles while an embedding job runs")
            job = subprocess.Popen([sys.executable, "-m", "benchmarks.viewers", "--embed", str(path)])
            try:
                sleep(0 if quick else 15)  # until it has left imports and the tissue mask behind
                figures["tile_ms_while_embedding"], figures["tile_p95_ms_while_embedding"] = _latency(
                    source, tiles, n
                )
            finally:
                job.kill()
                job.wait()
            figures["peak_memory_mb"] = server.ask("memory")
    figures["targets"] = TARGETS
    return figures


def run_grid(side, progress=None):
    """Measure maps too large for one picture.

    Returns a dict of plain numbers; memory is this process's peak.
    """
    from prospector_core.study import Study
    from sample_data.fields import SLIDE
    from viewers.token_blocks import TokenBlocks
    from viewers.token_pixels import map_limit
    from viewers.token_tiles import ConceptTiles, ScoreTiles, View, above_table

    from .tile_grid import write_grid_study

    say = progress or (lambda text: None)
    figures = {"side": side}

    def timed(name, work, times=1):
        seconds = []
        for _ in range(times):
            start = perf_counter()
            found = work()
            seconds.append(perf_counter() - start)
        figures[name] = statistics.median(seconds)
        return found

    with tempfile.TemporaryDirectory() as scratch:
        say("writing the study")
        study = timed("write_s", lambda: write_grid_study(Path(scratch) / "made", SLIDE, side, side**2 // 8))
        study = Study.open(study.path)  # nothing of it is in memory
        datum = study.embedded()[0]
        say("the map")
        grid = timed("grid_s", lambda: study.grid(datum))
        figures["tokens"] = len(grid["positions"])
        scores = timed("scores_s", lambda: study.prospect(datum))
        limit = timed("limit_s", lambda: map_limit(scores))
        timed("table_s", lambda: above_table(scores, limit))
        say("tiles")
        blocks = TokenBlocks("bench", grid["positions"], grid["shape"])
        shown = ScoreTiles("map", blocks, lambda: scores, lambda: limit)
        sprite = ConceptTiles("sprite", blocks, lambda: study.concepts_of(datum), study.colours())
        middle = (
            int(grid["positions"][len(scores) // 2][0]) // 256,
            int(grid["positions"][len(scores) // 2][1]) // 256,
        )
        timed("first_fine_tile_s", lambda: shown.tile(blocks.top, *middle, View()))
        timed("first_coarse_tile_s", lambda: shown.tile(0, 0, 0, View()))
        least = iter(range(1, 100, 10))
        timed("new_threshold_s", lambda: shown.tile(0, 0, 0, View(next(least))), 5)
        timed("first_concept_tile_s", lambda: sprite.tile(0, 0, 0, View()))
        chosen = iter(range(8))
        timed("new_highlight_s", lambda: sprite.tile(0, 0, 0, View(concept=next(chosen))), 5)
        figures["fine_tile_ms"] = 1e3 * _median_of(lambda: shown.tile(blocks.top, *middle, View()))
        figures["coarse_tile_ms"] = 1e3 * _median_of(
            lambda: shown.tile(blocks.top - 1, middle[0] // 2, middle[1] // 2, View())
        )
        say("one token, and an edit")
        token = len(scores) // 2
        x, y, _, _ = study.token_rect(datum, token)
        figures["token_at_ms"] = 1e3 * _median_of(lambda: study.token_at(datum, x + 1, y + 1))
        timed("explain_s", lambda: study.explain(datum, token), 3)
        timed("uncertainty_of_token_s", lambda: uncertainty_at(study, datum, token), 3)
        study.curation.exclude(3)
        timed("refit_s", study.refit)
        timed("scores_after_refit_s", lambda: study.prospect(datum))
        figures["peak_memory_mb"] = _peak_memory()
        study.database.close()
    figures["targets"] = {"peak_memory_mb": TARGETS["peak_memory_mb"]}
    return figures


def _median_of(work, times=9):
    seconds = []
    for _ in range(times):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


def _peak_memory():
    """Of this process, MB; None where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM:"))


# ---- the process that asks, as a browser does


def _overview(source, width=1400, height=900):
    """Tiles of the level that fills a window, as (level, column, row)."""
    level = source["max_level"]
    while level > source["min_level"] and _size(source, level)[0] > 1.5 * width:
        level -= 1
    columns, rows = (-(-side // source["tile_size"]) for side in _size(source, level))
    return [(level, column, row) for column in range(columns) for row in range(rows)]


def _size(source, level):
    scale = 1 << (source["max_level"] - level)
    return -(-source["width"] // scale), -(-source["height"] // scale)


def _tissue_tiles(source, places):
    """A hundred tiles at full resolution that show tissue."""
    side = source["tile_size"]
    return [(source["max_level"], int(x) // side, int(y) // side) for x, y in places][:100]


def _fetch(source, tiles):
    """Ask for tiles once, several at a time; returns seconds of each."""
    where = urlparse(source["base"])
    local = threading.local()

    def one(tile):
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(where.hostname, where.port)
            local.connection.connect()
            local.connection.sock.setsockopt(6, 1, 1)  # TCP_NODELAY, as browsers do
        level, column, row = tile
        start = perf_counter()
        local.connection.request("GET", f"{source['url']}/{level}/{column}_{row}.jpg")
        answer = local.connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise RuntimeError(f"tile {tile}: {answer.status}")
        return perf_counter() - start

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return list(pool.map(one, tiles))


def _latency(source, tiles, n):
    """Median and 95th percentile, ms, of ``n`` requests."""
    order = np.random.default_rng(0).integers(0, len(tiles), n)
    seconds = _fetch(source, [tiles[index] for index in order])
    return 1e3 * statistics.median(seconds), 1e3 * float(np.quantile(seconds, 0.95))


class _Server:
    """The serving process, and its ear: one JSON line asked, one answered."""

    def __init__(self, path):
        self._command = [sys.executable, "-m", "benchmarks.viewers", "--serve", str(path)]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process.stdout.readline()  # it says when it is ready
        return self

    def ask(self, what):
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the serving process ended while asked for {what!r}")
        return json.loads(line)

    def __exit__(self, *exc):
        self._process.kill()
        self._process.wait()


# ---- the process that serves, as the app does


def _serve(path):
    import socket

    import uvicorn
    from starlette.applications import Starlette

    from viewers import tile_server

    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    application = Starlette(routes=tile_server.routes(), lifespan=tile_server.lifespan)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", log_config=None, access_log=False))
    threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True).start()
    while not server.started:
        sleep(0.01)
    logging.getLogger("uvicorn.access").disabled = True  # Streamlit's import turns it on again
    work = _Work(path, f"http://127.0.0.1:{sock.getsockname()[1]}")
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(getattr(work, line.strip())()), flush=True)


class _Work:
    """What the serving process can be asked to do."""

    def __init__(self, path, base):
        self._path, self._base = path, base
        self._stop, self._refits = threading.Event(), 0

    def open(self):
        from viewers import tile_server

        return {**tile_server.slide_source(tile_server.register_slide(self._path)), "base": self._base}

    def mask(self):
        from prospector_core.modalities.slides.readers import open_slide
        from prospector_core.modalities.slides.tiling import tile_grid
        from prospector_core.modalities.slides.tissue import tissue_mask

        with open_slide(self._path) as slide:
            start = perf_counter()
            mask = tissue_mask(slide)
            seconds = perf_counter() - start
            self._grid = tile_grid(slide, 96, 0.5, mask=mask)
        rects = self._grid.rects()
        some = np.random.default_rng(0).permutation(len(rects))[:100]
        return {"tissue_mask_s": seconds, "tokens": len(rects), "places": rects[some, :2].tolist()}

    def repaint(self):
        """A weight of the kernel changes: scores of all tokens, and the picture."""
        from prospector_core import TokenGraph, prospect
        from prospector_core.method.features import n_features
        from viewers.token_pixels import map_limit, render_map

        rng = np.random.default_rng(0)
        positions = self._grid.positions
        self._graph = TokenGraph.from_grid(positions)
        # neighbouring tokens are mostly alike, as in tissue
        self._sprite = (
            positions[:, 0] // 7 * 31 + positions[:, 1] // 5 * 17 + rng.integers(0, 3, len(positions))
        ) % 30
        self._coef = rng.normal(size=n_features(30, 4))
        times = []
        for _ in range(6):
            self._coef[rng.integers(30)] += 1.0
            start = perf_counter()
            scores = prospect(self._graph, self._sprite, self._coef, 30, 4)
            render_map(positions, scores, self._grid.shape, map_limit(scores))
            times.append(perf_counter() - start)
        return {"repaint_s": statistics.median(times[1:]), "repaint_first_s": times[0]}

    def refit(self):
        """Refit and repaint over and over on a thread, until told to stop."""
        from prospector_core import FoldChangeKernel, count_concepts

        counts = np.random.default_rng(1).integers(0, 500, (50, self._coef.size))

        def again():
            while not self._stop.is_set():
                counts[0] = count_concepts(self._graph, self._sprite, 30, 4)
                FoldChangeKernel(alpha=0.05).fit(counts, np.arange(50) % 2)
                self._refits += 1

        threading.Thread(target=again, daemon=True).start()
        return None

    def stop(self):
        self._stop.set()
        return self._refits

    def memory(self):
        return _peak_memory()


def _embed(path):
    """An embedding job that does not end by itself."""
    import os

    from prospector_core.modalities.slides.embedding import embed_datum, open_grid_writer
    from prospector_core.modalities.slides.encoders import get_encoder
    from prospector_core.modalities.slides.readers import open_slide
    from prospector_core.modalities.slides.tiling import tile_grid
    from prospector_core.modalities.slides.tissue import tissue_mask
    from prospector_core.store.embeddings import EmbeddingStore

    if hasattr(os, "nice"):
        os.nice(10)  # as jobs of the app: people who look come first
    encoder = get_encoder("efficientnet-lite0")
    with open_slide(path) as slide, tempfile.TemporaryDirectory() as scratch:
        grid = tile_grid(slide, 224, 0.5, mask=tissue_mask(slide))
        writer = open_grid_writer(
            EmbeddingStore(Path(scratch) / "embeddings.zarr"), "big", slide, grid, encoder
        )
        embed_datum(slide, grid, encoder, writer)


def main():
    """Run, or be one of the processes that the run starts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewers", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, nothing else")
    parser.add_argument(
        "--quick", action="store_true", help="a small slide: a check that it runs, not a measurement"
    )
    parser.add_argument("--tokens-side", type=int, metavar="N", help="measure maps of N x N places instead")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--embed", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve(options.serve)
    elif options.embed:
        _embed(options.embed)
    else:
        say = None if options.json else lambda text: print(f"… {text}", file=sys.stderr)
        figures = run_grid(options.tokens_side, say) if options.tokens_side else run(options.quick, say)
        if options.json:
            print(json.dumps(figures, indent=1))
            return
        for name, value in figures.items():
            if name != "targets":
                target = f"   (to reach: {figures['targets'][name]:g})" if name in figures["targets"] else ""
                print(f"{name:32s} {value if isinstance(value, int) else format(value, '.3g')}{target}")


if __name__ == "__main__":
    main()
