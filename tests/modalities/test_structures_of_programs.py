"""Structures as programs of simulation, old programs and archives write them."""

import numpy as np
import pytest

from prospector_core.errors import StructureError
from prospector_core.modalities.structures.files import by_code, list_structures, open_structure
from prospector_core.modalities.structures.names import letter_of
from tests.support.structure_files import COLUMNS, NAMES, atom_line, atoms_of, cif_text, helix, pdb_text

LETTERS = "MKCGHWCAAPSTVY"


def rows(letters=LETTERS, chain="A", start=1, shift=0.0, names=None, heteroatoms=(), without=()):
    """Lines of PDB, a residue a letter."""
    lines = []
    for index, (letter, place) in enumerate(zip(letters, helix(len(letters)) + shift)):
        if index in without:
            continue
        name = (names or {}).get(index, NAMES[letter])
        group = "HETATM" if index in heteroatoms else "ATOM"
        lines += [
            atom_line(len(lines) + 1, atom, name, chain, start + index, xyz, element, group)
            for atom, element, xyz in atoms_of(letter, place)
        ]
    return lines


def opened(folder, lines, name="x.pdb"):
    (folder / name).write_text(lines if isinstance(lines, str) else "\n".join([*lines, "END", ""]))
    return open_structure(folder / name)


@pytest.mark.parametrize(
    ("letter", "names"),
    [
        ("H", "HID HIE HIP HSD HSE HSP HISD HISE HISH HISA HISB HIS1 HIS2 NHID CHIE NHIS"),
        ("C", "CYX CYM CYS1 CYS2 CYSH NCYX CCYX"),
        ("D", "ASH ASPH ASPP NASP CASP"),
        ("E", "GLH GLUH GLUP NGLU CGLU"),
        ("K", "LYN LYSH LYSN LSN NLYS CLYS"),
        ("R", "ARN ARGN NARG CARG"),
        ("Y", "TYM NTYR"),
        ("A", "NALA CALA DAL"),
        ("M", "MSE NMET"),
        ("S", "SEP"),
        ("X", "ZZ9 QQQQ"),
    ],
)
def test_names_of_simulations_are_the_residues_they_are(letter, names):
    assert {name: letter_of(name, {}) for name in names.split()} == dict.fromkeys(names.split(), letter)


def test_residues_of_simulations_stay_in_their_chain(tmp_path):
    chain = opened(tmp_path, rows(names={2: "CYX", 4: "HSD", 6: "CYM"}, heteroatoms=(4,))).chain("A")
    assert chain.letters == LETTERS and chain.residues[4] == "HSD"


def test_a_name_of_four_letters_leaves_no_residue_out(tmp_path):
    lines = rows()
    for number, name in ((1, "NMET"), (8, "NALA"), (9, "WXYZ")):
        lines = [f"{line[:17]}{name}{line[21:]}" if int(line[22:26]) == number else line for line in lines]
    structure = opened(tmp_path, lines)
    assert structure.chains() == {"A": 14} and structure.chain().letters == "MKCGHWCAXPSTVY"
    assert "NMET 1 as MET, NALA 8 as ALA, WXYZ 9 as UNK" in structure.notes[0]


def test_chains_of_two_letters_stay(tmp_path):
    lines = rows() + [f"{line[:20]}AA{line[22:]}" for line in rows(shift=40)]
    assert opened(tmp_path, lines).chains() == {"A": 14, "AA": 14}


@pytest.mark.parametrize("at_the_end", [[], ["TER"]])
def test_a_ter_inside_a_chain_does_not_cut_it(tmp_path, at_the_end):
    lines = rows()
    inside = next(at for at, line in enumerate(lines) if int(line[22:26]) == 8)
    structure = opened(tmp_path, [*lines[:inside], "TER", *lines[inside:], *at_the_end])
    assert structure.chain("A").letters == LETTERS and not structure.ligands()


