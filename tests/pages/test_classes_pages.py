"""More than two classes in the app.

The class is chosen in one place and holds on every page; notes on edits.
"""

import pytest

from prospector_core.study import Study
from tests.pages.app import App


@pytest.fixture
def study(classes_folder):
    return Study.open(classes_folder)


def choose(app, name):
    box = app.at.selectbox(key="class_shown")
    box.select_index(box.options.index(name)).run()
    return app.sound()


def test_the_class_that_is_chosen_holds_on_every_page(study):
    app = App()
    assert "Where is epidermis?" in app.text  # the last, at first
    viewer = app.viewer()
    assert [each["name"] for each in viewer["legend"]["classes"]] == ["dermis", "edge", "epidermis"]
    assert (
        viewer["legend"]["low"] == "speaks against epidermis"
        and viewer["legend"]["high"] == "speaks for epidermis"
    )
    assert {"map", "sprite", "error", "class"} <= {each["kind"] for each in viewer["overlays"]}
    maps = {each["id"]: each["url"] for each in viewer["overlays"] if each["kind"] == "map"}
    choose(app, "edge")
    assert "Where is edge?" in app.text
    viewer = app.viewer()
    assert (
        viewer["legend"]["high"] == "speaks for edge" and viewer["marking"]["against"]["label"] == "not edge"
    )
    assert not set(maps.values()) & {each["url"] for each in viewer["overlays"]}
    seen = study.seen_from("edge")
    strip = {each["id"]: each for each in app.strip()["items"]}
    assert app.strip()["class_name"] == "edge"
    for datum in study.data:
        assert strip[datum.uid]["probability"] == pytest.approx(seen.predictions()[datum.uid])
        assert strip[datum.uid]["predicted"] == study.classes[seen.view.predicted(datum.uid)]
    app.go("concepts")
    weights = sorted((each.weight for each in seen.concepts()), reverse=True)
    assert (
        f"{weights[0]:+.2f}</b> for edge" in app.text
        and "tiles in *edge*" in app.text
        and "in *other classes*" in app.text
    )
    app.go("kernel")
    assert "Positive speaks **for edge**, negative **against edge**" in app.text
    app.go("study")
    table = app.at.dataframe[0].value
    assert {"P_predicted", "predicted"} <= set(table.columns) and "other classes" in app.text
    assert list(table["P"]) == pytest.approx([seen.predictions()[datum.uid] for datum in study.data])
    app.go("datum")
    assert "Where is edge?" in app.text
    token = int(abs(seen.prospect("field C3")).argmax())
    app.pick(study, "field C3", token)
    score = seen.explain("field C3", token).score
    assert f"{score:+.2f}".replace("-", "−") in app.text and "All classes: most for" in "".join(
        e.label for e in app.at.expander
    )


def test_edits_are_about_the_class_that_is_looked_at(study):
    app = choose(App("concepts"), "dermis")
    app.open("pin_3").at.number_input(key="pin_3_weight_0").set_value(2.5)
    app.press("pin_3")
    choose(app, "edge")
    assert study.curation.state.pins_of(0) == {3: 2.5} and study.curation.state.pins_of(1) == {}
    assert app.has_button("refit") and "pin concept 3 at 2.5 for dermis".removeprefix("pin ") in app.text
    app.press("refit")
    assert study.seen_from("dermis").view.weight(3) == 2.5 and study.seen_from("edge").view.weight(3) != 2.5
    assert "mean AUROC" in app.text
    app.go("study").at.session_state["relabel_" + study.datum("field A3").uid + "_box"] = True
    app.go("datum").pick(study, "field A3", 0)
    edit = study.seen_from("edge").curation
    edit.annotate("field A3", [0, 1, 2], "against")
    assert "not edge" in [region["label"] for region in app.run().viewer()["regions"]]
    choose(app, "dermis")
    assert "not edge" in [
        region["label"] for region in app.viewer()["regions"]
    ]  # whatever class is looked at


def test_a_preview_stays_about_its_class(study):
    app = choose(App("concepts"), "dermis")
    app.open("pin_3").at.number_input(key="pin_3_weight_0").set_value(2.5)
    next(b for b in app.at.button if b.key == "pin_3_try").click().run()
    choose(app, "epidermis")
    assert "pin concept 3 at 2.5 for dermis" in app.text
    app.press("side_keep")
    assert study.curation.state.class_pins == {0: {3: 2.5}} and study.view.id == 2


def test_two_classes_show_nothing_of_it(folder):
    app = App()
    assert not [box for box in app.at.selectbox if box.label == "Class"]
    assert (
        "class" not in {each["kind"] for each in app.viewer()["overlays"]}
        and not app.viewer()["legend"]["classes"]
    )


def test_a_note_is_kept_with_the_next_edit_and_used_up(folder):
    study, app = Study.open(folder), App("concepts")
    app.at.text_input(key="note_0").set_value("pen marks,\n seen on the glass").run()
    app.go("kernel").go("concepts")  # it waits, whatever page
    app.open("exclude_2").at.text_input(key="exclude_2_reason").set_value("ink")
    app.press("exclude_2")
    assert study.curation.history()[-1].note == "pen marks, seen on the glass"
    note = next(each for each in app.at.text_input if each.label == "Note for the next edit")
    assert note.value == ""
    app.press("undo")
    assert study.curation.history()[-1].note == ""
    note = next(each for each in app.at.text_input if each.label == "Note for the next edit")
    note.set_value("it was tissue after all").run()
    app.press("redo")
    assert study.curation.history()[-1].note == "it was tissue after all"
    app.field("name_4").set_value("stroma").run()
    assert study.curation.history()[-1].note == ""
