"""Figures of documents: the text set in lines, tints by score or concept, and what they mean."""

import io

import numpy as np
import pytest
from PIL import Image

from prospector_core.errors import BadInputError
from prospector_core.study import Study
from tests.support.text_studies import WordEncoder, make_text_study
from viewers.document_figure import _lines, _most_telling, _tints, document_figure
from viewers.kinds import view_named


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_text_study(tmp_path_factory.mktemp("figures"))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def lines_of(study, datum, size=30, inner=800):
    attrs = study.attrs(datum)
    return _lines(attrs["text"], study.positions(datum), attrs["sections"], size, inner)


def test_every_word_stands_once_in_order_and_no_line_is_too_long(study):
    for inner in (200, 800, 5000):
        lines = lines_of(study, "case 1", inner=inner)
        said = " ".join(text for line in lines for _, _, text, _ in line.words)
        assert said.split() == study.attrs("case 1")["text"].split()
        assert all(x + wide <= inner for line in lines for x, wide, _, _ in line.words)
        tokens = [token for line in lines for *_, token in line.words if token is not None]
        assert tokens == sorted(tokens) and set(tokens) == set(range(study.n_tokens("case 1")))


def test_a_tint_is_as_strong_as_the_score(study):
    scores = study.prospect("case 1")
    tints = _tints(study, study.datum("case 1"), scores, "map", None, float(np.abs(scores).max()))
    paper = np.array([765 - sum(tint) for tint in tints])  # how far from white
    for side in (scores > 0, scores < 0):
        assert (np.diff(paper[side][np.argsort(np.abs(scores[side]))]) >= -2).all()
    warm = [tint[0] > tint[2] for tint, score in zip(tints, scores) if score > 0.1]
    assert warm and all(warm)
    weak = _tints(study, study.datum("case 1"), scores, "map", np.abs(scores).max() * 0.99, 1.0)
    assert sum(tint is not None for tint in weak) < len(weak)


def test_the_picture(study):
    draw = view_named("documents").figure()
    takes = view_named("documents").figure_options()
    assert {"layer", "width", "title", "threshold"} <= takes
    plain, titled = (
        pixels(draw(study, "case 1", width=900)),
        pixels(draw(study, "case 1", width=900, title="A report")),
    )
    assert plain.shape[1] == 900 and titled.shape[0] > plain.shape[0]
    coloured = lambda picture: (np.ptp(picture, axis=2) > 20).mean()
    assert (
        coloured(plain) > 0.05 and coloured(pixels(draw(study, "case 1", width=900, layer="concepts"))) > 0.05
    )
    with pytest.raises(BadInputError, match="map, concepts"):
        document_figure(study, "case 1", layer="strip")


def test_excluded_is_hatched_and_long_texts_are_shown_where_they_score(study, tmp_path):
    concept = int(study.concepts_of("case 1")[0])
    study.curation.exclude(concept)
    study.refit()
    assert "off" in _tints(study, study.datum("case 1"), study.prospect("case 1"), "map", None, 1.0)
    assert pixels(document_figure(study, "case 1", width=800)).shape[1] == 800
    study.curation.undo()
    study.refit()
    lines = lines_of(study, "case 1", inner=60)
    scores = np.zeros(study.n_tokens("case 1"))
    scores[-1] = 3.0
    assert _most_telling(lines, scores)[1] == "" or len(lines) > 90
    many = lines * 5
    shown, note = _most_telling(many, scores)
    assert len(shown) == 90 and f"of {len(many):,}" in note
    assert any(token == len(scores) - 1 for line in shown for *_, token in line.words)


def test_scripts_without_spaces_and_from_right_to_left(tmp_path):
    texts = {"zh": "患者の腫瘍は大きい。" * 12, "ar": "الورم كبير في العقدة. لا يوجد ورم هنا. " * 5}
    path = tmp_path / "d.jsonl"
    path.write_text(
        "\n".join(f'{{"id": "{name}", "text": "{text}", "label": "{name}"}}' for name, text in texts.items()),
        "utf-8",
    )
    study = Study.create(tmp_path / "study", documents=path)
    study.embed(encoder=WordEncoder())
    study.fit(concepts=2, radius=1)
    for name, text in texts.items():
        lines = lines_of(study, name)
        assert all(x + wide <= 800 for line in lines for x, wide, _, _ in line.words) and len(lines) > 1
        assert "".join(part for line in lines for _, _, part, _ in line.words) == "".join(text.split())
        assert pixels(document_figure(study, name, width=700)).shape[1] == 700
