"""Places to go to: hot spots, marked regions, and what a refit changed."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from .outlines import box_around
from .text import as_text

__all__ = ["ChangeTab", "MarkTab", "SpotTab"]


class SpotTab(QWidget):
    """Regions that speak most for the class; a click moves the camera there."""

    def __init__(self, review, scene):
        super().__init__()
        self.review, self.scene = review, scene
        self.words, self.list = _words(), QListWidget()
        self.list.itemClicked.connect(self._go)
        self.list.itemActivated.connect(self._go)
        _column(self, self.words, self.list)
        self.fill()

    def fill(self):
        """The list as the map now is."""
        threshold, n, spots = self.review.hot_spots()
        more = f"; the first {len(spots)}" if n > len(spots) else ""
        self.words.setText(
            f"{n} connected regions of {self.review.words.tokens} that score {threshold:+.2f} or more, by"
            f" summed score{more}"
            if n
            else f"No {self.review.words.token} scores {threshold:+.2f} or more."
        )
        self.list.clear()
        for rank, (spot, uid) in enumerate(spots, start=1):
            size = self.review.words.count(len(spot.tokens))
            area = {"px2": f"{spot.area:,.0f} px²", "tokens": size}.get(spot.unit, f"{spot.area:.2g} mm²")
            item = QListWidgetItem(f"{rank}   {area}   mean {spot.mean:+.2f}")
            name = self.review.study.datum(uid).name
            item.setToolTip(as_text(f"{name}: {size}, sum {spot.total:+.2f}, highest {spot.peak:+.2f}"))
            item.setData(Qt.UserRole, (uid, spot))
            self.list.addItem(item)

    def _go(self, item):
        uid, spot = item.data(Qt.UserRole)
        self.review.select_token(uid, spot.peak_token)
        self.scene.go_to(spot.rect or box_around(self.review.study.positions(uid), spot.tokens), around=1)


class MarkTab(QWidget):
    """Regions that are evidence: drawn with napari's tools, listed, taken back; and the datum's label."""

    def __init__(self, review, scene):
        super().__init__()
        self.review, self.scene = review, scene
        self.kinds, self._group = {}, QButtonGroup(self)
        row = QHBoxLayout()
        for evidence in ("for", "against", "ignore"):
            self.kinds[evidence] = QRadioButton()
            self._group.addButton(self.kinds[evidence])
            self.kinds[evidence].clicked.connect(lambda _, e=evidence: scene.mark_as(e))
            row.addWidget(self.kinds[evidence])
        self.kinds["for"].setChecked(True)
        tools = QHBoxLayout()
        for text, mode in (
            ("Polygon", "add_polygon"),
            ("Rectangle", "add_rectangle"),
            ("Ellipse", "add_ellipse"),
            ("Lasso", "add_polygon_lasso"),
        ):
            button = QPushButton(text)
            button.clicked.connect(lambda _, m=mode: scene.draw_with(self.evidence, m))
            tools.addWidget(button)
        self.list, self.remove = QListWidget(), QPushButton("Take the region back")
        self.list.itemClicked.connect(self._go)
        self.list.itemSelectionChanged.connect(
            lambda: self.remove.setEnabled(bool(self.list.selectedItems()))
        )
        self.remove.clicked.connect(self._take_back)
        self.label = QComboBox()
        self.label.activated.connect(self._relabel)
        self._named = _words()
        labelled = QHBoxLayout()
        labelled.addWidget(self._named, 1)
        labelled.addWidget(self.label)
        head = _words(
            "Draw a region: it is one more example for the next refit, or left out of it. Double click ends a"
            " polygon."
        )
        _column(self, head, row, tools, self.list, self.remove, labelled)
        self.fill()

    @property
    def evidence(self):
        """What is marked next."""
        return next(evidence for evidence, button in self.kinds.items() if button.isChecked())

    def fill(self):
        """Names, regions and label as they now are."""
        study, datum = self.review.study, self.review.datum
        against, favour = study.sides
        words = {"for": favour, "against": against, "ignore": "ignore"}
        for evidence, button in self.kinds.items():
            button.setText(words[evidence])
        self.list.clear()
        parts = {}
        known = {each.uid for each in self.review.data()}
        for region in study.curation.state.regions:
            if region.datum in known:
                parts.setdefault(region.entry, []).append(region)
        for entry, regions in parts.items():
            n = sum(len(region.tokens) for region in regions)
            item = QListWidgetItem(f"{words[regions[0].evidence]}   {self.review.words.count(n)}")
            item.setData(Qt.UserRole, (entry, regions[0].datum, regions[0].tokens[0]))
            self.list.addItem(item)
        self.remove.setEnabled(False)
        self._named.setText(f"{datum.name} is")
        self.label.clear()
        for number, name in enumerate(study.classes):
            self.label.addItem(name, number)
        self.label.addItem("not known", None)
        self.label.setCurrentIndex(len(study.classes) if datum.label is None else datum.label)

    def _go(self, item):
        _, uid, token = item.data(Qt.UserRole)
        self.review.select_token(uid, token)
        self.scene.go_to_selected()

    def _take_back(self):
        for item in self.list.selectedItems():
            self.review.withdraw(item.data(Qt.UserRole)[0])

    def _relabel(self, at):
        label, uid = self.label.itemData(at), self.review.datum.uid
        if label != self.review.datum.label:
            self.review.edit(lambda curation: curation.relabel(uid, label), self.note())

    def note(self):
        """Why the next edit is made; the panel sets it."""
        return ""


class ChangeTab(QWidget):
    """What the last refit changed, or the edits that wait would change.

    It is shown in words, as a layer, and before beside after.

    Signal: ``moved``, empty, when a place was gone to.
    """

    moved = Signal()

    def __init__(self, review, scene):
        super().__init__()
        self.review, self.scene = review, scene
        self.words, self.list = _words(), QListWidget()
        self.difference, self.before = QCheckBox("Show the difference"), QCheckBox("Show the map before it")
        self.difference.toggled.connect(scene.show_change)
        self.before.toggled.connect(scene.show_before)
        self.list.itemClicked.connect(self._go)
        _column(
            self,
            self.words,
            self.difference,
            self.before,
            _words(f"What moved most on this {review.words.datum}:"),
            self.list,
        )
        self.fill()

    def fill(self):
        """The change as it now is."""
        change, tried = self.review.change, self.review.tried is not None
        self.setEnabled(change is not None)
        self.list.clear()
        for box, on in ((self.difference, self.scene.change_shown), (self.before, self.scene.before)):
            box.blockSignals(True)
            box.setChecked(on)
            box.blockSignals(False)
        if change is None:
            self.words.setText("After a refit this says what it changed. Preview says so before it.")
            return
        head = "Preview, nothing is kept yet:" if tried else "The last refit:"
        self.words.setText(head + "\n" + "\n".join(f"• {sentence}" for sentence in change.sentences()))
        there = [
            datum
            for datum in self.review.data()
            if all(datum.uid in f.summary["predictions"] for f in (change.before, change.after))
        ]
        seen = set()
        for datum, token, old, new in change.tokens(50, there):
            if datum.uid in seen and len(there) > 1 or self.list.count() >= 8:
                continue
            seen.add(datum.uid)
            item = QListWidgetItem(f"{datum.name}   {old:+.2f} to {new:+.2f}")
            item.setData(Qt.UserRole, (datum.uid, token))
            self.list.addItem(item)

    def _go(self, item):
        self.review.select_token(*item.data(Qt.UserRole))
        self.scene.go_to_selected()
        self.moved.emit()


def _words(text=""):
    label = QLabel(text)
    label.setTextFormat(Qt.PlainText)
    label.setWordWrap(True)
    return label


def _column(widget, *parts):
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 4, 0, 0)
    for part in parts:
        if isinstance(part, QListWidget):
            column.addWidget(part, 1)
        elif isinstance(part, QHBoxLayout):
            column.addLayout(part)
        else:
            column.addWidget(part)
