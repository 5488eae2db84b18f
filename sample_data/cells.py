"""A sample study of cells. Its tissue is made, not measured.

Coordinates and intensities are drawn at random, and say so.

Nests of tumour cells lie in stroma. In "inflamed" samples cytotoxic T cells have entered the nests, in
"excluded" ones they stay around them: the same kinds of cells in about the same numbers, but other
neighbours.
"""

from pathlib import Path

import numpy as np

from prospector_core import Study
from prospector_core.study import FitSettings

from .folders import clear, sample_folder

__all__ = ["CHANNELS", "build", "make_sample"]

CHANNELS = ("PanCK", "Ki67", "CD3", "CD8", "CD20", "CD68", "CD31", "Vimentin", "DNA")
# Mean intensity of each channel in each kind of cell.
_KINDS = {
    "tumour": (60, 12, 2, 2, 2, 3, 2, 4, 40),
    "stroma": (2, 2, 2, 2, 2, 3, 3, 45, 25),
    "T cell": (2, 4, 45, 40, 2, 3, 2, 8, 50),
    "B cell": (2, 4, 4, 2, 50, 3, 2, 6, 50),
    "macrophage": (3, 2, 3, 2, 3, 55, 3, 20, 30),
    "vessel": (2, 2, 2, 2, 2, 3, 55, 25, 25),
    "debris": (70, 60, 60, 60, 60, 60, 60, 60, 90),  # what fluoresces in every channel
}
_NAMES = tuple(_KINDS)
_SIDE = 900.0  # µm
_NAME = "Cells (made): where are T cells inside tumour?"


def make_sample(inflamed, seed, cells=900):
    """One made sample, and the kinds of its cells.

    The sample is {"features" (n, 9), "positions" (n, 2) in µm, "names", "ids", "unit"}.
    """
    rng = np.random.default_rng(seed)
    # one cell a square of a jittered grid: cells do not lie on each other
    per_side = int(np.ceil(np.sqrt(cells)))
    pitch = _SIDE / per_side
    corner = np.stack(np.meshgrid(np.arange(per_side), np.arange(per_side)), axis=-1).reshape(-1, 2) * pitch
    xy = corner + rng.uniform(0.12, 0.88, corner.shape) * pitch
    centres, radii = rng.uniform(120, _SIDE - 120, (4, 2)), rng.uniform(90, 170, 4)
    depth = (radii - np.sqrt(((xy[:, None] - centres) ** 2).sum(-1))).max(axis=1)  # > 0 inside a nest
    kind = np.full(len(xy), _NAMES.index("stroma"))
    kind[depth > 0] = _NAMES.index("tumour")
    outside = depth <= 0
    for name, share in (("macrophage", 0.1), ("vessel", 0.06), ("B cell", 0.05)):
        kind[outside & (rng.random(len(xy)) < share)] = _NAMES.index(name)
    place = depth > 25 if inflamed else (depth <= 0) & (depth > -110)
    chosen = rng.choice(np.flatnonzero(place), int(0.07 * len(xy)), replace=False)
    kind[chosen] = _NAMES.index("T cell")
    where = rng.uniform(80, _SIDE - 80, 2)  # dirt lies together
    kind[np.sqrt(((xy - where) ** 2).sum(-1)) < rng.uniform(30, 55)] = _NAMES.index("debris")
    mean = np.array([_KINDS[name] for name in _NAMES], float)[kind]
    features = rng.gamma(6.0, mean / 6.0) + rng.gamma(2.0, 0.6, mean.shape)
    sample = {
        "features": features.astype(np.float32),
        "positions": xy,
        "names": CHANNELS,
        "unit": "µm",
        "ids": [f"cell-{number}" for number in range(1, len(xy) + 1)],
    }
    return sample, np.array(_NAMES)[kind]


def build(folder=None, progress=None, anew=False):
    """Make, embed and fit the sample study, or only what is missing of it. See ``skin.build``."""
    folder = Path(folder) if folder else sample_folder("cells")
    say = progress or (lambda text, done, total: None)
    if anew:
        clear(folder)
    if not (folder / "study.sqlite").exists():
        say("making samples of cells", 0, None)
        labels = {
            f"made sample {number:02d}": ("excluded", "inflamed")[number % 2] for number in range(1, 17)
        }
        samples = [
            {"name": name, **make_sample(label == "inflamed", seed)[0]}
            for seed, (name, label) in enumerate(labels.items())
        ]
        Study.create(
            folder,
            cells=samples,
            labels=labels,
            name=_NAME,
            positive="inflamed",
            edges="delaunay:60",
            transform="arcsinh",
        )
    study = Study.open(folder)
    study.embed(progress=lambda datum, done, total: say(f"embedding {datum.name}", done, total))
    if study.view is None:
        say("finding concepts, fitting the kernel", 0, None)
        study.fit(FitSettings(concepts=8, radius=1))
    return study
