"""Which folders may be read once an app has limited it: its readers ask before they open anything."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from prospector_core.errors import BadInputError, ProspectorError
from prospector_core.modalities.documents.files import DocumentFile, list_documents
from prospector_core.modalities.graphs.background import stored_tiff
from prospector_core.modalities.graphs.files import list_token_files, open_tokens
from prospector_core.modalities.slides.encoders import get_encoder
from prospector_core.modalities.slides.feature_files import find_feature_files
from prospector_core.modalities.slides.readers import list_slides, open_slide
from prospector_core.modalities.structures.files import list_structures, open_structure
from prospector_core.store.readable import (
    is_ordinary,
    is_readable,
    limit_reading,
    named_folders,
    remember_sources,
    remembered_folders,
    require_readable,
    source_folders,
    working_folder,
)
from prospector_core.store.vectors import read_vector_file
from prospector_core.study import Study
from sample_data.fields import SLIDE

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of this test's own, with nothing limited yet; what is limited ends with the test."""
    folder = tmp_path / "homes" / "ann"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setenv("PROSPECTOR_READABLE", "")
    monkeypatch.delenv("PROSPECTOR_READABLE")
    return folder


def test_without_a_limit_everything_is_read(home):
    assert is_readable("/etc/passwd") and is_readable(home / ".ssh" / "id_rsa")
    require_readable("/etc/passwd")


def test_what_lies_in_the_folders_and_nothing_hidden(home, tmp_path):
    limit_reading([home, tmp_path / "data", home / ".local" / "studies"])
    for name in ("a.svs", "slides/b.svs", "deep/er/c", ".local/studies/x/study.sqlite", ""):
        assert is_readable(home / name), name
    for name in (".ssh/id_rsa", ".bashrc", "work/.git/config", ".local/share/x", ".local/studies/.x"):
        assert not is_readable(home / name), name
    assert is_readable(tmp_path / "data" / "a.svs")
    for other in (
        tmp_path,
        tmp_path / "data2" / "a.svs",
        tmp_path / "data" / ".." / "a.svs",
        "/etc/passwd",
        "/proc/self/environ",
        "/",
    ):
        assert not is_readable(other), other


def test_the_system_and_other_homes_are_not_read_even_within_a_wide_folder(home, monkeypatch):
    monkeypatch.chdir("/")
    limit_reading(["/", home])
    assert is_readable("/srv/slides/a.svs") and is_readable(home / "a.svs") and is_readable("a.svs")
    for other in (
        "/etc/passwd",
        "/proc/1/environ",
        "/sys/x",
        "/dev/sda",
        "/run/secrets/x",
        "/root/a.svs",
        "/home/bob/a.svs",
    ):
        assert not is_readable(other), other
    assert not is_readable(home.parent / "bob" / "a.svs")
    assert is_readable("/run/media/ann/disk/a.svs")  # a disk that was plugged in
    limit_reading([home.parent / "bob" / "shared"])
    assert is_readable(home.parent / "bob" / "shared" / "a.svs")  # named itself
    assert not is_readable(home.parent / "bob" / "a.svs")


def test_links_are_followed_first(home, tmp_path):
    secret, data = home / ".ssh", tmp_path / "mounted"
    for folder in (secret, data):
        folder.mkdir()
        (folder / "key").write_text("x")
    (home / "innocent").symlink_to(secret)
    (home / "one.svs").symlink_to(secret / "key")
    (home / "slides").symlink_to(data)
    limit_reading([home])
    assert not any(map(is_readable, (home / "innocent" / "key", home / "one.svs", home / "slides" / "key")))
    limit_reading([home, home / "slides"])
    assert is_readable(home / "slides" / "key") and is_readable(data / "key")


