"""The sample study of documents.

Invented pathology reports, labelled by whether a lymph node holds a metastasis.
"""

import csv
import shutil
from pathlib import Path

import numpy as np

from prospector_core import Study
from prospector_core.store.files import storage_errors

from .completion import complete
from .folders import clear, sample_folder

__all__ = ["REPORTS", "build", "sentence_truth"]

HERE = Path(__file__).parent / "reports"
REPORTS = HERE / "reports.jsonl"
TRUTH = HERE / "truth.csv"


def build(folder=None, progress=None, anew=False):
    """Make, embed and fit the sample of reports, or only what is missing of it.

    Parameters: folder; progress, function(text, done, total); anew: throw away what is there.
    Returns Study.
    """
    folder = Path(folder) if folder else sample_folder("reports")
    say = progress or (lambda text, done, total: None)
    if anew:
        clear(folder)
    if not (folder / "study.sqlite").exists():
        say("reading the reports", 0, None)
        reports = REPORTS
        if not (Path(__file__).resolve().parents[1] / "Makefile").exists():
            # An installed package may be replaced or removed: the study keeps its own copy of the reports.
            with storage_errors(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                reports = shutil.copy(REPORTS, folder.parent / REPORTS.name)
        Study.create(
            folder, documents=reports, name="Reports: is a lymph node involved?", positive="nodal metastasis"
        )
    return complete(folder, say, "sample of reports")


def sentence_truth(study, datum):
    """Which sentences of a report state a nodal metastasis: (n,) bool, for scoring only."""
    datum = study.datum(datum)
    with open(TRUTH, encoding="utf-8", newline="") as file:
        marks = [
            (int(row["start"]), int(row["end"]))
            for row in csv.DictReader(file)
            if row["document"] == datum.name
        ]
    spans = study.positions(datum)
    found = np.zeros(len(spans), bool)
    for start, end in marks:
        found |= (spans[:, 0] < end) & (spans[:, 1] > start)
    return found
