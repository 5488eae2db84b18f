"""Small studies for the tests: slides of a few pixels, embeddings that fall into plain clusters."""

import csv
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from prospector_core import Study
from prospector_core.study.settings import FitSettings

K = 5  # clusters of the embeddings
PITCH = 8
SIDE = 9  # tiles per side of a slide
SECRET = b"the same numbers in every study"


def write_labels(path, rows, columns=("slide", "label")):
    """A CSV table."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def write_slides(folder, names, side=SIDE * PITCH):
    """One small picture a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", (side, side), (200, 100 + number, 160)).save(folder / name)


def embeddings_of(index, label, seed=0):
    """(n, 6) embeddings in K clusters, patchy; cluster 3 is commoner where the label is 1, 4 where it is 2.

    And (n, 2) positions.
    """
    random = np.random.default_rng((seed, index))
    positions = np.argwhere(random.random((SIDE, SIDE)) > 0.15).astype(np.int32)
    share = np.array([0.4, 0.3, 0.2, 0.02 + 0.1 * (label == 1), 0.06 + 0.1 * (label == 2)])
    patch = random.choice(K, (SIDE // 2 + 1, SIDE // 2 + 1), p=share / share.sum())
    cluster = patch[positions[:, 0] // 2, positions[:, 1] // 2]
    alone = random.random(len(cluster)) < 0.3
    cluster[alone] = random.choice(K, alone.sum(), p=share / share.sum())
    vectors = 10 * np.eye(K, 6)[cluster] + random.normal(0, 0.3, (len(cluster), 6))
    return vectors.astype(np.float32), positions


def embed_by_hand(study, seed=0, only=None):
    """Write embeddings without reading a slide."""
    for index, datum in enumerate(study.data):
        if only is None or datum.name in only:
            vectors, positions = embeddings_of(index, datum.label, seed)
            attrs = {
                "origin": [0.0, 0.0],
                "pitch": float(PITCH),
                "shape": [SIDE, SIDE],
                "tile": PITCH,
                "mpp": 0.5,
            }
            study.store.write(datum.uid, vectors, positions, attrs)


def make_study(folder, labels=(1, 1, 1, 1, 0, 0, 0, 0), splits=None, seed=0, fit=None):
    """A study of one slide a label (None = not known) in ``folder/study``, embedded.

    Fitted with ``fit`` settings.

    Made once and copied: a test may do with it what it likes.
    """
    key = (tuple(labels), tuple(splits or ()), seed, tuple(sorted(fit.items())) if fit is not None else None)
    if key not in _made:
        scratch = Path(tempfile.mkdtemp(dir=_scratch.name))
        _make(scratch / "made", labels, splits, seed, fit)
        _made[key] = (scratch / "made").rename(scratch / "moved")  # nothing is left where it was made
    shutil.copytree(_made[key], folder, dirs_exist_ok=True)
    return Study.open(Path(folder) / "study")


_scratch = tempfile.TemporaryDirectory(prefix="prospector-studies-")
_made = {}


def _make(folder, labels, splits, seed, fit):
    names = [f"s{index}.png" for index in range(len(labels))]
    write_slides(folder / "slides", names)
    shown = {0: "normal", 1: "tumour", 2: "ulcer", None: ""}
    splits = splits or [""] * len(labels)
    rows = [(name, shown[label], split) for name, label, split in zip(names, labels, splits)]
    table = write_labels(folder / "labels.csv", rows, ("slide", "label", "split"))
    study = Study.create(
        folder / "study",
        slides=folder / "slides",
        labels=table,
        encoder="colour-texture",
        tile=PITCH,
        secret=SECRET,
    )
    embed_by_hand(study, seed)
    if fit is not None:
        study.fit(FitSettings(), concepts=K, **fit)  # the authors' method: one concept per token
    study.database.close()


class MeanColour:
    """An encoder of three numbers per tile, quick: for tests of what is around encoders."""

    name, dim, input_size = "mean-colour", 3, 8

    def encode(self, tiles):
        return tiles.mean((1, 2), dtype=np.float64).astype(np.float32)

    def record(self):
        return {"name": self.name, "version": 1}
