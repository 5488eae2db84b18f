"""Small structures made for tests: a helix-like chain of chosen residues, as PDB or mmCIF text."""

import numpy as np

__all__ = ["NAMES", "atom_line", "cif_text", "helix", "pdb_text", "study_of_chains"]

NAMES = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        [
            "ALA",
            "ARG",
            "ASN",
            "ASP",
            "CYS",
            "GLN",
            "GLU",
            "GLY",
            "HIS",
            "ILE",
            "LEU",
            "LYS",
            "MET",
            "PHE",
            "PRO",
            "SER",
            "THR",
            "TRP",
            "TYR",
            "VAL",
        ],
    )
)
_SHIFTS = {
    "N": (-0.9, 0.9, -0.5),
    "CA": (0, 0, 0),
    "C": (1.0, 0.8, 0.6),
    "O": (1.2, 2.0, 0.5),
    "CB": (-0.4, -1.2, 0.8),
    "SG": (-0.5, -2.6, 0.2),
}


def helix(n, start=0):
    """C-alphas of a helix: (n, 3)."""
    turn = np.deg2rad(100) * (np.arange(n) + start)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * (np.arange(n) + start)], axis=1)


def atoms_of(letter, place):
    """(name, element, xyz) of a residue."""
    names = [
        name
        for name in _SHIFTS
        if not (name == "CB" and letter == "G") and not (name == "SG" and letter != "C")
    ]
    return [(name, name[0], np.add(place, _SHIFTS[name])) for name in names]


def atom_line(
    serial, name, residue, chain, number, xyz, element=None, group="ATOM", alt=" ", code=" ", occupancy=1.0
):
    """One line of PDB."""
    x, y, z = xyz
    padded = f" {name:<3}" if len(name) < 4 else name
    return (
        f"{group:<6}{serial:5d} {padded}{alt}{residue:>3} {chain}{number:4d}{code}  "
        f" {x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{10.0:6.2f}          {element or name[0]:>2}"
    )


def pdb_text(letters, chain="A", start=1, models=1, ligand=True, shift=0.0):
    """A chain as PDB: residues by letter, a zinc behind it."""
    lines = []
    for model in range(models):
        if models > 1:
            lines.append(f"MODEL     {model + 1:4d}")
        serial = 0
        for index, (letter, place) in enumerate(zip(letters, helix(len(letters)) + shift * model)):
            for name, element, xyz in atoms_of(letter, place):
                serial += 1
                lines.append(atom_line(serial, name, NAMES[letter], chain, start + index, xyz, element))
        lines.append("TER")
        if ligand:
            lines.append(
                atom_line(serial + 1, "ZN", "ZN", chain, 901, (3.0, 3.0, 3.0), "ZN", "HETATM").replace(
                    " ZN   ZN", "ZN    ZN"
                )
            )
            lines.append(atom_line(serial + 2, "O", "HOH", chain, 902, (9.0, 9.0, 9.0), "O", "HETATM"))
        if models > 1:
            lines.append("ENDMDL")
    return "\n".join([*lines, "END", ""])


COLUMNS = [
    "group_PDB",
    "id",
    "type_symbol",
    "label_atom_id",
    "label_alt_id",
    "label_comp_id",
    "label_asym_id",
    "label_entity_id",
    "label_seq_id",
    "pdbx_PDB_ins_code",
    "Cartn_x",
    "Cartn_y",
    "Cartn_z",
    "occupancy",
    "B_iso_or_equiv",
    "auth_seq_id",
    "auth_asym_id",
    "pdbx_PDB_model_num",
]


def cif_text(letters, chain="A", start=1):
    """The same as mmCIF; its author chain is ``chain``, its other name "Q"."""
    lines = ["data_TEST", "loop_", *(f"_atom_site.{column}" for column in COLUMNS)]
    serial = 0
    for index, (letter, place) in enumerate(zip(letters, helix(len(letters)))):
        for name, element, (x, y, z) in atoms_of(letter, place):
            serial += 1
            lines.append(
                f"ATOM {serial} {element} {name} . {NAMES[letter]} Q 1 {index + 1} ? {x:.3f} {y:.3f} {z:.3f}"
                f" 1.00 10.00 {start + index} {chain} 1"
            )
    return "\n".join([*lines, "#", ""])


def study_of_chains(folder, n=10, length=24, encoder="residue-type", models=1, **options):
    """A study of small chains: in those of class 1 stands CxxC...C among random residues."""
    from prospector_core import Study

    rng = np.random.default_rng(0)
    home = folder / "structures"
    home.mkdir(parents=True, exist_ok=True)
    rows = ["file,chain,label" + (",model" if models > 1 else "")]
    for index in range(n):
        letters = list(rng.choice(list("ARNDQEGILKMFPSTVY"), length))
        if index % 2:
            for at in (5, 8, 12):
                letters[at] = "C"
        (home / f"p{index}.pdb").write_text(pdb_text("".join(letters), models=models, shift=0.2))
        rows.append(f"p{index}.pdb,A,{'binds' if index % 2 else 'no'}" + (",all" if models > 1 else ""))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return Study.create(
        folder / "study", structures=home, labels=folder / "labels.csv", encoder=encoder, **options
    )
