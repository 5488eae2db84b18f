"""Every edit from the pages: merge, split, pin, relabel, move tiles; previews; what changed."""

import json
import re

import numpy as np
import pytest

from prospector_core.study import Study
from tests.pages.app import App


@pytest.fixture
def study(folder):
    return Study.open(folder)


def layers(app, side=0):
    """{kind: addresses} of the overlays of a slide viewer."""
    found = {}
    for overlay in app.viewers()[side]["overlays"]:
        found.setdefault(overlay["kind"], []).append(overlay["url"])
    return found


def weights(figure, k):
    """The square of a kernel figure, (k, k), from what hovering over its cells says."""
    cells = next(trace for trace in figure["data"] if len(trace.get("text", ())) == k * k)
    found = [
        re.search(r"([+-][\d.e+-]+)\)?(<br>.*)?$", text) or re.search("([+-].*?), towards", text)
        for text in cells["text"]
    ]
    return np.array([float(each[1]) if each else 0.0 for each in found]).reshape(k, k)


def score_text(value):
    return f"{value:+.2f}".replace("-", "−")


def test_several_cards_are_merged_into_the_largest(study):
    app = App("concepts")
    size = {c.id: c.tokens for c in study.concepts()}
    app.at.checkbox(key="choose_1").check().run()
    assert "Choose another one to merge" in app.text and not app.has_button("merge_chosen")
    app.at.checkbox(key="choose_3").check().run()
    box = next(each for each in app.sound().at.selectbox if each.label == "Merge into")
    into = max((1, 3), key=size.get)
    gone = 4 - into
    assert box.value == into
    app.press("merge_chosen")
    assert (
        study.curation.state.merged == {gone: into}
        and f"goes into concept {into} at the next refit" in app.text
    )
    assert not app.at.checkbox(key=f"choose_{into}").value and app.at.checkbox(key=f"choose_{gone}").disabled
    app.press("undo_here")
    assert not study.curation.state.merged and not app.has_button("refit_here")
    app.press("redo").press("refit_here")
    assert len(study.concepts()) == 5 and not any(b.key == f"cut_{gone}_box" for b in app.at.button)
    assert {c.id: c.tokens for c in study.concepts()}[into] == size[1] + size[3]
    assert f"holds concepts {gone} too" in app.text


def test_a_split_concept_shows_its_parts_side_by_side(study):
    largest = max(study.concepts(), key=lambda c: c.tokens)
    app = App("concepts").open(f"cut_{largest.id}")
    next(each for each in app.at.number_input if each.label == "Parts").set_value(3)
    app.press(f"cut_{largest.id}")
    assert (
        "is split into 3 at the next refit" in app.text and not app.at.session_state[f"cut_{largest.id}_box"]
    )
    app.press("refit_here")
    parts = [largest.id, 6, 7]
    tokens = {c.id: c.tokens for c in study.concepts()}
    assert sum(tokens[k] for k in parts) == largest.tokens and min(tokens[k] for k in parts) > 0
    assert app.text.count(f"new: split off {largest.name}") == 2
    cards = [
        int(each.key.removeprefix("name_"))
        for each in app.at.text_input
        if (each.key or "").startswith("name_")
    ]
    at = cards.index(largest.id)
    assert set(cards[at : at + 3]) == set(parts)


def test_a_pinned_weight_is_drawn_as_pinned_and_unpinned_again(study):
    fitted = study.view.weight(2)
    app = App("concepts").open("pin_2")
    box = app.at.number_input(key="pin_2_weight")
    assert box.value == pytest.approx(fitted)
    box.set_value(-1.5)
    app.press("pin_2")
    assert study.curation.state.pins == {2: -1.5} and "is pinned at −1.50 at the next refit" in app.text
    app.press("refit_here")
    assert study.view.weight(2) == -1.5 and "weight −1.50, for no epidermis, pinned" in app.text
    (pinned,) = [each for each in app.go("datum").viewer()["concepts"] if each["pinned"]]
    assert pinned["id"] == 2
    app.go("concepts").open("pin_2").press("pin_2_off")
    app.press("refit")
    assert study.view.weight(2) == pytest.approx(fitted) and ", pinned" not in app.text


