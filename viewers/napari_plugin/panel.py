"""The review of one study, as a panel: what is on show, history, tabs, and what the selected token says."""

import html

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from prospector_core.html_pages import write_html

from .concept_tab import ConceptTab
from .out_tab import OutTab
from .place_tabs import ChangeTab, MarkTab, SpotTab
from .point_scene import COLOURINGS, EDGES, PointScene
from .scene import Scene
from .text import as_text
from .work import in_thread, later, run_steps, say

__all__ = ["ReviewPanel"]

_POLL_MS = 2000  # how often edits made elsewhere are looked for


class ReviewPanel(QWidget):
    """Parameters: viewer; review; home, the widget that opens other studies."""

    def __init__(self, viewer, review, home=None):
        super().__init__()
        self.viewer, self.review, self._home = viewer, review, home
        self.worker = None
        self.sure_of = self._doubting = None
        review.said.connect(say)
        scene = PointScene if review.points else Scene
        self.scene = scene(
            viewer, review, later=later, run=lambda work, done: in_thread(work, done, "Computing a layer")
        )
        self._head()
        self.concepts, self.spots = ConceptTab(review, self.scene), SpotTab(review, self.scene)
        self.marks, self.changes, self.out = (
            MarkTab(review, self.scene),
            ChangeTab(review, self.scene),
            OutTab(review, self.scene),
        )
        self.concepts.note = self.marks.note = self._note
        self.concepts.hidden.connect(self.scene.show_concepts)
        self.tabs = QTabWidget()
        for text, tab in (
            ("Concepts", self.concepts),
            ("Hot spots", self.spots),
            ("Mark", self.marks),
            ("Change", self.changes),
            ("Out", self.out),
        ):
            self.tabs.addTab(tab, text)
        self.tabs.setUsesScrollButtons(True)
        self._tile()
        split = QSplitter(Qt.Vertical)
        split.addWidget(self.tabs)
        split.addWidget(self._told)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([420, 240])
        split.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._top)
        column.addWidget(split, 1)
        self._slots = (
            (review.shown, self._shown),
            (review.selected, self._selected),
            (review.edited, self._edited),
            (review.fitted, self._fitted),
            (review.compared, self._compared),
        )
        for signal, slot in self._slots:
            signal.connect(slot)
        self.timer = QTimer(self)
        self.timer.setInterval(_POLL_MS)
        self.timer.timeout.connect(self.poll)
        self.timer.start()
        self._choices()
        self._history()
        self._selected()

    # ---- parts

    def _head(self):
        self.slide, self.field, self.class_ = QComboBox(), QComboBox(), QComboBox()
        for combo in (self.slide, self.field, self.class_):
            combo.setMinimumWidth(60)
            combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.slide.activated.connect(lambda at: self.review.choose_slide(self.slide.itemData(at)))
        self.field.activated.connect(self._chose_field)
        self.class_.activated.connect(lambda at: self.review.choose_class(self.class_.itemData(at)))
        self._form = QFormLayout()
        self._form.setFieldGrowthPolicy(QFormLayout.AllNonFixedFieldsGrow)
        shown = self.review.words.datum.capitalize() if self.review.points else "Slide"
        for text, combo in ((shown, self.slide), ("Field", self.field), ("Class", self.class_)):
            self._form.addRow(text, combo)
        if self.review.points:
            self._point_choices()
        title, other = QLabel(f"<b>{html.escape(self.review.root.name)}</b>"), QPushButton("Other…")
        title.setWordWrap(True)
        other.setToolTip("Open another study")
        other.clicked.connect(lambda: self._home and self._home.ask())
        first = QHBoxLayout()
        first.addWidget(title, 1)
        first.addWidget(other)
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        self.preview, self.refit = QPushButton("Preview"), QPushButton("Refit")
        self.undo.clicked.connect(lambda: self.review.undo())
        self.redo.clicked.connect(lambda: self.review.redo())
        self.preview.clicked.connect(self.start_preview)
        self.refit.clicked.connect(self.start_refit)
        self.preview.setToolTip("What a refit would change; nothing is kept. Again: end the preview")
        self.refit.setToolTip("Fit the kernel again under all edits; concepts are not searched again")
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.undo, self.redo, self.preview, self.refit):
            row.addWidget(button)
        self.note, self.waiting = QLineEdit(), QLabel()
        self.waiting.setTextFormat(Qt.PlainText)
        self.note.setPlaceholderText("Why? (a note for the next edit)")
        self.waiting.setWordWrap(True)
        self._top = QVBoxLayout()
        for each in (first, self._form, row):
            self._top.addLayout(each)
        self._top.addWidget(self.note)
        self._top.addWidget(self.waiting)

    def _point_choices(self):
        self.colour, self.edges = QComboBox(), QComboBox()
        for kind, text in COLOURINGS.items():
            self.colour.addItem(text, kind)
        for kind, text in EDGES.items():
            self.edges.addItem(text.format(token=self.review.words.token), kind)
        self.colour.activated.connect(lambda at: self.scene.colour_by(self.colour.itemData(at)))
        self.edges.activated.connect(lambda at: self.scene.show_graph(self.edges.itemData(at)))
        self.scene.coloured.connect(lambda kind: self.colour.setCurrentIndex(self.colour.findData(kind)))
        for text, combo in (("Colour", self.colour), ("Edges", self.edges)):
            combo.setMinimumWidth(60)
            self._form.addRow(text, combo)

    def _tile(self):
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.RichText)
        self.about.setAlignment(Qt.AlignTop | Qt.AlignLeft)
        self.about.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.about.setContentsMargins(4, 4, 4, 4)
        self._told = QScrollArea()
        self._told.setWidgetResizable(True)
        self._told.setMinimumHeight(110)
        self._told.setWidget(self.about)

    def _note(self):
        """The note, which is then gone."""
        text = self.note.text()
        later(self.note.clear)
        return text

    # ---- what is shown

    def _choices(self):
        review = self.review
        fields = {datum.uid: f"{datum.name} · {review.class_of(datum)}" for datum in review.data()}
        classes = dict(enumerate(review.root.classes)) if review.root.several else {}
        for row, (combo, names, chosen) in enumerate(
            (
                (self.slide, review.slides(), review.source),
                (self.field, fields, review.datum.uid),
                (self.class_, classes, review.study.target),
            )
        ):
            if [combo.itemData(at) for at in range(combo.count())] != list(names) or combo is self.field:
                combo.clear()
                for key, name in names.items():
                    combo.addItem(name, key)
            combo.setCurrentIndex(max(0, combo.findData(chosen)))
            self._form.setRowVisible(row, len(names) > 1)

    def _history(self):
        curation, review = self.review.study.curation, self.review
        for button, entry, verb in (
            (self.undo, curation.can_undo(), "Take back"),
            (self.redo, curation.can_redo(), "Bring back"),
        ):
            button.setEnabled(entry is not None)
            button.setToolTip(as_text(f"{verb}: {curation.describe(entry)}" if entry else "Nothing"))
        pending, busy = curation.pending(), self.worker is not None
        self.refit.setEnabled(pending or busy)
        self.refit.setText("Stop" if busy else "Refit")
        self.preview.setEnabled(pending and not busy)
        self.preview.setText("End preview" if review.tried is not None else "Preview")
        waiting = review.waiting() if pending else []
        if busy:
            self.waiting.setText("Working…")
        elif pending:
            shown = "; ".join(waiting[-3:]) or "an edit was undone"
            more = f"{len(waiting) - 3} more and " if len(waiting) > 3 else ""
            self.waiting.setText(f"Waiting for a refit: {more}{shown}. The map still shows the last fit.")
        self.waiting.setVisible(pending or busy)

    def _selected(self):
        self._choices()
        self.marks.fill()
        about = self.review.about(doubt=False)
        if about is None:
            self.about.setText(_nothing_selected(self.review))
            return
        self.concepts.choose(about.concept)
        self.scene.pick(about.concept)
        self._say_about(about)
        if about.score is not None:
            self._doubt()

    def _doubt(self):
        """The standard error, when it is there: after a fit the first takes a while, and is computed once."""
        fit = self.review.fit.key
        if self.sure_of == fit:  # resamples are at hand: at once
            self._say_about(self.review.about())
        elif self._doubting is None:

            def done(about):
                if about is not None and about.error is not None:
                    self.sure_of = fit

            def ended():
                self._doubting = None
                if self.sure_of == fit and self.review.token is not None:  # else what is wrong has been said
                    about = self.review.about(doubt=False)
                    self._say_about(about) if about.score is None else self._doubt()

            text = "Refitting on resamples of the data"
            self._doubting = in_thread(self.review.about, done, text, ended)

    def _say_about(self, about):
        self.about.setText(_told(about, self.review.fit.unit))

    def _chose_field(self, at):
        self.review.choose_datum(self.field.itemData(at))
        self.scene.go_to_selected()

    def _shown(self):
        self._choices()
        self._everything()
        self.viewer.reset_view()

    def _edited(self):
        self._choices()
        self.concepts.fill()
        self.marks.fill()
        self.changes.fill()
        self._history()
        self._selected()

    def _fitted(self):
        self._everything()

    def _compared(self):
        self.changes.fill()
        self._history()

    def _everything(self):
        self.concepts.fill()
        self.spots.fill()
        self.marks.fill()
        self.changes.fill()
        self._history()
        self._selected()

    # ---- fitting

    def start_refit(self):
        """Refit on a thread; while one is at work: stop it."""
        if self.worker is not None:
            self.worker.quit()
            return
        self._start(self.review.refit_steps(), "Refitting", self._refitted)

    def start_preview(self):
        """Show what a refit would change; once more: end that."""
        if self.review.tried is not None:
            self.review.compare(None)
            return
        self._start(self.review.preview_steps(), "Previewing a refit", self._previewed)

    def _start(self, steps, text, done):
        self.scene.take_paint()
        n = len(self.review.root.embedded()) + 1
        self.worker = run_steps(steps, n, text, done, self._ended)
        self._history()

    def _ended(self):
        self.worker = None
        self.review.refresh()
        self._history()

    def _refitted(self, change):
        self.review.refresh()
        say(f"Refitted: {change.sentences()[0]}")

    def _previewed(self, change):
        self.review.compare(change)
        self.tabs.setCurrentWidget(self.changes)

    # ---- others

    def poll(self):
        """Take in strokes that napari did not tell of, and what was edited elsewhere."""
        if self.worker is None:
            self.scene.take_paint()
            self.review.refresh()

    def let_go(self):
        """Stop what runs, and leave the viewer as it is."""
        self.timer.stop()
        if self.worker is not None:
            self.worker.quit()
        self.scene.close()
        for signal, slot in self._slots:
            signal.disconnect(slot, missing_ok=True)
        self.review.said.disconnect(say, missing_ok=True)
        self.review.root.database.close()


def _nothing_selected(review):
    return (
        f"Click a {review.words.token}: its concept, its score and where the score comes from appear here."
        f" Warm colours speak {html.escape(review.study.sides[1])}, cold ones"
        f" {html.escape(review.study.sides[0])}."
    )


def _told(about, unit):
    """What is said of a token, as rich text."""
    parts = [] if about.score is None else [(_signed(value), words) for value, words in about.parts]
    score = None if about.score is None else _signed(about.score)
    return write_html("viewers", "token.html", about=about, unit=unit, parts=parts, score=score)


def _signed(value):
    return f"{value:+.2f}".replace("-", "−")
