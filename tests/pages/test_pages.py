"""Every page, on a whole study and on what may be wrong with one."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from prospector_core.study import FitSettings, Study
from prospector_core.study.explanations import neighbours, what_if
from tests.pages.app import App
from tests.pages.conftest import SLIDE, change, create
from viewers import tile_server

PAGES = ("datum", "study", "concepts", "kernel")


def test_every_page_shows_the_study(folder):
    app = App()
    assert "Where is epidermis?" in app.text and "Click a tile" in app.text
    viewer = app.viewer()
    assert {overlay["kind"] for overlay in viewer["overlays"]} == {"map", "sprite", "error"} and len(
        viewer["overlays"]
    ) == 33
    assert viewer["slide"]["width"] == 2220 and viewer["legend"]["limit"] > 0 and len(viewer["concepts"]) == 6
    assert [field["label"] for field in viewer["fields"] if field["selected"]][0].endswith("epidermis")
    seen = app.text + str(viewer)
    app.go("study")
    assert "Predicted right" in app.text and len(app.at.dataframe[0].value) == 11
    app.go("concepts")
    assert (
        sum(each.key.startswith("name_") for each in app.at.text_input) == 6
        and "tiles in *epidermis*" in app.text
    )
    app.go("kernel")
    assert "Prospect kernel" in app.text and [box.label for box in app.at.selectbox][0] == "Concept"
    assert not app.errors
    seen += app.text
    assert (
        str(SLIDE.parent) not in seen and str(folder) not in seen
    )  # which slide, not where it is on this machine


def test_a_tile_says_its_concept_its_score_and_the_parts_of_it(folder):
    study = Study.open(folder)
    app = App().pick(study, "field B3", 4)
    explanation = study.explain("field B3", 4)
    name = study.concept_name(explanation.concept)
    score = f"{explanation.score:+.2f}".replace("-", "−")
    assert name in app.text and score in app.text
    assert "It speaks **for " in app.text and f"for being *{name}*" in app.text and "each)" in app.text
    assert app.viewer()["selected"]["width"] == pytest.approx(study.token_rect("field B3", 4)[2])
    assert "field B3" in app.text and "labelled *epidermis*" in app.text
    doubt = study.uncertainty("field B3")
    for token in (int(np.argmin(doubt.agreement)), int(np.argmax(doubt.agreement))):
        app.pick(study, "field B3", token)
        assert f"± {doubt.error[token]:.2f}" in app.text
        assert ("sign not certain" in app.text) == bool(doubt.unsure[token])


def test_the_viewer_gets_the_numbers_of_the_tokens(folder):
    study = Study.open(folder)
    maps = [overlay for overlay in App().viewer()["overlays"] if overlay["kind"] == "map"]

    def get(url):
        token, rest = url.removeprefix("/prospector/").split("/", 1)
        return tile_server.server().respond(SimpleNamespace(path_params={"token": token, "rest": rest})).body

    datum = next(d for d in study.embedded() if f"map-{d.uid}" == maps[0]["id"])
    n, doubt = study.n_tokens(datum), study.uncertainty(datum)
    tokens = get(maps[0]["tokens"])
    rows, columns, concepts = np.frombuffer(tokens, "<i4", 3 * n).reshape(3, n)
    assert (np.stack([rows, columns], 1) == study.grid(datum)["positions"]).all()
    assert (concepts == study.concepts_of(datum)).all() and maps[0]["shape"] == list(
        study.grid(datum)["shape"]
    )
    np.testing.assert_allclose(np.frombuffer(tokens, "<f4", n, 12 * n), study.prospect(datum), rtol=1e-6)
    doubts = get(maps[0]["doubt"])
    limit, *error = np.frombuffer(doubts, "<f4", n + 1)
    np.testing.assert_allclose(error, doubt.error, rtol=1e-6)
    assert limit > 0 and (np.frombuffer(doubts, "<i4", n, 4 * n + 4) == doubt.unsure).all()


def test_a_hot_spot_of_the_list_is_flown_to(folder):
    study = Study.open(folder)
    app = App()
    assert "Connected tiles that score +" in app.text
    rows = [button for button in app.at.button if (button.key or "").startswith("spot_")]
    assert 1 <= len(rows) <= 8 and all(" · mean +" in row.label and "m²" in row.label for row in rows)
    sums = [float(re.search(r"sum \+([\d.]+)", row.help)[1]) for row in rows]
    assert sums == sorted(sums, reverse=True)
    app.press("spot_1")
    viewer = app.viewer()
    assert viewer["focus"]["count"] == 1 and viewer["selected"] is None
    chosen = next(field for field in viewer["fields"] if field["selected"])
    assert study.datum(app.at.session_state["at_datum"]).field.x == chosen["x"]
    x, y, width, height = (viewer["focus"][side] for side in ("x", "y", "width", "height"))
    centre = x + width / 2, y + height / 2
    assert chosen["x"] <= centre[0] < chosen["x"] + chosen["width"]
    assert chosen["y"] <= centre[1] < chosen["y"] + chosen["height"]
    app.press("spot_1")
    assert app.viewer()["focus"]["count"] == 2  # the same once more, after having moved away


def test_pages_tell_two_studies_apart(folder, pristine, tmp_path):
    from tests.pages.conftest import copy_study

    other = copy_study(pristine, tmp_path / "studies" / "second")
    change(other, "UPDATE meta SET value = '\"Second\"' WHERE key = 'name'")
    first, second = App(), App("study")
    second.at.selectbox[0].set_value("second")
    second.press("open_known")
    assert "### Second" in second.text
    assert "**Skin**" in first.run().text and "**Second**" in second.run().text
    second.go("datum")
    Study.open(other).curation.rename(0, "only here")
    assert "only here" in str(second.run().viewer()["concepts"]) and "only here" not in str(
        first.run().viewer()["concepts"]
    )
    shown = {app.viewer()["overlays"][0]["url"] for app in (first, second)}
    assert len(shown) == 2


def test_no_study_says_what_to_do(nothing):
    app = App()
    assert "No study is open" in app.text
    app.go("study")
    assert "Welcome to Prospector" in app.text and app.has_button("Build the sample study (about a minute)")
    assert app.has_button("Make the study") and app.has_button("Open this folder")
    for page in ("concepts", "kernel"):
        assert "No study is open" in app.go(page).text


@pytest.mark.parametrize("page", ["study", "kernel"])
def test_a_newer_study_is_one_line(folder, page):
    change(folder, "UPDATE meta SET value = '99' WHERE key = 'format_version'")
    app = App(page).sound()
    assert len(app.errors) == 1 and "newer Prospector" in app.errors[0] and "\n" not in app.errors[0]


@pytest.mark.parametrize("page", ["datum", "study"])
def test_a_damaged_database_is_one_line(folder, page):
    (folder / "study.sqlite").write_bytes(b"this is no database" * 100)
    app = App(page).sound()
    assert len(app.errors) == 1 and "damaged" in app.errors[0]
    if page == "study":
        assert app.has_button("Make the study")


def test_a_damaged_fit_leaves_the_way_to_other_studies(folder):
    next((folder / "fits").glob("*/head.json")).write_text("{")
    app = App().sound()
    assert len(app.errors) == 1 and "prospector replay" in app.errors[0]
    app.go("study")
    assert app.errors and "\n" not in app.errors[0] and app.has_button("Open this folder")


def test_a_study_folder_that_is_gone_is_one_line(folder):
    app = App()
    Study.open(folder).database.close()
    shutil.rmtree(folder)
    app.run()
    assert len(app.errors) == 1 and "skin" in app.errors[0]


def test_a_missing_slide_is_one_line_where_it_is_needed(folder, tmp_path):
    there = str(tmp_path / "gone.svs")
    change(
        folder,
        "UPDATE sources SET name = 'gone.svs', path = ?, info = json_set(info, '$.absolute', ?)",
        there,
        there,
    )
    app = App()
    assert [("gone" in each.value and "no longer where it was" in each.value) for each in app.at.warning] == [
        True
    ]
    app.go("study")
    assert len(app.at.dataframe[0].value) == 11  # the rows stay of use, without pictures
    app.go("concepts")
    assert not app.errors
    app.go("kernel")
    assert not app.errors


def test_before_the_embedding_and_before_the_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    folder = tmp_path / "studies" / "new"
    monkeypatch.setenv("PROSPECTOR_STUDY", str(folder))
    study = create(
        folder,
        "slide,name,x,y,width,height,label\n{0},one,898,449,224,224,epidermis\n{0},two,449,898,224,224,no\n",
    )
    assert "no concepts yet" in App().text
    app = App("study")
    assert "2 of 2 fields are not embedded yet" in app.text and app.has_button("Embed them")
    study.embed()
    app.run()
    assert "not embedded yet" not in app.text
    assert "no concepts yet" in app.go("kernel").text
    app.go("study")
    app.at.number_input[0].set_value(4)
    app.press("Find concepts and fit")
    assert Study.open(folder).view.n_concepts == 4
    assert "they are too few" in app.text or "fitted without it" in app.text or app.at.metric
    assert "Where is epidermis?" in app.go("datum").text


def test_many_slides(tmp_path, monkeypatch, pristine):
    """Sixty whole slides, twelve embedded: the table comes in pages, and the Slide page asks which slide."""
    import numpy as np
    from PIL import Image

    slides = tmp_path / "slides"
    slides.mkdir()
    rng = np.random.default_rng(0)
    rows = ["slide,label"]
    for number in range(60):
        pixels = np.full((96, 96, 3), (200, 120, 180) if number % 2 else (120, 90, 170), np.int16)
        pixels += rng.integers(-30, 30, pixels.shape, np.int16)
        Image.fromarray(pixels.astype(np.uint8)).save(slides / f"case {number:02d}.png")
        rows.append(f"case {number:02d}.png,{'tumour' if number % 2 else 'normal'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    folder = tmp_path / "studies" / "many"
    study = Study.create(
        folder,
        slides=slides,
        labels=tmp_path / "labels.csv",
        encoder="colour-texture",
        tile=32,
        mpp=1.0,
        slide_mpp=1.0,
        min_tissue=0.0,
    )
    assert not study.embed(data=study.data[:12])
    study.fit(concepts=3)
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(folder))
    app = App()
    box = next(each for each in app.at.selectbox if each.label == "Slide")
    assert len(box.options) == 12 and len(app.viewer()["overlays"]) == 3
    before = app.viewer()["slide"]["id"]
    box.set_value([uid for uid in study.sources if study.sources[uid].name == "case 07.png"][0]).run()
    app.sound()
    assert app.viewer()["slide"]["id"] != before and "case 07" in app.text
    app.go("study")
    assert len(app.at.dataframe[0].value) == 48
    next(each for each in app.at.number_input if each.label.startswith("Page")).set_value(2).run()
    assert len(app.sound().at.dataframe[0].value) == 12


def test_a_study_of_features_without_its_slides(folder, tmp_path, monkeypatch):
    """Every page stands; the Slide page says in one line that the slide is not there.

    And shows its map on white.
    """
    h5py = pytest.importorskip("h5py")
    (tmp_path / "features_uni").mkdir()
    random, rows = np.random.default_rng(0), ["slide,label"]
    for i in range(5):
        n = 0 if i == 4 else 30
        with h5py.File(tmp_path / "features_uni" / f"case{i}.h5", "w") as file:
            file["features"] = random.normal(size=(n, 4)).astype(np.float32) + 10 * random.integers(
                0, 2, (n, 1)
            )
            file["coords"] = np.stack([np.arange(n) % 6, np.arange(n) // 6], axis=1) * 512
            file["coords"].attrs["patch_size_level0"] = 512
        rows.append(f"case{i},{('normal', 'tumour')[i % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    made = Study.create(
        tmp_path / "studies" / "made", features=tmp_path / "features_uni", labels=tmp_path / "labels.csv"
    )
    made.fit(concepts=2)
    monkeypatch.setenv("PROSPECTOR_STUDY", str(made.path))
    app = App().sound()
    assert not app.at.error and any("is not available" in each.value for each in app.at.caption)
    shown = app.viewer()
    assert shown["slide"]["width"] >= 3072 and shown["overlays"]
    app.pick(made, "case1", 3)
    assert any("is not available" in each.value for each in app.at.caption)
    for page in ("study", "concepts", "atlas", "kernel"):
        app.go(page)
        assert not app.at.error
    app.go("concepts")
    assert len([each for each in app.at.text_input if "concept" in each.value]) == len(
        made.concepts()
    )  # every card


def test_neighbours_are_drawn_and_what_if_is_answered(folder, monkeypatch):
    study = Study.open(folder)
    app = App().pick(study, "field B3", 24)
    around = neighbours(study, "field B3", 24)
    drawn = app.viewer()["neighbours"]
    assert len(drawn) == len(around.tokens) - 1 > 3
    rects = {tuple(study.token_rect("field B3", int(token))) for token in around.tokens[1:]}
    assert {(each["x"], each["y"], each["width"], each["height"]) for each in drawn} == rects
    signed = lambda value: f"{value:+.2f}".replace("-", "−")
    asked = []
    monkeypatch.setattr(
        Study, "what_if", lambda *a, real=Study.what_if, **k: asked.append(k) or real(*a, **k)
    )
    app.run()
    assert not asked  # it is folded: nobody waits for it
    app.at.session_state["what_if"] = True
    app.run()
    assert asked
    alone = what_if(study, "field B3", 24, without_neighbours=True)
    assert (
        f"by itself, without neighbours: **{signed(alone.would_be)}** ({signed(alone.difference)})"
        in app.text
    )
    concept = next(k for k in around.concepts.tolist() if k != around.concept)
    without = what_if(study, "field B3", 24, without=concept)
    assert f"without *{study.concept_name(concept)}* around it: **{signed(without.would_be)}**" in app.text


def test_the_form_of_a_fit_stands_with_settings_that_others_made(folder, monkeypatch):
    own = {"concepts": 6, "radius": 17, "seed": 2_000_000, "tau": 9.0, "softness": 5.0, "pseudo": 200.0}
    Study.open(folder).fit(FitSettings(**own))
    app = App("study")
    assert {box.label: box.value for box in app.at.number_input}["Radius, hops"] == 17
    monkeypatch.setattr(Study, "settings", FitSettings(**own, kernel="of another version"))
    app.run()
    assert next(box for box in app.at.selectbox if box.label == "Kernel").value == "of another version"


def test_a_queue_that_contradicts_itself_is_one_line(folder):
    change(folder, "UPDATE jobs SET state = 'frobnicate' WHERE kind = 'embed'")
    app = App("study")
    assert any("queue" in error for error in app.errors) and len(app.errors) == 1
