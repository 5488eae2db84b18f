"""Documents on the command line: from a file to exports, and bad input in one line."""

import json
from pathlib import Path

import pytest

from tests.support.text_studies import WordEncoder, write_jsonl

LINE = '{"id": "a", "text": "One. Two.", "label": "yes"}\n{"id": "b", "text": "One.", "label": "no"}\n'


@pytest.fixture
def words(monkeypatch):
    """Embeds with counted words in place of a model."""
    monkeypatch.setattr(
        "prospector_core.modalities.documents.encoders.get_text_encoder",
        lambda name, **options: WordEncoder(),
    )


def test_from_a_file_to_exports(tmp_path, prospector, words):
    write_jsonl(tmp_path / "docs.jsonl")
    made = prospector("new", "study", "--documents", "docs.jsonl", "--json")
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert (said["files"], said["data"], said["class_counts"], said["classes"]) == (
        1,
        8,
        [4, 4],
        ["no", "yes"],
    )
    for arguments in (("embed", "study"), ("fit", "study", "--concepts", "5", "--radius", "1")):
        assert prospector(*arguments).returncode == 0
    maps = json.loads(prospector("prospect", "study", "--json").stdout)["maps"]
    assert len(maps) == 8 and {"top_sentence", "top_section"} <= set(maps[0])
    for format in ("html", "csv", "parquet", "jsonl", "annotations"):
        done = prospector(
            "export", "study", "case 1", "--format", format, "--out", "out", "--names", "--json"
        )
        (file,) = json.loads(done.stdout)["files"]
        assert file["bytes"] > 200 and Path(file["file"]).name.startswith("case 1.")


def test_a_note_says_what_was_left_out(tmp_path, prospector):
    write_jsonl(tmp_path / "docs.jsonl", 6)
    with open(tmp_path / "docs.jsonl", "a") as file:
        file.write('{"id": "hollow", "text": " ", "label": "no"}\n')
    done = prospector("new", "study", "--documents", "docs.jsonl")
    assert (
        done.returncode == 0
        and "note: 1 documents are empty and will be left out: hollow" in done.stderr.replace("\n", " ")
    )


BAD = {
    "nothing there": (None, "there is no file or folder"),
    "empty file": (b"", "holds no text"),
    "only blank lines": (b"\n\n \n", "holds no text"),
    "no JSON": (b"hello\n", "docs.jsonl, line 1: this is not JSON"),
    "a list": (b"[1]\n", "line 1: a JSON object is needed"),
    "no text": (b'{"id": 1}\n', "line 1: it has no text"),
    "a number for a text": (b'{"id": 1, "text": 5}\n', "line 1: it has no text"),
    "sections of numbers": (b'{"id": 1, "sections": [1]}\n', "line 1: section 1 has no text"),
    "sections that are a text": (b'{"id": 1, "sections": "x"}\n', "line 1: sections must be a list"),
    "ids that are there twice": (
        (LINE + LINE.splitlines()[0]).encode(),
        "line 3: the id 'a' is already in docs.jsonl, line 1",
    ),
    "all texts empty": (
        LINE.replace("One. Two.", "").replace("One.", "\\u0000").encode(),
        "all documents are empty",
    ),
    "no labels": (LINE.replace("label", "x").encode(), "--labels labels.csv"),
    "one class": (LINE.replace("yes", "no").encode(), "one class only (no)"),
    "10 MB on one line": (
        json.dumps({"id": "a", "text": "word " * 2_000_000}).encode(),
        "line 1 holds 10.0 million characters",
    ),
    "10 MB without a space": (b"x" * 10_000_000, "line 1: this is not JSON"),
    "deeply nested": (b'{"text":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
    "not packed": (None, "cut short"),
}


@pytest.mark.parametrize("name", BAD)
def test_json_lines_that_cannot_be_used(tmp_path, complaint, name):
    content, says = BAD[name]
    path = tmp_path / ("docs.jsonl.gz" if name == "not packed" else "docs.jsonl")
    if name == "not packed":
        path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\0abc")
        says = "docs.jsonl.gz"
    elif content is not None:
        path.write_bytes(content)
    line = complaint("new", "study", "--documents", path.name)
    assert says in line and not (tmp_path / "study").exists()


FOLDERS = {
    "empty folder": ({}, "holds no document"),
    "zero bytes": ({"a.txt": b"\0\1\2" * 99}, "a.txt is not a text file (it holds zero bytes)"),
    "10 MB": ({"a.txt": b"word " * 2_000_000}, "a.txt holds more than 8 MB"),
    "no document": ({"a.odt": b"PK"}, "holds no document: it needs files ending in"),
    "a wrong mark": ({"a.txt": b"\xff\xfe\0"}, "a.txt says that it is UTF-16 and is not"),
    "all empty": ({"a.txt": b"", "b.txt": b" "}, "all documents are empty"),
    "labels without documents": (
        {"a.txt": b"One."},
        "labels.csv names zebra, not found among the 1 documents",
    ),
    "no table": ({"a.txt": b"One."}, "no document has a field label"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_that_cannot_be_used(tmp_path, complaint, name):
    files, says = FOLDERS[name]
    (tmp_path / "docs").mkdir()
    for file, content in files.items():
        (tmp_path / "docs" / file).write_bytes(content)
    (tmp_path / "labels.csv").write_text("file,label\na,1\nzebra,0\n")
    table = () if name == "no table" else ("--labels", "labels.csv")
    assert says in complaint("new", "study", "--documents", "docs", *table)


def test_control_characters_and_mixed_encodings_are_read_and_said(tmp_path, prospector, words):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_bytes(b"A \x07node\x1b[0m here.\x0cAnd a margin.")
    (tmp_path / "docs" / "b.txt").write_bytes("Größe.\n".encode() + "Zäh.".encode("cp1252"))
    (tmp_path / "labels.csv").write_text("file,label\na,1\nb,0\n")
    made = prospector("new", "study", "--documents", "docs", "--labels", "labels.csv")
    assert made.returncode == 0 and "b.txt: 1 of 2 lines are not UTF-8" in made.stderr.replace("\n", " ")
    assert prospector("embed", "study").returncode == 0


def test_options_of_another_kind_are_refused(tmp_path, complaint):
    write_jsonl(tmp_path / "docs.jsonl")
    assert "--mpp is not for a study of documents" in complaint(
        "new", "s", "--documents", "docs.jsonl", "--mpp", "1"
    )
    assert "say --slides or --documents" in complaint(
        "new", "s", "--documents", "docs.jsonl", "--slides", "x"
    )
    assert "--words is not for a study of slides" in complaint("new", "s", "--slides", "x", "--words", "3")
    assert "no encoder of texts named" in complaint(
        "new", "s", "--documents", "docs.jsonl", "--encoder", "efficientnet-lite0"
    )
