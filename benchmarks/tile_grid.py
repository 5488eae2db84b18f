"""A study whose map has millions of tokens, for measurements and tests.

Embeddings are made up, nothing is embedded.
"""

import csv
import shutil
from pathlib import Path

import numpy as np

from prospector_core.study import Study

from .big_slide import write_big_slide

__all__ = ["write_grid_study"]

_PITCH = 8  # level-0 pixels per token side
_SMALL = 1100  # pixels of the slides that the kernel is fitted on beside the large one
_CLUSTERS = 8
_BLOCK = 1024  # pixels a block of ``write_big_slide``


def write_grid_study(folder, source, side, tokens, dim=8, seed=0):
    """Write a study of one slide with ``side`` x ``side`` places for tokens and four small ones, fitted.

    Parameters: folder; source, a real slide that tissue is cut from; tokens, about how many of the places
    hold one; dim of the embeddings; seed. Returns Study; the large datum is its first.
    """
    folder = Path(folder)
    slides = folder / "slides"
    slides.mkdir(parents=True)
    sides = {"large.tif": side, **{f"small{index}.tif": _SMALL // _PITCH for index in range(4)}}
    tissue = {}
    for name, share in (("large.tif", tokens / side**2), ("small0.tif", 0.6)):
        tissue[name] = (
            write_big_slide(slides / name, source, side=sides[name] * _PITCH, tissue=share, seed=seed)[1] > 0
        )
    for index in (1, 2, 3):
        shutil.copyfile(slides / "small0.tif", slides / f"small{index}.tif")
    labels = {
        name: int(name == "large.tif") for name in sides
    }  # the page opens the slide that speaks most for tumour
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [("slide", "label"), *((name, ("normal", "tumour")[n]) for name, n in labels.items())]
        )
    study = Study.create(
        folder / "study",
        slides=slides,
        labels=folder / "labels.csv",
        encoder="colour-texture",
        tile=_PITCH,
        mpp=0.25,
        positive="tumour",
        name="Large grid",
    )
    for index, datum in enumerate(study.data):
        each = sides[datum.name]
        random = np.random.default_rng((seed, index))
        positions = _positions(tissue.get(datum.name, tissue["small0.tif"]), each)
        vectors = _embeddings(positions, each, dim, datum.label, random)
        attrs = {
            "origin": [0.0, 0.0],
            "pitch": float(_PITCH),
            "shape": [each, each],
            "tile": _PITCH,
            "mpp": 0.25,
        }
        study.store.write(datum.uid, vectors, positions, attrs, block=65536)
    study.fit(concepts=_CLUSTERS, radius=2)
    return study


def _positions(tissue, side):
    """Tokens where blocks of the slide hold tissue, all but a pattern of gaps.

    (n, 2) int32 positions, rows ascending.
    """
    block = np.arange(side) * _PITCH // _BLOCK
    there = tissue[block][:, block]
    there[::17, ::5] = False
    return np.argwhere(there).astype(np.int32)


def _embeddings(positions, side, dim, label, random):
    """(n, dim) float32 in clusters that are in patches of 24 tokens; two of them are commoner in tumours."""
    share = np.ones(_CLUSTERS)
    share[:2] += 2.0 * (label == 1)
    patch = random.choice(_CLUSTERS, (side // 24 + 1, side // 24 + 1), p=share / share.sum())
    centres = 6 * np.random.default_rng(0).normal(size=(_CLUSTERS, dim)).astype(np.float32)
    vectors = random.standard_normal((len(positions), dim), np.float32)
    vectors += centres[patch[positions[:, 0] // 24, positions[:, 1] // 24]]
    return vectors
