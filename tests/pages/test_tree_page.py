"""The tree of concepts on its page.

Merging goes up, splitting goes down, and a way of finding concepts is chosen.
"""

import pytest

from prospector_core.study import Study
from prospector_core.study.branches import branches_of
from tests.pages.app import App


@pytest.fixture
def study(folder):
    study = Study.open(folder)
    study.fit(concepts=6, quantizer="tree", radius=1)
    return study


def test_merging_goes_up_and_splitting_goes_down(study):
    app = App("concepts")
    app.at.toggle(key="shown_tree").set_value(True).run()
    app.sound()
    pair = next(branch.concepts for _, branch in branches_of(study).walk() if len(branch.concepts) == 2)
    key = f"tree_merge_{'_'.join(map(str, sorted(pair)))}"
    size = {c.id: c.tokens for c in study.concepts()}
    assert f"{size[pair[0]]}" in app.text and all(app.has_button(f"tree_split_{id}") for id in size)
    app.press(key)
    into = max(pair, key=size.get)
    assert set(study.curation.state.merged.values()) == {into} and not app.has_button(key)
    app.press("refit_here")
    assert len(study.concepts()) == 5
    app.press(f"tree_split_{into}")
    step = study.curation.state.steps[-1]
    assert step.concept == into and step.leaves
    # a part that is not fitted yet has a row, and nothing to press but its branch's
    assert "new at the next refit" in app.text and not app.has_button(f"tree_split_{step.ids[1]}")
    app.press(f"tree_merge_{into}_{step.ids[1]}")
    assert study.curation.state.home(step.ids[1]) == into


def test_a_way_of_finding_concepts_is_chosen(study):
    app = App("study")
    assert "How concepts are found: tree" in [each.label for each in app.at.expander]
    ways = app.at.radio(key="shown_quantizer")
    assert ways.value == "tree" and "spherical k-means" in ways.options
    ways.set_value("spherical k-means")
    next(each for each in app.at.button if each.label == "Find concepts and fit").click()
    app.run()
    assert study.settings.quantizer == "spherical k-means" and study.settings.concepts == 6
    app = App("concepts")
    assert not [each for each in app.at.toggle if each.key == "shown_tree"]


def test_labels_say_which_way(study, monkeypatch):
    monkeypatch.setattr("pages.evaluate_quantizers.list_quantizers", lambda: ["k-means", "spherical k-means"])
    app = App("evaluate").sound()
    app.press("Compare ways")
    assert "Chosen:" in app.text and not app.errors
    shown = next(each.value for each in app.at.dataframe if "way" in each.value)
    assert list(shown["way"]) == ["k-means", "spherical k-means"] and shown["log_loss"].between(0, 20).all()
    app.at.selectbox(key="shown_way").set_value("spherical k-means").run()
    app.press("Find concepts by spherical k\\-means and fit")
    assert study.settings.quantizer == "spherical k-means"
