"""Building the sample study of proteins: 42 chains, embedded and fitted with the shipped defaults."""

import csv
import shutil
from pathlib import Path

import numpy as np

from prospector_core import Study
from prospector_core.evaluation.heads import fit_head, suggested_for
from prospector_core.evaluation.problem import Problem
from prospector_core.method.metrics import average_precision
from prospector_core.store.files import storage_errors

from .completion import complete
from .folders import clear, sample_folder

__all__ = ["ZINC", "build", "leave_one_chain_out", "residue_truth"]

ZINC = Path(__file__).with_name("zinc")
"""Folder of the files: structures, labels.csv, and residues.csv (the truth, for scoring only)."""


def build(folder=None, progress=None, anew=False):
    """Make, embed and fit the sample study of proteins, or only what is missing of it.

    Parameters: folder; progress, function(text, done, total); anew: throw away what is there.
    Returns Study.
    """
    folder = Path(folder) if folder else sample_folder("zinc")
    say = progress or (lambda text, done, total: None)
    if anew:
        clear(folder)
    if not (folder / "study.sqlite").exists():
        say("reading structures", 0, None)
        home = ZINC
        if not (Path(__file__).resolve().parents[1] / "Makefile").exists():
            # An installed package may be replaced or removed: the study keeps its own copy of the structures.
            home = folder.parent / "zinc-structures"
            with storage_errors(folder):
                shutil.copytree(ZINC, home, dirs_exist_ok=True)
        Study.create(
            folder,
            structures=home / "structures",
            labels=home / "labels.csv",
            name="Zinc: which residues bind it?",
            positive="binds zinc",
        )
    return complete(folder, say, fitting="fitting the kernel")


def residue_truth(study, datum):
    """Which residues of a sample's chain bind zinc: (n,) bool. For scoring only."""
    datum = study.datum(datum)
    file = study.sources[datum.source].name.removesuffix(".gz")
    with open(ZINC / "residues.csv", newline="") as table:
        binding = {
            row["residue_number"]
            for row in csv.DictReader(table)
            if row["file"] == file and row["zn_binding"] == "1"
        }
    return np.array([number in binding for number in study.attrs(datum)["numbers"]])


def leave_one_chain_out(study):
    """How well the residues that bind zinc are found in chains whose label the fit did not see.

    Returns {"ap", "cysteine_ap" (of the map that says "is a cysteine"), "prevalence" (AP of a random map)},
    means over the chains that bind zinc.
    """
    data = study.embedded()
    vectors = [study.store.vectors(datum.uid) for datum in data]
    labels = np.array([datum.label for datum in data])
    truth = [residue_truth(study, datum) for datum in data]
    problem = Problem(
        "zinc sample",
        [datum.uid for datum in data],
        [study.graph(datum) for datum in data],
        vectors,
        labels,
        truth,
        [],
        given=study.given_concepts()[1],
    )
    settings, rows = suggested_for(problem), []
    for index in problem.scored(range(len(data))):
        head = fit_head(problem, np.delete(np.arange(len(data)), index), settings)
        cysteine = np.array([letter == "C" for letter in study.attrs(data[index])["letters"]], float)
        maps = (head.map(index), cysteine)
        rows.append([*(average_precision(scores, truth[index]) for scores in maps), truth[index].mean()])
    return dict(zip(("ap", "cysteine_ap", "prevalence"), np.mean(rows, axis=0).tolist()))
