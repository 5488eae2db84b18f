"""What each kind of edit costs: from the edit to the repainted slide, in a study of many large data."""

import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from scipy import ndimage

from prospector_core.modalities import NewStudy
from prospector_core.modalities.labels import LabelRow
from prospector_core.study import Study
from prospector_core.study.concept_search import default_settings
from prospector_core.study.create import write_study
from prospector_core.study.fitting import computed_kernels
from prospector_core.study.settings import FitSettings

__all__ = ["make_large_study", "measure_edits", "tissue"]

CONCEPTS, RADIUS, DIMENSIONS = 30, 4, 8
_BLOCK = 16384  # tokens a block of embeddings


def measure_edits(data=50, tokens=100_000, runs=3, soft=False, progress=None):
    """Seconds from an edit to the repainted slide, for each kind of edit.

    The study is open and was used before.

    Each kind: the edit in the journal, the refit, the map of one datum, its picture. Medians of ``runs``
    edits of different concepts or data, so that nothing was counted before, each undone again, which is
    measured, too.

    Parameters: data, tokens (of each); runs; soft: with the settings that a new study begins with, tokens
    belonging to several concepts, in place of the paper's at r = 4; progress, function(text). Returns
    {"data", "tokens", "concepts", "radius", "softness", "painted", "edits": {kind: {"total", "edit", "refit",
    "kernel", "paint"}}}, seconds; kernel: the part of the refit that is not counting, leave-one-out
    predictions included. "first exclusion": where the study has just been opened, and nothing but the slide
    on the screen is in memory.
    """
    say = progress or (lambda text: None)
    with tempfile.TemporaryDirectory() as folder:
        say("making a study")
        study = make_large_study(Path(folder) / "study", data, tokens)
        say("finding concepts")
        settings = default_settings(study) if soft else FitSettings(concepts=CONCEPTS, radius=RADIUS)
        study.fit(settings)
        study = Study.open(study.path)
        study.prospect(study.data[0])  # the slide that is on the screen
        found = {"first exclusion": [_timed(study, lambda c: c.exclude(CONCEPTS - 1))]}
        study.curation.undo()
        study.refit()
        for kind, prepare, edit in _kinds(study):
            say(kind)
            for run in range(runs):
                if prepare is not None:
                    prepare(study.curation, run)
                    study.refit()
                found.setdefault(kind, []).append(_timed(study, partial(edit, run=run)))
                found.setdefault("undo", []).append(_timed(study, lambda c: c.undo()))
                if prepare is not None:
                    study.curation.undo()
        return {
            "data": data,
            "tokens": round(sum(map(study.n_tokens, study.data)) / data),
            "concepts": settings.concepts,
            "radius": settings.radius,
            "softness": settings.softness,
            "painted": _painter() is not None,
            "edits": {
                kind: {part: median(each[part] for each in rows) for part in rows[0]}
                for kind, rows in found.items()
            },
        }


def _kinds(study):
    """(kind, what must be done before, the edit), both functions(curation, run).

    No two runs edit the same thing.
    """
    names = [datum.name for datum in study.data]
    side = study.grid(names[0])["pitch"] * study.grid(names[0])["shape"][0]

    def square(run, share=0.5):
        low, high = side * (0.05 + 0.05 * run), side * (0.05 + 0.05 * run + share)
        return [(low, low), (high, low), (high, high), (low, high)]

    return [
        ("rename", None, lambda c, run: c.rename(run, f"tissue {run}")),
        ("recolour", None, lambda c, run: c.recolour(run, f"#10203{run}")),
        ("merge", None, lambda c, run: c.merge([run, 10 + run, 20 + run], into=run)),
        ("split", None, lambda c, run: c.split(1 + run, into=2)),
        ("exclude", None, lambda c, run: c.exclude(1 + run, reason="ink")),
        ("include", lambda c, run: c.exclude(6 + run), lambda c, run: c.include(6 + run)),
        ("pin", None, lambda c, run: c.pin((run, 4), 1.5)),
        ("reassign", None, lambda c, run: c.reassign(names[0], range(1000 * run, 1000 * run + 500), 2)),
        ("annotate", None, lambda c, run: c.annotate(names[0], square(run), "for")),
        ("ignore", None, lambda c, run: c.annotate(names[0], square(run), "ignore")),
        ("relabel", None, lambda c, run: c.relabel(names[run], 1 - run % 2)),
    ]


