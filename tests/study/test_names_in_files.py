"""Names of a study made by someone else: what reaches files and colours, and which names do not enter."""

import contextlib
import json
import shutil
import sqlite3

import pytest

from prospector_core.errors import BadInputError, CurationError, LabelsError, StudyError
from prospector_core.exporters import export
from prospector_core.palette import concept_palette
from prospector_core.study import Study
from tests.support.hostile import seal
from tests.support.structure_files import study_of_chains
from tests.support.text_studies import make_text_study, write_jsonl


def write_journal(folder, action, **payload):
    """An entry as none of our programs writes it."""
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as connection:
        connection.execute(
            "INSERT INTO journal (at, action, payload) VALUES ('2026-01-01T00:00:00', ?, ?)",
            (action, json.dumps(payload)),
        )
        connection.commit()


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return make_text_study(tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    study = study_of_chains(tmp_path_factory.mktemp("chains"), n=4, length=14)
    study.embed()
    study.fit()
    study.database.close()
    return study.path


@pytest.mark.parametrize("colour", ["url(http://127.0.0.1/x)", "#12345", "#123456;x:y", None, 5, ["#123456"]])
def test_what_is_no_colour_is_passed_over_and_said(texts, colour):
    before = concept_palette(texts.view.n_concepts)
    write_journal(texts.path, "recolour", concept=0, colour=colour)
    study = Study.open(texts.path)
    assert study.colours() == before and study.curation.state.colours == {}
    assert "is not a colour" in study.curation.chronicle()[-1].text
    study.database.close()


def test_what_is_written_out_in_a_journal_that_we_write(texts):
    texts.curation.author = "Ann\x1b[31m\nMason"
    texts.curation.rename(1, "a\x1b]0;title\x07\nb", note="see\x1b[2J\nbelow")
    entry = texts.curation.history()[-1]
    assert entry.payload["name"] == "a\\x1b]0;title\\x07 b"
    assert entry.author == "Ann\\x1b[31m Mason" and entry.note == "see\\x1b[2J below"
    with pytest.raises(CurationError, match="reason name .* has 201 characters: shorten it to 200"):
        texts.curation.exclude(0, reason="x" * 201)


@pytest.mark.parametrize(
    ("label", "id", "name", "error", "said"),
    [
        ("x" * 121, "a", "s", LabelsError, "the class name .* has 121 characters: shorten it to 120"),
        (
            "tumour\x1b[31m",
            "a",
            "s",
            LabelsError,
            "the class name .* holds a line break or another control character",
        ),
        ("tumour", "i" * 251, "s", LabelsError, "the item name .* has 251 characters: shorten it to 250"),
        ("tumour", "a\x1b[2Jb", "s", LabelsError, "the item name .* control character"),
        ("tumour", "a", "n" * 121, StudyError, "the study name .* has 121 characters"),
    ],
)
def test_a_name_that_is_too_long_or_no_text_does_not_enter(tmp_path, label, id, name, error, said):
    lines = write_jsonl(tmp_path / "docs.jsonl", 4).read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "id": id})
    lines = [line.replace('"yes"', json.dumps(label)) for line in lines]
    (tmp_path / "docs.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(error, match=said):
        Study.create(tmp_path / "study", documents=tmp_path / "docs.jsonl", name=name)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chains", "A; delete all"),
        ("chains", "A\ndelete all"),
        ("chains", "A) or (all"),
        ("chains", "A, b=1"),
        ("numbers", "1; quit"),
        ("numbers", "1\nquit"),
        ("chains", "A+B"),
        ("chains", "*"),
        ("chains", "A:C"),
        ("chains", "'"),
    ],
)
def test_a_chain_is_no_command(chains, tmp_path, field, value):
    study = Study.open(shutil.copytree(chains, tmp_path / "study"))
    datum = study.data[0]
    file = study.path / "embeddings.zarr" / datum.uid / "zarr.json"
    about = json.loads(file.read_text())
    about["attributes"][field][2] = value
    about["attributes"] = {
        k: v for k, v in about["attributes"].items() if k not in ("stamp", "seal")
    }  # as of before there were any
    file.write_text(json.dumps(about))
    seal(file.parent)
    study.database.close()
    study = Study.open(study.path)
    for format in ("pml", "defattr"):
        with pytest.raises(BadInputError, match="cannot be named in .*: export mmcif or csv instead"):
            export(study, format, tmp_path / "out", [datum])
    assert export(study, "csv", tmp_path / "out", [datum])
    assert export(study, "pml", tmp_path / "out", [study.data[1]])
