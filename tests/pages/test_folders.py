"""What the pages read once the app has limited it: typed paths, and slides that a study names elsewhere."""

import os

import pytest

from prospector_core.store.readable import is_readable, limit_reading
from sample_data.fields import SLIDE
from tests.pages.app import App
from viewers.access.folders import limit_app


@pytest.fixture(autouse=True)
def unlimited(monkeypatch):
    """What a test limits ends with it."""
    monkeypatch.setenv("PROSPECTOR_READABLE", "")
    monkeypatch.delenv("PROSPECTOR_READABLE")


def said(app):
    """The errors of a page, as they read."""
    return [each.value.replace("\\", "") for each in app.at.error]


def test_a_typed_folder_elsewhere_is_refused_in_one_line(folder, tmp_path):
    limit_reading([folder.parent, SLIDE.parent])
    app = App("study")
    for place, way in (
        (tmp_path / "other", f"--data {tmp_path / 'other'}"),
        ("/etc", "folder of the system"),
    ):
        next(each for each in app.at.text_input if each.label == "Folder of a study").set_value(str(place))
        app.press("Open this folder")
        assert len(said(app)) == 1 and way in said(app)[0] and "\n" not in said(app)[0]
    assert "study_path" not in app.at.session_state


@pytest.mark.parametrize("kind", ["slides", "structures", "documents", "cells", "graphs"])
def test_no_form_reads_elsewhere(folder, tmp_path, kind):
    from prospector_core.errors import ProspectorError
    from prospector_core.study import Study
    from viewers.words import place_of

    (tmp_path / "labels.csv").write_text("file,label\na,x\nb,y\n")
    limit_reading([folder.parent])
    with pytest.raises(ProspectorError, match="--data"):
        Study.create(
            folder.parent / "new", labels=tmp_path / "labels.csv", **{kind: place_of(f" {tmp_path}/other ")}
        )
    assert not (folder.parent / "new").exists()


def test_a_slide_elsewhere_is_said_and_its_map_lies_on_white(folder):
    limit_reading([folder.parent])
    app = App()
    app.sound()
    assert any(f"--data {SLIDE.parent}" in line for line in said(app))
    assert app.viewer()["overlays"] and "not available" in app.text
    limit_reading([folder.parent, SLIDE.parent])
    assert not App().errors


def test_the_app_reads_what_is_its_owners_the_studys_and_what_is_named(folder, tmp_path, monkeypatch):
    home, other, work = tmp_path / "home", tmp_path / "other", tmp_path / "work"
    for each in (home, other, work):
        each.mkdir()
    for name in ("HOME", "USERPROFILE", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(work)
    limit_app()
    ours = (
        home / "a.svs",
        work / "a.svs",
        SLIDE,
        folder / "study.sqlite",
        folder.parent / "another" / "study.sqlite",
    )
    assert all(map(is_readable, ours)) and not is_readable(other / "a.svs")
    monkeypatch.setenv("PROSPECTOR_DATA_FOLDERS", f"{other}{os.pathsep}{work}")
    limit_app(own=False)
    assert is_readable(other / "a.svs") and is_readable(SLIDE) and not is_readable(home / "a.svs")


@pytest.mark.parametrize("kept", [True, False])
def test_napari_finds_the_token_of_an_app_that_runs(monkeypatch, kept):
    from prospector_core.launches import Launch
    from viewers.napari_plugin import browser

    known = [Launch("http://localhost:8501/", "secret", 1, "here")] if kept else []
    monkeypatch.setattr(browser, "running", lambda: known)
    assert browser._running("http://localhost:8501/?token=given") == Launch(
        "http://localhost:8501/", "given", 0, ""
    )
    assert browser._running("http://localhost:8501").token == ("secret" if kept else "")
    assert browser._running("http://localhost:8502/").token == ""
