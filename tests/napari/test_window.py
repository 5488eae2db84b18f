"""The real viewer: a window with the dock widget, real mouse events, refits on a thread."""

import time

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import ProspectorError
from tests.support.study_files import make_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The study that this module edits: eight slides."""
    return make_study(tmp_path_factory.mktemp("window"), fit={"radius": 1}).path


class Window:
    """A napari window with a study open, and hands on the mouse."""

    def __init__(self, qt, viewer, widget):
        self.qt, self.viewer, self.widget = qt, viewer, widget

    def until(self, so, seconds=120):
        """Let Qt work until something is so."""
        end = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < end, "waited in vain"
            self.qt.processEvents()
            time.sleep(0.01)

    @property
    def panel(self):
        return self.widget.panel

    @property
    def study(self):
        return self.panel.review.study

    @property
    def canvas(self):
        return self.viewer.window._qt_window._qt_viewer.canvas.native

    def at(self, token, datum=None):
        """Where on the canvas the middle of a token is drawn."""
        from qtpy.QtCore import QPoint

        x, y, width, height = self.study.token_rect(datum or self.panel.review.datum, token)
        world = np.array(self.panel.scene.drawn.frame.world(x + width / 2, y + height / 2))
        camera, (high, wide) = self.viewer.scene.camera, self.viewer.canvas.size
        row, column = (world - camera.center[-2:]) * camera.zoom + (high / 2, wide / 2)
        return QPoint(round(column), round(row))

    def click(self, *places):
        """Press at a place, move over the others, let go."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.mouseMove(self.canvas, places[0])
        self.qt.processEvents()
        QTest.mousePress(self.canvas, Qt.LeftButton, Qt.NoModifier, places[0])
        for place in places[1:]:
            QTest.mouseMove(self.canvas, place)
            self.qt.processEvents()
        QTest.mouseRelease(self.canvas, Qt.LeftButton, Qt.NoModifier, places[-1])
        for _ in range(5):
            self.qt.processEvents()

    def press(self, button):
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.mouseClick(button, Qt.LeftButton)
        self.qt.processEvents()


@pytest.fixture(scope="module")
def window(qt, folder):
    """The window that most tests here share, as `prospector napari STUDY DATUM` opens it."""
    from viewers.napari_plugin.start import start

    viewer, widget = start(folder, "s1.png")
    viewer.window._qt_window.resize(1300, 860)
    opened = Window(qt, viewer, widget)
    opened.until(lambda: widget.panel is not None)
    for _ in range(20):
        qt.processEvents()
    yield opened
    opened.until(lambda: widget.panel.worker is None)
    widget.close_panel()
    viewer.close()
    qt.processEvents()


def test_a_click_on_the_canvas_says_concept_and_score(window):
    for token in (3, 40):
        window.click(window.at(token))
        assert window.panel.review.token == token
        concept = int(window.study.concepts_of("s1.png")[token])
        assert window.panel.concepts.chosen() == [concept]
        score = window.study.prospect("s1.png")[token]
        window.until(lambda: " ± " in window.panel.about.text())
        said = window.panel.about.text()
        assert f"concept {concept}" in said and f"{score:+.2f}".replace("-", "−") in said


def test_exclude_refit_stop_undo(window):
    panel, study = window.panel, window.study
    before = np.array(panel.scene.layer("map").data)
    panel.concepts.choose(3)
    panel.note.setText("ink")
    window.press(panel.concepts.buttons["exclude"])
    assert study.curation.state.excluded == {3: "ink"} and "concept 3" in panel.waiting.text()
    window.press(panel.refit)
    assert panel.refit.text() == "Stop" or study.view.id == 2
    window.until(lambda: panel.worker is None and study.view.id == 2)
    assert not panel.refit.isEnabled() and panel.waiting.isHidden()
    out = study.concepts_of("s1.png") == 3
    places = tuple(study.grid("s1.png")["positions"][out].T)
    assert np.isnan(panel.scene.layer("map").data[places]).all()
    assert "excluded: concept 3" in panel.changes.words.text()
    panel.changes.difference.setChecked(True)
    window.until(lambda: np.isfinite(panel.scene.layer("change").data).any())
    panel.changes.difference.setChecked(False)
    window.press(panel.undo)
    window.press(panel.refit)
    window.until(lambda: panel.worker is None and study.view.id == 3)
    assert np.allclose(panel.scene.layer("map").data, before, equal_nan=True)


def test_a_refit_is_stopped_in_the_activity_dock_or_here_and_then_keeps_nothing(window, monkeypatch):
    panel, study = window.panel, window.study
    monkeypatch.setattr("viewers.napari_plugin.review.count", lambda *_: time.sleep(0.2))
    panel.review.edit(lambda curation: curation.pin(1, 9.0))
    fit = study.view.id
    window.press(panel.refit)
    window.press(panel.refit)
    window.until(lambda: panel.worker is None)
    assert study.view.id == fit and study.curation.pending()
    window.press(panel.undo)


def test_paint_with_napari_s_brush(window):
    panel, study = window.panel, window.study
    concepts = study.concepts_of("s1.png")
    target = 1
    token = int(np.flatnonzero(concepts != target)[10])
    panel.concepts.choose(target)
    window.press(panel.concepts.buttons["paint"])
    layer = panel.scene.layer("concepts")
    assert layer.mode == "paint" and layer.selected_label == target + 1 and layer.visible
    window.click(window.at(token))
    window.until(lambda: study.curation.state.steps)
    assert study.curation.state.steps == [(study.datum("s1.png").uid, (token,), target)]
    window.viewer.layers.selection.active = panel.scene.layer("slide")
    window.press(panel.undo)
    assert not study.curation.state.steps
    layer.visible = False


