"""Benchmark of the core: time and memory per token.

They stand next to those of a plain networkx version and of a bare matrix product.

``run_bench()`` measures in the calling process and returns plain numbers; ``format_bench`` makes a table of
them. Wall clock, all threads that numba and BLAS are set to use; medians and bests of several runs after a
warm-up.
"""

import os
import platform
from time import perf_counter

import numpy as np

from prospector_core.method.counting import count_concepts
from prospector_core.method.features import n_features
from prospector_core.method.graphs import TokenGraph
from prospector_core.method.prospecting import prospect
from prospector_core.method.quantizers import KMeansQuantizer

from .edits import measure_edits
from .exports import measure_exports
from .memory import METHOD, extra_memory

__all__ = ["run_bench", "format_bench", "random_grid", "TARGETS"]

HOLES = 0.2
SETTINGS = ((20, 4), (30, 8))
# What the core is built to reach on two ordinary cores.
TARGETS = {
    "ns_a_token": {4: 150.0, 8: 250.0},
    "times_faster_than_networkx": {4: 5000.0},
    "quantise_over_matrix_product": 1.5,
    "geojson_seconds": 10.0,
    "edit_seconds": 1.0,
    "edit_kernel_seconds": 0.1,
}


def run_bench(progress=None, quick=False):
    """Measure counting, prospecting, quantising, exporting and editing.

    Parameters
    ----------
    progress : callable, optional, given (done, total, what) before each part and (total, total, "") at the
        end
    quick : small sizes, a few seconds; shows that it runs, its figures mean little

    Returns a dict of plain numbers, texts, lists and dicts (JSON-able): ``machine``, ``memory_method``,
    ``grid`` (a list, one a setting), ``quantise``, ``export``, ``edits`` and ``soft_edits``. Raises
    MissingExtraError without networkx.
    """
    from . import oracle

    side, oracle_side, tokens, runs = (96, 12, 20_000, 3) if quick else (1000, 48, 1_000_000, 9)
    total = 2 * len(SETTINGS) + 3
    tell = progress or (lambda done, total, what: None)
    result = {
        "quick": bool(quick),
        "machine": _machine(),
        "memory_method": METHOD,
        "targets": _texts(TARGETS),
        "grid": [],
    }
    graph, build_ns = _timed_grid(side)
    small, _ = random_grid(oracle_side)
    for n_concepts, radius in SETTINGS:
        label = f"K = {n_concepts}, r = {radius}"
        tell(2 * len(result["grid"]), total, f"count and prospect, {label}")
        ours = _measure_grid(graph, n_concepts, radius, runs)
        tell(2 * len(result["grid"]) + 1, total, f"networkx, {label}")
        theirs = _measure_oracle(oracle, small, n_concepts, radius)
        for name in ("count", "prospect"):
            ours[name]["networkx_ns_a_token"] = theirs[name]
            ours[name]["times_faster_than_networkx"] = theirs[name] / ours[name]["median_ns_a_token"]
        result["grid"].append(
            {
                "n_concepts": n_concepts,
                "radius": radius,
                "tokens": graph.n,
                "raster": [side, side],
                "holes": HOLES,
                "build_graph_ns_a_token": build_ns,
                "networkx_grid": [oracle_side, oracle_side],
                "counts_equal_networkx": theirs["counts_equal"],
                "prospect_largest_difference": theirs["largest_difference"],
                **ours,
            }
        )
    tell(total - 3, total, f"quantise {tokens:,} x 512 into 30 concepts")
    result["quantise"] = _measure_quantise(tokens, 512, 30, runs)
    exported = 5_000 if quick else 100_000
    tell(total - 2, total, f"export {exported:,} tokens")
    result["export"] = measure_exports(exported)
    data, each, repeats = (4, 3000, 1) if quick else (50, 100_000, 3)
    tell(total - 1, total, f"edits in a study of {data} x {each:,} tokens")
    result["edits"] = measure_edits(data, each, repeats)
    result["soft_edits"] = measure_edits(data, each, repeats, soft=True)
    tell(total, total, "")
    return result


