"""`python -m benchmarks.proteins DIR`.

How well residues that bind zinc are found, for every encoder and contact.

DIR has labels.csv (file, chain, label, fold), structures/ and residues.csv.gz (the truth, which only scoring
looks at). Each of the folds is held out in turn; what is chosen is chosen by the labels of the other folds
alone. AP and AUROC are over the residues of a class-1 chain that was held out, averaged over chains; an
average of a random map is its prevalence.
"""

import argparse
import csv
import gzip
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from prospector_core.errors import BadInputError, ProspectorError
from prospector_core.evaluation.heads import centroids_of, counts_of, fit_head, suggested_for
from prospector_core.evaluation.problem import Problem
from prospector_core.method.graphs import TokenGraph
from prospector_core.method.metrics import auroc, average_precision
from prospector_core.method.quantizers import assign_nearest
from prospector_core.modalities.structures.contacts import CONTACTS, contact_points
from prospector_core.modalities.structures.encoders import get_residue_encoder
from prospector_core.modalities.structures.files import open_structure

__all__ = ["contacts_table", "encoders_table", "print_rows", "read_chains"]

ENCODERS = (
    "residue-type",
    "3di",
    "residue-type*3di",
    "residue-type+3di",
    "pocketnet",
    "residue-type+pocketnet",
)
RADII = (1, 2)
KINDS = (
    ("ca", 6.0),
    ("ca", 8.0),
    ("cb", 6.0),
    ("cb", 8.0),
    ("side", 5.0),
    ("side", 6.0),
    ("side", 7.0),
    ("side", 8.0),
)
_INNER, _REPEATS = 5, 8


