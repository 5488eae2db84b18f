"""Structures are read as they are, whatever they are called.

What is wrong is said in one line that names the file.
"""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import TokenGraph
from prospector_core.errors import GraphError, StructureError
from prospector_core.modalities.structures.contacts import contact_points
from prospector_core.modalities.structures.files import list_structures, open_structure
from tests.support.structure_files import COLUMNS, NAMES, atom_line, atoms_of, cif_text, helix, pdb_text

LETTERS = "MKCGHWCAAPSTVY"


def write(folder, text, name="x.pdb", zipped=False):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("make", [pdb_text, cif_text])
def test_formats_are_told_by_content(tmp_path, make, zipped):
    structure = open_structure(write(tmp_path, make(LETTERS, start=7), "odd.name", zipped))
    assert structure.chains() == {"A": len(LETTERS)}
    chain = structure.chain("A")
    assert chain.letters == LETTERS and chain.numbers[0] == "7" and chain.residues[2] == "CYS"
    assert np.allclose(chain.xyz, helix(len(LETTERS)), atol=1e-3)
    assert chain.label(2) == "CYS 9" and not chain.left_out


def test_the_other_chain_name_of_mmcif_is_known_too(tmp_path):
    structure = open_structure(write(tmp_path, cif_text(LETTERS, chain="B"), "x.cif"))
    assert structure.chain("B").letters == structure.chain("Q").letters == LETTERS


def test_ligands_are_kept_apart(tmp_path):
    structure = open_structure(write(tmp_path, pdb_text(LETTERS)))
    chain = structure.chain("A")
    assert "ZN" not in chain.residues and len(chain) == len(LETTERS)
    assert [(atom.residue, atom.element) for atom in structure.ligands()] == [("ZN", "Zn")]  # and no water
    assert structure.ligands(near=np.array([[500.0, 0, 0]])) == []


def line_by_line(residues, **more):
    """PDB of (residue name, number, insertion code, {atom: xyz}, alt, occupancy)."""
    lines = []
    for name, number, code, atoms, alt, occupancy in residues:
        for atom, xyz in atoms.items():
            lines.append(
                atom_line(
                    len(lines) + 1,
                    atom,
                    name,
                    "A",
                    number,
                    xyz,
                    alt=alt,
                    code=code,
                    occupancy=occupancy,
                    **more,
                )
            )
    return "\n".join([*lines, "END", ""])


def at(index, letter="A"):
    return {name: xyz for name, _, xyz in atoms_of(letter, helix(index + 1)[index])}


def test_what_real_files_have(tmp_path):
    """Insertion codes, alternate locations and residues, modified residues, residues without C-alpha."""
    without = {"N": at(5)["N"], "C": at(5)["C"]}
    text = line_by_line(
        [
            ("GLY", 52, " ", at(0, "G"), " ", 1.0),
            ("ALA", 52, "A", at(1), " ", 1.0),
            ("MSE", 53, " ", at(2), " ", 1.0),
            ("SER", 54, " ", at(3), "A", 0.3),
            ("CYS", 54, " ", at(4), "B", 0.7),
            ("LEU", 55, " ", without, " ", 1.0),
            ("HIS", 56, " ", at(6), " ", 1.0),
        ]
    )
    chain = open_structure(write(tmp_path, text)).chain("A")
    assert chain.numbers == ["52", "52A", "53", "54", "56"] and chain.letters == "GAMCH"
    assert chain.residues[2] == "MSE" and chain.left_out == ["LEU 55"]
    assert np.isfinite(contact_points(chain, "side")).all() and np.isfinite(chain.beta()).all()


def test_models_and_chains_that_are_not_there_are_named(tmp_path):
    structure = open_structure(write(tmp_path, pdb_text(LETTERS, models=3, shift=0.5)))
    assert structure.n_models == 3 and structure.frames("A").shape == (3, len(LETTERS), 3)
    for ask, words in (
        (lambda: structure.chain("B"), "no chain 'B'.*A .14 residues"),
        (lambda: structure.chain("A", 4), "no model 4.*it has 3"),
        (lambda: structure.chain("A", 1, "7"), "no assembly 7.*none"),
    ):
        with pytest.raises(StructureError, match=words):
            ask()


def test_assemblies_repeat_chains(tmp_path):
    remark = (
        "REMARK 350 BIOMOLECULE: 1\nREMARK 350 APPLY THE FOLLOWING TO CHAINS: A\nREMARK 350   BIOMT1   1 "
        " 1.000000  0.000000  0.000000        0.00000\nREMARK 350   BIOMT2   1  0.000000  1.000000  0.000000 "
        "       0.00000\nREMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000\nREMARK 350  "
        " BIOMT1   2 -1.000000  0.000000  0.000000       30.00000\nREMARK 350   BIOMT2   2  0.000000"
        " -1.000000  0.000000        0.00000\nREMARK 350   BIOMT3   2  0.000000  0.000000  1.000000       "
        " 0.00000\n"
    )
    structure = open_structure(write(tmp_path, remark + pdb_text(LETTERS)))
    assert structure.assemblies == ["1"]
    both = structure.chain(None, assembly="1")
    assert both.letters == 2 * LETTERS and len(set(both.chains)) == 2


