"""The dock widget: there at once; what needs the core is loaded on a thread and put in its place."""

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from ..installation import sample_data

__all__ = ["ReviewWidget"]


class ReviewWidget(QWidget):
    """Review a study: shows that of the layers that are open, or asks for one.

    Parameters: napari_viewer.
    """

    def __init__(self, napari_viewer):
        super().__init__()
        self.viewer, self.panel, self._loading = napari_viewer, None, None
        self.setMinimumWidth(340)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 6, 6, 6)
        self._start = QWidget()
        column = QVBoxLayout(self._start)
        self.words = QLabel("Open a study, or drop its folder onto napari.")
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.open_button, self.sample_button = (
            QPushButton("Open a study…"),
            QPushButton("Open the sample study"),
        )
        self.open_button.clicked.connect(self.ask)
        self.sample_button.clicked.connect(self.open_sample)
        for each in (self.words, self.open_button, self.sample_button):
            column.addWidget(each)
        column.addStretch()
        self._layout.addWidget(self._start)
        napari_viewer.layers.events.inserted.connect(self._layer_came)
        self._layer_came()

    def ask(self):
        """Ask for the folder of a study."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of a study")
        if folder:
            self.open_study(folder)

    def open_sample(self):
        """Open the sample study; it is built first if it is not there."""
        folder = sample_data().sample_folder()
        if (folder / "study.sqlite").exists():
            self.open_study(folder)
        else:
            self.words.setText("Building the sample study, about half a minute…")
            self._work(_built_sample, self._built)

    def _built(self, found):
        self.open_study(found)

    def open_study(self, path, datum=None):
        """Open a study, at a datum if one is named; says what is wrong with it if it cannot be reviewed."""
        path = Path(path)
        self.words.setText(f"Opening {path.name}…")
        self._work(lambda: _opened(path, datum), self._show)

    def _work(self, work, done):
        from napari.qt.threading import create_worker

        for button in (self.open_button, self.sample_button):
            button.setEnabled(False)
        worker = create_worker(work, _progress={"desc": "Opening a study"}, _start_thread=False)
        worker.returned.connect(lambda found: self._done(found, done))
        worker.errored.connect(lambda error: self._done(str(error), done))
        self._loading = worker
        worker.start()

    def _done(self, found, done):
        worker = self._loading
        for button in (self.open_button, self.sample_button):
            button.setEnabled(True)
        try:
            if isinstance(found, str):
                self.words.setText(found)
            else:
                done(found)
        finally:
            if (
                self._loading is worker
            ):  # not before: layers that are added now are no reason to open anything
                self._loading = None

    def _show(self, review):
        from .panel import ReviewPanel

        self.close_panel()
        self.words.setText("Open a study, or drop its folder onto napari.")
        self.panel = ReviewPanel(self.viewer, review, self)
        self._start.hide()
        self._layout.insertWidget(0, self.panel, 100)  # napari puts empty room below

    def close_panel(self):
        """Let go of the study on show."""
        if self.panel is not None:
            self.panel.let_go()
            self._layout.removeWidget(self.panel)
            self.panel.deleteLater()
            self.panel = None
            self._start.show()

    def _layer_came(self, event=None):
        """Layers of a study were opened: review it, unless that or another is being reviewed."""
        if self.panel is not None or self._loading is not None:
            return
        for layer in self.viewer.layers:
            about = layer.metadata.get("prospector")
            if about and about.get("study"):
                return self.open_study(about["study"])

    def closeEvent(self, event):
        """End what runs for the widget."""
        self.close_panel()
        self.viewer.layers.events.inserted.disconnect(self._layer_came)
        super().closeEvent(event)


def _opened(path, datum):
    """On a thread: a Review, its maps computed; or what is wrong, in words."""
    from prospector_core.errors import ProspectorError
    from prospector_core.study import Study

    from . import panel  # noqa: F401 (loaded here, so that the window need not wait for it)
    from .layers import SlideLayers
    from .point_layers import PointLayers
    from .review import Review

    try:
        review = Review(Study.open(path), datum)
        if review.points:
            PointLayers(review.study, review.source).colours("map")
        else:
            drawn = SlideLayers(review.study, review.source)
            drawn.map(), drawn.sprite()
        review.hot_spots()
        return review
    except ProspectorError as error:
        return str(error)


def _built_sample():
    from prospector_core.errors import ProspectorError

    try:
        sample_data().build_sample("sample")
        return sample_data().sample_folder()
    except ProspectorError as error:
        return str(error)
