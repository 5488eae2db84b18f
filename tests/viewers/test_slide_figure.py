"""Figures: tokens where they are, numbers and scale bar right, nothing that names the slide.

Nothing cut off.
"""

import io

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study
from prospector_core.errors import BadInputError
from prospector_core.palette import rgb_of
from tests.support.slide_files import picture, write_svs
from tests.support.study_files import PITCH, SIDE, K, embed_by_hand, make_study, write_labels
from viewers import figure_paper as module
from viewers.lettering import font_for, text_width, wrapped
from viewers.slide_figure import score_limit, slide_figure
from viewers.token_pixels import map_pixels

WIDTH = 1000
MARGIN = 20


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = make_study(tmp_path_factory.mktemp("figures"), fit={})
    made.curation.rename(2, "stroma, pink")
    made.curation.exclude(4)
    made.refit()
    return made


@pytest.fixture
def written(monkeypatch):
    """The texts that figures hold, in the order they were written."""
    texts, write = [], module.write_line

    def listen(draw, place, text, *rest, **more):
        texts.append(text)
        write(draw, place, text, *rest, **more)

    monkeypatch.setattr(module, "write_line", listen)
    return texts


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def drawn(study, datum, **options):
    return np.asarray(opened(slide_figure(study, datum, width=WIDTH, **options)))


def bar_length(pixels):
    """Of the longest run of ink that starts at the margin."""
    runs = [np.argmin(np.append((row[MARGIN:] == module.INK).all(1), False)) for row in pixels]
    return int(max(runs))


def test_tokens_have_the_colour_of_their_concept_where_they_lie(study):
    datum = study.data[0]
    pixels = drawn(study, datum, layer="concepts", opacity=1)
    size = (WIDTH - 2 * MARGIN - round(WIDTH * 0.34) - round(WIDTH * 0.025)) / (
        SIDE * PITCH
    )  # px a slide pixel
    colours, sprite, concepts = study.colours(), study.sprite(datum), study.concepts_of(datum)
    for (row, column), concept, kept in zip(study.grid(datum)["positions"], concepts, sprite >= 0):
        x, y = (round(MARGIN + (each + 0.5) * PITCH * size) for each in (column, row))
        if kept:
            assert tuple(pixels[y, x]) == rgb_of(colours[concept])
        else:  # striped, the tissue below
            patch = pixels[y - 10 : y + 10, x - 10 : x + 10].reshape(-1, 3)
            assert len(np.unique(patch, axis=0)) > 1


def test_the_map_has_the_colours_of_the_app_and_the_threshold_hides(study):
    datum = study.data[1]
    scores, limit = study.prospect(datum), score_limit(study)
    size = (WIDTH - 2 * MARGIN - round(WIDTH * 0.29) - round(WIDTH * 0.025)) / (SIDE * PITCH)
    level = float(np.nanmedian(np.abs(scores)))
    whole, part = drawn(study, datum, opacity=1), drawn(study, datum, opacity=1, threshold=level)
    tissue = np.array((200, 101, 160))  # of this slide
    hidden = 0
    for (row, column), score in zip(study.grid(datum)["positions"], scores):
        if np.isnan(score):
            continue
        x, y = (round(MARGIN + (each + 0.5) * PITCH * size) for each in (column, row))
        colour = map_pixels(np.array([score]), limit)[0].astype(float)
        expected = tissue + (colour[:3] - tissue) * colour[3] / 255
        assert np.abs(whole[y, x] - expected).max() <= 2
        if abs(score) < level:
            hidden += 1
            assert (part[y, x] == tissue).all()
        else:
            assert (part[y, x] == whole[y, x]).all()
    assert hidden


@pytest.mark.parametrize(
    ("mpp", "length", "text"), [(0.5, 5 / 0.5, "5 µm"), (60.0, 1000 / 60, "1 mm"), (None, 10, "10 px")]
)
def test_the_scale_bar_is_as_long_as_it_says(study, written, monkeypatch, mpp, length, text):
    datum = study.data[0]
    monkeypatch.setitem(study.sources[datum.source].info, "mpp", mpp)
    pixels = drawn(study, datum, layer="tissue")
    assert any(each.startswith(text) for each in written)
    assert bar_length(pixels) == pytest.approx(length * (WIDTH - 2 * MARGIN) / (SIDE * PITCH), abs=1.01)


def test_nothing_names_the_slide_unless_asked(study, written):
    datum = study.data[0]
    content = slide_figure(study, datum, layer="concepts")
    assert not any(datum.name in text for text in written) and datum.name.encode() not in content
    image = opened(content)
    assert image.width == 2000 and not image.text and image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert content == slide_figure(study, datum, layer="concepts")  # nothing of the day or the machine either
    written.clear()
    slide_figure(study, datum, names=True, width=WIDTH)
    assert written.count(datum.name) == 1
    written.clear()
    slide_figure(study, datum, names=True, title="Tumour, first case", width=WIDTH)
    assert "Tumour, first case" in written and datum.name not in written


def test_legends_have_numbers_and_words(study, written):
    datum = study.data[1]
    limit = score_limit(study)
    slide_figure(study, datum, width=WIDTH)
    text = " | ".join(written)
    assert f"{limit:+.3g}" in text and "speaks for tumour" in text and "speaks for normal" in text
    assert study.view.unit in text and "excluded or ignored" in text
    written.clear()
    slide_figure(study, datum, layer="concepts")
    concepts = {c.id: c for c in study.concepts()}
    here = np.bincount(study.concepts_of(datum), minlength=K)
    for concept, count in enumerate(here):
        assert (concepts[concept].name in written) == (count > 0)
        if count and concept != 4:
            assert f"{concepts[concept].weight:+.2f}".replace("-", "−") in written
            assert module.percentage(count / here.sum()) in written
    assert "excluded" in written and "stroma, pink" in written
    written.clear()
    slide_figure(study, datum, layer="uncertainty", width=WIDTH)
    assert "Standard error of the score" in written and any("200 resamples" in each for each in written)