CIF = "data_X\nloop_\n" + "\n".join(f"_atom_site.{column}" for column in COLUMNS) + "\n"
BROKEN = {
    "nothing": (b"", "empty"),
    "spaces": (b"  \n \n", "empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "binary"),
    "binary cif": (b"\x83\xa7version\xa50.3.0" + bytes(200), "binary"),
    "words": (b"Dear colleague,\nplease find the structure attached.\n", "no atoms"),
    "cut gzip": (gzip.compress(pdb_text(LETTERS).encode())[:-40], "cut short"),
    "cut line": (pdb_text(LETTERS).encode()[:-160].rpartition(b"ATOM")[0][:-45], "cut short|columns"),
    "cut cif": (cif_text(LETTERS).encode()[:-150], "whole mmCIF"),
    "cif without atoms": (b"data_X\n_cell.length_a 10\n", "without atoms"),
    "nan": (pdb_text(LETTERS).replace("   2.300", "     nan", 1).encode(), "nan"),
    "nan in cif": (cif_text(LETTERS).replace(" 2.300 ", " nan ", 1).encode(), "not a number"),
    "unknown in cif": (cif_text(LETTERS).replace(" 2.300 ", " ? ", 1).encode(), "not a number"),
    "shifted columns": (pdb_text(LETTERS).replace("ATOM  ", "ATOM    ").encode(), "columns|cut short"),
    "no coordinates": (b"ATOM      1  CA  ALA A   1\n", "cut short"),
    "header only": (b"HEADER    HYDROLASE\nEND\n", "no atoms"),
    "far away": (pdb_text(LETTERS).replace("   2.300", "9999999.", 1).encode(), "possible"),
    "loop of another length": ((CIF + "ATOM 1 C CA\n").encode(), "whole mmCIF"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_answered_in_one_line(tmp_path, name):
    content, words = BROKEN[name]
    path = tmp_path / "broken.pdb"
    path.write_bytes(content)
    with pytest.raises(StructureError, match=words) as caught:
        open_structure(path)
    assert "broken.pdb" in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_cannot_be_opened(tmp_path):
    for path, words in ((tmp_path / "gone.pdb", "does not exist"), (tmp_path, "folder")):
        with pytest.raises(StructureError, match=words):
            open_structure(path)
    with pytest.raises(StructureError, match="not a folder"):
        list_structures(tmp_path / "gone")


def test_chains_without_protein_are_refused_by_name(tmp_path):
    lines = [atom_line(i + 1, "P", "DA", "A", i + 1, (3.0 * i, 0, 0)) for i in range(5)]
    structure = open_structure(write(tmp_path, "\n".join([*lines, "TER", "END", ""])))
    with pytest.raises(StructureError, match="no protein chain"):
        structure.chain(None)
    with pytest.raises(StructureError, match="none that is protein"):
        structure.chain("A")
    bare = line_by_line([("ALA", i, " ", {"N": at(i)["N"], "C": at(i)["C"]}, " ", 1.0) for i in range(1, 8)])
    with pytest.raises(StructureError, match="no residue with a C-alpha|no protein residues"):
        open_structure(write(tmp_path, bare)).chain("A")


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400) | st.integers(1, 1500).map(lambda cut: pdb_text("MKCG").encode()[:cut]), st.data()
)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, content, data):
    if content and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content) - 1))
        content = content[:at] + data.draw(st.binary(max_size=3)) + content[at + 1 :]
    path = tmp_path_factory.mktemp("fuzz") / "f.pdb"
    path.write_bytes(content)
    try:
        structure = open_structure(path)
        for name in structure.chains():
            assert np.isfinite(structure.chain(name).xyz).all()
    except StructureError as error:
        assert "f.pdb" in str(error) and "\n" not in str(error)


def test_contacts_of_a_capsid_fit_in_memory():
    """100,000 residues on a shell: a million contacts, not 10 thousand million distances."""
    rng = np.random.default_rng(0)
    starts = rng.normal(size=(200, 3))
    starts *= 400 / np.linalg.norm(starts, axis=1)[:, None]
    xyz = (starts[:, None] + np.cumsum(rng.normal(size=(200, 500, 3)) * 2.2, axis=1)).reshape(-1, 3)
    graph = TokenGraph.from_contacts(xyz, 8.0)
    assert graph.n == 100_000 and 100_000 < len(graph.indices) < 10_000_000
    with pytest.raises(GraphError, match="on top of each other"):
        TokenGraph.from_contacts(np.zeros((20_000, 3)), 8.0)


@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_edges_are_those_of_the_distances(n, seed):
    xyz = np.random.default_rng(seed).normal(size=(n, 3)) * 6
    graph = TokenGraph.from_contacts(xyz, 8.0)
    near = np.linalg.norm(xyz[:, None] - xyz[None], axis=-1) <= 8.0
    assert graph.edges.tolist() == [[i, j] for i in range(n) for j in range(i + 1, n) if near[i, j]]


ZINC = Path(os.environ.get("PROSPECTOR_DATA", Path(__file__).parents[3] / "shared" / "data")) / "zinc"


@pytest.mark.skipif(
    not ZINC.exists(), reason="needs the zinc data: set PROSPECTOR_DATA to the folder that holds zinc/"
)
def test_real_entries_are_read_residue_by_residue():
    """Every tenth of the 156 here, for time; all of them by `python -m benchmarks.proteins`."""
    with gzip.open(ZINC / "residues.csv.gz", "rt") as file:
        known = {}
        for row in csv.DictReader(file):
            known.setdefault((row["pdb_id"], row["chain"]), []).append((row["seqid"], row["resname"]))
    with open(ZINC / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))[::10]
    for row in rows:
        chain = open_structure(ZINC / row["file"]).chain(row["chain"])
        mine, listed = set(zip(chain.numbers, chain.residues)), set(known[row["pdb_id"], row["chain"]])
        assert len(mine ^ listed) <= 2, row["pdb_id"]


def test_names_of_the_test_cover_all_types():
    assert len(NAMES) == 20
