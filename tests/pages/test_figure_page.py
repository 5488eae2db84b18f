"""The button that saves a figure: what it offers, and that nothing is drawn before it is pressed."""

import io

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.panels import save
from prospector_core.errors import ProspectorError
from prospector_core.study import Study
from viewers import slide_figure

PAGE = """
import os
from pages.panels.save import save_box
from prospector_core.study import Study
study = Study.open(os.environ["PROSPECTOR_STUDY"])
save_box(study, "field B3")
"""


@pytest.fixture
def saved(monkeypatch):
    """What the button of the last run would save: {"data", "file_name", "disabled", ...}."""
    found = {}

    def listen(label, data, **options):
        found.clear()
        found.update(options, data=data)

    monkeypatch.setattr(save.st, "download_button", listen)
    return found


def test_a_figure_is_drawn_when_it_is_saved(folder, saved, monkeypatch):
    drawn = []
    draw = slide_figure.slide_figure
    monkeypatch.setattr(slide_figure, "slide_figure", lambda *a, **k: drawn.append(k) or draw(*a, **k))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not page.exception and not drawn and not saved["disabled"]
    assert saved["file_name"] == "field-map-fit1.png" and saved["mime"] == "image/png"
    image = Image.open(io.BytesIO(saved["data"]()))
    assert image.format == "PNG" and image.width == 2000 and drawn[0]["limit"] > 0
    page.segmented_control(key="figure_layer").set_value("concepts")
    page.segmented_control(key="figure_extent").set_value("slide")
    page.selectbox(key="figure_width").set_value(1000)
    page.text_input(key="figure_title").set_value(" Skin ").run()
    assert saved["file_name"] == "slide-concepts-fit1.png"
    assert Image.open(io.BytesIO(saved["data"]())).width == 1000
    assert drawn[1] | {"limit": None} == {
        "layer": "concepts",
        "whole_slide": True,
        "width": 1000,
        "title": "Skin",
        "limit": None,
    }


def test_a_slide_that_is_gone_is_said_before(folder, saved, monkeypatch):
    monkeypatch.setattr(
        Study, "source_path", lambda self, datum: (_ for _ in ()).throw(ProspectorError("gone"))
    )
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert saved["disabled"] and "gone" in page.error[0].value
