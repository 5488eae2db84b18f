"""The command line on real tiles of lymph nodes.

Fitted on whole images of three slides, scored on cells of a fourth.
"""

import csv
import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from prospector_core.method.metrics import average_precision

ROOT = Path(__file__).parents[2]
MOSAICS = Path(os.environ.get("PROSPECTOR_DATA", ROOT.parent / "shared" / "data")) / "camelyon16_mosaics"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (MOSAICS / "labels.csv").exists(),
        reason="the folder camelyon16_mosaics is not there: PROSPECTOR_DATA names where it is",
    ),
]


def tumour_cells():
    """{image: (6, 6) bool}, for scoring only."""
    truth = defaultdict(lambda: np.zeros((6, 6), bool))
    with open(MOSAICS / "cells.csv", newline="") as file:
        for cell in csv.DictReader(file):
            truth[cell["id"]][int(cell["row"]), int(cell["col"])] = cell["tumor"] == "1"
    return truth


def test_maps_of_unseen_images_find_the_tumour(prospector, tmp_path):
    def run(*arguments):
        done = prospector(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    made = run(
        "new", "study", "--slides", MOSAICS / "images", "--labels", MOSAICS / "labels.csv", "--tile", "128"
    )
    assert made["data"] == 32 and made["class_counts"] == [16, 16]
    assert run("embed", "study")["embedded"] == 32
    assert run("fit", "study")["fitted_on"] == 20
    maps = {
        row["datum"]: np.load(tmp_path / row["map"], allow_pickle=False)
        for row in run("prospect", "study")["maps"]
    }

    from prospector_core import Study

    study, truth, found = Study.open(tmp_path / "study"), tumour_cells(), []
    for datum in study.data:
        if datum.split == "test" and datum.label == 1:
            rows, columns = study.grid(datum)["positions"].T
            cells = truth[datum.name][rows, columns]
            assert cells.any() and not cells.all()
            found.append((average_precision(maps[datum.name], cells), cells.mean()))
    precision, prevalence = np.mean(found, axis=0)
    print(f"{len(found)} test images: AP {precision:.3f}, prevalence {prevalence:.3f}")
    assert precision > prevalence + 0.2
