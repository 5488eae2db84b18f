"""The Evaluation page: signal against shuffled labels, a search that says why, and nothing without a fit."""

import numpy as np

from prospector_core import Study
from prospector_core.study.chance import masked, null_of
from tests.pages.app import App


def test_signal_is_asked_for_and_answered(folder):
    app = App("evaluate").sound()
    assert "Is there any signal?" in app.text and "by labels alone" in app.text and not app.errors
    app.press("Shuffle labels")
    assert "vidence" in app.text and "stand out" in app.text and not app.errors
    # it is kept: the page says it again without asking
    again = App("evaluate").sound()
    assert "stand out" in again.text and not again.has_button("Shuffle labels")


def map_of(app):
    return next(each["url"] for each in app.viewer()["overlays"] if each["kind"] == "map")


def test_the_map_is_cut_to_what_exceeds_chance_and_back(folder):
    app = App().sound()
    before = map_of(app)
    assert "false discovery" not in app.viewer()["legend"]["label"]
    app.at.toggle(key="mask_switch").set_value(True).run()
    assert "weights exceed what shuffled labels give" in app.sound().text
    assert "false discovery rate 5%" in app.viewer()["legend"]["label"] and map_of(app) != before
    app.at.select_slider(key="mask_slider").set_value(0.2).run()
    assert "false discovery rate 20%" in app.sound().viewer()["legend"]["label"]
    study = Study.open(folder)
    app.pick(study, study.data[2].name, 3)
    assert "Of weights beyond chance alone" in app.text
    # another page and back: the switch stays
    app.go("kernel")
    app.go("datum")
    assert "false discovery rate 20%" in app.viewer()["legend"]["label"]
    app.at.toggle(key="mask_switch").set_value(False).run()
    assert map_of(app.sound()) == before


def test_labels_that_mean_nothing_are_said_to_be_no_evidence(folder):
    study = Study.open(folder)
    for at, datum in enumerate(study.data):
        study.curation.relabel(datum, at % 2)
    study.refit()
    app = App().sound()
    app.at.toggle(key="mask_switch").set_value(True).run()
    assert "No evidence." in app.sound().text and "the map is empty" in app.text
    scores = [study.prospect(datum, masked(study.view, null_of(study))) for datum in study.data]
    assert not any(np.nan_to_num(each).any() for each in scores)


def test_without_a_study_it_says_what_to_do(nothing):
    assert "Fit a study first" in App("evaluate").sound().text
