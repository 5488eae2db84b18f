"""add, remove, labels, fit --refit and name --earlier as people type them."""

import json

import pytest

from tests.support.text_studies import WordEncoder, make_text_study, texts, write_jsonl


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of eight documents, and a file of two further ones."""
    monkeypatch.setattr(
        "prospector_core.modalities.documents.encoders.get_text_encoder",
        lambda name, **options: WordEncoder(),
    )
    made = make_text_study(tmp_path)
    lines = [{"id": f"new {n}", "text": texts()[n], "label": ("no", "yes")[n]} for n in range(2)]
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return made


def ok(done):
    """What was printed."""
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_from_new_files_to_new_maps(study, prospector):
    looked = ok(prospector("add", "study", "more.jsonl", "--dry-run"))
    assert "2 data would be added: new 0, new 1" in looked and len(study.data) == 8
    said = ok(prospector("add", "study", "more.jsonl"))
    assert "2 data added" in said and "prospector embed study, then prospector fit study --refit" in said
    assert "10 of 10 data embedded, 2 of them now" in ok(prospector("embed", "study"))
    before = study.view.centroids.tobytes()
    made = json.loads(ok(prospector("fit", "study", "--refit", "--json")))
    assert made["fit"] == 2 and len(made["predictions"]) == 10 and "advice" not in made
    assert study.view.centroids.tobytes() == before
    assert "2 data taken out, 8 are left" in ok(prospector("remove", "study", "new 0", "case 1"))
    assert "remove new 0, case 1" in ok(prospector("history", "study"))


def test_a_table_is_shown_first_and_applied_when_it_is_said(study, prospector, tmp_path):
    rows = [f"case {n},{('no', 'yes')[n % 2]}" for n in range(1, 8)]
    (tmp_path / "now.csv").write_text(
        "\n".join(["id,label", "new 0,no", *rows]).replace("case 1,yes", "case 1,no")
    )
    shown = ok(prospector("labels", "study", "now.csv", "--dry-run"))
    for each in ("new new 0", "corrected case 1 yes no", "gone case 0 no", "prospector add study FILES"):
        assert each in shown.replace("│", "").replace("  ", " ").replace("  ", " "), shown
    asked = prospector("labels", "study", "now.csv")
    assert asked.returncode == 2 and "say --yes to apply" in asked.stderr
    assert study.datum("case 1").label == 1
    said = json.loads(ok(prospector("labels", "study", "now.csv", "--yes", "--json")))
    assert said == {
        "study": "study",
        "new": ["new 0"],
        "corrected": {"case 1": ["yes", "no"]},
        "gone": ["case 0"],
        "edits": 2,
    }
    assert study.datum("case 1").label == 0 and len(study.data) == 7


def test_names_of_earlier_concepts_are_taken_when_it_is_said(study, prospector):
    for concept in range(4):
        study.curation.rename(concept, f"kind {concept}")
    assert "prospector name study --earlier" in ok(
        prospector("fit", "study", "--concepts", "6", "--radius", "1")
    )
    found = json.loads(ok(prospector("name", "study", "--earlier", "--json")))
    assert found["names"] and not study.curation.state.names
    ok(prospector("name", "study", "--earlier", "--apply"))
    assert study.curation.state.names == {each["concept"]: each["name"] for each in found["names"]}


def test_what_does_not_go_is_said_in_one_line(study, prospector, complaint, tmp_path):
    assert "add data to that study with `prospector add`" in complaint(
        "new", "study", "--documents", "docs.jsonl"
    )
    assert "leave out --concepts" in complaint("fit", "study", "--refit", "--concepts", "4")
    assert "there is no file or folder" in complaint("add", "study", "nowhere.jsonl")
    assert "no datum 'nobody'" in complaint("remove", "study", "nobody")
    assert "not for a study of documents" in complaint("add", "study", "more.jsonl", "--slide-mpp", "0.5")


def test_a_labels_table_that_changed_is_said_by_embed_and_fit(prospector, study, tmp_path):
    write_jsonl(tmp_path / "docs.jsonl")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["id,label", *(f"case {n},{n % 2}" for n in range(8))]))
    ok(prospector("new", "other", "--documents", "docs.jsonl", "--labels", "labels.csv"))
    assert "has changed" not in prospector("embed", "other").stderr
    table.write_text(table.read_text().replace("case 0,0", "case 0,1"))
    for command in (("embed", "other"), ("fit", "other", "--concepts", "4")):
        assert "labels.csv has changed since" in " ".join(prospector(*command).stderr.split())
