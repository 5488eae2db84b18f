"""What the pages read once the app has limited it: typed paths, and slides that a study names elsewhere."""

import pytest

from prospector_core.readable import limit_reading
from sample_data.fields import SLIDE
from tests.pages.app import App


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
    for place, way in ((tmp_path / "other", f"--data {tmp_path / 'other'}"), ("/etc", "folder of the system")):
        next(each for each in app.at.text_input if each.label == "Folder of a study").set_value(str(place))
        app.press("Open this folder")
        assert len(said(app)) == 1 and way in said(app)[0] and "\n" not in said(app)[0]
    assert "study_path" not in app.at.session_state


@pytest.mark.parametrize("kind", ["slides", "structures", "documents", "cells", "graphs"])
def test_no_form_reads_elsewhere(folder, tmp_path, kind):
    from pages.making import place_of
    from prospector_core.errors import ProspectorError
    from prospector_core.study import Study

    (tmp_path / "labels.csv").write_text("file,label\na,x\nb,y\n")
    limit_reading([folder.parent])
    with pytest.raises(ProspectorError, match="--data"):
        Study.create(folder.parent / "new", labels=tmp_path / "labels.csv", **{kind: place_of(f" {tmp_path}/other ")})
    assert not (folder.parent / "new").exists()


def test_a_slide_elsewhere_is_said_and_its_map_lies_on_white(folder):
    limit_reading([folder.parent])
    app = App()
    app.sound()
    assert any(f"--data {SLIDE.parent}" in line for line in said(app))
    assert app.viewer()["overlays"] and "at hand" in app.text
    limit_reading([folder.parent, SLIDE.parent])
    assert not App().errors
