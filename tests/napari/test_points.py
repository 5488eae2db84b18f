"""Cells and graphs in napari: points, their colours and edges, clicks and lassos, refits.

Coordinates are made, not measured.
"""

import shutil
import time

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.study import FitSettings
from prospector_core.study.explanations import neighbours
from sample_data.cells import make_sample
from tests.support.cell_files import write_cell_images
from viewers.napari_plugin.point_layers import PointLayers
from viewers.napari_plugin.point_scene import PointScene
from viewers.napari_plugin.reader import get_reader
from viewers.napari_plugin.review import Review


def finish(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Six made samples of 150 cells, fitted."""
    folder = tmp_path_factory.mktemp("cells") / "cells"
    samples = [{"name": f"sample {n}", **make_sample(n % 2 == 1, n, cells=150)[0]} for n in range(6)]
    study = Study.create(
        folder,
        cells=samples,
        labels=["out", "in"] * 3,
        positive="in",
        edges="delaunay:140",
        transform="arcsinh",
    )
    study.embed()
    study.fit(FitSettings(concepts=5, radius=1))
    study.database.close()
    return folder


@pytest.fixture
def cells(pristine, tmp_path):
    return Study.open(shutil.copytree(pristine, tmp_path / "cells"))


@pytest.fixture
def scene(cells, model):
    review = Review(cells, "sample 1", author="Ann")
    said = review.heard = []
    review.said.connect(lambda text, kind: said.append(text))
    return PointScene(model, review)


class Press:
    type, button, modifiers = "mouse_press", 1, ()

    def __init__(self, position, **more):
        self.position = position
        self.__dict__.update(more)


def click(scene, world, **more):
    event = Press(world, **more)
    for callback in list(scene.viewer.mouse_drag_callbacks):
        if (steps := callback(scene.viewer, event)) is not None:
            next(steps, None)
            event.type = "mouse_release"
            next(steps, None)


def test_a_folder_of_cells_opens_as_points_in_microns(cells, model):
    for layer in get_reader(str(cells.path))(str(cells.path)):
        model._add_layer_from_data(*layer)
    points, regions = model.layers
    assert (
        points.name == "cells"
        and regions.name == "marked regions"
        and {str(unit) for unit in points.units} == {"micrometer"}
    )
    shown = cells.datum(points.metadata["prospector"]["source"])
    assert shown.label == 1 and np.allclose(points.data[:, ::-1], cells.positions(shown))
    ids = cells.concepts_of(shown)
    assert points.features["concept"].tolist() == [cells.concept_name(int(k)) for k in ids]
    assert np.allclose(points.features["score"], cells.prospect(shown), equal_nan=True)


def test_colours_say_what_they_are_asked_for(scene):
    study, layer, datum = scene.review.study, scene.layer("points"), scene.review.datum
    scores, warm = study.prospect(datum), layer.face_color[:, 0] - layer.face_color[:, 2]
    far = np.abs(scores) > 0.3 * np.abs(scores).max()
    assert far.sum() > 5 and (np.sign(warm[far]) == np.sign(scores[far])).all()
    scene.colour_by("concepts")
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in study.colours()])
    assert np.allclose(layer.face_color[:, :3] * 255, table[study.concepts_of(datum)], atol=1)
    scene.colour_by("change")
    assert scene.by == "concepts" and "nothing to compare" in scene.review.heard[-1]
    scene.colour_by("uncertainty")
    error = study.uncertainty(datum).error
    dark = layer.face_color[:, :3].sum(axis=1)
    assert scene.by == "uncertainty" and dark[np.argmax(error)] < dark[np.argmin(error)]
    hidden = int(study.concepts_of(datum)[0])
    scene.show_concepts({hidden})
    assert np.array_equal(layer.shown, study.concepts_of(datum) != hidden)


def test_a_click_rings_the_cell_and_those_that_its_score_comes_from(scene):
    review, study = scene.review, scene.review.study
    token = int(np.nanargmax(study.prospect(review.datum)))
    x, y = study.positions(review.datum)[token]
    click(scene, (y + 1, x - 1))
    rings, near = scene.layer("selected"), neighbours(study, review.datum, token)
    assert review.token == token and len(rings.data) == len(near.tokens)
    assert np.allclose(rings.data[0], (y, x)) and np.allclose(rings.border_color[0], (1, 1, 0, 1))
    about = review.about()
    assert sum(value for value, _ in about.parts) == pytest.approx(about.score) and "cell-" in about.place
    layer = scene.layer("points")
    click(scene, tuple(study.positions(review.datum)[(token + 9) % 100][::-1]))
    assert (
        review.token == (token + 9) % 100
        and scene.layer("points") is layer
        and scene.layer("selected") is rings
    )
    click(scene, (-5000.0, -5000.0))
    assert review.token is None and scene.layer("selected") is None


def test_edges_near_the_selected_cell_or_all(scene):
    review, study = scene.review, scene.review.study
    graph = study.graph(review.datum)
    scene.show_graph("all")
    vectors = scene.layer("edges").data
    places = study.positions(review.datum)[:, ::-1]
    assert np.allclose(vectors[:, 0], places[graph.edges[:, 0]]) and np.allclose(
        vectors.sum(axis=1), places[graph.edges[:, 1]]
    )
    drawn = PointLayers(study, review.source)
    import viewers.napari_plugin.point_layers as module

    few, module.MOST_NEAR = module.MOST_NEAR, 20
    try:
        review.select_token(review.source, 3)
        scene.show_graph("near")
        assert 0 < len(scene.layer("edges").data) < len(graph.edges) and scene.graph_shown
        (vectors, _, _), whole = drawn.edges(drawn.places[3])
        assert whole and np.abs(vectors[:, 0] - places[3]).max() < np.ptp(places)
    finally:
        module.MOST_NEAR = few
    scene.show_graph("")
    assert scene.layer("edges") is None


def ring_around(scene, tokens):
    """A lasso (y, x) just around some tokens' box, and the tokens in it."""
    places = scene.review.study.positions(scene.review.datum)
    low, high = places[tokens].min(axis=0) - 1, places[tokens].max(axis=0) + 1
    inside = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
    return np.array([[low[1], low[0]], [low[1], high[0]], [high[1], high[0]], [high[1], low[0]]]), inside


def test_a_lasso_marks_evidence_or_moves_cells_and_both_can_be_undone(scene):
    review, study = scene.review, scene.review.study
    ring, inside = ring_around(scene, [5, 17])
    scene.draw_with("for", "add_polygon_lasso")
    layer = scene.layer("regions")
    assert str(layer.mode) == "add_polygon_lasso" and scene.viewer.layers.selection.active is layer
    layer.add([ring], shape_type="polygon")
    (region,) = study.curation.state.regions
    assert (region.evidence, sorted(region.tokens)) == ("for", inside.tolist()) and len(layer.data) == 1
    ids = study.concepts_of(review.datum)
    target = int(np.bincount(ids).argmax())
    scene.colour_by("concepts")
    scene.paint_with(target)
    layer.add([ring], shape_type="polygon")
    (step,) = study.curation.state.steps
    assert (step[0], step[2]) == (review.source, target) and set(step[1]) == set(
        inside[ids[inside] != target].tolist()
    )
    assert len(layer.data) == 1  # what moved cells does not stay as a region
    colour = [int(study.colours()[target][i : i + 2], 16) for i in (1, 3, 5)]
    assert np.allclose(scene.layer("points").face_color[inside, :3] * 255, colour, atol=1)
    # points selected by napari's own tool
    other = next(k for k in range(5) if k != target)
    scene.layer("points").selected_data = {0, 1}
    scene.paint_with(other)
    assert study.curation.state.steps[-1][2] == other and set(study.curation.state.steps[-1][1]) <= {0, 1}
    for _ in range(3):
        review.undo()
    assert not study.curation.state.steps and not study.curation.state.regions and not len(layer.data)


def test_exclude_refit_compare_in_place(scene):
    review, study = scene.review, scene.review.study
    layer, before = scene.layer("points"), scene.layer("points").face_color.copy()
    concept = int(study.concepts_of(review.datum)[4])
    assert review.edit(lambda c: c.exclude(concept, "debris"))
    finish(review.refit_steps())
    assert review.refresh()
    out = study.concepts_of(review.datum) == concept
    assert (
        scene.layer("points") is layer
        and (layer.face_color[out, 3] < 0.5).all()
        and np.isnan(layer.features["score"][out]).all()
    )
    scene.show_change(True)
    assert scene.by == "change" and scene.change_shown
    scene.show_change(False)
    scene.show_before(True)
    assert (layer.face_color[:, 3] == 1).all() and np.corrcoef(layer.face_color[:, 0], before[:, 0])[
        0, 1
    ] > 0.99
    review.choose_slide(study.datum("sample 4").uid)
    assert (
        review.datum.name == "sample 4"
        and len([each for each in scene.viewer.layers if each.name == "cells"]) == 1
    )


def test_tokens_in_space_and_without_a_unit(tmp_path, model):
    rng = np.random.default_rng(0)
    graphs = [
        {
            "name": f"g{n}",
            "features": rng.normal(n % 2, 1, (30, 2)),
            "positions": rng.uniform(0, 50, (30, 3)),
            "names": ["a", "b"],
        }
        for n in range(4)
    ]
    study = Study.create(tmp_path / "space", graphs=graphs, labels=["u", "v"] * 2)
    study.embed()
    study.fit(FitSettings(concepts=3, radius=1))
    scene = PointScene(model, Review(study, "g1"))
    layer = scene.layer("points")
    assert (
        layer.ndim == 3
        and model.dims.ndisplay == 3
        and layer.name == "tokens"
        and str(layer.units[0]) == "pixel"
    )
    middle = layer.data[7]
    ray = np.array([1.0, 0.0, 0.0])
    click(scene, tuple(middle - 200 * ray), view_direction=ray, dims_displayed=(0, 1, 2))
    hit = study.positions("g1")[scene.review.token]
    assert np.abs(hit[:2] - middle[::-1][:2]).max() < 10  # on the ray, if not the very one
    heard = []
    scene.review.said.connect(lambda text, kind: heard.append(text))
    scene.draw_with("for")
    assert "In space" in heard[0]


# ---- in the real window


@pytest.fixture(scope="module")
def window(qt, pristine, tmp_path_factory):
    from viewers.napari_plugin.start import start

    folder = shutil.copytree(pristine, tmp_path_factory.mktemp("window") / "cells")
    viewer, widget = start(folder, "sample 3")
    viewer.window._qt_window.resize(1300, 860)
    until(qt, lambda: widget.panel is not None)
    for _ in range(20):
        qt.processEvents()
    yield qt, viewer, widget.panel
    until(qt, lambda: widget.panel.worker is None)
    widget.close_panel()
    viewer.close()
    qt.processEvents()


def until(qt, so, seconds=120):
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "waited in vain"
        qt.processEvents()
        time.sleep(0.01)


def mouse(qt, viewer, *worlds):
    """Press at a place in the world, move over the others, let go."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    canvas, camera, (high, wide) = (
        viewer.window._qt_window._qt_viewer.canvas.native,
        viewer.scene.camera,
        viewer.canvas.size,
    )
    places = []
    for world in worlds:
        row, column = (np.array(world) - camera.center[-2:]) * camera.zoom + (high / 2, wide / 2)
        places.append(QPoint(round(column), round(row)))
    QTest.mouseMove(canvas, places[0])
    qt.processEvents()
    QTest.mousePress(canvas, Qt.LeftButton, Qt.NoModifier, places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
        qt.processEvents()
    QTest.mouseRelease(canvas, Qt.LeftButton, Qt.NoModifier, places[-1])
    for _ in range(5):
        qt.processEvents()


def test_the_loop_in_a_window(window):
    qt, viewer, panel = window
    review, study = panel.review, panel.review.study
    scores, places = study.prospect("sample 3"), study.positions("sample 3")
    token = int(np.nanargmax(scores))
    mouse(qt, viewer, places[token][::-1])
    assert review.token == token and "Sample" in [panel._form.labelForField(panel.slide).text()]
    until(qt, lambda: " ± " in panel.about.text())
    concept = int(study.concepts_of("sample 3")[token])
    assert (
        panel.concepts.chosen() == [concept]
        and f"{scores[token]:+.2f}".replace("-", "−") in panel.about.text()
    )
    assert "tile" not in panel.about.text() + panel.spots.words.text() + panel.spots.list.item(0).text()
    # colours and edges by the panel
    for combo, kind in ((panel.colour, "concepts"), (panel.edges, "all")):
        at = combo.findData(kind)
        combo.setCurrentIndex(at)
        combo.activated.emit(at)
    assert panel.scene.by == "concepts" and len(panel.scene.layer("edges").data) == len(
        study.graph("sample 3").edges
    )
    # a lasso drawn with the mouse
    panel.tabs.setCurrentWidget(panel.marks)
    panel.scene.draw_with("against", "add_polygon_lasso")
    low, high = places.min(axis=0), places.max(axis=0)
    middle, reach = (low + high)[::-1] / 2, (high - low)[::-1] / 5
    turn = np.linspace(0, 2 * np.pi, 24)
    mouse(qt, viewer, *(middle + reach * (np.sin(t), np.cos(t)) for t in turn))
    until(qt, lambda: study.curation.state.regions)
    (region,) = study.curation.state.regions
    assert region.evidence == "against" and 3 < len(region.tokens) < 60
    assert panel.marks.list.count() == 1 and "cells" in panel.marks.list.item(0).text()
    # a refit in the worker, then the difference
    layer = panel.scene.layer("points")
    panel.start_refit()
    until(qt, lambda: panel.worker is None)
    assert study.view.id == 2 and panel.scene.layer("points") is layer
    panel.changes.difference.setChecked(True)
    assert panel.scene.by == "change" and panel.colour.currentData() == "change"
    panel.changes.difference.setChecked(False)
    # a spot, another sample, and a figure
    panel.spots.list.itemClicked.emit(panel.spots.list.item(0))
    assert review.token is not None
    panel.slide.activated.emit(
        [panel.slide.itemData(i) for i in range(panel.slide.count())].index(study.datum("sample 1").uid)
    )
    assert review.datum.name == "sample 1" and len(panel.scene.layer("points").data) == study.n_tokens(
        "sample 1"
    )
    worker = panel.out.save(study.path / "figure.png")
    until(qt, lambda: (study.path / "figure.png").exists() and not worker.is_running)


# ---- the image under the points


def test_channels_lie_under_the_points_and_cells_have_the_colour_of_their_concept(tmp_path, model):
    write_cell_images(tmp_path / "images", 4, cells=80, pixel=4.0)
    study = Study.create(
        tmp_path / "study",
        cells=tmp_path / "images",
        labels=tmp_path / "labels.csv",
        positive="in",
        edges="delaunay:160",
    )
    study.embed()
    study.fit(FitSettings(concepts=4, radius=1))
    scene = PointScene(model, Review(study, "s1"))
    names = [layer.name for layer in model.layers]
    assert names[:3] == ["PanCK", "Ki67", "CD3"] and names[9:] == [
        "cells by concept",
        "cells",
        "marked regions",
    ]
    channel, labels, places = scene.layer("image 0 3"), scene.layer("labels"), study.positions("s1")
    values = (
        study.embedding["mean"][3]
        + study.embedding["scale"][3] * study.store.read(study.datum("s1").uid).embeddings[:, 3]
    )
    ids = study.concepts_of("s1")
    assert not channel.visible and channel.contrast_limits[1] == 65535
    channel.visible = True
    assert channel.contrast_limits[1] < 10_000
    labels.visible = True
    for token in (0, 30, 60):
        world = places[token][::-1]
        assert labels.get_value(world, world=True) == ids[token] + 1
        assert abs(channel.get_value(world, world=True) - values[token]) < 60
    other = int((ids[0] + 1) % 4)
    assert scene.review.move({scene.review.source: np.array([0])}, other)
    assert labels.get_value(places[0][::-1], world=True) == other + 1
    scene.review.choose_slide(study.datum("s2").uid)
    assert [layer.name for layer in model.layers] == names
