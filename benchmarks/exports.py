"""How long a map takes to become a file, in each format."""

import tempfile
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import numpy as np

from prospector_core.exporters import write_files
from prospector_core.modalities import Export, modality_of

__all__ = ["measure_exports"]

_PITCH = 443.0  # level-0 pixels: tiles of 224 at 0.5 um a pixel, of a slide at 0.2528
_CONCEPTS = 20


def measure_exports(tokens, seed=0):
    """Seconds and bytes of each format, for one datum of about so many tokens.

    The map and sprite are in memory; the export is a file on disk.

    Returns {"tokens": n, "concepts": K, format: {"seconds", "bytes"}}. Concepts are in patches of a few
    tiles, as in tissue.
    """
    study = _study(round((tokens / 0.85) ** 0.5), np.random.default_rng(seed))
    result = {"tokens": len(study.prospect(None)), "concepts": _CONCEPTS}
    with tempfile.TemporaryDirectory() as folder:
        for format, (suffix, write, _) in study.kind.exports.items():
            write(study, "d")  # libraries are loaded, as they are for all files but the first
            start = perf_counter()
            (path,) = write_files(study, Export(suffix, write), folder).values()
            result[format] = {"seconds": perf_counter() - start, "bytes": Path(path).stat().st_size}
    return result


def _study(side, random):
    """As much of a study as exporters ask for: a square raster with holes."""
    positions = np.argwhere(random.random((side, side)) < 0.85)
    patches = random.integers(0, _CONCEPTS, (side // 4 + 1, side // 4 + 1))
    concepts = patches[tuple(positions.T // 4)]
    stray = random.random(len(concepts)) < 0.1
    concepts[stray] = random.integers(0, _CONCEPTS, stray.sum())
    scores = random.normal(0, 30, len(concepts))
    grid = {"positions": positions, "origin": (0.0, 0.0), "pitch": _PITCH, "shape": (side, side)}
    datum = SimpleNamespace(uid="d", name="d", source="s")
    study = SimpleNamespace(
        path=Path(),
        kind=modality_of("slides"),
        classes=("0", "1"),
        target=1,
        chosen=1,
        class_views=lambda: [study],
        sources={"s": SimpleNamespace(uid="s", name="s", info={"mpp": 0.2528})},
        datum=lambda key: datum,
        embedded=lambda: [datum],
        grid=lambda key: grid,
        attrs=lambda key: {},
        prospect=lambda key: scores,
        concepts_of=lambda key: concepts,
        colours=lambda: ["#0072b2"] * _CONCEPTS,
        concepts=lambda: [SimpleNamespace(id=k, name=f"concept {k}", pinned=False) for k in range(_CONCEPTS)],
        curation=SimpleNamespace(state=SimpleNamespace(regions=[])),
        view=None,
    )
    return study
