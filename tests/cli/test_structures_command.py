"""Proteins from the command line: new, embed, fit, prospect, export; and what is answered to bad input."""

import json

from tests.support.structure_files import pdb_text, study_of_chains


def test_from_files_to_maps(tmp_path, prospector):
    study_of_chains(tmp_path / "made", n=6)  # the files; the study itself is made again below
    home = tmp_path / "made"
    done = prospector(
        "new",
        "study",
        "--structures",
        home / "structures",
        "--labels",
        home / "labels.csv",
        "--atom",
        "cb",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) | {"study": ""} == {
        "study": "",
        "structures": 6,
        "data": 6,
        "classes": ["no", "binds"],
        "class_counts": [3, 3],
        "unlabelled": 0,
        "looked_for": "binds",
        "notes": [],
        "encoder": "residue-type",
        "atom": "cb",
        "cutoff": 8.0,
    }
    for command in (("embed", "study"), ("fit", "study")):
        done = prospector(*command)
        assert done.returncode == 0, done.stderr
    assert "cysteine" in done.stdout and "21 concepts" in done.stdout
    done = prospector("prospect", "study", "p1 A", "--json")
    (row,) = json.loads(done.stdout)["maps"]
    assert row["top_residue"] == "CYS"
    for format, ending in (("bfactor", ".pdb"), ("png", ".png")):
        done = prospector("export", "study", "p1 A", "--format", format, "--out", "files", "--names")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "files" / f"p1 A{ending}").stat().st_size > 1000


def test_bad_input_is_answered_in_one_line(tmp_path, complaint):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.pdb").write_text(pdb_text("ACDEF"))
    (tmp_path / "s" / "b.pdb").write_text("HEADER\nEND\n")
    (tmp_path / "labels.csv").write_text("file,chain,label\na.pdb,A,0\nb.pdb,A,1\n")
    both = ("--structures", "s", "--labels", "labels.csv")
    for options, words in (
        (both, "b.pdb has no atoms"),
        ((*both, "--mpp", "1"), "--mpp is not for a study of structures"),
        ((*both, "--atom", "cg"), "no contact by 'cg'"),
        ((*both, "--encoder", "resnet"), "no encoder of residues named 'resnet'"),
        (("--structures", "gone", "--labels", "labels.csv"), "no folder gone"),
        (
            ("--slides", "s", "--labels", "labels.csv", "--cutoff", "6"),
            "--cutoff is not for a study of slides",
        ),
        (("--structures", "s"), "--labels labels.csv"),
        ((*both, "--slides", "s"), "a study is of one thing"),
    ):
        assert words in complaint("new", "study", *options)