def test_a_cell_of_the_kernel_is_pinned(study):
    app = App("kernel")
    app.at.selectbox[0].set_value(4).run()
    app.at.selectbox[1].set_value(1).run()
    app.open("cell_pin")
    app.at.number_input(key="cell_pin_weight").set_value(2.5)
    app.press("cell_pin")
    assert study.curation.state.pins == {(1, 4): 2.5} and "pinned at +2.50" in app.text
    assert "shown_weights_False" not in app.at.session_state  # nothing to compare with before the first refit
    before = study.view.pair_weight(4, 1)
    app.press("refit")
    assert study.view.pair_weight(4, 1) == 2.5 and "+2.50" in app.text
    order = [c.id for c in sorted(study.concepts(), key=lambda c: (c.excluded, -c.weight))]
    at = order.index(4), order.index(1)
    for shown, weight in (("before", before), ("change", 2.5 - before), ("after", 2.5)):
        app.at.session_state["shown_weights_False"] = shown
        figure = json.loads(app.run().at.get("plotly_chart")[0].proto.spec)
        assert weights(figure, len(order))[at] == pytest.approx(weight, rel=0.01)  # as it reads


def test_a_label_is_corrected_and_taken_back(study):
    datum = study.datum("field C2")
    app = App("study")
    place = [d.uid for d in study.data].index(datum.uid)
    app.at.session_state["shown_table_1"] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    app.run()
    assert app.has_button("Show field C2")
    key = f"relabel_{datum.uid}"
    app.open(key)
    assert app.at.radio(key=f"{key}_label").value == 0
    app.at.radio(key=f"{key}_label").set_value(1)
    app.press(key)
    assert study.datum("field C2").label == 1
    assert "epidermis (corrected)" in list(app.at.dataframe[0].value["label"])
    assert "Relabelled field C2 as epidermis" in app.text
    app.press("undo_here")
    assert study.datum("field C2").label == 0


def test_what_an_edit_would_do_is_seen_before_it_is_kept(study):
    app = App("concepts").open("exclude_4")
    app.at.text_input(key="exclude_4_reason").set_value("glass")
    app.press("exclude_4_try")
    change = study.preview(lambda c: c.exclude(4, reason="glass"))
    assert not study.curation.history()[1:] and study.view.id == 1  # nothing is kept
    assert (
        app.text.count("Preview: exclude concept 4 (glass)") == 3
    )  # in the popover, above the page, at the left
    assert change.sentences()[0] in app.text and "excluded: concept 4" in app.text
    # the slide now, and after the edit; the difference as a layer of its own
    app.go("datum")
    app.at.session_state["shown_beside"] = "@after"
    app.run()
    now, after = layers(app), layers(app, 1)
    assert set(now) == {"map", "sprite", "error", "change"} and not set(now["map"]) & set(after["map"])
    assert now["change"] == after["change"] and app.viewer()["legend"]["change"]["limit"] > 0
    assert (
        app.viewer()["legend"]["limit"] == app.viewers()[1]["legend"]["limit"]
    )  # the same colours mean the same
    assert [c["excluded"] for c in app.viewers()[1]["concepts"] if c["id"] == 4] == [True]
    app.go("kernel").press("side_keep")
    assert study.view.id == 2 and study.curation.state.excluded == {4: "glass"}
    assert "Preview:" not in app.text and "What the refit changed" in app.text
    fit = study.view
    assert np.allclose(fit.coef, change.after.coef)
    app.go("concepts").open("cut_1").press("cut_1_try")
    assert "Preview: split concept 1 into 2" in app.text
    app.open("pin_1").press("pin_1")  # another edit is made instead
    assert "Preview:" not in app.text
    app.open("cut_1").press("cut_1_try").press("side_discard")
    assert "Preview:" not in app.text and study.view.id == 2 and not study.curation.state.steps


def test_an_edit_on_trial_that_makes_no_sense_any_more_is_forgotten(study):
    app = App("concepts").open("exclude_4").press("exclude_4_try")
    study.curation.exclude(4)
    app.run()
    assert "Preview:" not in app.text and not app.errors


