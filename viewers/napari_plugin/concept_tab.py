"""The concepts: what each weighs and how common it is, and what can be done to it."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QGridLayout,
    QHeaderView,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from prospector_core.palette import EXCLUDED_COLOUR

from .text import as_text

__all__ = ["ConceptTab"]

_NAME, _WEIGHT, _OTHERS, _OWN = range(4)


class ConceptTab(QWidget):
    """Table of concepts with an eye each, and the edits.

    Parameters: review; scene. Signal: ``hidden(set)``, concepts whose eye is shut.
    """

    hidden = Signal(object)

    def __init__(self, review, scene):
        super().__init__()
        self.review, self.scene = review, scene
        self._filling, self._concepts = False, []
        self.table = QTableWidget(0, 4)
        self.table.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.DoubleClicked | QAbstractItemView.EditKeyPressed)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(QHeaderView.Fixed)
        header.setSectionResizeMode(_NAME, QHeaderView.Stretch)
        header.setTextElideMode(Qt.ElideRight)
        for column, width in ((_WEIGHT, 74), (_OTHERS, 52), (_OWN, 52)):
            self.table.setColumnWidth(column, width)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.table.itemChanged.connect(self._changed)
        self.table.itemSelectionChanged.connect(self._enable)
        self._buttons()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.table, 1)
        column.addLayout(self._grid)
        self.fill()

    def _buttons(self):
        made, self._grid, tokens = {}, QGridLayout(), self.review.words.tokens
        self._grid.setSpacing(4)
        self.parts = QSpinBox()
        self.parts.setRange(2, 8)
        self.weight = QDoubleSpinBox()
        self.weight.setRange(-1e5, 1e5)
        self.weight.setSingleStep(0.1)
        for name, text, act, tip in (
            ("merge", "Merge", self.merge, f"Make the selected concepts one: the one with most {tokens}"),
            (
                "exclude",
                "Exclude",
                self.exclude,
                f"Its {tokens} leave the graph: no count, no score. Again: take it back in",
            ),
            (
                "paint",
                *(
                    (
                        "Move into",
                        self.paint,
                        (
                            f"Draw around {tokens}: they belong to this concept. Or select some first, with"
                            " napari's select tool"
                        ),
                    )
                    if self.review.points
                    else ("Paint with", self.paint, "Paint tiles into this concept with napari's brush")
                ),
            ),
            ("split", "Split into", self.split, f"Sort its {tokens} into new concepts, by how they look"),
            ("pin", "Pin at", self.pin, "Put your own weight in place of the fitted one"),
            ("unpin", "Unpin", self.unpin, "The fitted weight counts again"),
        ):
            made[name] = QPushButton(text)
            made[name].setToolTip(tip)
            made[name].clicked.connect(act)
        self.buttons = made
        for row, cells in enumerate(
            (
                (made["merge"], made["exclude"], made["paint"]),
                (made["split"], self.parts, None),
                (made["pin"], self.weight, made["unpin"]),
            )
        ):
            for column, widget in enumerate(cells):
                if widget is not None:
                    widget.setMinimumWidth(60)
                    self._grid.addWidget(widget, row, column)
                    self._grid.setColumnStretch(column, 1)

    # ---- what is shown

    def fill(self):
        """Draw the table as the study now is; what is selected stays so."""
        chosen = set(self.chosen())
        study = self.review.study
        self._concepts = self.review.concepts()
        self._filling = True
        own = study.classes[study.target]
        self.table.setHorizontalHeaderLabels(["concept", "weight", "others", "here"])
        for at, (text, tip) in enumerate(
            (
                ("concept", "The box is its eye: whether it is drawn. Double click renames"),
                ("weight", f"Positive: speaks {study.sides[1]}. Dot: pinned by an expert"),
                (_short(study.others), f"Share of the {study.kind.words.tokens} of {study.others}"),
                (_short(own), f"Share of the {study.kind.words.tokens} of {own}"),
            )
        ):
            item = QTableWidgetItem(text)
            item.setToolTip(as_text(tip))
            self.table.setHorizontalHeaderItem(at, item)
        self.table.setRowCount(len(self._concepts))
        self.table.clearSelection()
        for row, concept in enumerate(self._concepts):
            self._fill_row(row, concept)
            if concept.id in chosen:
                for column in range(4):
                    self.table.item(row, column).setSelected(True)
        self._filling = False
        self._enable()

    def _fill_row(self, row, concept):
        name = QTableWidgetItem(
            _swatch(EXCLUDED_COLOUR if concept.excluded else concept.colour), concept.name
        )
        name.setFlags(Qt.ItemIsEnabled | Qt.ItemIsSelectable | Qt.ItemIsEditable | Qt.ItemIsUserCheckable)
        name.setCheckState(Qt.Unchecked if concept.id in self.scene.hidden else Qt.Checked)
        name.setData(Qt.UserRole, concept.id)
        merged = f"; {len(concept.merged) + 1} concepts in one" if concept.merged else ""
        excluded = "; excluded" if concept.excluded else ""
        name.setToolTip(
            as_text(f"{concept.name}: {self.review.words.count(concept.tokens)}{merged}{excluded}")
        )
        weight = (
            "excluded"
            if concept.excluded
            else f"{concept.weight:+.2f}".replace("-", "−") + (" •" if concept.pinned else "")
        )
        for column, text in (
            (_WEIGHT, weight),
            (_OTHERS, _share(concept.shares[0])),
            (_OWN, _share(concept.shares[1])),
        ):
            item = QTableWidgetItem(text)
            item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsSelectable)
            item.setTextAlignment(Qt.AlignRight | Qt.AlignVCenter)
            self.table.setItem(row, column, item)
        self.table.setItem(row, _NAME, name)

    def chosen(self):
        """Ids of the selected concepts."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self._concepts[row].id for row in rows if row < len(self._concepts)]

    def choose(self, concept):
        """Select one concept."""
        for row, each in enumerate(self._concepts):
            if each.id == concept:
                self.table.selectRow(row)
                self.table.scrollToItem(self.table.item(row, _NAME))

    def _of(self, id):
        return next(concept for concept in self._concepts if concept.id == id)

    def _enable(self):
        if self._filling:
            return
        chosen = [self._of(id) for id in self.chosen()]
        one = chosen[0] if len(chosen) == 1 else None
        live = one is not None and not one.excluded
        self.buttons["merge"].setEnabled(len(chosen) > 1 and not any(concept.excluded for concept in chosen))
        self.buttons["exclude"].setEnabled(one is not None)
        self.buttons["exclude"].setText("Include" if one is not None and one.excluded else "Exclude")
        for name in ("split", "pin", "paint"):
            self.buttons[name].setEnabled(live)
        pinned = live and one.id in self.review.study.curation.state.pins_of(self.review.study.target)
        self.buttons["unpin"].setEnabled(pinned)
        if live:
            self.weight.setValue(one.weight)

    def _changed(self, item):
        if self._filling or item.column() != _NAME:
            return
        id = item.data(Qt.UserRole)
        if item.text() != self._of(id).name:
            self.rename(id, item.text())
            return
        shut = {
            self.table.item(row, _NAME).data(Qt.UserRole)
            for row in range(self.table.rowCount())
            if self.table.item(row, _NAME).checkState() == Qt.Unchecked
        }
        if shut != self.scene.hidden:
            self.hidden.emit(shut)

    # ---- edits

    def rename(self, concept, name):
        """Name a concept; a name that cannot be is taken back."""
        if not self.review.edit(lambda curation: curation.rename(concept, name), self.note()):
            self.fill()

    def merge(self):
        """Make the selected concepts one."""
        ids = self.chosen()
        into = max((self._of(id) for id in ids), key=lambda concept: concept.tokens).id
        self.review.edit(lambda curation: curation.merge(ids, into=into), self.note())

    def split(self):
        """Cut the selected concept."""
        (id,) = self.chosen()
        self.review.edit(lambda curation: curation.split(id, into=self.parts.value()), self.note())

    def exclude(self):
        """Take the selected concept out, or back in."""
        (id,) = self.chosen()
        if self._of(id).excluded:
            self.review.edit(lambda curation: curation.include(id), self.note())
        else:
            self.review.edit(lambda curation: curation.exclude(id, self.note()), self.note())

    def pin(self):
        """Put the weight in the box in place of the fitted one."""
        (id,) = self.chosen()
        self.review.pin(id, self.weight.value())

    def unpin(self):
        """Let the fitted weight count again."""
        (id,) = self.chosen()
        self.review.pin(id, None)

    def paint(self):
        """Ready the brush."""
        (id,) = self.chosen()
        self.scene.paint_with(id)

    def note(self):
        """Why the next edit is made; the panel sets it."""
        return ""


def _swatch(colour):
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)


def _share(value):
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def _short(name, most=12):
    return name if len(name) <= most else name[: most - 1] + "…"