def random_grid(side, seed=0):
    """A square raster with every fifth cell, at random, left out: (TokenGraph, (n, 2) positions)."""
    keep = np.random.default_rng(seed).random((side, side)) >= HOLES
    positions = np.argwhere(keep)
    return TokenGraph.from_grid(positions), positions


def _timed_grid(side):
    random_grid(8)
    positions = random_grid(side)[1]
    start = perf_counter()
    graph = TokenGraph.from_grid(positions)
    return graph, (perf_counter() - start) * 1e9 / graph.n


def _sprite_and_kernel(graph, n_concepts, radius):
    random = np.random.default_rng(n_concepts)
    sprite = random.integers(0, n_concepts, graph.n).astype(np.int32)
    return sprite, random.normal(size=n_features(n_concepts, radius))


def _measure_grid(graph, n_concepts, radius, runs):
    sprite, kernel = _sprite_and_kernel(graph, n_concepts, radius)
    calls = {
        "count": lambda: count_concepts(graph, sprite, n_concepts, radius),
        "prospect": lambda: prospect(graph, sprite, kernel, n_concepts, radius),
    }
    for call in calls.values():
        call()  # compiles, or loads what was compiled before
    figures = {}
    for name, call in calls.items():
        times = np.array(_times(call, runs)) / graph.n
        extra = extra_memory(call)
        figures[name] = {
            "best_ns_a_token": float(times.min()),
            "median_ns_a_token": float(np.median(times)),
            "runs": runs,
            "extra_bytes": extra,
            "extra_bytes_a_token": None if extra is None else extra / graph.n,
        }
    return figures


def _measure_oracle(oracle, graph, n_concepts, radius):
    sprite, kernel = _sprite_and_kernel(graph, n_concepts, radius)
    plain = oracle.oracle_graph(graph, sprite)
    start = perf_counter()
    counts = oracle.oracle_count(plain, sprite, n_concepts, radius)
    middle = perf_counter()
    scores = oracle.oracle_prospect(plain, sprite, kernel, n_concepts, radius)
    end = perf_counter()
    ours = prospect(graph, sprite, kernel, n_concepts, radius)
    return {
        "count": (middle - start) * 1e9 / graph.n,
        "prospect": (end - middle) * 1e9 / graph.n,
        "counts_equal": bool(np.array_equal(counts, count_concepts(graph, sprite, n_concepts, radius))),
        "largest_difference": float(np.abs(ours - scores).max()),
    }


def _measure_quantise(tokens, dimensions, n_concepts, runs):
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((tokens, dimensions), dtype=np.float32)
    quantizer = KMeansQuantizer(n_concepts, sample=4 * n_concepts, n_init=1).fit(embeddings)
    centroids = quantizer.centroids_
    products = np.zeros((tokens, n_concepts), np.float32)

    def product():
        np.matmul(embeddings, centroids.T, out=products)

    def quantise():
        return quantizer.predict(embeddings)

    product()
    quantise()
    bare, whole = [], []
    for _ in range(runs):  # in turns, so that another program's load meets both
        bare += _times(product, 1)
        whole += _times(quantise, 1)
    bare, whole = np.array(bare), np.array(whole)
    extra = extra_memory(quantise)
    return {
        "tokens": tokens,
        "dimensions": dimensions,
        "n_concepts": n_concepts,
        "runs": runs,
        "quantise_ns_a_token": float(np.median(whole)) / tokens,
        "matrix_product_ns_a_token": float(np.median(bare)) / tokens,
        "median_ratio": float(np.median(whole / bare)),
        "best_ratio": float(whole.min() / bare.min()),
        "embeddings_bytes": embeddings.nbytes,
        "extra_bytes": extra,
        # A float64 copy alone would take twice the embeddings' own bytes.
        "copies_embeddings": None if extra is None else bool(extra >= embeddings.nbytes),
    }


def _times(call, runs):
    times = []
    for _ in range(runs):
        start = perf_counter()
        call()
        times.append((perf_counter() - start) * 1e9)
    return times