@pytest.mark.parametrize(
    "region", [(0, 30, 72, 2), (30, 0, 2, 72), (10, 10, 1, 1), (-30, -50, 200, 300), (0, 0, 72, 49)]
)
@pytest.mark.parametrize("layer", ["map", "concepts"])
def test_regions_of_any_shape(study, monkeypatch, region, layer):
    for concept in range(K):
        monkeypatch.setitem(
            study.curation.state.names,
            concept,
            f"keratinising_stratified squamous epithelium, deep layer {concept}",
        )
    pixels = drawn(study, study.data[0], layer=layer, region=region, title="A title of many words, " * 9)
    height, width = pixels.shape[:2]
    assert width <= WIDTH and height < 2 * WIDTH
    frame = np.ones((height, width), bool)
    frame[MARGIN // 2 : -MARGIN // 2, MARGIN // 2 : -MARGIN // 2] = False
    assert (pixels[frame] == 255).all()  # nothing runs over the edge


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "heat"}, "no layer 'heat'"),
        ({"width": 20}, "wide, not 20"),
        ({"width": 10**6}, "wide, not"),
        ({"region": (0, 0, 0, 5)}, "above 0"),
        ({"region": (0, 0, float("nan"), 5)}, "above 0"),
        ({"region": (500, 0, 5, 5)}, "outside the slide"),
        ({"region": (0, 0, 5, 5), "whole_slide": True}, "choose one"),
        ({"threshold": -1.0}, "from 0 on"),
        ({"threshold": 1.0, "layer": "concepts"}, "for the map"),
        ({"opacity": 2.0}, "opacity"),
        ({"limit": 0.0}, "strongest colour"),
    ],
)
def test_what_cannot_be_drawn(study, options, words):
    with pytest.raises(BadInputError, match=words):
        slide_figure(study, study.data[0], **options)


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """Four fields of one slide that has a black label and macro image of the slide's own shape."""
    home = tmp_path_factory.mktemp("fields")
    (home / "slides").mkdir()
    bright = 255 - picture(160, 160) // 3
    write_svs(home / "slides" / "Jane Doe.svs", bright, n_levels=3)
    places = [(0, 0), (80, 0), (0, 80), (80, 80)]
    rows = [("Jane Doe.svs", f"field {n}", x, y, 72, 72, n % 2) for n, (x, y) in enumerate(places)]
    table = write_labels(home / "labels.csv", rows, ("slide", "name", "x", "y", "width", "height", "label"))
    made = Study.create(
        home / "study", slides=home / "slides", labels=table, encoder="colour-texture", tile=PITCH
    )
    embed_by_hand(made)
    for datum in made.data:  # where the field is
        with_place = made.store.read(datum.uid)
        attrs = {
            "origin": [float(datum.field.x), float(datum.field.y)],
            "pitch": float(PITCH),
            "shape": [SIDE, SIDE],
        }
        made.store.write(datum.uid, with_place.embeddings, with_place.positions, attrs)
    made.fit(concepts=3)
    return made


def test_a_field_shows_itself_and_a_slide_all_its_fields(fields, written):
    one = drawn(fields, "field 3", opacity=1)
    assert "Frames: the fields of the study." not in written
    whole = drawn(fields, "field 3", opacity=1, whole_slide=True)
    assert "Frames: the fields of the study." in written
    grey = (whole == (70, 70, 70)).all(-1)
    assert grey.sum() > 4 * 4 * 100 and (one == (70, 70, 70)).all(-1).sum() < 100  # in letters


def test_label_and_macro_image_are_never_drawn(fields):
    for options in ({}, {"whole_slide": True}, {"region": (-200, -200, 600, 600)}):
        pixels = drawn(fields, "field 0", layer="tissue", **options)
        tissue = pixels[MARGIN : pixels.shape[0] - 6 * MARGIN]  # above the scale bar
        assert tissue.min() > 60  # frames are 70, label and macro 0


def test_a_study_of_features_alone_is_drawn_without_tissue(fields, monkeypatch):
    info = fields.sources[fields.data[0].source].info
    monkeypatch.setitem(info, "at_hand", False)
    for side in ("width", "height"):
        monkeypatch.setitem(info, side, None)
    pixels = drawn(fields, "field 0", whole_slide=True)
    assert (pixels[..., 0] != pixels[..., 2]).any()  # the map's colours are there
    assert (drawn(fields, "field 0", layer="tissue")[MARGIN : MARGIN + 500, MARGIN:-MARGIN] == 255).all()


@pytest.mark.parametrize(
    "text",
    ["keratinising_stratified_squamous epithelium of the deep layer", "µm² ± −1.5 ≥ эпителий", "", "中" * 60],
)
def test_lines_fit_and_lose_nothing(text):
    lines = wrapped(text, 20, 130)
    assert all(text_width(line, 20) <= 130 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    short = wrapped(text, 20, 130, most=1)
    assert len(short) == 1 and text_width(short[0], 20) <= 130


def test_signs_of_units_can_be_written():
    font, text = font_for("−12.3 µm² ≥ ±", 20)
    missing = bytes(font.getmask("\ufffe"))
    assert all(bytes(font.getmask(letter)) != missing for letter in text if letter != " ")
