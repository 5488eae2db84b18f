"""`python -m prospector_core.bench.proteins DIR`: how well residues that bind zinc are found, for every encoder and contact.

DIR has labels.csv (file, chain, label, fold), structures/ and residues.csv.gz (the truth, which only scoring looks at).
Each of the folds is held out in turn; what is chosen is chosen by the labels of the other folds alone. AP and AUROC are
over the residues of a class-1 chain that was held out, averaged over chains; an average of a random map is its prevalence.
"""

import argparse
import csv
import gzip
import itertools
import json
import time
from pathlib import Path

import numpy as np

from ..counting import count_concepts
from ..encoders.residues import get_residue_encoder
from ..errors import BadInputError, ProspectorError
from ..graphs import TokenGraph
from ..kernels import TEST_OFF, FoldChangeKernel
from ..metrics import auroc, average_precision
from ..modalities.structures import CONTACTS, contact_points
from ..prospecting import prospect
from ..quantizers import KMeansQuantizer, assign_nearest
from ..readers.structure import open_structure

__all__ = ["contacts_table", "encoders_table", "read_chains"]

ENCODERS = ("residue-type", "3di", "residue-type*3di", "residue-type+3di", "pocketnet", "residue-type+pocketnet")
CLUSTERS = (15, 30, 60)  # among which the labels choose
RADII = (1, 2)
KINDS = (("ca", 6.0), ("ca", 8.0), ("cb", 6.0), ("cb", 8.0), ("side", 5.0), ("side", 6.0), ("side", 7.0), ("side", 8.0))
_INNER, _REPEATS = 5, 8


def read_chains(folder):
    """Chains with labels, folds and truth: list of {"chain", "label", "fold", "truth"}. Raises BadInputError."""
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
                {"chain": chain, "label": int(row["label"]), "fold": int(row["fold"]), "truth": np.array(there)}
            )
    return found


def encoders_table(data, encoders=ENCODERS, atom="side", cutoff=None, scratch=None):
    """One row an encoder: list of {"encoder", "concepts", "ap", "auroc", "label_auroc", "seconds"} (seconds a chain)."""
    graphs = _graphs(data, atom, cutoff)
    rows = []
    for name in encoders:
        encoder = get_residue_encoder(name, **({} if "*" in name or "+" in name else {"threads": 1}))
        if hasattr(encoder, "prepare"):
            encoder.prepare(lambda: iter(each["chain"] for each in data), Path(scratch))
        start = time.perf_counter()
        vectors = [encoder.encode(each["chain"]) for each in data]
        seconds = (time.perf_counter() - start) / len(data)
        rows.append({"encoder": name, **_scored(data, [graphs], vectors, encoder, (1,)), "seconds": seconds})
    return rows


def contacts_table(data):
    """One row a kind of contact, for residue types, and one where each fold chooses its own by labels: list of dict."""
    encoder = get_residue_encoder("residue-type")
    vectors = [encoder.encode(each["chain"]) for each in data]
    rows, all_graphs = [], []
    for atom, cutoff in KINDS:
        graphs = _graphs(data, atom, cutoff)
        all_graphs.append(graphs)
        for radius in RADII:
            found = _scored(data, [graphs], vectors, encoder, (radius,))
            rows.append({"contact": f"{atom} {cutoff:g} A", "radius": radius, **found})
    chosen = _scored(data, all_graphs, vectors, encoder, RADII)
    rows.append({"contact": "chosen by labels", "radius": "-", **chosen})
    return rows


def _graphs(data, atom, cutoff):
    cutoff = CONTACTS[atom] if cutoff is None else cutoff
    return [TokenGraph.from_contacts(contact_points(each["chain"], atom), cutoff) for each in data]


def _scored(data, kinds, vectors, encoder, radii):
    """Held-out AP and AUROC; graphs (of ``kinds``), number of clusters and radius are chosen in each fold by labels alone."""
    labels, folds = (np.array([each[name] for each in data]) for name in ("label", "fold"))
    given = getattr(encoder, "concepts", None)
    aps, aucs, chosen, evidence = [], [], [], np.full(len(data), np.nan)
    for fold in np.unique(folds):
        train = folds != fold
        best = None
        for k in CLUSTERS if given is None else (len(given),):
            centroids = encoder.centroids() if given else _clusters(vectors, train, k)
            sprites = [assign_nearest(each, centroids) for each in vectors]
            for graphs, radius in itertools.product(kinds, radii):
                counts = np.stack([count_concepts(g, s, len(centroids), radius) for g, s in zip(graphs, sprites)])
                several = given is None or len(radii) * len(kinds) > 1
                value = _label_auroc(counts[train], labels[train]) if several else 0.0
                if best is None or value > best[0]:
                    best = value, centroids, sprites, radius, counts, graphs
        _, centroids, sprites, radius, counts, graphs = best
        chosen.append(len(centroids))
        kernel = _kernel().fit(counts[train], labels[train])
        evidence[~train] = kernel.evidence(counts[~train])
        for index in np.flatnonzero(~train & (labels == 1)):
            truth = data[index]["truth"] > 0
            if truth.any():
                scores = prospect(graphs[index], sprites[index], kernel.coef_, len(centroids), radius)
                aps.append(average_precision(scores, truth))
                aucs.append(auroc(scores, truth))
    return {
        "concepts": "/".join(map(str, sorted(set(chosen)))), "ap": float(np.mean(aps)), "auroc": float(np.mean(aucs)),
        "label_auroc": float(auroc(evidence, labels == 1)),
    }  # fmt: skip


def _kernel():
    return FoldChangeKernel(alpha=TEST_OFF)


def _clusters(vectors, train, k):
    tokens = np.concatenate([each for each, used in zip(vectors, train) if used])
    return KMeansQuantizer(k, sample=20_000, n_init=2).fit(tokens).centroids_


def _label_auroc(counts, labels):
    """How well the labels of data that were held out are ranked: AUROC over inner folds, mean of several divisions."""
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
            out[held] = _kernel().fit(counts[~held], labels[~held]).evidence(counts[held])
        found.append(auroc(out, labels == 1))
    return float(np.mean(found))


def _print(rows):
    names = list(rows[0])
    cells = [[f"{row[n]:.3f}" if isinstance(row[n], float) else str(row[n]) for n in names] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    for line in (names, *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip(), flush=True)


def main(arguments=None):
    """Print both tables."""
    import tempfile

    parser = argparse.ArgumentParser(
        prog="python -m prospector_core.bench.proteins", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", help="folder of the zinc data")
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS))
    parser.add_argument("--contacts", action="store_true", help="kinds of contact, instead of encoders")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        data = read_chains(options.data)
        with tempfile.TemporaryDirectory() as scratch:
            rows = contacts_table(data) if options.contacts else encoders_table(data, options.encoders, scratch=scratch)
    except ProspectorError as error:
        parser.exit(2, f"prospector: {error}\n")
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        positive = [each["truth"].mean() for each in data if each["label"] == 1 and each["truth"].any()]
        print(f"{len(data)} chains, {len(positive)} scored; a random map has AP {np.mean(positive):.3f}")
        _print(rows)


if __name__ == "__main__":
    main()