def read_chains(folder):
    """Chains with labels, folds and truth: list of {"chain", "label", "fold", "truth"}.

    Raises BadInputError.
    """
    folder = Path(folder)
    if not (folder / "labels.csv").exists():
        raise BadInputError(f"{folder} has no labels.csv: give the folder of the zinc data")
    truth = {}
    with gzip.open(folder / "residues.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            truth[row["pdb_id"], row["chain"], row["seqid"]] = int(row["zn_residue"])
    found = []
    with open(folder / "labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            chain = open_structure(folder / row["file"]).chain(row["chain"])
            there = [truth.get((row["pdb_id"], row["chain"], number), 0) for number in chain.numbers]
            found.append(
                {
                    "chain": chain,
                    "label": int(row["label"]),
                    "fold": int(row["fold"]),
                    "truth": np.array(there),
                }
            )
    return found


def encoders_table(data, encoders=ENCODERS, atom="side", cutoff=None, scratch=None):
    """One row per encoder, with the settings that a new study begins with.

    List of {"encoder", "concepts", "ap", "auroc", "label_auroc", "paper_ap", "seconds"}.

    "paper_ap" is with the same concepts and the kernel of the paper; "seconds" are per chain.

    With the settings that a new study begins with; "paper_ap" with the same concepts and the kernel of the
    paper; seconds per chain.
    """
    graphs = _graphs(data, atom, cutoff)
    rows = []
    for name in encoders:
        encoder = get_residue_encoder(name, **({} if "*" in name or "+" in name else {"threads": 1}))
        if hasattr(encoder, "prepare"):
            encoder.prepare(lambda: iter(each["chain"] for each in data), Path(scratch))
        start = time.perf_counter()
        vectors = [encoder.encode(each["chain"]) for each in data]
        seconds = (time.perf_counter() - start) / len(data)
        problem = _problem(data, graphs, vectors, encoder)
        usual = suggested_for(problem)
        paper = replace(usual, softness=0.0, centre=0.0, pseudo=0.0, shrink=False, smoothing=0)
        found, plain = (_scored(data, [problem], [settings]) for settings in (usual, paper))
        rows.append(
            {
                "encoder": name,
                "concepts": usual.concepts,
                **found,
                "paper_ap": plain["ap"],
                "seconds": seconds,
            }
        )
    return rows


def contacts_table(data):
    """One row a kind of contact, for residue types, and one where each fold chooses its own by labels.

    List of dict.
    """
    encoder = get_residue_encoder("residue-type")
    vectors = [encoder.encode(each["chain"]) for each in data]
    rows, problems = [], []
    for atom, cutoff in KINDS:
        problems.append(_problem(data, _graphs(data, atom, cutoff), vectors, encoder))
        usual = suggested_for(problems[-1])
        for radius in RADII:
            found = _scored(data, problems[-1:], [replace(usual, radius=radius)])
            rows.append({"contact": f"{atom} {cutoff:g} A", "radius": radius, **found})
    chosen = _scored(data, problems, [replace(usual, radius=radius) for radius in RADII])
    rows.append({"contact": "chosen by labels", "radius": "-", **chosen})
    return rows


def _graphs(data, atom, cutoff):
    cutoff = CONTACTS[atom] if cutoff is None else cutoff
    return [TokenGraph.from_contacts(contact_points(each["chain"], atom), cutoff) for each in data]


def _problem(data, graphs, vectors, encoder):
    """The data as the evaluation takes them; an encoder's own concepts that do not occur are left out."""
    given = encoder.centroids() if getattr(encoder, "concepts", None) else None
    if given is not None and len(given) > 64:
        occurs = np.unique(np.concatenate([assign_nearest(each, given) for each in vectors]))
        given = given[occurs]
    labels, folds = (np.array([each[name] for each in data]) for name in ("label", "fold"))
    truth = [each["truth"] > 0 for each in data]
    ids = [f"{index}" for index in range(len(data))]
    held_out = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
    return Problem("zinc", ids, graphs, vectors, labels, truth, folds=held_out, given=given)


def _scored(data, problems, settings):
    """Held-out AP and AUROC over residues.

    Which problem and settings is chosen in each fold by labels alone.
    """
    labels = problems[0].labels
    aps, aucs, evidence = [], [], np.full(len(data), np.nan)
    options = list(itertools.product(problems, settings))
    for train, test in problems[0].folds:
        problem, chosen = (
            options[0] if len(options) == 1 else max(options, key=lambda each: _label_auroc(*each, train))
        )
        head = fit_head(problem, train, chosen)
        evidence[test] = head.probability(test)
        for index in test[labels[test] == 1]:
            truth = data[index]["truth"] > 0
            if truth.any():
                scores = head.map(index)
                aps.append(average_precision(scores, truth))
                aucs.append(auroc(scores, truth))
    return {
        "ap": float(np.mean(aps)),
        "auroc": float(np.mean(aucs)),
        "label_auroc": float(auroc(evidence, labels == 1)),
    }


def _label_auroc(problem, settings, train):
    """How well the labels of data that were held out are ranked.

    AUROC over inner folds, mean of several divisions.
    """
    centroids = centroids_of(problem, train, settings)
    counts, labels = counts_of(problem, train, centroids, settings), problem.labels[train]
    found = []
    for seed in range(_REPEATS):
        order = np.random.default_rng(seed).permutation(len(labels))
        inner = np.empty(len(labels), int)
        for label in (0, 1):
            members = order[labels[order] == label]
            inner[members] = np.arange(len(members)) % _INNER
        out = np.empty(len(labels))
        for number in range(_INNER):
            held = inner == number
            out[held] = settings.make_kernel().fit(counts[~held], labels[~held]).evidence(counts[held])
        found.append(auroc(out, labels == 1))
    return float(np.mean(found))


def print_rows(rows: list[dict]) -> None:
    """Print rows as a table, under the keys of the first."""
    names = list(rows[0])
    cells = [[f"{row[n]:.3f}" if isinstance(row[n], float) else str(row[n]) for n in names] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    for line in (names, *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip(), flush=True)


def main(arguments=None):
    """Print both tables."""
    import tempfile

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.proteins", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", help="folder of the zinc data")
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS))
    parser.add_argument("--contacts", action="store_true", help="kinds of contact, instead of encoders")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        data = read_chains(options.data)
        with tempfile.TemporaryDirectory() as scratch:
            rows = (
                contacts_table(data)
                if options.contacts
                else encoders_table(data, options.encoders, scratch=scratch)
            )
    except ProspectorError as error:
        parser.exit(2, f"prospector: {error}\n")
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        positive = [each["truth"].mean() for each in data if each["label"] == 1 and each["truth"].any()]
        print(f"{len(data)} chains, {len(positive)} scored; a random map has AP {np.mean(positive):.3f}")
        print_rows(rows)


if __name__ == "__main__":
    main()