def test_annotate_with_napari_s_shapes(window):
    from qtpy.QtCore import QPoint

    panel, study = window.panel, window.study
    panel.tabs.setCurrentWidget(panel.marks)
    window.press(panel.marks.kinds["against"])
    panel.scene.draw_with(panel.marks.evidence, "add_rectangle")
    start, end = window.at(0), window.at(study.n_tokens("s1.png") - 1)
    window.click(start, start + QPoint(30, 30), end)
    window.until(lambda: study.curation.state.regions)
    (region,) = study.curation.state.regions
    assert region.evidence == "against" and len(region.tokens) > 20
    assert panel.marks.list.count() == 1
    layer = panel.scene.layer("regions")
    assert layer.features["entry"].tolist() == [region.entry]
    window.viewer.layers.selection.active = panel.scene.layer("slide")
    window.press(panel.undo)
    assert len(layer.data) == 0 and panel.marks.list.count() == 0


def test_edits_of_the_app_are_seen_within_seconds(window):
    other = Study.open(window.study.path)
    other.curation.rename(2, "gland")
    window.until(lambda: "gland" in [each.name for each in window.panel.concepts._concepts], seconds=60)
    other.curation.undo()
    window.until(lambda: "gland" not in [each.name for each in window.panel.concepts._concepts], seconds=60)


def test_rename_merge_split_pin_by_the_table(window):
    panel, study = window.panel, window.study
    table = panel.concepts.table
    row = next(row for row, concept in enumerate(panel.concepts._concepts) if concept.id == 0)
    table.item(row, 0).setText("dermis")
    assert study.concept_name(0) == "dermis"
    panel.concepts.choose(0)
    panel.concepts.weight.setValue(2.5)
    window.press(panel.concepts.buttons["pin"])
    assert study.curation.state.pins == {0: 2.5}
    window.press(panel.concepts.buttons["split"])
    assert study.curation.state.n_extra == 1
    table.clearSelection()
    for row, concept in enumerate(panel.concepts._concepts):
        if concept.id in (1, 2):
            for column in range(4):
                table.item(row, column).setSelected(True)
    window.press(panel.concepts.buttons["merge"])
    assert len(study.curation.state.merged) == 1
    window.press(panel.preview)
    window.until(lambda: panel.worker is None and panel.review.tried is not None)
    assert "nothing is kept" in panel.changes.words.text() and panel.tabs.currentWidget() is panel.changes
    window.press(panel.preview)
    for _ in range(4):
        window.press(panel.undo)
    assert not study.curation.state.merged and study.concept_name(0) == "concept 0"


def test_hot_spots_slides_and_figures(window, tmp_path):
    panel = window.panel
    panel.spots.list.itemClicked.emit(panel.spots.list.item(0))
    assert panel.review.token is not None
    at = [panel.slide.itemText(i) for i in range(panel.slide.count())].index("s5.png")
    panel.slide.setCurrentIndex(at)
    panel.slide.activated.emit(at)
    assert panel.review.datum.name == "s5.png" and "s5.png" in [layer.name for layer in window.viewer.layers]
    worker = panel.out.save(tmp_path / "figure.png")
    window.until(lambda: (tmp_path / "figure.png").exists() and not worker.is_running)
    from PIL import Image

    assert Image.open(tmp_path / "figure.png").width == 2000
    panel.slide.activated.emit([panel.slide.itemText(i) for i in range(panel.slide.count())].index("s1.png"))


def test_the_browser_opens_at_the_same_place(window, monkeypatch):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setenv("PROSPECTOR_APP", "http://localhost:8501/")
    window.panel.review.select_token(window.study.datum("s1.png").uid, 7)
    window.panel.out.open_browser()
    window.until(lambda: opened)
    assert opened == [f"http://localhost:8501/?datum={window.study.datum('s1.png').uid}&token=7"]


def test_layers_of_a_study_that_is_dropped_bring_the_review(viewer, qt, folder):
    from viewers.napari_plugin.start import register

    register()
    _, widget = viewer.window.add_plugin_dock_widget("prospector-heads", "Review")
    assert widget.panel is None
    viewer.open(str(folder), plugin="prospector-heads")
    window = Window(qt, viewer, widget)
    window.until(lambda: widget.panel is not None)
    names = [layer.name for layer in viewer.layers]
    assert names.count("prospect map") == 1 and widget.panel.review.root.path == folder
    widget.close_panel()


def test_a_study_that_cannot_be_reviewed_says_why_in_the_widget(viewer, qt, tmp_path):
    from viewers.napari_plugin.widget import ReviewWidget

    widget = ReviewWidget(viewer)
    widget.open_study(tmp_path)
    Window(qt, viewer, widget).until(lambda: "is no study" in widget.words.text())
    assert widget.open_button.isEnabled()
    widget.close()


def test_what_goes_wrong_on_a_thread_is_said(qt, viewer, monkeypatch):
    from viewers.napari_plugin import work

    said = []
    monkeypatch.setattr(work, "say", lambda text, kind="info": said.append((text, kind)))

    def fails():
        raise ProspectorError("no room")

    work.in_thread(fails, lambda found: said.append("done"))
    Window(qt, viewer, None).until(lambda: said)
    assert said == [("no room", "warning")]
