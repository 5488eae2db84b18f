"""The Study page's list of embedding jobs, and the Slide page of a slide in work; no process is started."""

import numpy as np
import pytest
from PIL import Image

from prospector_core import worker
from prospector_core.study import Study
from tests.pages.app import App
from tests.pages.conftest import change
from viewers.words import time_left


class MeanColour:
    name, dim, input_size = "mean-colour", 3, 8

    def encode(self, tiles):
        return tiles.mean((1, 2), dtype=np.float64).astype(np.float32)

    def record(self):
        return {"name": self.name, "version": 1}


@pytest.fixture
def started(monkeypatch):
    found = []
    monkeypatch.setattr(worker, "start", lambda path, **_: found.append(path))
    return found


def not_embedded(folder, *names):
    study = Study.open(folder)
    uids = [study.datum(name).uid for name in names]
    for uid in uids:
        study.store.remove(uid)
    return study, uids


def states(study):
    return {job.uid: job.state for job in study.queue.jobs() if job.state != "done"}


def test_the_list_and_its_buttons(folder, started):
    study, (first, second, third) = not_embedded(folder, "field A2", "field B3", "field E5")
    app = App("study")
    assert "3 of 11 fields are not embedded yet" in app.text
    app.press("Embed them")
    assert started == [study.path] and set(states(study).values()) == {"waiting"}
    assert "was interrupted" in app.text and app.has_button("go_on_all")  # nobody took it up
    assert not app.has_button(f"first_{first}") and app.has_button(f"first_{second}")
    app.press(f"first_{third}")
    assert [job.uid for job in study.queue.jobs() if job.state == "waiting"] == [third, first, second]
    app.press(f"off_{second}")
    assert set(states(study)) == {first, third} and "1 of 11 fields are not embedded yet" in app.text
    study.queue.pause()
    app.run()
    assert "was interrupted" not in app.text and app.has_button("go_on_all")
    app.press(f"go_on_{third}")
    assert states(study) == {first: "paused", third: "waiting"} and len(started) == 2
    change(
        folder, "UPDATE jobs SET state = 'running', done = 10, total = 40, rate = 0.1 WHERE uid = ?", third
    )
    app.run()
    assert "was interrupted" in app.text and app.has_button(f"go_on_{third}")
    with study.queue.working():  # someone is at it
        app.run()
        assert "was interrupted" not in app.text and "continues in the background" in app.text
        app.press("pause_all")
        assert study.queue.asked(third) == "pause"
        assert next(each for each in app.at.button if each.key == f"pause_{third}").disabled
    app.run()
    app.press("go_on_all")
    assert states(study) == {first: "waiting", third: "waiting"}


def test_a_failure_says_why_and_can_be_tried_again(folder, started):
    study, (uid,) = not_embedded(folder, "field A2")
    study.queue.add([uid])
    study.queue.end(study.queue.claim(), "failed", "no tile holds tissue")
    study.queue.leave("the disk is full")
    app = App("study")
    assert "field A2: no tile holds tissue" in app.text and app.errors == ["the disk is full"]
    app.press(f"again_{uid}")
    assert states(study) == {uid: "waiting"} and started
    study.queue.end(study.queue.claim(), "failed", "no tile holds tissue")
    app.run().press(f"off_{uid}")
    assert states(study) == {} and "no tile holds" not in app.text


def test_the_time_left_in_words():
    said = [time_left(seconds) for seconds in (None, 3, 170, 3500, 8000, 400_000)]
    assert said == [
        "",
        "less than a minute left",
        "about 3 min left",
        "about 58 min left",
        "about 2 h left",
        "about 5 days left",
    ]


def test_a_slide_in_work_has_a_provisional_map(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    (tmp_path / "slides").mkdir()
    for name, side in (("a", 96), ("b", 96), ("large", 320)):
        pixels = random.integers(60, 200, (side // 8, side // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(pixels).save(tmp_path / "slides" / f"{name}.png")
    (tmp_path / "labels.csv").write_text("slide,label\na.png,no\nb.png,yes\nlarge.png,yes\n")
    folder = tmp_path / "studies" / "new"
    study = Study.create(
        folder,
        slides=tmp_path / "slides",
        labels=tmp_path / "labels.csv",
        tile=8,
        min_tissue=0.0,
        positive="yes",
    )
    study.embed(data=["a.png", "b.png"], encoder=MeanColour())
    study.fit(concepts=3)
    asked = [False] * 6 + [True]
    study.embed(data=["large.png"], stop=lambda: asked.pop(0) if asked else True, encoder=MeanColour())
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(folder))
    app = App()
    box = next(each for each in app.at.selectbox if each.label == "Slide")
    assert len(box.options) == 3
    box.set_value(study.datum("large.png").source).run()
    assert "provisional" in app.sound().text and "embedded in part (paused)" in app.text
    shown = {overlay["id"]: overlay["url"] for overlay in app.viewer()["overlays"]}
    map_id = f"map-{study.datum('large.png').uid}"
    assert set(shown) == {map_id, map_id.replace("map", "sprite")}
    asked = [False] * 40 + [True]
    study.embed(data=["large.png"], stop=lambda: asked.pop(0) if asked else True, encoder=MeanColour())
    later = {overlay["id"]: overlay["url"] for overlay in app.run().viewer()["overlays"]}
    assert later[map_id] != shown[map_id]
    study.embed(encoder=MeanColour())
    app.run()
    assert "provisional" not in app.text and "Click a tile" in app.text
    assert {overlay["kind"] for overlay in app.viewer()["overlays"]} == {"map", "sprite", "error"}
