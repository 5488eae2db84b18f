"""Edits, undo, refit and new fits from the pages; forms that make and open studies."""

import pytest

from prospector_core.study import Study
from prospector_core.study.explanations import pair_tokens
from prospector_core.study.views import newer_embeddings
from tests.pages.app import App
from tests.pages.conftest import SLIDE, copy_study


@pytest.fixture
def study(folder):
    return Study.open(folder)


def rename(app, concept, name):
    app.field(f"name_{concept}").set_value(name).run()
    return app.sound()


def test_a_new_name_is_everywhere_at_once(study):
    app = App("concepts")
    rename(app, 2, "  epidermis,   keratin ")
    assert study.concept_name(2) == "epidermis, keratin"
    assert app.field("name_2").value == "epidermis, keratin"
    assert "epidermis, keratin" in [concept["name"] for concept in app.go("datum").viewer()["concepts"]]
    assert "epidermis, keratin" in app.go("kernel").at.selectbox[0].options
    assert not study.curation.pending()


def test_a_name_that_is_taken_is_refused_and_the_old_one_stays(study):
    app = App("concepts")
    rename(app, 1, "dermis")
    rename(app, 2, "Dermis")
    assert any("already called" in toast.value for toast in app.at.toast)
    assert study.concept_name(2) == "concept 2" and app.field("name_2").value == "concept 2"
    rename(app, 2, "   ")
    assert app.field("name_2").value == "concept 2"


def test_names_are_text_and_not_markup(study):
    name = "<b>*a*</b> [x](http://example.org)"
    study.curation.rename(0, name)
    datum, token = study.typical_tokens(0)[0]
    app = App("concepts").go("kernel").go("datum").pick(study, datum, token)
    html = [each.proto.body for each in app.at.get("html")]
    assert any("&lt;b&gt;" in body for body in html) and not any("<b><b>" in body for body in html)
    assert not any(name in each.value for each in app.at.markdown)


def test_a_new_colour_reaches_the_slide(study):
    app = App("concepts")
    app.field("colour_3").set_value("#123456").run()
    app.sound()
    assert study.colours()[3] == "#123456"
    before = app.go("datum").viewer()
    assert "#123456" in [concept["colour"] for concept in before["concepts"]]
    app.press("undo")
    after = app.viewer()
    changed = [a["kind"] for a, b in zip(before["overlays"], after["overlays"]) if a["url"] != b["url"]]
    assert set(changed) == {"sprite"}


def test_exclude_refit_undo_redo(study):
    app = App("concepts")
    assert app.at.button(key="refit").disabled and app.at.button(key="undo").disabled
    maps = [o["url"] for o in app.go("datum").viewer()["overlays"] if o["kind"] == "map"]
    app.go("concepts").open("exclude_4").press("exclude_4")
    assert 4 in study.curation.state.excluded and "Waiting for a refit: **Excluded concept 4**" in app.text
    assert any("Excluded" in toast.value for toast in app.at.toast)
    assert "excluded, drawn hatched" in app.text and app.has_button("include_4")
    app.press("refit_here")
    assert study.view.id == 2 and not study.curation.pending()
    assert (
        "What the refit changed" in app.text
        and "excluded: concept 4" in app.text
        and "predicted right" in app.text
    )
    assert not app.has_button("refit_here")
    after = [o["url"] for o in app.go("datum").viewer()["overlays"] if o["kind"] == "map"]
    assert all(a != b for a, b in zip(maps, after)) and app.viewer()["legend"]["excluded"]
    app.press("undo")
    assert not study.curation.state.excluded and study.curation.pending()
    app.press("redo")
    assert study.curation.state.excluded and not study.curation.pending()
    app.go("concepts").press("include_4")
    app.press("refit")
    assert "taken back in: concept 4" in app.text
    assert [o["url"] for o in app.go("datum").viewer()["overlays"] if o["kind"] == "map"] != after


def test_an_excluded_tile_says_so(study):
    token = 0
    concept = int(study.concepts_of("field B3")[token])
    app = App().pick(study, "field B3", token)
    app.open(f"this_exclude_{concept}").press(f"this_exclude_{concept}")
    assert concept in study.curation.state.excluded and "at the next refit" in app.text
    app.press("refit")
    assert "This concept is excluded" in app.text and not app.at.metric
    app.go("kernel")
    assert study.concept_name(concept) not in app.at.selectbox[0].options


def test_the_last_concept_cannot_be_excluded(study):
    for concept in range(5):
        study.curation.exclude(concept)
    app = App("concepts").open("exclude_5").press("exclude_5")
    assert any("last one" in toast.value for toast in app.at.toast) and 5 not in study.curation.state.excluded


def test_a_cell_shows_where_its_pair_lies(study):
    app = App("kernel")
    pairs = {
        (i, j): sum(pair_tokens(study, d, i, j).sum() for d in study.embedded())
        for i in range(6)
        for j in range(i)
    }
    i, j = max(pairs, key=pairs.get)
    app.at.selectbox[0].set_value(i).run()
    assert "by itself" in app.text and "tiles in" in app.text
    app.at.selectbox[1].set_value(j).run()
    app.sound()
    weight = f"{study.view.pair_weight(i, j):+.2f}".replace("-", "−")
    assert f"*{study.concept_name(i)}* near *{study.concept_name(j)}*: {weight}" in app.text
    assert f"{pairs[i, j] // 2:,} pairs in" in app.text
    app.press("Show on slide")
    at = app.at.session_state
    assert int(study.concepts_of(at["at_datum"])[at["at_token"]]) in (i, j)
    app.go("datum")
    viewer = app.viewer()
    assert (
        viewer["selected"] and viewer["focus"]["x"] < viewer["selected"]["x"] and "Prospect score" in app.text
    )