def test_peptides_bound_to_a_chain_of_their_name_are_no_part_of_it(tmp_path):
    ligand = rows("AP", start=201, shift=30, heteroatoms=(0, 1))
    structure = opened(tmp_path, [*rows(), "TER", *ligand])
    chain = structure.chain("A")
    assert chain.letters == LETTERS and chain.left_out == ["ALA 201 (free)", "PRO 202 (free)"]
    assert {atom.residue for atom in structure.ligands()} == {"ALA", "PRO"}


def test_a_modified_residue_between_gaps_is_of_the_chain(tmp_path):
    alone = rows(names={1: "MSE"}, heteroatoms=(1,), without=(0, 2, 3, 4, 5))
    assert opened(tmp_path, alone).chain("A").numbers[0] == "2"
    free = rows(heteroatoms=(1,), without=(0, 2, 3, 4, 5))
    chain = opened(tmp_path, free).chain("A")
    assert chain.numbers[0] == "7" and chain.left_out == ["LYS 2 (free)"]


def test_numbering_that_starts_anew_begins_another_chain(tmp_path):
    blank = opened(tmp_path, [*rows(chain=" "), "TER", *rows("AAPSTV", chain=" ", shift=40)])
    assert blank.chains() == {"A": 14, "B": 6} and blank.chain("B").letters == "AAPSTV"
    assert "what has no chain name is read as chain A, chain B" in blank.notes[0]
    goes_on = opened(tmp_path, [*rows(chain=" "), "TER", *rows("AAPSTV", chain=" ", start=15, shift=40)])
    assert goes_on.chains() == {"": 20} and not goes_on.notes
    named = opened(tmp_path, [*rows(start=5), *rows("AAPSTV", shift=40)])  # numbers 1 to 6 behind 5 to 18
    assert named.chains() == {"A": 14, "A_2": 6} and named.chain("A").letters == LETTERS
    twice = opened(tmp_path, rows() + rows())  # the same atoms
    assert twice.chains() == {"A": 14} and not twice.notes


def test_segments_name_chains_without_a_name(tmp_path):
    def of(segment, shift):
        return [f"{line[:72]:<72}{segment:<4}{line[76:]}" for line in rows(chain=" ", shift=shift)]

    structure = opened(tmp_path, of("PROA", 0) + of("PROB", 40))
    assert structure.chains() == {"PROA": 14, "PROB": 14}
    assert np.allclose(structure.chain("PROB").xyz - structure.chain("PROA").xyz, 40, atol=0.01)
    old = ["HEADER    HYDROLASE                               01-JAN-80   1ABC".ljust(80), *of("1ABC", 0)]
    assert opened(tmp_path, old).chains() == {"": 14}


@pytest.mark.parametrize("name", ["CA", "CD", "CE", "HG", "NE"])
def test_atoms_of_amino_acids_are_no_metals(tmp_path, name):
    lines = [f"{line[:12]}{line[12:16].strip():<4}{line[16:66]}" for line in rows()]  # no element either
    lines.append(f"{lines[-1][:12]}{name:<4}{lines[-1][16:]}")
    chain = opened(tmp_path, lines).chain("A")
    assert chain.letters == LETTERS
    assert {element for atoms in chain.atoms for _, element, _ in atoms} <= {"C", "N", "O", "S"}


def test_calcium_stays_calcium(tmp_path):
    ion = f"HETATM  999 CA    CA A 900    {9:8.3f}{9:8.3f}{9:8.3f}  1.00 10.00          CA"
    assert [atom.element for atom in opened(tmp_path, [*rows(), "TER", ion]).ligands()] == ["Ca"]


def without(*columns, renamed=None):
    """The same chain as mmCIF without columns."""
    kept = [at for at, column in enumerate(COLUMNS) if column not in columns]
    lines = cif_text(LETTERS, chain="B", start=7).splitlines()
    head = [f"_atom_site.{(renamed or {}).get(COLUMNS[at], COLUMNS[at])}" for at in kept]
    body = [" ".join(line.split()[at] for at in kept) for line in lines if line.startswith("ATOM")]
    return "\n".join(["data_T", "loop_", *head, *body, "#", ""])


