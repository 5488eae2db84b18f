"""The pages of a study of protein chains, without a browser: what stands on them, and what a click does."""

import pytest

from prospector_core.errors import BadInputError
from prospector_core.study import Study
from prospector_core.study.explanations import neighbours
from tests.pages.app import App
from tests.support.structure_files import study_of_chains


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    study = study_of_chains(tmp_path_factory.mktemp("proteins"), n=8)
    assert not study.embed()
    study.fit()
    study.database.close()
    return study.path


@pytest.fixture
def study(made, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(made.parent / "studies"))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(made))
    return Study.open(made)


def chain_of(app):
    """What the structure viewer was given."""
    return next(data for data in app._components() if "letters" in data)


def test_a_residue_is_explained_and_its_neighbours_are_drawn(study):
    app = App()
    shown = chain_of(app)
    assert (
        shown["selected"] is None and len(shown["scores"]) == len(shown["letters"]) == 24 and shown["atoms"]
    )
    assert "Click a residue" in app.text and shown["has_ligands"]
    datum = study.datum("p1 A")
    app.pick(study, "p1 A", 5)
    shown = chain_of(app)
    assert shown["selected"] == 5 and shown["labels"][5] == "CYS 6"
    near = neighbours(study, datum, 5).tokens[1:].tolist()
    assert sorted(each["token"] for each in shown["neighbours"]) == sorted(near)
    assert "cysteine" in app.text and "Prospect score" in app.text and "1 hop" in app.text
    weight = next(edge[2] for edge in shown["edges"] if 5 in edge[:2])
    assert isinstance(weight, float)


@pytest.mark.parametrize("page", ["study", "concepts", "atlas", "kernel"])
def test_the_other_pages_speak_of_residues(study, page):
    app = App()
    app.go(page)
    assert not app.errors
    text = app.text.lower()
    assert ("residue" in text or page == "kernel") and "tile" not in text


def test_excluding_a_concept_takes_its_residues_out(study, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(study.path, tmp_path / "copy")
    monkeypatch.setenv("PROSPECTOR_STUDY", str(tmp_path / "copy"))
    copy = Study.open(tmp_path / "copy")
    app = App()
    app.pick(copy, "p1 A", 5)
    concept = int(copy.concepts_of("p1 A")[5])
    app.open(f"this_exclude_{concept}").press(f"this_exclude_{concept}")
    assert "Waiting for a refit" in app.text
    app.press("refit")
    shown = chain_of(app)
    assert shown["scores"][5] is None and next(c for c in shown["concepts"] if c["id"] == concept)["excluded"]
    assert "excluded" in app.text


def test_families_are_named_and_kept(study, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(study.path, tmp_path / "copy")
    monkeypatch.setenv("PROSPECTOR_STUDY", str(tmp_path / "copy"))
    app = App()
    app.go("families")
    box = next(each for each in app.at.text_input if each.label == "Name of family 1")
    box.set_value("zinc knuckle").run()
    app.sound()
    copy = Study.open(tmp_path / "copy")
    assert [name for _, name in copy.curation.state.families] == ["zinc knuckle"]
    assert "sites" in app.text and not app.errors
    app.press("undo")
    assert not copy.curation.state.families


def test_residues_are_read_as_people_write_them():
    from viewers.kinds.structures.residues import read_residues

    numbers, chains = ["-2", "-1", "1", "2", "52", "52A", "53"], ["A"] * 7
    assert read_residues("1-52A", numbers, chains) == [2, 3, 4, 5]
    assert read_residues("-2--1, 53", numbers, chains) == [0, 1, 6]
    assert read_residues("A:52A", numbers, chains) == [5]
    assert read_residues("B:1; A:1", ["1", "1"], ["A", "B"]) == [0, 1]
    for text, words in (
        ("x!", "not a residue"),
        ("99", "no residue 99"),
        ("C:1", "no chain C"),
        ("", "write which"),
    ):
        with pytest.raises(BadInputError, match=words):
            read_residues(text, numbers, chains)
    with pytest.raises(BadInputError, match="which chain"):
        read_residues("1", ["1", "1"], ["A", "B"])


def test_without_its_file_a_chain_is_still_shown(made, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(made, tmp_path / "alone" / "deep" / "study")
    study = Study.open(tmp_path / "alone" / "deep" / "study")
    monkeypatch.setenv("PROSPECTOR_STUDY", str(study.path))
    with study.database.transaction() as connection:
        connection.execute("UPDATE sources SET path = 'gone.pdb', info = json_remove(info, '$.absolute')")
    app = App()
    shown = chain_of(app)
    assert shown["atoms"] is None and "no longer at" in shown["missing"] and len(shown["flat"]) == 24
    assert not app.errors
