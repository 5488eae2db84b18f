"""Maps of structures as other programs read them, and trajectories of chains that share their numbers."""

import base64
import json
import re

import gemmi
import numpy as np
import pytest

from prospector_core import Study
from prospector_core.exporters import export
from prospector_core.modalities.structures.exports import _of_chimerax
from tests.support.structure_files import atom_line, atoms_of, cif_text, helix, pdb_text

NUMBERS = ["1C", "1B", "1A", "1", "2", "3", "4", "4A", "5", "-6", "7", "8"]


def with_codes(letters):
    """A chain of PDB numbered as thrombin's light chain."""
    lines = []
    for letter, place, number in zip(letters, helix(len(letters)), NUMBERS):
        code = number[-1] if number[-1].isalpha() else " "
        residue = {"C": "CYS", "A": "ALA", "S": "SER", "K": "LYS"}[letter]
        for name, element, xyz in atoms_of(letter, place):
            at = len(lines) + 1
            number_ = int(number.rstrip("ABC"))
            lines.append(atom_line(at, name, residue, "A", number_, xyz, element, code=code))
    return "\n".join([*lines, "END", ""])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    files, table = folder / "files", ["file,label"]
    files.mkdir()
    for at in range(6):
        (files / f"s{at}.pdb").write_text(with_codes(("CASK" if at % 2 else "ASKK") * 3))
        table.append(f"s{at}.pdb,{'yes' if at % 2 else 'no'}")
    other = cif_text("CASKCASKCASK", chain="A1-2").rstrip("#\n")
    second = [line for line in cif_text("ASKKASKKASKC", chain="B.1").splitlines() if line.startswith("ATOM")]
    second = [
        re.sub(r" Q 1 (\d+) \? (\S+)", r" R 1 \1 ? 99\2", line).replace("99-", "-99") for line in second
    ]
    (files / "t.cif").write_text("\n".join([other, *second, "#", ""]))
    table.append("t.cif,yes")
    (folder / "labels.csv").write_text("\n".join(table) + "\n")
    made = Study.create(folder / "study", structures=files, labels=folder / "labels.csv")
    assert not made.embed()
    made.fit()
    return made


def written(study, name, format, folder):
    return export(study, format, folder)[study.datum(name).uid]


def test_selectors_of_molviewspec_mean_one_residue_each(study, tmp_path):
    spec = pytest.importorskip("molviewspec", reason="needs molviewspec: requirements-test.txt")
    text = written(study, "s1.pdb", "molviewspec", tmp_path).read_text()
    spec.nodes.State.model_validate(json.loads(text)) if hasattr(spec.nodes, "State") else None
    scene = json.loads(text)
    download = scene["root"]["children"][0]
    content = base64.b64decode(download["params"]["url"].partition(",")[2]).decode()
    table = gemmi.cif.read_string(content)[0].find(
        "_atom_site.",
        ["auth_asym_id", "auth_seq_id", "pdbx_PDB_ins_code", "label_seq_id", "label_atom_id"],
    )
    rows = [list(row) for row in table if row[4] == "CA"]

    def meant(selector):
        """Residues that a selector means: what it does not name may be anything."""
        checked = spec.nodes.ComponentExpression.model_validate(selector)
        fields = ("auth_asym_id", "auth_seq_id", "pdbx_PDB_ins_code", "label_seq_id")
        wanted = [(at, getattr(checked, field)) for at, field in enumerate(fields)]
        return [
            f"{row[1]}{row[2].strip('?.')}"
            for row in rows
            if all(value is None or str(value) == row[at] for at, value in wanted)
        ]

    components = download["children"][0]["children"][0]["children"]
    colours = components[0]["children"][0]["children"][1:]
    assert sorted(sum((meant(each["params"]["selector"]) for each in colours), [])) == sorted(NUMBERS)
    top = components[3]["params"]["selector"] if len(components) > 3 else []
    assert top and all(len(meant(each)) == 1 for each in top)


