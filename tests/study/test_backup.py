"""A backup holds every edit, is whole or not there, and is put back as it was."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prospector_core import Study
from prospector_core.errors import BadInputError, StorageFullError, StudyDamagedError, StudyError
from prospector_core.store import allowed_addresses as trust
from prospector_core.study import backup, backup_copy
from prospector_core.study.backup import back_up, last_backup, restore
from tests.support.study_files import embed_by_hand, make_study

EDITOR = """
import sys
from prospector_core import Study

study, turn = Study.open(sys.argv[1]), 0
while True:
    study.curation.rename(turn % 5, f"other {turn}")
    turn += 1
    print(turn, flush=True)
"""


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "home", fit={"radius": 1})


@pytest.fixture
def another_editor(study):
    """A process that edits the same study all the time."""
    process = subprocess.Popen(
        [sys.executable, "-c", EDITOR, str(study.path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def notes(database):
    """Names that were given, of the file alone."""
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True)) as connection:
        rows = connection.execute(
            "SELECT payload FROM journal WHERE action = 'rename' ORDER BY id"
        ).fetchall()
    return [json.loads(row[0])["name"] for row in rows]


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_51_edits_are_in_the_backup_of_an_open_study_that_others_edit(study, another_editor, tmp_path):
    mine = [f"name {n}" for n in range(51)]
    for n, name in enumerate(mine):
        study.curation.rename(n % 5, name)
    made = back_up(study, tmp_path / "backup")
    assert another_editor.poll() is None  # it edited all the while
    kept = notes(tmp_path / "backup" / "study.sqlite")
    assert [name for name in kept if name.startswith("name")] == mine and any(
        name.startswith("other") for name in kept
    )
    back = restore(tmp_path / "backup", tmp_path / "again")
    opened = Study.open(tmp_path / "again")
    assert back.entries == made.entries == len(opened.curation.history()) == len(kept) + 1
    assert opened.view.digest() == study.view.digest()
    assert opened.prospect("s0.png").tobytes() == study.prospect("s0.png").tobytes()
    assert not list(tmp_path.glob(".*"))


def test_a_copy_of_the_file_alone_holds_every_edit(study, tmp_path):
    """As the documents once advised, with the study open."""
    for n in range(12):
        study.curation.rename(n % 5, f"name {n}")
        shutil.copyfile(study.path / "study.sqlite", tmp_path / "copy.sqlite")
        assert (
            notes(tmp_path / "copy.sqlite")[-1] == f"name {n}"
            and len(notes(tmp_path / "copy.sqlite")) == n + 1
        )


def test_a_backup_is_the_study_without_what_is_made_again(study, tmp_path):
    (study.path / "exports").mkdir()
    (study.path / "exports" / "a.csv").write_text("x")
    study.save_maps()
    study.queue.add([study.data[0].uid])
    study.store.open_writer(study.data[0].uid, 9, 6, attrs={"half": "made"})
    made = back_up(study, tmp_path / "deep" / "backup")
    kept = files_of(made.path)
    assert kept.pop("exports/a.csv") == b"x"
    record = json.loads(kept.pop("backup.json"))
    assert {row["path"] for row in record["files"]} == {*kept, "exports/a.csv"} and made.files == len(
        kept
    ) + 1
    kept.pop("study.sqlite")
    for name, content in kept.items():
        assert (study.path / name).read_bytes() == content
    missing = {name.split("/")[0] for name in files_of(study.path)} - {name.split("/")[0] for name in kept}
    assert missing == {"derived", "study.sqlite", "study.sqlite-shm", "study.sqlite-wal", "exports"}
    assert not any(".partial" in name for name in kept) and {
        "fits/1/maps/" + f"{d.uid}.npy" for d in study.data
    } <= {*kept}
    assert made.size == sum(row["size"] for row in record["files"]) and made.elsewhere is None


def test_the_next_backup_copies_what_is_new(study, tmp_path):
    assert last_backup(study) is None
    first = back_up(study, tmp_path / "backup")
    assert first.new == first.files and last_backup(study) == (first.at, 0)
    study.curation.rename(0, "stroma")
    study.curation.exclude(1)
    study.refit()
    assert last_backup(study) == (first.at, 2) == last_backup(Study.open(study.path))
    second = back_up(study, tmp_path / "backup")
    assert second.new == 3 and second.files == first.files + 2  # database, and the two files of a fit
    embed_by_hand(study, seed=5, only=["s1.png"])
    (tmp_path / "backup" / "fits" / "1" / "head.json").write_bytes(
        b"rot"
    )  # the copy rots: it is copied again
    third = back_up(study, tmp_path / "backup")
    assert third.new > 3 and third.files == second.files
    assert Study.open(restore(third.path, tmp_path / "again").path).fits() == study.fits()
    assert last_backup(Study.open(tmp_path / "again")) == (third.at, 0)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_fit_that_began_after_the_database_was_copied_is_left_out(study, tmp_path, monkeypatch):
    real = study.database.back_up

    def and_then(path):
        real(path)
        study.refit()

    monkeypatch.setattr(study.database, "back_up", and_then)
    back_up(study, tmp_path / "backup")
    assert sorted(path.name for path in (tmp_path / "backup" / "fits").iterdir()) == ["1"]


def test_targets_that_are_refused(study, tmp_path):
    other = make_study(tmp_path / "other", labels=(1, 0, 1, 0, 1, 0), fit={})
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    back_up(other, tmp_path / "of another")
    before = files_of(tmp_path / "of another"), files_of(tmp_path / "photos")
    for target, words in (
        (study.path, "in each other"),
        (study.path / "backup", "in each other"),
        (study.path.parent, "in each other"),
        (tmp_path / "photos", "something else"),
        (tmp_path / "file", "not a folder"),
        (tmp_path / "link", "not a folder"),
        (tmp_path / "of another", "another study"),
    ):
        with pytest.raises(BadInputError, match=words) as caught:
            back_up(study, target)
        assert "\n" not in str(caught.value)
    assert before == (files_of(tmp_path / "of another"), files_of(tmp_path / "photos"))
    assert last_backup(study) is None and last_backup(other) is not None


def test_a_backup_with_more_edits_is_never_replaced(study, tmp_path):
    """Somebody goes on with an older copy, and backs it up where the newer one is."""
    study.database.close()
    shutil.copytree(study.path, tmp_path / "older")
    study = Study.open(study.path)
    study.curation.rename(0, "by hand")
    back_up(study, tmp_path / "backup")
    older = Study.open(tmp_path / "older")
    for edit in (lambda: None, lambda: older.curation.rename(0, "something else"), older.curation.undo):
        edit()
        with pytest.raises(BadInputError, match="edits that .* does not"):
            back_up(older, tmp_path / "backup")
    assert notes(tmp_path / "backup" / "study.sqlite") == ["by hand"]


def test_what_the_owner_put_into_a_backup_stays(study, tmp_path):
    back_up(study, tmp_path / "backup")
    (tmp_path / "backup" / "notes.txt").write_text("mine")
    with pytest.raises(BadInputError, match="notes.txt is not a part of the backup"):
        back_up(study, tmp_path / "backup")
    assert (tmp_path / "backup" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "module, step",
    [
        (backup_copy, "copy_file"),
        (backup_copy, "verify"),
        (backup, "verify"),
        (backup, "_check_database"),
        (backup, "write_atomic"),
        (backup, "_put"),
    ],
)
def test_an_interrupted_backup_leaves_the_former_one(study, tmp_path, monkeypatch, module, step):
    back_up(study, tmp_path / "backup")
    before = files_of(tmp_path / "backup")
    study.curation.rename(0, "stroma")
    study.refit()

    def fail(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, step, fail)
        with pytest.raises(KeyboardInterrupt):
            back_up(study, tmp_path / "backup")
    assert files_of(tmp_path / "backup") == before and not list(tmp_path.glob(".backup*"))
    assert last_backup(study)[1] == 1
    assert back_up(study, tmp_path / "backup").entries == len(study.curation.history())


def test_a_link_in_a_study_is_no_way_out(study, tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("mine")
    (study.path / "notes").symlink_to(tmp_path / "secrets")
    with pytest.raises(StudyError, match="is a link"):
        back_up(study, tmp_path / "backup")
    (study.path / "notes").unlink()
    os.rename(study.path / "embeddings.zarr", tmp_path / "disk")
    (study.path / "embeddings.zarr").symlink_to(tmp_path / "disk")
    again = Study.open(study.path)
    with pytest.raises(StudyError, match="prospector trust"):
        back_up(again, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    trust.allow(again.path, again.address.identity, again.address.url)
    made = back_up(again, tmp_path / "backup")
    restored = Study.open(restore(made.path, tmp_path / "again").path)
    assert len(restored.embedded()) == len(again.data) and restored.address.url is None
    trust.withdraw(again.path, again.address.identity, again.address.url)


def test_restoring_overwrites_nothing(study, tmp_path):
    back_up(study, tmp_path / "backup")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (study.path, tmp_path / "photos", tmp_path / "link", tmp_path / "backup"):
        with pytest.raises(BadInputError, match="exists already"):
            restore(tmp_path / "backup", path)
    with pytest.raises(BadInputError, match="holds no backup"):
        restore(tmp_path / "photos", tmp_path / "again")
    assert not (tmp_path / "again").exists() and not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    assert restore(tmp_path / "backup", tmp_path / "empty").files and Study.open(tmp_path / "empty")


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "link", "database"])
def test_a_damaged_backup_is_told(study, tmp_path, damage):
    back_up(study, tmp_path / "backup")
    name = "study.sqlite" if damage == "database" else "fits/1/head.safetensors"
    file = tmp_path / "backup" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage in ("flip", "database"):
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[:-9])
    else:
        file.unlink()
    if damage == "link":
        file.symlink_to(study.path / name)
    with pytest.raises(StudyDamagedError) as caught:
        restore(tmp_path / "backup", tmp_path / "again")
    assert (
        name in str(caught.value) and not (tmp_path / "again").exists() and not list(tmp_path.glob(".again*"))
    )


@pytest.mark.parametrize(
    "path", ["../out", "/srv/out", "a/../../out", "C:\\out", "a//b", "", ".", "..", 7, None]
)
def test_a_strangers_backup_writes_nothing_outside(study, tmp_path, path):
    made = back_up(study, tmp_path / "deep" / "backup")
    record = json.loads((made.path / "backup.json").read_text())
    record["files"].append({**record["files"][1], "path": path})
    (made.path / "backup.json").write_text(json.dumps(record))
    with pytest.raises(StudyDamagedError) as caught:
        restore(made.path, tmp_path / "deep" / "again")
    assert "\n" not in str(caught.value)
    assert (
        sorted(each.name for each in (tmp_path / "deep").iterdir()) == ["backup"]
        and not (tmp_path / "out").exists()
    )


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "[" * 100_000, '{"format": 2}', '{"format": 1, "files": 3}']
)
def test_a_record_that_no_program_of_ours_wrote(study, tmp_path, text):
    back_up(study, tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").write_text(text)
    for act in (
        lambda: restore(tmp_path / "backup", tmp_path / "again"),
        lambda: back_up(study, tmp_path / "backup"),
    ):
        with pytest.raises(StudyDamagedError, match="backup.json"):
            act()


@pytest.mark.parametrize(
    "said",
    [7, {}, {"at": "x", "entries": 1}, {"at": 3, "entries": 1}, {"at": "2026-01-01", "entries": True}, []],
)
def test_what_a_stranger_says_of_the_last_backup(study, said):
    study.database.write_meta("last_backup", said)
    assert last_backup(study) is None


def test_of_a_study_that_was_made_before_numbers(study, tmp_path):
    with study.database.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE key IN ('id', 'secret')")
    old = Study.open(study.path)
    assert not old.address.keyed and old.address.identity == ""
    back_up(old, tmp_path / "backup")
    old.curation.rename(0, "stroma")
    assert back_up(old, tmp_path / "backup").entries == len(old.curation.history())


def test_a_full_disk_keeps_the_former_backup(small_disk, tmp_path):
    folder, fill = small_disk
    study = make_study(tmp_path / "home", labels=(1, 1, 0, 0), fit={})
    back_up(study, folder / "backup")
    before = files_of(folder / "backup")
    study.curation.rename(0, "stroma")
    fill()
    with pytest.raises(StorageFullError) as caught:
        back_up(study, folder / "backup")
    assert "\n" not in str(caught.value)
    assert files_of(folder / "backup") == before
