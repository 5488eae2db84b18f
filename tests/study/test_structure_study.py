"""A study of chains from reading to files: what is embedded, fitted, corrected and written."""

import json

import gemmi
import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import (
    BadInputError,
    CurationError,
    EmbeddingError,
    FitError,
    LabelsError,
    StructureError,
)
from prospector_core.exporters import export
from prospector_core.study.rebuild import rebuild_fits
from tests.support.structure_files import study_of_chains


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = study_of_chains(tmp_path_factory.mktemp("chains"))
    assert not made.embed()
    made.fit()
    return made


def test_residue_types_are_the_concepts(study):
    fit = study.view
    assert (
        fit.settings.quantizer == "as encoded" and fit.n_concepts == 21 and study.classes == ("no", "binds")
    )
    names = {concept.name: concept for concept in study.concepts()}
    assert names["cysteine"].weight == max(concept.weight for concept in names.values())
    datum = study.datum("p1 A")
    assert datum.part == {"chain": "A"} and study.kind.place(study, datum, 5) == {
        "chain": "A",
        "residue": "CYS",
        "number": "6",
    }
    assert int(np.argmax(study.prospect(datum))) in (5, 8, 12)
    explanation = study.explain(datum, 5)
    assert explanation.score == pytest.approx(study.prospect(datum)[5])
    with pytest.raises(BadInputError, match="no grid"):
        study.grid(datum)
    assert study.regions(datum, study.prospect(datum), 0.1)


def test_the_graph_is_that_of_the_contacts(study):
    graph = study.graph("p1 A")
    assert graph.kind == "contacts" and graph.n == 24
    away = np.linalg.norm(
        study.positions("p1 A")[graph.edges[:, 0]] - study.positions("p1 A")[graph.edges[:, 1]], axis=1
    )
    assert away.max() <= study.embedding["cutoff"] == 6.0


def test_every_edit_works_on_residues(study, tmp_path):
    import shutil

    shutil.copytree(study.path, tmp_path / "study")
    copy = Study.open(tmp_path / "study")
    edits = copy.curation
    before = copy.prospect("p1 A").copy()
    names = {concept.name: concept.id for concept in copy.concepts()}
    edits.merge([names["aspartate"], names["glutamate"]], into=names["aspartate"])
    edits.exclude(names["glycine"])
    edits.pin(names["cysteine"], 9.0)
    edits.annotate("p3 A", [4, 5, 6], "for")
    edits.annotate("p0 A", [0, 1], "ignore")
    edits.reassign("p1 A", [0], names["histidine"])
    with pytest.raises(CurationError, match="outlines are drawn"):
        edits.annotate("p1 A", [[0, 0], [9, 0], [9, 9]], "for")
    change = copy.refit()
    assert change.after.weight(names["cysteine"]) == 9.0 and not np.array_equal(before, copy.prospect("p1 A"))
    assert np.isnan(copy.prospect("p0 A")[:2]).all()
    with pytest.raises(CurationError, match="same embedding"):
        edits.split(names["cysteine"], into=2)
    assert all(each.result == "same" for each in rebuild_fits(copy))


def test_other_encoders_and_contacts(tmp_path):
    made = study_of_chains(tmp_path, n=6, encoder="residue-type+3di", atom="ca")
    assert made.embedding["cutoff"] == 8.0 and not made.embed()
    with pytest.raises(FitError, match="no concepts of its own"):
        made.fit(quantizer="as encoded")
    made.fit(concepts=6)
    assert made.view.n_concepts == 6 and made.concept_name(0) == "concept 0"
    product = study_of_chains(tmp_path / "product", n=4, encoder="residue-type*3di")
    assert not product.embed()
    product.fit()
    assert " in 3Di " in product.concept_name(0) and product.view.n_concepts <= 96


def test_a_trajectory_is_one_datum_of_many_frames(tmp_path):
    made = study_of_chains(tmp_path, n=6, models=3)
    assert not made.embed()
    made.fit()
    datum = made.data[1]
    graph, attrs = made.graph(datum), made.attrs(datum)
    assert attrs["frames"] == 3 and graph.n == 72 and made.prospect(datum).shape == (72,)
    assert (
        graph.edges[:, 0] // 24 == graph.edges[:, 1] // 24
    ).all()  # frames are not in contact with each other
    assert made.kind.place(made, datum, 24 + 5)["frame"] == 2
    # the same frame three times is what one frame is: counts are averaged
    assert np.allclose(made.prospect(datum).reshape(3, 24), made.prospect(datum)[:24], atol=1e-9)
    one = study_of_chains(tmp_path / "one", n=6)
    one.embed()
    one.fit()
    assert np.allclose(one.view.coef, made.view.coef, atol=1e-6)


