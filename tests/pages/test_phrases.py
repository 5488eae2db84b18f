"""Naming by phrases on the Concepts page: only where the encoder reads text; names as edits."""

import json

import numpy as np
import pytest

from prospector_core.modalities.slides import encoders
from prospector_core.study import Study
from tests.pages.app import App
from tests.pages.conftest import change


class TextSide:
    """Any phrase has a direction of its own."""

    name = "open_clip:fake/x"

    def encode_text(self, texts):
        return np.stack([np.random.default_rng(sum(map(ord, text))).normal(size=34) for text in texts])

    def record(self):
        return {"weights_sha256": None}


@pytest.fixture
def named(folder, monkeypatch):
    embedding = {**Study.open(folder).embedding, "encoder": "open_clip:fake/x"}
    change(folder, "UPDATE meta SET value = ? WHERE key = 'embedding'", json.dumps(embedding))
    monkeypatch.setattr(encoders, "get_encoder", lambda name: TextSide())
    return folder


def test_compare_then_take_the_names(named):
    app = App("concepts").sound()
    assert not any("Take the best" in button.label for button in app.at.button)
    app.at.text_area[0].set_value("dermis, <b>keratin</b>")
    app.press("Compare")
    assert any("&lt;b&gt;keratin" in each.proto.body for each in app.at.get("html"))
    app.press(next(b.label for b in app.at.button if b.label.startswith("Take the best")))
    names = Study.open(named).curation.state.names
    assert len(names) == 6 and {name.split(" ")[0] for name in names.values()} <= {"dermis", "<b>keratin</b>"}
    assert "All concepts have names" in app.text
    app.press("undo")
    assert len(Study.open(named).curation.state.names) == 5


def test_an_error_is_one_line(named):
    app = App("concepts")
    app.at.text_area[0].set_value("x" * 80)
    app.press("Compare")
    assert len(app.errors) == 1 and "too long" in app.errors[0]


def test_nothing_is_offered_for_other_encoders(folder):
    app = App("concepts").sound()
    assert not app.at.text_area and not app.has_button("Compare")