def test_a_new_fit_starts_with_new_concepts(study):
    study.curation.rename(0, "old name")
    app = App("study")
    numbers = {each.label: each for each in app.at.number_input}
    numbers["Concepts"].set_value(4)
    numbers["Radius, hops"].set_value(0)
    app.press("Find concepts and fit")
    assert study.view.n_concepts == 4 and study.view.radius == 0
    assert "4 concepts" in app.text
    app.go("kernel")
    assert "0 hops" in app.text and len(app.at.selectbox[1].options) == 1
    app.go("datum").pick(study, "field B3", 1)
    assert "old name" not in app.text


def test_settings_that_cannot_be_fitted_are_one_line(study):
    app = App("study")
    {each.label: each for each in app.at.number_input}["Concepts"].set_value(200)
    app.press("Find concepts and fit")
    assert study.view is not None
    if study.view.n_concepts != 200:
        assert len(app.errors) == 1 and "\n" not in app.errors[0]


def make(app, name="two words / ..", slides=SLIDE.parent, table=None, file="labels.csv"):
    inputs = {each.label: each for each in app.at.text_input}
    inputs["Name"].set_value(name)
    inputs["Folder of slides"].set_value(str(slides))
    if table is not None:
        app.at.file_uploader[0].upload(file, table.encode(), "text/csv")
    return app.press("Make the study")


def test_the_form_asks_for_what_is_missing(nothing):
    assert "Give a name" in make(App("study")).text


def test_labels_and_folders_that_do_not_fit_are_one_line(nothing, tmp_path):
    app = App("study")
    for table, says in {
        "slide,label\nnowhere.svs,a\nCMU-1-Small-Region.svs,b\n": "nowhere.svs",
        "slide,label\nCMU-1-Small-Region.svs,a\n": "one class only",
        "slide,kind\nCMU-1-Small-Region.svs,a\n": "no label column",
        "slide,label\n": "no rows",
    }.items():
        make(app, table=table)
        assert len(app.errors) == 1 and says in app.errors[0] and "\n" not in app.errors[0]
    make(app, slides=tmp_path / "nowhere", table="slide,label\na.svs,a\nb.svs,b\n")
    assert len(app.errors) == 1 and "there is no folder" in app.errors[0]
    assert not nothing.exists() or not list(nothing.iterdir())


def test_a_study_is_made_from_the_form(nothing, monkeypatch):
    from prospector_core import worker

    started = []
    monkeypatch.setattr(worker, "start", lambda path, **options: started.append(path))
    rows = "slide,name,x,y,width,height,label\n{0},a,898,449,449,449,yes\n{0},b,449,898,449,449,no\n"
    app = make(App("study"), table=rows.format(SLIDE.name))
    assert not app.errors and started == [nothing / "two-words"]
    assert "two words" in app.text and app.has_button(
        "go_on_all"
    )  # on the list; no process was really started
    assert make(App("study"), table=rows.format(SLIDE.name)).errors[0].count("exists already") == 1


def test_opening_by_folder(folder, pristine, tmp_path):
    other = copy_study(pristine, tmp_path / "elsewhere" / "other")
    app = App("study")
    box = next(each for each in app.at.text_input if each.label == "Folder of a study")
    box.set_value(str(tmp_path / "nowhere"))
    app.press("Open this folder")
    assert len(app.errors) == 1 and "nowhere" in app.errors[0]
    box = next(each for each in app.at.text_input if each.label == "Folder of a study")
    box.set_value(str(other))
    app.press("Open this folder")
    assert not app.errors and app.at.session_state["study_path"] == str(other)


def test_the_history_lists_edits_and_offers_the_report(study):
    study.curation.exclude(2, reason="ink")
    study.curation.undo()
    app = App("study")
    table = next(each.value for each in app.at.dataframe if "no" in each.value)
    assert (
        table["what"].tolist()[:2] == ["undo 1: exclude concept 2 (ink)", "exclude concept 2 (ink)"]
        or "undo" in table["what"][0]
    )
    assert table["why"].tolist()[1] == "ink" and table["now"].tolist()[1] == "undone"
    assert app.at.toggle(key="report_names").value is False


def test_data_embedded_anew_are_seen_at_once_and_said(study):
    """Another process embeds a datum again while the app is open.

    No picture of the old embeddings is shown again.
    """
    app = App("datum")
    before, concepts = app.viewer(), App("concepts").text
    assert "newer than this fit" not in app.text
    other = Study.open(study.path)
    for datum in other.data:
        kept = other.store.read(datum.uid)
        other.store.write(datum.uid, kept.embeddings[::-1].copy(), kept.positions, kept.attrs, kept.edges)
    after = app.run().viewer()
    assert len(before["overlays"]) == len(after["overlays"])
    same = [a["kind"] for a, b in zip(before["overlays"], after["overlays"]) if a["url"] == b["url"]]
    assert (
        not same and f"The embeddings of {len(other.data)}" in app.text and "newer than this fit" in app.text
    )
    assert App("concepts").text != concepts
    app.press("refit_newer")
    assert "newer than this fit" not in app.run().text and not newer_embeddings(Study.open(study.path))