@pytest.mark.parametrize(
    "read",
    [
        open_slide,
        list_slides,
        open_structure,
        list_structures,
        DocumentFile,
        list_documents,
        open_tokens,
        list_token_files,
        stored_tiff,
        find_feature_files,
        read_vector_file,
        Study.open,
        lambda path: get_encoder(f"timm:local-dir:{path}"),
        lambda path: get_encoder(f"open_clip:local-dir:{path}"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_every_reader_asks_first_and_says_the_way_out(home, tmp_path, read, there):
    """The same words whether or not there is something: nobody learns from them what is in a folder."""
    place = tmp_path / "other place"
    if there:
        place.mkdir()
    limit_reading([home])
    with pytest.raises(ProspectorError) as raised:
        read(place)
    said = str(raised.value)
    assert f"--data {place}" in said and "\n" not in said
    with pytest.raises(ProspectorError, match="folder of the system"):
        read(Path("/etc/passwd"))


def test_workers_are_held_to_it_too(home):
    limit_reading([home])
    asked = "from prospector_core.store.readable import is_readable; print(is_readable('/srv/x'))"
    ran = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, env={**os.environ}, timeout=60
    )
    assert ran.stdout.strip() == "False", ran.stderr


def test_a_study_brings_folders_but_no_secret_ones(home, tmp_path):
    study, slides = tmp_path / "study", tmp_path / "slides"
    study.mkdir()
    slides.mkdir()
    places = [
        "../slides/a.svs",
        str(home / ".ssh" / "id_rsa"),
        "/etc/passwd",
        "/x.svs",
        "../../../../../../../etc/shadow",
        str(home.parent / "bob" / "a.svs"),
        "/home/a.svs",
        str(home.parent / "a.svs"),
    ]
    with closing(sqlite3.connect(study / "study.sqlite")) as database, database:
        database.execute("CREATE TABLE sources (id, path, name, info)")
        database.execute("CREATE TABLE meta (key, value)")
        rows = [(str(n), place, "x", "{}") for n, place in enumerate(places)]
        database.executemany("INSERT INTO sources VALUES (?, ?, ?, ?)", rows)
        database.execute('INSERT INTO meta VALUES (\'embedding\', \'{"vectors": {"folder": "../vectors"}}\')')
    brought = {Path(os.path.realpath(each)) for each in source_folders(study) if is_ordinary(each)}
    assert brought == {slides, tmp_path / "vectors"}
    assert source_folders(tmp_path / "none") == []
    (study / "study.sqlite").write_bytes(b"no database")
    assert source_folders(study) == []


def test_where_studies_were_made_from_is_remembered_for_this_account(home, tmp_path, monkeypatch):
    """Outside the home only, in a file of this account; what a stranger's study says is not."""
    slides, passing = tmp_path / "mounted", tmp_path / "tmp"
    for folder in (slides, passing, home / "study", home / "mine"):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(passing))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with closing(sqlite3.connect(home / "study" / "study.sqlite")) as database, database:
        database.execute("CREATE TABLE sources (id, path, name, info)")
        database.execute("CREATE TABLE meta (key, value)")
        for place in (
            slides / "a.svs",
            passing / "b.svs",
            home / "mine" / "c.svs",
            home.parent / "bob" / "d.svs",
        ):
            database.execute("INSERT INTO sources VALUES (1, ?, 'x', '{}')", (str(place),))
    assert remembered_folders() == []
    remember_sources(home / "study")
    assert remembered_folders() == [slides]
    remember_sources(home / "study")
    assert remembered_folders() == [slides]
    (slides).rmdir()
    assert remembered_folders() == []


def test_folders_are_named_as_they_are(home, tmp_path, monkeypatch):
    (home / "slides").mkdir()
    assert named_folders(["~/slides", tmp_path]) == [home / "slides", tmp_path]
    colon = tmp_path / "a:b"
    colon.mkdir()
    for wrong in ("/etc", "/proc/self", tmp_path / "none", colon):
        with pytest.raises(BadInputError, match="--data"):
            named_folders([wrong])
    monkeypatch.chdir(home / "slides")
    assert working_folder() == [home / "slides"]
    for wide in ("/", home.parent, "/etc"):
        monkeypatch.chdir(wide)
        assert working_folder() == []


def test_a_study_whose_slides_may_not_be_read_opens_and_says_so(home, tmp_path):
    labels = tmp_path / "fields.csv"
    labels.write_text(
        f"slide,name,x,y,width,height,label\n{SLIDE.name},a,449,0,449,449,no\n{SLIDE.name},b,898,449,449,449,yes\n"
    )
    made = Study.create(
        home / "study", slides=[SLIDE], labels=labels, encoder="colour-texture", tile=64, mpp=0.5
    )
    made.database.close()
    limit_reading([home])
    study = Study.open(home / "study")
    with pytest.raises(ProspectorError, match=f"--data {SLIDE.parent}"):
        study.open_source("a")
    limit_reading([home, SLIDE.parent])
    with study.open_source("a") as slide:
        assert slide.width