def test_the_last_refit_is_compared_on_the_slide_and_flown_to(study):
    app = App()
    assert "change" not in layers(app) and app.viewer()["legend"]["change"] is None
    study.curation.pin(0, 5.0)
    app.run().press("refit")
    assert "What moved most" in app.text
    change = study.change(1)
    url = layers(app)["change"]
    assert len(url) == len(study.embedded())
    app.at.session_state["shown_beside"] = "@change"
    app.run()
    assert app.viewers()[1]["layer"] == "change"
    app.at.session_state["shown_beside"] = "@before"
    app.run()
    assert layers(app, 1)["map"] != layers(app)["map"]
    most = next(b for b in app.at.button if (b.key or "").startswith("moved_") and " to " in b.label)
    app.press(most.key)
    datum, token = app.at.session_state["at_datum"], app.at.session_state["at_token"]
    assert study.concepts_of(datum)[token] == 0 and app.viewer()["selected"]
    assert score_text(study.prospect(datum)[token]) in most.label.replace("\\", "")
    assert np.nan_to_num(np.abs(change.of_map(datum))).max() > 0


def test_a_tile_is_moved_to_another_concept_and_its_own_is_renamed(study):
    token = 3
    concept = int(study.concepts_of("field B3")[token])
    other = (concept + 1) % 6
    app = App().pick(study, "field B3", token)
    app.open("this_move")
    app.at.selectbox(key="this_move_to").set_value(other)
    app.press("this_move").press("refit_here")
    assert study.concepts_of("field B3")[token] == other
    app.open("this_name")
    app.at.text_input(key="this_name_name").set_value("keratin")
    app.press("this_name")
    assert study.concept_name(other) == "keratin" and "Is **keratin** right?" in app.text
    app.open("this_merge")
    app.at.selectbox(key="this_merge_with").set_value(concept).run()
    app.press("this_merge")
    assert set(study.curation.state.merged) <= {concept, other} and study.curation.state.merged


def test_a_drawn_region_moves_its_tiles(study):
    from pages.panels import move

    app = App()
    words = app.viewer()["marking"]
    assert words["reassign"]["label"].startswith("move to concept")
    app.at.selectbox(key="move_to_shown").set_value(5).run()
    assert app.viewer()["marking"]["reassign"]["label"] == "move to concept 5"
    x, y, width, height = study.token_rect("field B3", 0)
    square = [[x, y], [x + 2 * width, y], [x + 2 * width, y + 2 * height], [x, y + 2 * height]]
    inside = study.tokens_inside("field B3", square)
    assert inside.size
    # outside of a session, as callbacks of the viewer would find it
    for state in (move.st.session_state, app.at.session_state):
        state["move_to"], state["try_drawn"] = 5, False
    move.move_drawn(study, [study.datum("field B3")], {"polygon": square})
    app.run()
    assert f"Moved {inside.size} tiles to concept 5" in app.text
    app.press("refit")
    assert (study.concepts_of("field B3")[inside] == 5).all()


def test_what_is_drawn_is_tried_first_if_asked(study):
    from pages.panels.edits import Edit

    app = App()
    app.at.toggle(key="try_shown").set_value(True).run()
    assert app.sound().at.session_state["try_drawn"]
    x, y, width, height = study.token_rect("field B3", 0)
    square = [[x, y], [x + 3 * width, y], [x + 3 * width, y + 3 * height], [x, y + 3 * height]]
    app.at.session_state["preview"] = (str(study.path), Edit("annotate", (["field B3"], square, "against")))
    app.run()
    assert [region["label"] for region in app.viewer()["regions"]] == ["no epidermis (preview)"]
    assert "as evidence for no epidermis" in app.text and not study.curation.state.regions
    app.press("top_keep")
    assert [region["label"] for region in app.viewer()["regions"]] == ["no epidermis"] and study.view.id == 2
    move = Edit("reassign", ({"field B3": [0, 1], "field C3": [0, 1]}, None, 2))
    app.at.session_state["preview"] = (str(study.path), move)
    app.run().press("top_keep")
    assert all((study.concepts_of(name)[:2] == 2).all() for name in ("field B3", "field C3"))
    app.press("undo")  # one step takes both back
    assert not study.curation.state.steps


def test_the_score_after_the_edit_on_trial_is_said_at_the_tile(study):
    token = int(np.nanargmax(study.prospect("field B3")))
    app = App().pick(study, "field B3", token)
    terms = study.explain("field B3", token).terms
    concept = int(study.concepts_of("field B3")[token])
    other = next(term.neighbour for term in terms if term.neighbour not in (None, concept))
    app.go("concepts").open(f"exclude_{other}").press(f"exclude_{other}_try")
    after = study.preview(lambda c: c.exclude(other, reason="")).after
    assert (
        f"{score_text(study.prospect('field B3', after)[token])} after the edit on trial"
        in app.go("datum").text
    )
