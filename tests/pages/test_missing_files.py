"""The app where the files of a study are gone, where nothing can be written.

And where the study's folder itself is gone.
"""

import shutil
import subprocess

import pytest
from PIL import Image

from prospector_core.study import FitSettings, Study
from sample_data.fields import SLIDE
from tests.pages.app import App
from tests.pages.conftest import FIELDS
from tests.support.cell_files import write_cell_images
from tests.support.structure_files import study_of_chains
from tests.support.text_studies import make_text_study

GONE = "is no longer where it was."
OTHERS = ("study", "concepts", "atlas", "kernel", "evaluate")


def slides(home):
    """One slide with eleven fields."""
    (home / "files").mkdir()
    shutil.copy(SLIDE, home / "files")
    (home / "fields.csv").write_text(FIELDS.format(SLIDE.name))
    options = {"encoder": "colour-texture", "tile": 64, "positive": "epidermis", "name": "Skin"}
    return Study.create(home / "study", slides=home / "files", labels=home / "fields.csv", **options)


def structures(home):
    study = study_of_chains(home, n=8)
    assert not study.embed()
    (home / "structures").rename(home / "files")
    return study


def documents(home):
    (home / "files").mkdir()
    study = make_text_study(home, fit=False)
    (home / "docs.jsonl").rename(home / "files" / "docs.jsonl")
    return study


def cells(home):
    write_cell_images(home / "files", 8, prefix="sample ", cells=120)
    return Study.create(
        home / "study",
        cells=home / "files",
        labels=home / "labels.csv",
        positive="in",
        edges="delaunay:120",
        name="Cells",
    )


MAKERS = {"slides": slides, "structures": structures, "documents": documents, "cells": cells}


@pytest.fixture(scope="module", params=MAKERS)
def made(request, tmp_path_factory):
    """The folder in which ``study`` is, fitted, and all its files in ``files``."""
    home = tmp_path_factory.mktemp(request.param)
    study = MAKERS[request.param](home)
    if not study.embedded():
        assert not study.embed()
    study.fit(FitSettings(concepts=5, radius=1))
    study.database.close()
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    home = shutil.copytree(made, tmp_path / "home")
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(home))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(home / "study"))
    monkeypatch.setattr("prospector_core.study.sources._FRESH", 0.0)
    made_there = Study.open(home / "study")
    paths = {uid: source.info["absolute"] for uid, source in made_there.sources.items()}
    with (
        made_there.database.transaction() as connection
    ):  # as if it had been made here, not where the others still are
        for uid, path in paths.items():
            name = path.rsplit("/", 1)[-1]
            sql = "UPDATE sources SET path = ?, info = json_set(info, '$.absolute', ?) WHERE id = ?"
            connection.execute(sql, (f"../files/{name}", str(home / "files" / name), uid))
    made_there.database.close()
    return home


def warnings_of(app):
    return [each.value.replace("\\", "") for each in app.at.warning]


def errors_of(app):
    return [each.value.replace("\\", "") for each in app.at.error]


def test_every_page_works_without_the_files_and_finds_them(home):
    (home / "files").rename(home / "away")
    study = Study.open(home / "study")
    assert not any(study.at_hand(datum) for datum in study.data)
    app = App().sound()
    assert sum(GONE in each for each in warnings_of(app)) == 1 and not app.errors
    app.pick(study, study.data[1], 3)
    assert "rospect score" in app.text and not app.errors
    for page in OTHERS:
        app.go(page)
        assert not app.errors, (page, app.errors)
    if study.modality == "structures":
        app.go("families")
        assert not app.errors
    app.go("study")
    assert any("are no longer where they were" in each for each in warnings_of(app))
    field = next(each for each in app.at.text_input if each.label.startswith("Folder that the files"))
    field.input(str(home / "nowhere"))
    app.press("Find them")
    assert "there is no folder" in app.errors[0]
    field = next(each for each in app.at.text_input if each.label.startswith("Folder that the files"))
    field.input(str(home / "away"))
    app.press("Find them")
    n = len(study.sources)
    assert f"{n} of {n} found." in app.text and not any(
        "no longer where" in each for each in warnings_of(app)
    )
    app.go("datum")
    assert not any(GONE in each for each in warnings_of(app)) and not app.errors
    assert all(Study.open(home / "study").at_hand(datum) for datum in study.data)


def test_a_picture_in_its_place_is_not_drawn_as_if_it_were_it(home):
    study = Study.open(home / "study")
    for source in study.sources.values():
        source.path.write_bytes(source.path.read_bytes()[:-7] + b"altered")
    app = App().sound()
    assert sum("Another file is in the place of" in each for each in warnings_of(app)) == 1
    if study.modality == "slides":
        assert "its map is on white" in app.text
        Image.new("RGB", (2220, 2967)).save(
            study.data and next(iter(study.sources.values())).path, format="png"
        )
        assert "its map is on white" in app.run().text


def test_where_nothing_can_be_written_it_is_said_once_and_edits_are_off(home):
    if subprocess.run(["mount", "--bind", home, home], capture_output=True).returncode:
        pytest.skip("a disk cannot be mounted here: needs root")
    try:
        study = Study.open(home / "study")
        study.curation.exclude(1)
        study.database.close()
        subprocess.run(["mount", "-o", "remount,bind,ro", home], check=True)
        app = App().sound()
        for page in ("datum", *OTHERS):
            app.go(page)
            assert (
                sum("open for looking only (read-only file system)" in each for each in warnings_of(app)) == 1
            )
            assert not app.errors, (page, app.errors)
        for key in ("undo", "redo", "refit"):
            assert next(button for button in app.at.button if button.key == key).disabled
        app.go("study")
        assert app.button("Find concepts and fit").disabled
    finally:
        subprocess.run(["umount", "-l", home], check=True)


def test_a_folder_that_was_moved_while_open_is_said_and_not_made_anew(home):
    app = App().sound()
    (home / "study").rename(home / "elsewhere")
    said = f"the study's folder is no longer at {home / 'study'}: open it where it is now"
    app.run()
    assert errors_of(app) == [said]
    for page in OTHERS:
        app.go(page)
        assert said in errors_of(app)
    assert not (home / "study").exists()


def test_undo_after_the_folder_was_moved_is_refused_in_one_line(home):
    study = Study.open(home / "study")
    study.curation.rename(0, "ink")
    study.database.close()
    app = App().sound()
    button = next(each for each in app.at.button if each.key == "undo")
    (home / "study").rename(home / "elsewhere")
    button.click().run()
    app.sound()
    assert "no longer" in app.text + app.errors[0] and not (home / "study").exists()
    assert Study.open(home / "elsewhere").curation.state.names == {0: "ink"}
