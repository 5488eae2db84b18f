"""The review and its layers in a viewer without a window.

Clicks, paint, regions, refits, and edits made elsewhere.
"""

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.study import Editor
from viewers.colour_limits import score_limit
from viewers.napari_plugin.outlines import polygon_of
from viewers.napari_plugin.review import Review
from viewers.napari_plugin.scene import Scene


@pytest.fixture
def review(study):
    return Review(study, "s1.png", author="Ann")


@pytest.fixture
def scene(review, model):
    said = review.heard = []
    review.said.connect(lambda text, kind: said.append(text))
    return Scene(model, review)


class Press:
    """A mouse press at a place in the world, as napari hands it to callbacks."""

    type, button, modifiers = "mouse_press", 1, ()

    def __init__(self, position):
        self.position = position


def click(scene, world, drag=False):
    """Press and let go at a place in the world."""
    event = Press(world)
    for callback in list(scene.viewer.mouse_drag_callbacks):
        if (steps := callback(scene.viewer, event)) is not None:
            for kind in (["mouse_move"] if drag else []) + ["mouse_release"]:
                next(steps, None)
                event.type = kind
            next(steps, None)


def centre(scene, token, datum=None):
    """Where a token's middle is, in the world."""
    x, y, width, height = scene.review.study.token_rect(datum or scene.review.datum, token)
    return scene.drawn.frame.world(x + width / 2, y + height / 2)


def kinds(scene):
    return [layer.metadata["prospector"]["kind"] for layer in scene.viewer.layers]


def test_a_click_selects_the_token_and_says_why_it_scores(scene):
    review, study = scene.review, scene.review.study
    click(scene, centre(scene, 17))
    assert review.token == 17 and kinds(scene)[-1] == "selected"
    click(scene, centre(scene, 23))
    click(scene, centre(scene, 17))
    assert np.allclose(
        np.mean(scene.layer("selected").data[0], axis=0) * scene.layer("selected").scale, centre(scene, 17)
    )
    assert kinds(scene).count("selected") == 1
    about = review.about()
    assert about.concept == study.concepts_of(review.datum)[17] and about.name == f"concept {about.concept}"
    assert about.score == pytest.approx(study.prospect(review.datum)[17])
    assert sum(value for value, _ in about.parts) == pytest.approx(about.score)
    assert about.error == pytest.approx(study.uncertainty(review.datum).error[17])
    click(scene, (-50, -50))
    assert review.token is None and "selected" not in kinds(scene) and review.about() is None


def test_a_drag_or_a_drawing_tool_selects_nothing(scene):
    click(scene, centre(scene, 17), drag=True)
    assert scene.review.token is None
    scene.paint_with(2)
    click(scene, centre(scene, 17))
    assert scene.review.token is None


def test_a_click_on_another_field_chooses_it(fields, model):
    scene = Scene(model, Review(fields, "left"))
    click(scene, centre(scene, 3, "right"))
    assert (scene.review.datum.name, scene.review.token) == ("right", 3)


def test_another_slide_brings_its_own_layers(scene):
    study = scene.review.study
    scene.layer("map").opacity = 0.3
    scene.review.choose_slide(study.datum("s4.png").source)
    assert scene.viewer.layers[0].name == "s4.png" and scene.layer("map").opacity == 0.3
    assert np.nansum(scene.layer("map").data) == pytest.approx(np.nansum(study.prospect("s4.png")), rel=1e-5)
    assert len([kind for kind in kinds(scene) if kind == "map"]) == 1