def test_the_script_loads_clean_in_pymol(study, tmp_path, capfd):
    pymol = pytest.importorskip("pymol2", reason="needs pymol-open-source: requirements-test.txt")
    for name in ("s1.pdb", "t.cif"):
        script = written(study, name, "pml", tmp_path / name[0])
        with pymol.PyMOL() as session:
            session.cmd.load(str(study.source_path(study.datum(name))))
            session.cmd.do(f"@{script}")
            found = {}
            session.cmd.iterate("name CA", "found[chain, resi] = b", space={"found": found})
        said = "".join(capfd.readouterr())
        assert "Error" not in said and "error" not in said, said
        attrs = study.attrs(study.datum(name))
        scores = dict(zip(zip(attrs["chains"], attrs["numbers"]), study.prospect(name)))
        assert found.keys() == scores.keys()
        assert np.allclose([found[each] for each in scores], list(scores.values()), atol=1e-3)


_TARGET = re.compile(
    r"(?:/[A-Za-z0-9_]+|//chain_id==\"[^\"]+\")?:-?[A-Za-z0-9_]+"
)  # of ChimeraX's grammar: names with other signs only as values of attributes


def test_attributes_are_for_residues_that_chimerax_can_name(study, tmp_path):
    lines = written(study, "t.cif", "defattr", tmp_path).read_text().splitlines()
    targets = [line.split("\t")[1] for line in lines if line.startswith("\t")]
    assert all(_TARGET.fullmatch(target) for target in targets)
    assert {target.partition(":")[0] for target in targets} == {'//chain_id=="A1-2"', '//chain_id=="B.1"'}
    assert [
        _of_chimerax(chain, one) for chain, one in (("A", True), ("", True), ("", False), ("AA", False))
    ] == [
        "/A",
        "",
        '//chain_id==" "',
        "/AA",
    ]


def test_chains_that_pdb_renames_are_listed(study, tmp_path):
    path = written(study, "t.cif", "bfactor", tmp_path)
    remarks = [line for line in path.read_text().splitlines() if line.startswith("REMARK 999")]
    model = gemmi.read_structure(str(path))[0]
    assert [line.split()[3] for line in remarks] == [chain.name for chain in model]
    assert [line.split()[7] for line in remarks] == ["A1-2", "B.1"]


def test_every_chain_of_a_trajectory_reads_its_own_atoms(tmp_path):
    mda = pytest.importorskip("MDAnalysis", reason="needs the extra trajectories: pip install MDAnalysis")
    from prospector_core.modalities.structures.files import open_structure
    from prospector_core.modalities.structures.trajectory import read_frames

    one = [
        line for line in pdb_text("MKCGHWCAAP", chain=" ", ligand=False).splitlines() if line[:4] == "ATOM"
    ]
    other = [f"{line[:30]}{float(line[30:38]) + 40:8.3f}{line[38:]}" for line in one]
    (tmp_path / "a.pdb").write_text("\n".join([*one, "TER", *other, "END", ""]))
    universe = mda.Universe(str(tmp_path / "a.pdb"))
    half = universe.atoms.n_atoms // 2
    with mda.Writer(str(tmp_path / "a.dcd"), universe.atoms.n_atoms) as writer:
        for _ in range(2):
            universe.atoms[half:].translate([0, 5.0, 0])
            writer.write(universe.atoms)
    structure = open_structure(tmp_path / "a.pdb")
    for chain, way in (("A", 0), ("B", 10), ("A+B", [0] * 10 + [10] * 10)):
        frames = read_frames(structure, {"chain": chain, "trajectory": "a.dcd"}, tmp_path)
        moved = frames[-1][1].xyz - structure.chain(chain).xyz
        assert np.allclose(moved[:, 1], way, atol=1e-3) and np.allclose(moved[:, 0], 0, atol=1e-3)