@pytest.mark.parametrize("format", ["bfactor", "mmcif", "defattr", "pml", "molviewspec", "csv"])
def test_maps_are_written_for_other_programs(study, tmp_path, format):
    written = export(study, format, tmp_path)
    path = written[study.datum("p1 A").uid]
    assert "p1" not in path.name  # nothing names the file
    scores, text = study.prospect("p1 A"), path.read_text()
    if format in ("bfactor", "mmcif"):
        model = gemmi.read_structure(str(path))[0]
        residues = [residue for residue in model["A"] if residue.name != "ZN"]
        assert np.allclose([residue["CA"][0].b_iso for residue in residues], scores, atol=0.006)
        assert any(residue.name == "ZN" for chain in model for residue in chain)
    elif format == "defattr":
        lines = [line.split("\t") for line in text.splitlines() if line.startswith("\t/A:")]
        assert (
            np.allclose([float(line[2]) for line in lines[:24]], scores, atol=1e-3) and lines[5][1] == "/A:6"
        )
        assert "attribute: prospect_score" in text
    elif format == "pml":
        assert "alter polymer and chain A and resi 6, b=" in text and "spectrum b" in text
    elif format == "molviewspec":
        scene = json.loads(text)
        download = scene["root"]["children"][0]
        assert download["params"]["url"].startswith("data:") and "color" in text
    else:
        assert text.splitlines()[0].startswith('"token","chain","residue","number","letter","x"')


def test_formats_of_slides_are_refused(study, tmp_path):
    with pytest.raises(BadInputError, match="not a format for chains"):
        export(study, "geojson", tmp_path)


def test_what_is_wrong_is_said_before_a_study_is_made(tmp_path):
    study_of_chains(tmp_path / "good", n=2)
    home, table = tmp_path / "good" / "structures", tmp_path / "labels.csv"
    for rows, options, error, words in (
        ("file,chain,label\np0.pdb,B,0\np1.pdb,A,1\n", {}, LabelsError, "p0 B.*no chain 'B'"),
        ("file,chain,label\np0.pdb,A,0\np7.pdb,A,1\n", {}, LabelsError, "p7.pdb"),
        ("file,chain,model,label\np0.pdb,A,x,0\np1.pdb,A,,1\n", {}, StructureError, "model must be"),
        ("file,label\np0.pdb,0\np1.pdb,1\n", {"atom": "cg"}, BadInputError, "side, ca, cb"),
        ("file,label\np0.pdb,0\np1.pdb,1\n", {"cutoff": 0.1}, BadInputError, "1 to 50"),
        ("file,label\np0.pdb,0\np1.pdb,1\n", {"encoder": "resnet"}, EmbeddingError, "no encoder of residues"),
    ):
        table.write_text(rows)
        with pytest.raises(error, match=words):
            Study.create(tmp_path / "study", structures=home, labels=table, **options)
        assert not (tmp_path / "study").exists()
    with pytest.raises(StructureError, match="no folder"):
        Study.create(tmp_path / "study", structures=tmp_path / "gone", labels=table)


def test_a_trajectory_file_is_read_frame_by_frame(tmp_path):
    mda = pytest.importorskip("MDAnalysis", reason="needs the extra trajectories: pip install MDAnalysis")
    from prospector_core.modalities.structures.files import open_structure
    from prospector_core.modalities.structures.trajectory import read_frames
    from tests.support.structure_files import pdb_text

    (tmp_path / "a.pdb").write_text(pdb_text("MKCGHWCAAP", ligand=False))
    universe = mda.Universe(str(tmp_path / "a.pdb"))
    with mda.Writer(str(tmp_path / "a.dcd"), universe.atoms.n_atoms) as writer:
        for _ in range(6):
            universe.atoms.translate([1.0, 0, 0])
            writer.write(universe.atoms)
    structure = open_structure(tmp_path / "a.pdb")
    frames = read_frames(structure, {"chain": "A", "trajectory": "a.dcd", "frames": "3"}, tmp_path)
    assert [number for number, _ in frames] == [1, 3, 6]
    moved = frames[-1][1].xyz - structure.chain("A").xyz
    assert np.allclose(moved, [6, 0, 0], atol=1e-3) and frames[0][1].letters == "MKCGHWCAAP"
    with pytest.raises(StructureError, match="no trajectory"):
        read_frames(structure, {"trajectory": "gone.dcd"}, tmp_path)
    (tmp_path / "b.dcd").write_bytes(b"not a trajectory")
    with pytest.raises(StructureError, match="cannot be read as a trajectory"):
        read_frames(structure, {"trajectory": "b.dcd"}, tmp_path)