def finish(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_exclude_refit_undo(scene):
    review, study = scene.review, scene.review.study
    before = scene.layer("map").data.copy()
    assert review.edit(lambda c: c.exclude(3, "ink"))
    assert review.waiting() == ["exclude concept 3"] or "concept 3" in review.waiting()[0]
    assert scene.layer("concepts").colormap.color_dict[4][3] < 0.5
    finish(review.refit_steps())
    assert np.array_equal(scene.layer("map").data, before, equal_nan=True)
    assert review.refresh()
    out = study.concepts_of(review.datum) == 3
    assert (
        out.any()
        and np.isnan(scene.layer("map").data[tuple(study.grid(review.datum)["positions"][out].T)]).all()
    )
    limit = score_limit(study)
    assert scene.layer("map").contrast_limits == [-limit, limit]
    assert {"excluded", "change"} <= set(kinds(scene)) and not scene.layer("change").visible
    scene.layer("change").visible = True
    assert np.nanmax(np.abs(scene.layer("change").data)) > 0
    scene.show_before(True)
    assert np.allclose(scene.layer("map").data, before, equal_nan=True)
    assert review.undo() and study.curation.pending()
    finish(review.refit_steps())
    review.refresh()
    assert np.allclose(scene.layer("map").data, before, equal_nan=True) and "excluded" not in kinds(scene)


def test_a_refit_stopped_half_way_keeps_nothing(scene):
    scene.review.edit(lambda c: c.exclude(3))
    steps = scene.review.refit_steps()
    next(steps), next(steps)
    steps.close()
    assert scene.review.study.view.id == 1 and scene.review.study.curation.pending()


def test_a_preview_keeps_nothing_and_shows_the_difference(scene):
    review = scene.review
    review.edit(lambda c: c.exclude(3))
    change = finish(review.preview_steps())
    review.compare(change)
    scene.layer("change").visible = True
    shown = scene.layer("change").data
    assert np.isclose(np.nanmax(np.abs(shown)), np.nanmax(np.abs(change.of_map(review.datum))), rtol=1e-5)
    assert review.study.view.id == 1
    review.undo()
    assert review.tried is None


def paint(scene, tokens, label):
    """What napari's brush does: cells get a label."""
    layer, positions = scene.layer("concepts"), scene.review.study.grid(scene.review.datum)["positions"]
    layer.visible = True
    layer.data_setitem(tuple(positions[tokens].T), label)
    scene.take_paint()


def test_painted_tokens_belong_to_the_concept_and_undo_gives_them_back(scene):
    review, study = scene.review, scene.review.study
    concepts = study.concepts_of(review.datum)
    tokens = np.flatnonzero(concepts != 2)[:4]
    paint(scene, tokens, 3)
    (step,) = study.curation.state.steps
    assert step == (review.datum.uid, tuple(tokens.tolist()), 2)
    assert study.curation.history()[-1].author == "Ann"
    review.undo()
    assert (
        np.array_equal(scene.layer("concepts").data, scene.drawn.labels()) and not study.curation.state.steps
    )
    review.redo()
    finish(review.refit_steps())
    review.refresh()
    assert (study.concepts_of(review.datum)[tokens] == 2).all()


def test_napari_s_own_undo_of_a_stroke_is_an_edit_too(scene):
    review, study = scene.review, scene.review.study
    tokens = np.flatnonzero(study.concepts_of(review.datum) == 1)[:1]
    paint(scene, tokens, 3)
    scene.layer("concepts").undo()
    scene.take_paint()
    assert [step[2] for step in study.curation.state.steps] == [2, 1]
    assert scene.layer("concepts").data[tuple(study.grid(review.datum)["positions"][tokens[0]])] == 2


@pytest.mark.parametrize(("label", "why"), [(0, "always has a concept"), (99, "there is no concept")])
def test_paint_that_makes_no_sense_is_taken_back(scene, label, why):
    before = scene.layer("concepts").data.copy()
    paint(scene, [5, 6], label)
    assert why in scene.review.heard[-1]
    assert (
        np.array_equal(scene.layer("concepts").data, before) and not scene.review.study.curation.state.steps
    )


def test_paint_on_glass_is_wiped_off(scene):
    layer = scene.layer("concepts")
    layer.visible = True
    layer.data_setitem(tuple(np.argwhere(layer.data == 0)[:2].T), 3)
    scene.take_paint()
    assert np.array_equal(layer.data, scene.drawn.labels())


def test_a_drawn_region_is_marked_moved_and_taken_back(scene):
    review, layer = scene.review, scene.layer("regions")
    scene.draw_with("against")
    assert layer.mode == "add_polygon" and scene.viewer.layers.selection.active is layer
    layer.add(np.array([[0, 0], [0, 40], [40, 40], [40, 0]]), shape_type="rectangle")
    (region,) = review.study.curation.state.regions
    assert region.evidence == "against" and region.tokens == tuple(
        review.study.tokens_inside(review.datum, [(0, 0), (40, 0), (40, 40), (0, 40)])
    )
    assert layer.features["entry"].tolist() == [region.entry]
    moved = [np.array(layer.data[0]) + 16]
    layer.data = moved
    (region,) = review.study.curation.state.regions
    assert min(min(point) for point in region.polygon) == 16 and region.evidence == "against"
    layer.selected_data = {0}
    layer.remove_selected()
    assert not review.study.curation.state.regions and len(layer.data) == 0
    review.undo()
    assert len(layer.data) == 1


def test_an_ellipse_encloses_what_is_inside_it_and_a_line_nothing(scene):
    box = np.array([[0, 0], [0, 64], [64, 64], [64, 0]])
    outline = polygon_of(box, "ellipse")
    assert np.allclose(np.hypot(*(outline - 32).T), 32)
    scene.layer("regions").add(box[:2], shape_type="line")
    assert "encloses no token" in scene.review.heard[-1] and len(scene.layer("regions").data) == 0


def test_a_region_on_glass_is_not_kept(scene):
    scene.layer("regions").add(np.array([[-90, -90], [-90, -50], [-50, -50]]), shape_type="polygon")
    assert "No tile" in scene.review.heard[-1] and len(scene.layer("regions").data) == 0


def test_edits_made_elsewhere_are_seen_and_told(scene):
    review = scene.review
    other = Study.open(review.study.path)
    with other.curation.by(Editor("Bob", other.curation.seen)):
        other.curation.rename(2, "gland")
        other.curation.annotate("s1.png", [(0, 0), (40, 0), (40, 40)], "for")
    assert review.refresh() and not review.refresh()
    assert "2 edits were made elsewhere" in review.heard[-1] and "Bob" in review.heard[-1]
    assert scene.layer("concepts").features["concept"].tolist()[3] == "gland"
    assert len(scene.layer("regions").data) == 1
    other.refit()
    assert review.refresh() and review.fit.id == 2
    assert np.nansum(scene.layer("map").data) == pytest.approx(np.nansum(other.prospect("s1.png")), rel=1e-5)


def test_two_editors_of_one_concept_do_not_overwrite_each_other(scene):
    review = scene.review
    Study.open(review.study.path).curation.rename(2, "gland")
    assert not review.edit(lambda c: c.rename(2, "duct"))
    assert "has edited since" in review.heard[0]
    assert review.study.concept_name(2) == "gland"
    assert review.edit(lambda c: c.rename(2, "duct")) and review.study.concept_name(2) == "duct"


def test_a_stroke_is_not_lost_or_mixed_up_by_an_edit_made_meanwhile(scene):
    review, study = scene.review, scene.review.study
    positions, concepts = study.grid(review.datum)["positions"], study.concepts_of(review.datum)
    mine, theirs = np.flatnonzero(concepts == 0)[:2]
    layer = scene.layer("concepts")
    layer.visible = True
    brush = scene._hold(scene.viewer, Press((0, 0)))
    next(brush)  # is down
    layer.data_setitem(tuple(positions[[mine]].T), 3)
    Study.open(study.path).curation.reassign("s1.png", [int(theirs)], 1)
    review.refresh()
    scene.take_paint()
    assert layer.data[tuple(positions[mine])] == 3
    next(brush, None)
    scene.take_paint()
    assert [step[1:] for step in study.curation.state.steps] == [((int(theirs),), 1), ((int(mine),), 2)]
    assert layer.data[tuple(positions[theirs])] == 2 and layer.data[tuple(positions[mine])] == 3


def test_hidden_concepts_are_not_drawn(scene):
    scene.show_concepts({1})
    colours = scene.layer("concepts").colormap.color_dict
    assert colours[2][3] == 0 and colours[1][3] == 1


def test_hot_spots_are_where_the_map_is_hot_and_the_camera_goes_there(scene):
    threshold, n, spots = scene.review.hot_spots()
    spot, uid = spots[0]
    assert n >= len(spots) and spot.peak >= threshold and uid == scene.review.datum.uid
    scene.go_to(spot.rect)
    x, y, width, height = spot.rect
    assert np.allclose(
        scene.viewer.scene.camera.center[-2:], scene.drawn.frame.world(x + width / 2, y + height / 2)
    )
    left, top, across, down = scene.view()
    assert left <= x and top <= y and left + across >= x + width and top + down >= y + height


def test_the_token_graph_is_points_and_vectors(scene):
    scene.review.select_token(scene.review.datum.uid, 17)
    scene.show_graph(True)
    points, vectors = scene.layer("tokens"), scene.layer("edges")
    graph = scene.review.study.graph(scene.review.datum)
    assert len(points.data) == graph.n and len(vectors.data) == len(graph.indices) // 2
    assert np.allclose(points.data[17] * points.scale, centre(scene, 17))
    scene.show_graph(False)
    assert "tokens" not in kinds(scene)


def test_pins_of_several_classes_are_of_the_class_in_question(tmp_path, model):
    from tests.support.study_files import make_study

    study = make_study(tmp_path, labels=(0, 1, 2, 0, 1, 2, 0, 1, 2), fit={"radius": 1})
    review = Review(study)
    scene = Scene(model, review)
    review.choose_class("tumour")
    assert np.nansum(scene.layer("map").data) == pytest.approx(
        np.nansum(study.seen_from("tumour").prospect(review.datum)), rel=1e-5
    )
    assert review.pin(2, 4.0)
    assert study.curation.state.pins_of(1) == {2: 4.0} and not study.curation.state.pins_of(2)


def test_layers_that_were_removed_in_napari_are_not_missed(scene):
    scene.viewer.layers.clear()
    scene.review.edit(lambda c: c.rename(1, "gland"))
    scene.review.select(8, 8)
    scene.review.choose_slide(scene.review.study.datum("s4.png").source)
    assert "map" in kinds(scene)