def _timed(study, edit):
    """Seconds of one edit, by part."""
    paint, datum = _painter(), study.data[0]
    times = [perf_counter()]
    edit(study.curation)
    times.append(perf_counter())
    fit = study.refit().after
    times.append(perf_counter())
    scores = study.prospect(datum)
    if paint is not None:
        paint(study.grid(datum), scores, study.score_limit())  # the colours of all data, as in the app
    times.append(perf_counter())
    computed_kernels(
        study, fit.settings, fit.centroids, fit.state
    )  # all is counted now: what is left is the kernel
    parts = dict(zip(("edit", "refit", "paint", "kernel"), np.diff([*times, perf_counter()]).tolist()))
    return {"total": times[-1] - times[0], **parts}


def _painter():
    """What draws a map for the screen, or None where only the core is installed."""
    try:
        from viewers.token_pixels import render_map
    except ModuleNotFoundError:
        return None
    return lambda grid, scores, limit: render_map(grid["positions"], scores, grid["shape"], limit)


def make_large_study(path, data=50, tokens=100_000, seed=0, dimensions=DIMENSIONS):
    """Write a study without slides.

    ``data`` data of about so many tokens each, half of them of class 1, embedded.

    Tissue is an irregular piece with holes; kinds of token are in patches, with strays; class 1 has more of
    some kinds. Embeddings are in half precision, and written in blocks: only one datum's places and kinds are
    in memory. Returns Study.
    """
    random = np.random.default_rng(seed)
    rows = [
        LabelRow(f"datum {number:02}", f"{number:02}.svs", None, number % 2, None) for number in range(data)
    ]
    names = [row.file for row in rows]
    side = round((tokens / 0.6) ** 0.5)
    info = {
        "width": side * 448,
        "height": side * 448,
        "mpp": 0.25,
        "stated_mpp": 0.25,
        "objective_power": 40.0,
        "format": "features",
        "bounds": None,
        "at_hand": False,
    }
    sources = {name: (name, info, Path(path) / name) for name in names}
    embedding = {"encoder": "random", "imported": True}
    new = NewStudy(rows, ["normal", "tumour"], names, sources, embedding)
    write_study(path, {"name": path.name, "modality": "slides"}, new)
    study = Study.open(path)
    centres = random.normal(0, 1, (CONCEPTS, dimensions)).astype(np.float32)
    noise = random.normal(0, 0.25, (_BLOCK, dimensions)).astype(np.float32)
    for datum in study.data:
        positions, kinds = tissue(side, tokens, datum.label, random)
        attrs = {
            "origin": [0.0, 0.0],
            "pitch": 448.0,
            "shape": [side, side],
            "tile": 224,
            "mpp": 0.5,
            "encoder": {"name": "random"},
        }
        block = _BLOCK if dimensions <= 64 else 256
        writer = study.store.open_writer(
            datum.uid, len(kinds), dimensions, positions, attrs, block, "float16"
        )
        for index in range(writer.n_blocks):
            some = kinds[writer.rows(index)]
            shift = int(
                random.integers(_BLOCK)
            )  # the same noise from another place: drawing it again would take longest
            rows = (np.arange(len(some)) + shift) % _BLOCK
            writer.write_block(index, (centres[some] + noise[rows]).astype(np.float16))
        writer.finish()
    return study


def tissue(side, tokens, label, random):
    """Positions (n, 2) of an irregular piece of tissue and the kind of each token (n,)."""
    field = ndimage.gaussian_filter(random.normal(size=(side, side)), side / 12)
    field += 0.3 * field.std() * random.normal(size=(side, side))  # ragged edges, single holes
    inside = field > np.quantile(field, 1 - tokens / side**2)
    share = np.linspace(2, 0.3, CONCEPTS)
    share[::7] *= 1.0 + 0.5 * label
    share /= share.sum()
    coarse = (
        random.choice(CONCEPTS, (side // 6 + 1, side // 6 + 1), p=share)
        .repeat(6, 0)
        .repeat(6, 1)[:side, :side]
    )
    stray = random.random((side, side)) < 0.25
    kinds = np.where(stray, random.choice(CONCEPTS, (side, side), p=share), coarse)
    return np.argwhere(inside), kinds[inside]
