"""What leaves napari: a figure for print, the same place in the browser; and the token graph."""

from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QFormLayout, QLineEdit, QPushButton, QWidget

from viewers.graph_figure import LAYERS as POINT_LAYERS
from viewers.graph_figure import graph_figure
from viewers.slide_figure import LAYERS, slide_figure

from .browser import open_in_browser
from .work import in_thread, say

__all__ = ["OutTab"]

_WIDTHS = {1000: "8.5 cm, one column", 2000: "17 cm, a page", 4000: "34 cm, a poster"}


class OutTab(QWidget):
    """Figures, the browser, and the token graph. Parameters: review; scene."""

    def __init__(self, review, scene):
        super().__init__()
        self.review, self.scene = review, scene
        self.layer, self.extent, self.width_, self.title = QComboBox(), QComboBox(), QComboBox(), QLineEdit()
        points, words = review.points, review.words
        for name in POINT_LAYERS if points else LAYERS:
            self.layer.addItem(name.capitalize(), name)
        extents = {
            "view": "What is in sight",
            "datum": "The chosen field or slide",
            "slide": "The whole slide",
        }
        for name, text in ({"datum": f"The whole {words.datum}"} if points else extents).items():
            self.extent.addItem(text, name)
        for pixels, text in _WIDTHS.items():
            self.width_.addItem(f"{pixels:,} pixels ({text})", pixels)
        self.width_.setCurrentIndex(1)
        self.title.setPlaceholderText(f"none: nothing names the {words.datum}")
        save, browser = QPushButton("Save figure…"), QPushButton("Open in the browser, at this place")
        save.setToolTip("The layer with legend and scale bar, as PNG, 300 dots an inch")
        save.clicked.connect(self.ask)
        browser.setToolTip("The app shows the same study: each sees the other's edits within seconds")
        browser.clicked.connect(self.open_browser)
        self.graph = QCheckBox("Token graph around the selected tile")
        self.graph.toggled.connect(scene.show_graph)
        form = QFormLayout(self)
        form.setContentsMargins(0, 4, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.AllNonFixedFieldsGrow)
        for text, widget in (
            ("Layer", self.layer),
            ("Shows", self.extent),
            ("Width", self.width_),
            ("Title", self.title),
        ):
            widget.setMinimumWidth(60)
            form.addRow(text, widget)
        for widget in (save, browser, *(() if points else (self.graph,))):  # edges of points are chosen above
            form.addRow(widget)

    def ask(self):
        """Ask where to, and save."""
        name = f"{self.extent.currentData()}-{self.layer.currentData()}-fit{self.review.fit.id}.png"
        path, _ = QFileDialog.getSaveFileName(self, "Save figure", name, "PNG (*.png)")
        if path:
            self.save(path)

    def save(self, path):
        """Save the figure that the choices above say. Returns the worker that draws it."""
        from prospector_core.store.files import storage_errors

        extent, study, datum = self.extent.currentData(), self.review.study, self.review.datum
        options = {
            "layer": self.layer.currentData(),
            "width": self.width_.currentData(),
            "title": self.title.text().strip() or None,
        }
        if extent == "view":
            options["region"] = self.scene.view()
        path = Path(path).with_suffix(".png")

        def draw():
            if self.review.points:
                picture = graph_figure(study, datum, **options)
            else:
                picture = slide_figure(study, datum, whole_slide=extent == "slide", **options)
            with storage_errors(path):
                path.write_bytes(picture)

        return in_thread(draw, lambda _: say(f"Saved {path}"), "Drawing the figure")

    def open_browser(self):
        """Open the app in the browser at what is selected or in sight."""
        say("Opening the browser…")
        review, view = self.review, None if self.review.points else self.scene.view()
        return in_thread(lambda: open_in_browser(review, view), lambda url: None, "Opening the browser")