@pytest.mark.parametrize(
    "columns",
    [
        (column,)
        for column in COLUMNS
        if column not in ("label_atom_id", "label_comp_id", "Cartn_x", "Cartn_y", "Cartn_z")
    ]
    + [("id", "type_symbol", "label_alt_id", "label_entity_id", "group_PDB", "occupancy", "B_iso_or_equiv")],
)
def test_mmcif_is_read_with_the_columns_that_there_are(tmp_path, columns):
    chain = opened(tmp_path, without(*columns), "x.cif").chain()
    assert chain.letters == LETTERS and np.allclose(chain.xyz, helix(14), atol=1e-3)
    assert chain.chains[0] == ("Q" if "auth_asym_id" in columns else "B")
    assert chain.numbers[0] == ("1" if "auth_seq_id" in columns else "7")
    assert {element for atoms in chain.atoms for _, element, _ in atoms} == {"C", "N", "O", "S"}


def test_names_of_authors_alone_are_enough(tmp_path):
    text = without(
        "label_alt_id",
        "label_asym_id",
        "label_seq_id",
        "label_entity_id",
        renamed={"label_atom_id": "auth_atom_id", "label_comp_id": "auth_comp_id"},
    )
    assert opened(tmp_path, text, "x.cif").chain("B").letters == LETTERS


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (("label_atom_id",), "names of atoms.*label_atom_id or _atom_site.auth_atom_id"),
        (("label_comp_id",), "names of residues.*label_comp_id"),
        (("label_seq_id", "auth_seq_id"), "numbers of residues.*auth_seq_id"),
        (("Cartn_z",), "no column _atom_site.Cartn_z"),
    ],
)
def test_a_column_without_which_nothing_can_be_told_is_named(tmp_path, columns, words):
    with pytest.raises(StructureError, match=words):
        opened(tmp_path, without(*columns), "x.cif")


def test_files_are_found_by_the_names_of_archives(tmp_path):
    names = ["9abd.pdb1.gz", "pdb9abc.ent.gz", "pdb_00009abe.cif.gz", "x.pdb12", "y.pdbqt", "z.txt"]
    for name in names:
        (tmp_path / name).write_text(pdb_text(LETTERS))
    files = list_structures(tmp_path)
    assert [file.name for file in files] == names[:4]
    given = ["9abc", "9ABC.pdb", "9abe", "9abd", "pdb9abc", "x", "nothing", "a/9abc.cif"]
    assert by_code(given, files) == [
        "pdb9abc.ent.gz",
        "pdb9abc.ent.gz",
        "pdb_00009abe.cif.gz",
        "9abd.pdb1.gz",
        "pdb9abc.ent.gz",
        "x.pdb12",
        "nothing",
        "a/pdb9abc.ent.gz",
    ]


def test_partners_and_nucleic_acid_are_context(tmp_path):
    from prospector_core.modalities.structures.context import read_context

    dna = [
        atom_line(at + 1, name, "DA", "D", 1 + at // 2, np.add(place, 8), name[0])
        for at, (name, place) in enumerate(zip(["P", "C1'"] * 4, helix(8)))
    ]
    far = rows(chain="F", shift=200)
    structure = opened(
        tmp_path, [*rows(), "TER", *rows("AAPSTV", chain="B", shift=6), "TER", *dna, "TER", *far]
    )
    chain = structure.chain("A")
    found = read_context(structure, chain.xyz, chain.chains)
    assert {atom.chain for atom in found} == {"B", "D"}
    assert {atom.name for atom in found if atom.chain == "B"} == {"N", "CA", "C", "O"}
    assert {atom.name for atom in found if atom.chain == "D"} == {"P", "C1'"}
    assert not read_context(structure, structure.chain("F").xyz, ["F"])
