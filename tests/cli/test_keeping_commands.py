"""backup, restore, trust, and what info says of a study."""

import json
import sqlite3
from contextlib import closing

import pytest

from prospector_core import Study
from tests.support.study_files import make_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_CONFIG", str(tmp_path / "settings"))
    return make_study(tmp_path / "home", fit={"radius": 1})


def say(study, key, value):
    study.database.close()
    with closing(sqlite3.connect(study.path / "study.sqlite")) as database, database:
        database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))


def test_backup_and_restore(prospector, study, tmp_path):
    study.curation.rename(0, "stroma")
    made = json.loads(prospector("backup", study.path, "copy", "--json").stdout)
    assert made["entries"] == 2 and made["new"] == made["files"] and made["elsewhere"] is None
    study.curation.rename(0, "fat")
    done = prospector("backup", study.path, "copy")
    assert (
        done.returncode == 0
        and "3 entries of the history" in done.stdout
        and "1 of them copied now" in done.stdout
    )
    back = json.loads(prospector("restore", "copy", "again", "--json").stdout)
    assert back["entries"] == 3 and Study.open(tmp_path / "again").concepts()[0].name == "fat"
    assert "next: prospector app" in prospector("restore", "copy", "third").stdout


def test_what_cannot_be_backed_up_or_restored(complaint, prospector, study, tmp_path):
    assert "in each other" in complaint("backup", study.path, study.path / "b")
    assert "holds no backup" in complaint("restore", study.path, "again")
    assert "there is no study" in complaint("backup", "nothing", "b")
    prospector("backup", study.path, "copy")
    assert "nothing is overwritten" in complaint("restore", "copy", study.path)
    assert not (tmp_path / "again").exists()


def test_an_address_is_allowed_once(complaint, prospector, study, monkeypatch):
    assert "in its own folder" in prospector("trust", study.path).stdout
    say(study, "store", "reference://::http://127.0.0.1:1/ref.json")
    assert "not used here" in complaint("trust", study.path)
    assert "reference://::http://127.0.0.1:1" in complaint("embed", study.path)
    say(study, "store", "s3://bucket-of-others/x")
    line = complaint("prospect", study.path)
    assert "s3://bucket-of-others/x" in line and f"prospector trust {study.path}" in line
    assert "not allowed" in prospector("info", study.path).stdout
    assert json.loads(prospector("trust", study.path, "--json").stdout)["allowed"] is True
    assert json.loads(prospector("info", study.path, "--json").stdout)["studies"][0]["store_allowed"] is True
    assert "no longer used" in prospector("trust", study.path, "--withdraw").stdout
    assert "prospector trust" in complaint("prospect", study.path)
    made = prospector("backup", study.path, "copy")
    assert made.returncode == 0 and "s3://bucket-of-others/x and are not in the backup" in made.stdout


def test_a_store_of_another_kind_is_refused_before_anything_is_made(complaint, slides):
    for url in ("file:///srv/x", "http://127.0.0.1:1/x", "simplecache::s3://a/b"):
        line = complaint("new", "study", "--slides", "slides", "--labels", "labels.csv", "--store", url)
        assert url in line and "not used here" in line
    assert not (slides / "study").exists()


def test_info_on_a_study(prospector, study):
    said = prospector("info", study.path).stdout
    assert "none yet: prospector backup" in said and "keyed by a secret" in said and "in its folder" in said
    prospector("backup", study.path, "copy")
    study.curation.rename(0, "fat")
    assert "UTC, 1 edits since" in prospector("info", study.path).stdout.replace(
        "1 edit since", "1 edits since"
    )
    study.database.close()
    with closing(sqlite3.connect(study.path / "study.sqlite")) as database, database:
        database.execute("DELETE FROM meta WHERE key IN ('secret', 'id')")
    about = json.loads(prospector("info", study.path, "--json").stdout)
    assert about["slides"] == [] and about["studies"][0]["numbers_keyed"] is False
    assert "list of names" in prospector("info", study.path).stdout
