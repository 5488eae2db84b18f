"""`python -m benchmarks.families DIR`: families of sites against the residues that really hold a zinc.

A study of all chains of DIR is fitted on labels alone; its families are then compared with the true ligand
sets: of each zinc atom the residues of the chain with a nitrogen, oxygen or sulphur within 3.0 A.
"""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from prospector_core.errors import ProspectorError
from prospector_core.study import Study
from prospector_core.study.families import find_families

__all__ = ["ligand_sets", "table"]

_REACH = 3.0
CLASSES = ("Cys4", "Cys3His", "Cys2His2", "His/Asp/Glu", "other")


def ligand_sets(study, datum):
    """True sites of a chain: list of (class of its ligands, set of tokens).

    One a zinc with at least 2 ligands in the chain.
    """
    datum = study.datum(datum)
    structure = study.open_source(datum)
    chain = structure.chain((datum.part or {}).get("chain"))
    places, owners = [], []
    for index, atoms in enumerate(chain.atoms):
        for _, element, place in atoms:
            if element.upper() in ("N", "O", "S"):
                places.append(place)
                owners.append(index)
    tree, owners = cKDTree(np.array(places)), np.array(owners)
    found = []
    for atom in structure.ligands(chain.xyz, 8.0):
        if atom.element.upper() == "ZN":
            tokens = sorted(set(owners[tree.query_ball_point(atom.xyz, _REACH)].tolist()))
            if len(tokens) > 1:
                found.append((_class("".join(chain.letters[at] for at in tokens)), set(tokens)))
    return found


def _class(letters):
    cysteines, histidines = letters.count("C"), letters.count("H")
    if cysteines >= 4 or (cysteines == len(letters) and cysteines >= 3):
        return "Cys4"
    if cysteines == 3 and histidines:
        return "Cys3His"
    if cysteines == 2 and histidines:
        return "Cys2His2"
    if cysteines == 0 and set(letters) <= set("HDE"):
        return "His/Asp/Glu"
    return "other"


def table(study):
    """One row per family: its number, sites, share and make.

    List of {"family", "sites", "share", "made of", and how many of its sites are on each true class}.
    """
    truth = {datum.uid: ligand_sets(study, datum) for datum in study.embedded() if datum.label == 1}
    rows = []
    for family in find_families(study):
        hits = Counter()
        for site in family.sites:
            overlaps = [(len(tokens & set(site.tokens.tolist())), kind) for kind, tokens in truth[site.datum]]
            best = max(overlaps, default=(0, ""))
            hits[best[1] if best[0] else "no zinc"] += 1
        top = np.argsort(-family.composition)[:3]
        made = ", ".join(
            f"{study.concept_name(int(k))} {family.composition[k]:.0%}"
            for k in top
            if family.composition[k] > 0.02
        )
        rows.append(
            {
                "family": family.number + 1,
                "sites": len(family.sites),
                "share": family.share,
                "made of": made,
                **{kind: hits[kind] for kind in (*CLASSES, "no zinc")},
            }
        )
    return rows, Counter(kind for sets in truth.values() for kind, _ in sets)


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.families", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", help="folder with structures/ and labels.csv (file, chain, label)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    home = Path(options.data)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            study = Study.create(
                Path(scratch) / "study", structures=home / "structures", labels=home / "labels.csv"
            )
            study.embed()
            study.fit()
            rows, true = table(study)
    except ProspectorError as error:
        parser.exit(2, f"prospector: {error}\n")
    if options.json:
        print(json.dumps({"families": rows, "true sites": true}, indent=1))
        return
    print("true sites:", ", ".join(f"{kind} {true[kind]}" for kind in CLASSES))
    from .proteins import print_rows

    print_rows(rows)


if __name__ == "__main__":
    main()
