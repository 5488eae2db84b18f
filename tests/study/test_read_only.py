"""A study where nothing can be written is opened for looking, sees all that was committed.

And says so when it is to be edited.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from prospector_core.errors import StudyReadOnlyError
from prospector_core.exporters import export
from prospector_core.study import Study
from prospector_core.study.explanations import what_if
from tests.support.study_files import make_study

SAID = r"this study is open for looking only \(read-only file system\): copy .* to a place that you may write"


@pytest.fixture
def disk(tmp_path):
    """A folder, and a function after which nothing can be written in it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("a disk cannot be mounted here: needs root")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(params=["closed", "open elsewhere", "log without its index"])
def study(request, tmp_path, disk):
    """A study with an edit on a read-only disk.

    As a program leaves it; copied while open, its last edits only in the log.
    """
    folder, protect = disk
    made = make_study(tmp_path, fit={})
    made.curation.rename(0, "ink")
    made.curation.exclude(1)
    if request.param == "closed":
        made.database.close()
    shutil.copytree(made.path, folder / "study")
    made.database.close()
    log = folder / "study" / "study.sqlite-wal"
    assert log.exists() == (request.param != "closed")
    if request.param == "log without its index":
        (folder / "study" / "study.sqlite-shm").unlink()
    protect()
    return Study.open(folder / "study")


def test_all_looking_works(study, tmp_path):
    writable = Study.open(shutil.copytree(study.path, tmp_path / "copy"))
    assert study.database.read_only == "read-only file system" and writable.database.read_only == ""
    assert [entry.action for entry in study.curation.history()] == ["fit", "rename", "exclude"]
    assert study.curation.state.names == {0: "ink"} and study.curation.can_undo().action == "exclude"
    datum = study.data[1]
    assert np.array_equal(study.prospect(datum), writable.prospect(writable.data[1]), equal_nan=True)
    assert study.explain(datum, 3).score == writable.explain(writable.data[1], 3).score
    assert what_if(study, datum, 3, without=2) is not None
    assert study.evidence() == writable.evidence()
    assert study.uncertainty(datum, 20).error.shape == (study.n_tokens(datum),)
    assert len(study.atlas(60)) == 60 and len(study.concepts()) == 5 and study.typical_tokens(2)
    assert study.preview(lambda curation: curation.include(1)).after.id < 0
    assert not study.queue.at_work() and study.queue.jobs() == []
    assert study.regions(datum, study.prospect(datum), 0.1) and study.strongest_class(datum)
    export(study, "csv", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 8
    assert study.embed() == {}  # there is nothing to do


EDITS = {
    "rename": lambda study: study.curation.rename(2, "tissue"),
    "undo": lambda study: study.curation.undo(),
    "relabel": lambda study: study.curation.relabel(study.data[0], None),
    "refit": lambda study: study.refit(),
    "fit": lambda study: study.fit(concepts=3),
    "maps": lambda study: study.save_maps(),
    "embed": lambda study: study.embed(anew=True),
    "queue": lambda study: study.queue.add([study.data[0].uid]),
    "meta": lambda study: study.database.write_meta("name", "other"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_is_refused_in_one_line(study, edit):
    with pytest.raises(StudyReadOnlyError, match=SAID):
        EDITS[edit](study)
    assert study.curation.state.names == {0: "ink"}


def test_a_study_of_an_earlier_version_is_read_there(tmp_path, disk):
    folder, protect = disk
    made = make_study(tmp_path, fit={})
    made.curation.rename(0, "ink")
    made.database.close()
    with closing(sqlite3.connect(made.path / "study.sqlite")) as connection:
        for table, columns in {
            "journal": ("author", "note"),
            "fits": ("author", "digest"),
            "jobs": ("place", "request", "rate"),
        }.items():
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute(
            "INSERT INTO jobs VALUES ('embed', (SELECT uid FROM data LIMIT 1), 'done', 5, 5, '', 0)"
        )
        connection.commit()
    shutil.copytree(made.path, folder / "study")
    protect()
    study = Study.open(folder / "study")
    assert [(entry.action, entry.author, entry.note) for entry in study.curation.history()] == [
        ("fit", "", ""),
        ("rename", "", ""),
    ]
    assert [job.state for job in study.queue.jobs()] == ["done"]
    assert study.view.id == 1


def test_what_others_commit_meanwhile_is_seen(tmp_path, disk):
    """A disk that only we cannot write, as a share is that was mounted for reading.

    The same files by two ways.
    """
    folder, _ = disk
    made = make_study(tmp_path, fit={})
    made.database.close()
    shutil.copytree(made.path, folder / "study")
    view = tmp_path / "view"
    view.mkdir()
    subprocess.run(["mount", "--bind", folder, view], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
        looking, editing = Study.open(view / "study"), Study.open(folder / "study")
        assert (
            looking.database.read_only
            and not editing.database.read_only
            and looking.curation.state.names == {}
        )
        editing.curation.rename(0, "ink")
        assert looking.curation.state.names == {0: "ink"}
        editing.curation.rename(0, "fold")
        assert looking.curation.state.names == {0: "fold"}
        editing.database.close()  # the log goes into the file
        assert looking.curation.state.names == {0: "fold"} and looking.view.id == 1
    finally:
        subprocess.run(["umount", "-l", view], check=True)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="other users are of POSIX systems")
def test_without_permission_it_is_looked_at(tmp_path):
    made = make_study(tmp_path, fit={})
    made.curation.rename(0, "ink")
    made.database.close()
    command = (
        "import os, sys\nos.getuid() or os.setuid(65534)\nfrom prospector_core.study import Study\nstudy ="
        " Study.open(sys.argv[1])\nprint(study.database.read_only, study.curation.state.names, study.view.id,"
        " len(study.prospect(study.data[0])))\ntry:\n    study.curation.undo()\nexcept Exception as error:\n "
        "   print(type(error).__name__, error)\n"
    )
    folders = [made.path, *(each for each in made.path.rglob("*") if each.is_dir())]
    for each in [*folders, *(file for file in made.path.rglob("*") if file.is_file())]:
        each.chmod(0o555 if each.is_dir() else 0o444)
    home = tmp_path
    while os.getuid() == 0 and home != home.parent and not home.stat().st_mode & 0o001:
        home.chmod(home.stat().st_mode | 0o055)  # of this test's own run
        home = home.parent
    try:
        env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba"), "HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", command, made.path], capture_output=True, text=True, env=env, timeout=120
        )
    finally:
        for each in folders:
            each.chmod(0o755)
    if "Permission denied" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip("another user cannot run Prospector here")
    first, last = done.stdout.splitlines()
    assert first.startswith("no permission to write study.sqlite {0: 'ink'} 1 "), done.stderr
    assert last.startswith(
        "StudyReadOnlyError this study is open for looking only (no permission to write study.sqlite)"
    )