def _machine():
    import networkx
    import numba
    import scipy

    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": numba.get_num_threads(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "scipy": scipy.__version__,
        "networkx": networkx.__version__,
    }


def _texts(value):
    # JSON has no number keys
    return {str(key): _texts(each) for key, each in value.items()} if isinstance(value, dict) else value


def format_bench(result):
    """The figures of ``run_bench`` as a table for people."""
    machine, quantise = result["machine"], result["quantise"]
    lines = [
        (
            f"{machine['cpus']} CPUs ({machine['processor']}, {machine['system']}), {machine['threads']}"
            f" threads; Python {machine['python']}, numpy {machine['numpy']}, numba {machine['numba']}"
        ),
    ]
    if result["quick"]:
        lines.append("quick run: small sizes, the figures mean little")
    head = (
        f"{'':28}{'tokens':>10}{'ns/token':>10}{'best':>8}{'target':>8}{'extra MB':>10}{'x networkx':>12} "
        " same result"
    )
    lines += ["", head]
    for row in result["grid"]:
        target = result["targets"]["ns_a_token"].get(str(row["radius"]))
        for name in ("count", "prospect"):
            each = row[name]
            same = (
                row["counts_equal_networkx"] if name == "count" else row["prospect_largest_difference"] < 1e-9
            )
            lines.append(
                f"{name + ', K = ' + str(row['n_concepts']) + ', r = ' + str(row['radius']):28}"
                f"{row['tokens']:>10,}{each['median_ns_a_token']:>10.1f}{each['best_ns_a_token']:>8.1f}"
                f"{_number(target):>8}{_megabytes(each['extra_bytes']):>10}"
                f"{each['times_faster_than_networkx']:>12,.0f}"
                f"  {'yes' if same else 'NO'}"
            )
    lines += [
        "",
        (
            f"quantise {quantise['tokens']:,} x {quantise['dimensions']} into {quantise['n_concepts']}"
            f" concepts: {quantise['quantise_ns_a_token']:.0f} ns/token, {quantise['median_ratio']:.2f} times"
            f" the bare matrix product (target {result['targets']['quantise_over_matrix_product']}), extra"
            f" {_megabytes(quantise['extra_bytes'])} MB over {_megabytes(quantise['embeddings_bytes'])} MB of"
            " embeddings"
        ),
        f"extra memory: {result['memory_method']}",
        "",
        f"export of a map of {result['export']['tokens']:,} tokens to a file (target for geojson:"
        f" {result['targets']['geojson_seconds']:g} s): "
        + ", ".join(
            f"{name} {each['seconds']:.2f} s, {_megabytes(each['bytes'])} MB"
            for name, each in result["export"].items()
            if isinstance(each, dict)
        ),
        "",
        *_edit_lines(result["edits"], result["targets"]),
        "",
        *_edit_lines(result["soft_edits"], result["targets"]),
    ]
    return "\n".join(lines)


def _edit_lines(edits, targets):
    kind = f"softness {edits['softness']:g}" if edits["softness"] else "every token of one concept"
    lines = [
        (
            f"an edit in a study of {edits['data']} x {edits['tokens']:,} tokens, K = {edits['concepts']}, r"
            f" = {edits['radius']}, {kind}, until the slide is painted again, ms (target"
            f" {1000 * targets['edit_seconds']:.0f}, kernel {1000 * targets['edit_kernel_seconds']:.0f}):"
        ),
        f"{'':28}{'total':>10}{'edit':>10}{'refit':>10}{'kernel':>10}{'paint':>10}",
    ]
    for kind, each in edits["edits"].items():
        parts = "".join(
            f"{1000 * each[part]:>10.0f}" for part in ("total", "edit", "refit", "kernel", "paint")
        )
        lines.append(f"{kind:28}{parts}")
    return lines


def _megabytes(size):
    return "-" if size is None else f"{size / 1e6:.1f}"


def _number(value):
    return "-" if value is None else f"{value:.0f}"
