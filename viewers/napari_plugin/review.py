"""A study under review in one window: what is on show, what is selected, and the edits made there.

Knows no viewer, no Qt.
"""

from psygnal import Signal

from prospector_core.errors import BadInputError, ProspectorError
from prospector_core.study import Editor
from prospector_core.study.change import last_change
from prospector_core.study.fitting import count
from viewers.colour_limits import score_limit
from viewers.kinds import view_of

from .outlines import box_around
from .study_layers import most_telling
from .token_about import about_token, class_of

__all__ = ["Review"]

_SPOTS = 30


class Review:
    """One person's look at a fitted study of slides, cells or graphs.

    What is on show is a slide with its data, or one sample.

    Signals: ``shown``, another slide, sample or class is on show; ``selected``, another token or datum;
    ``edited``, edits were made, here or elsewhere; ``fitted``, there is another fit; ``compared``, another
    difference is to be shown; ``said(text, kind)``, something for the person to read, kind "info" or
    "warning".

    Parameters: study; datum, the one to begin with; author, None for the study's own. Raises BadInputError
    for a study whose tokens are in no plane or space (proteins, documents), FitError and EmbeddingError for
    one without a fit.
    """

    shown, selected, edited, fitted, compared = Signal(), Signal(), Signal(), Signal(), Signal()
    said = Signal(str, str)

    def __init__(self, study, datum=None, author=None):
        from .reader import elsewhere

        if not view_of(study).in_napari:
            raise BadInputError(elsewhere(study))
        if study.view is None or not study.embedded():
            raise BadInputError(
                f"{study.name} has no concepts yet: run `prospector embed` and `prospector fit`, or open it"
                " in the app"
            )
        self.root = self.study = study
        self.points = view_of(study).in_napari == "points"
        self.words = study.kind.words
        self.editor = Editor(author, seen=study.curation.seen)
        self._drawn = self._now()
        self.tried = None
        self.token = None
        self.datum = study.datum(datum) if datum else most_telling(study, study.embedded())
        if not study.is_embedded(self.datum):
            raise BadInputError(f"{self.datum.name} is not embedded yet: run `prospector embed`")

    # ---- what is on show

    @property
    def fit(self):
        """The current Fit, as seen from the class in question."""
        return self.study.view

    @property
    def source(self):
        """Uid of the slide on show; of points, whose coordinates are their own, that of the datum."""
        return self._source(self.datum)

    def _source(self, datum):
        return datum.uid if self.points else datum.source

    def slides(self):
        """{uid: name} of slides (or samples) with embedded data, in the order of the data."""
        if self.points:
            return {d.uid: f"{d.name} · {self.class_of(d)}" for d in self.study.embedded()}
        return {d.source: self.study.sources[d.source].name for d in self.study.embedded()}

    def data(self, source=None):
        """Embedded data of a slide (default: the one on show): list of Datum."""
        return [datum for datum in self.study.embedded() if self._source(datum) == (source or self.source)]

    def choose_slide(self, source):
        """Show another slide, at its most telling datum."""
        self.choose_datum(most_telling(self.study, self.data(source)).uid)

    def choose_datum(self, uid):
        """Make a datum the current one, on this slide or another."""
        before, self.datum, self.token = self.source, self.study.datum(uid), None
        (self.shown if self.source != before else self.selected).emit()

    def choose_class(self, key):
        """See the study from another class."""
        self.study = self.root.seen_from(key)
        self.tried = None
        self.shown.emit()

    def select(self, x, y):
        """Select the token at a place in level-0 pixels; returns whether there is one."""
        for datum in self.data():
            token = self.study.token_at(datum, x, y)
            if token is not None:
                self.select_token(datum.uid, token)
                return True
        self.token = None
        self.selected.emit()
        return False

    def select_token(self, uid, token):
        """Select a token of a datum, on this slide or another."""
        before, self.datum, self.token = self.source, self.study.datum(uid), int(token)
        if self.source != before:
            self.shown.emit()
        self.selected.emit()

    def rect(self):
        """(x, y, width, height) of what is selected, in level-0 pixels: the token, else the datum.

        Of points in their own unit.
        """
        if self.points:
            places = self.study.positions(self.datum)
            return box_around(places, [self.token] if self.token is not None else None)
        if self.token is not None:
            return self.study.token_rect(self.datum, self.token)
        if self.datum.field is not None:
            field = self.datum.field
            return field.x, field.y, field.width, field.height
        grid = self.study.grid(self.datum)
        (x, y), (rows, columns), pitch = grid["origin"], grid["shape"], grid["pitch"]
        return x, y, columns * pitch, rows * pitch

    # ---- what is said

    def class_of(self, datum):
        """The name of a datum's class, or "unlabelled"."""
        return class_of(self.study, datum)

    def about(self, doubt=True):
        """What is to be said of the selected token: TokenAbout, or None. ``doubt``: with its standard error.

        The first standard error after a fit takes a while (the kernel is refitted on resamples of the data).
        """
        if self.token is None:
            return None
        return about_token(self.study, self.study.datum(self.datum.uid), self.token, doubt)

    def concepts(self):
        """Every concept that has not been merged away, the one that speaks most for the class first.

        List of Concept.
        """
        return sorted(self.study.concepts(), key=lambda concept: (concept.excluded, -concept.weight))

    def waiting(self):
        """Edits that the current fit does not know yet, in words: list of str."""
        curation, fit = self.study.curation, self.fit
        return [
            curation.describe(entry)
            for entry in curation.standing()
            if entry.id > fit.journal and entry.action not in ("rename", "recolour")
        ]

    def hot_spots(self):
        """Where on what is on show the map speaks most for the class.

        (threshold, how many, list of (HotSpot, datum uid)).
        """
        threshold = score_limit(self.study) / 2
        found = [
            (spot, datum.uid)
            for datum in self.data()
            for spot in self.study.regions(datum, self.study.prospect(datum), threshold)
        ]
        found.sort(key=lambda each: -each[0].total)
        return threshold, len(found), found[:_SPOTS]

    @property
    def change(self):
        """The Change to be shown: what is on trial, else what the last refit changed.

        None if there is nothing.
        """
        return self.tried or last_change(self.study)

    # ---- edits

    def edit(self, action, note=""):
        """Make an edit, ``action(curation)``, as the person in this window; returns whether it was made.

        It is refused, and the reason said, if someone else has edited the same thing meanwhile.
        """
        try:
            with self.study.curation.by(self.editor, note):
                action(self.study.curation)
        except ProspectorError as error:
            self.said.emit(str(error), "warning")
            return False
        finally:
            self.refresh()
        return True

    def pin(self, concept, weight):
        """Put one's own weight in place of a concept's, in the kernel of the class in question.

        None takes it back.
        """
        target = self.study.target if self.study.several else None
        return self.edit(lambda curation: curation.pin(concept, weight, target=target))

    def move(self, tokens, concept):
        """Say that tokens belong to a concept: ``tokens``, {datum uid: ids}. Returns whether all was done."""
        return all(
            self.edit(lambda c, uid=uid, ids=ids: c.reassign(uid, ids, concept))
            for uid, ids in tokens.items()
            if len(ids)
        )

    def mark(self, polygon, evidence):
        """Mark a region of the slide on show: (m, 2) vertices (x, y) in level-0 pixels.

        Returns whether it was done.
        """
        touched = [datum.uid for datum in self.data() if self.study.tokens_inside(datum, polygon).size]
        if not touched:
            self.said.emit(f"No {self.words.token} is in that region: nothing was marked.", "warning")
            self.edited.emit()  # what was drawn goes
            return False
        return self.edit(lambda curation: curation.annotate(touched, polygon, evidence))

    def redraw(self, entry, polygon, evidence):
        """Give a marked region another outline."""
        return self.withdraw(entry) and self.mark(polygon, evidence)

    def withdraw(self, entry):
        """Take back a marked region."""
        return self.edit(lambda curation: curation.withdraw(entry))

    def undo(self):
        """Take back the last edit that stands."""
        return self._step("undo")

    def redo(self):
        """Bring back what was undone last."""
        return self._step("redo")

    def _step(self, which):
        curation = self.study.curation
        entry = curation.can_undo() if which == "undo" else curation.can_redo()
        if entry is None:
            self.said.emit(f"There is nothing to {which}.", "info")
            return False
        done = self.edit(lambda c: getattr(c, which)())
        if done:
            self.said.emit(f"{'Undone' if which == 'undo' else 'Redone'}: {curation.describe(entry)}", "info")
        return done

    # ---- fitting

    def refit_steps(self):
        """Refit under all edits, in steps: yields (done, of how many), returns Change.

        Stopped between steps it keeps nothing.

        For a thread: the steps touch no signal; call ``refresh`` at the end.
        """
        yield from self._counting()
        with self.root.curation.by(self.editor):
            return self.study.refit()

    def preview_steps(self):
        """What a refit would change, in the same steps; nothing is kept. Hand the Change to ``compare``."""
        yield from self._counting()
        return self.study.preview(lambda draft: None)

    def _counting(self):
        """Count every datum under the edits, which is what takes long.

        What is counted is kept for the fit that follows.
        """
        fit, state, data = self.root.view, self.root.curation.state, self.root.embedded()
        for done, datum in enumerate(data):
            yield done, len(data) + 1
            count(self.root, fit.centroids, fit.settings, state, datum)
        yield len(data), len(data) + 1

    def compare(self, change):
        """Show what an edit on trial would change; None ends the trial."""
        self.tried = change
        self.compared.emit()

    # ---- others

    def refresh(self):
        """Take in what has changed in the study since it was last looked at, here or elsewhere.

        Returns whether anything has.
        """
        curation, now = self.root.curation, self._now()
        others = curation.since(self.editor)
        self.editor.seen = now[0]
        before, self._drawn = self._drawn, now
        if others:
            last = others[-1]
            many = (
                f"{len(others)} edits were made elsewhere, the last"
                if len(others) > 1
                else "An edit was made elsewhere"
            )
            self.said.emit(
                f"{many}: {curation.describe(last)}" + (f" ({last.author})" if last.author else ""), "info"
            )
        if now == before:
            return False
        self.tried = None
        self.datum = self.study.datum(self.datum.uid)  # its label may be corrected
        (self.fitted if now[1] != before[1] else self.edited).emit()
        return True

    def _now(self):
        """(last entry of the journal, last fit): what tells whether anything changed."""
        return self.root.curation.seen, self.root.database.read("SELECT MAX(id) FROM fits")[0][0]
