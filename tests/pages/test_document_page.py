"""The pages of a study of documents, without a browser: what stands on them, and what a click does."""

import shutil

import pytest

from prospector_core.modalities.documents.texts import sentences_of
from prospector_core.study import Study
from tests.pages.app import App
from tests.support.text_studies import make_text_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    study = make_text_study(tmp_path_factory.mktemp("texts"))
    study.database.close()
    return study.path


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "study")
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(tmp_path / "study"))
    return Study.open(tmp_path / "study")


def page_of(app):
    """What the document viewer was given."""
    return next(data for data in app._components() if "starts" in data)


def test_a_sentence_is_explained_and_like_ones_elsewhere_are_listed(study):
    app = App()
    shown = page_of(app)
    assert "Sentences for yes" in app.text.replace("*", "") and "Click a sentence" in app.text
    assert len(shown["starts"]) == len(shown["scores"]) == len(shown["concepts_of"]) and not shown["selected"]
    datum = study.datum("case 1")
    app.pick(study, datum, 2)
    shown = page_of(app)
    lines = sentences_of(study, datum)
    assert [shown["text"][a:b] for a, b in zip(shown["starts"], shown["ends"])] == lines
    # maps are smoothed: what is two sentences from the next ones counts, too
    assert shown["selected"] == [2]
    assert {each["token"] for each in shown["neighbours"]} == {0, 1, 3, 4, 5, 6}
    assert lines[2] in app.text and "Prospect score" in app.text
    assert app.has_button("alike_0") and any(
        "A node holds tumour" in b.label for b in app.at.button if b.key == "alike_0"
    )
    app.press("alike_0")
    assert app.at.session_state["at_datum"] != datum.uid and page_of(app)["focus"] == 1


def test_letters_beyond_the_first_65536_do_not_shift_spans(tmp_path, monkeypatch):
    import json

    from prospector_core import Study
    from tests.support.text_studies import WordEncoder

    rows = [
        {"id": str(at), "text": f"The 🧬 node {at}. The 🧪 margin. The end.", "label": at % 2}
        for at in range(4)
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    study = Study.create(tmp_path / "wide", documents=tmp_path / "d.jsonl")
    study.embed(encoder=WordEncoder())
    study.fit(concepts=2, radius=1)
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(study.path))
    shown = page_of(App())
    units = shown["text"].encode("utf-16-le")
    found = [units[2 * a : 2 * b].decode("utf-16-le") for a, b in zip(shown["starts"], shown["ends"])]
    assert found[1:] == ["The 🧪 margin.", "The end."]


def test_selected_sentences_are_marked_moved_and_taken_back(study):
    app = App()
    app.pick(study, "case 1", 1)
    app.at.session_state["at_last"] = 3
    app.run()
    assert page_of(app)["selected"] == [1, 2, 3]
    app.open("mark_box")
    app.at.radio(key="mark_what").set_value("ignore")
    app.press("Mark")
    region = study.curation.state.regions[0]
    assert list(region.tokens) == [1, 2, 3] and region.evidence == "ignore"
    assert page_of(app)["marks"] == [{"token": 1, "evidence": "ignore", "label": "ignored"}]
    app.press("refit")
    assert page_of(app)["scores"][1:4] == [None] * 3
    app.press(f"withdraw_{region.entry}")
    assert not study.curation.state.regions


def test_another_document_and_other_maps_stand_beside_it(study):
    app = App()
    first = page_of(app)
    other = next(datum for datum in study.embedded() if datum.uid not in first["id"])
    app.at.selectbox(key="shown_beside").set_value(other.uid).run()
    shown, beside = (data for data in app.sound()._components() if "starts" in data)
    assert shown["text"] == first["text"] and beside["text"] == study.attrs(other)["text"]
    study.curation.exclude(int(shown["concepts_of"][0]))
    app.run().press("refit")
    app.at.selectbox(key="shown_beside").set_value("@before").run()
    now, before = (data for data in app.sound()._components() if "starts" in data)
    assert now["text"] == before["text"] and now["scores"][0] is None and before["scores"] == first["scores"]
    assert "this document before the last refit" in app.text


@pytest.mark.parametrize("page", ["study", "concepts", "kernel", "atlas"])
def test_the_other_pages_speak_of_sentences(study, page):
    app = App()
    app.go(page)
    assert not app.errors
    text = app.text.lower()
    assert ("sentence" in text or page == "kernel") and "tile" not in text
    if page == "concepts":
        place = next(b for b in app.at.button if b.key.startswith("sentence_"))
        app.press(place.key)
        assert page_of(app)["selected"]
    if page == "atlas":
        assert "The margin is free." in next(data for data in app._components() if "points" in data)["texts"]
    if page == "kernel":
        app.at.session_state["cell_pair"] = (int(study.concepts()[0].id), -1)
        app.run()
        assert any(b.label == "Show in document" for b in app.at.button)
