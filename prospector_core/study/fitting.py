"""Fits of a study: finding concepts, counting, fitting and refitting kernels, previews of edits."""

import itertools
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import EmbeddingError, FitError, ProspectorError, StoreNotAllowedError
from ..method.quantizers import assign_nearest
from ..method.soft import part_and_mean
from ..scheduling import InProcess, OnCluster
from ..store.derived import kept
from ..store.removal import own_place
from . import tasks
from .assignments import Sprites
from .change import Change
from .counts import Counts
from .data import StudyData
from .fit_records import check_fit
from .fits import GIVEN, QUANTIZERS, Fit, FitSettings, Kernels, make_quantizer, suggested
from .journal import Entry, last_id, read_journal, replay
from .kept_fit import embeddings_of, load_kept
from .kernel_fit import fit_kernel
from .preview import Draft
from .records import check_edits, fit_row

__all__ = ["StudyFits"]

_PREVIEWS_KEPT = 8
_FEW_GIVEN = 64  # concepts of an encoder that are all kept, whether they occur or not
_FIT_VIEWS_KEPT = 64
_STREAMED = 16_384  # tokens in memory at once where all are looked at
_unsaved = itertools.count(-1, -1)  # ids of previews: no two in one process, and none that the database gives


class StudyFits(StudyData):
    """The part of a ``Study`` that fits."""

    @property
    def settings(self):
        """FitSettings of the current fit (defaults before the first)."""
        fit = self.current_fit
        return fit.settings if fit else self.default_settings()

    def default_settings(self):
        """FitSettings to begin with: where the encoder brings concepts, those."""
        given = self.given_concepts
        tokens = 0 if given else sum(self.n_tokens(datum) for datum in self._fitted_on())
        return suggested(tokens, self.kind.first_settings, len(given[0]) if given else None)

    @property
    def given_concepts(self):
        """Concepts that the encoder brings: (names, (K, d) float32 centroids), or None."""
        return self._occurring(*self._all_given) if self._all_given else None

    @cached_property
    def _all_given(self):
        return None if self.embedding.get("vectors") else self.kind.given_concepts(self)

    @cached_property
    def _given_names(self):
        names, centroids = self._all_given
        return {row.tobytes(): name for row, name in zip(np.asarray(centroids, np.float32), names)}

    def _occurring(self, names, centroids):
        """Of many given concepts those that occur in the data (and the last: whatever is not known)."""
        if len(names) <= _FEW_GIVEN:
            return names, centroids
        occurs = np.zeros(len(names), bool)
        occurs[-1] = True
        for datum in self.embedded():
            occurs[assign_nearest(self._embeddings(datum.uid), centroids)] = True
        return [name for name, there in zip(names, occurs) if there], centroids[occurs]

    @property
    def current_fit(self):
        """The latest Fit, or None; of several classes, as seen from the study's ``target``."""
        row = self.database.read("SELECT MAX(id) FROM fits")[0]
        return self.load_fit(row[0]) if row[0] is not None else None

    def fits(self):
        """Every fit: list of (id, time, journal entry, settings, summary), oldest first."""
        rows = self.database.read("SELECT id, at, journal, settings, summary FROM fits ORDER BY id")
        found = [fit_row(self.database.path, row) for row in rows]
        return [(*first, FitSettings(**settings), summary) for *first, settings, summary in found]

    def load_fit(self, id):
        """A Fit by number; the latest previews too. Raises StudyDamagedError, FitError."""
        with self._lock:
            for change in self._previews.values():
                if change.after.id == id:
                    return self._seen(change.after)
            if id not in self._fits:
                found = load_kept(self.path, self.database, id)
                check_fit(found, self, self.fit_folder(id))
                check_edits(self, found.state)
                self._fits[id] = found
            return self._seen(self._fits[id])

    def fit_folder(self, id):
        """Where a fit is kept, by number. Raises StudyDamagedError where a link leads there."""
        return own_place(self.path, self.path / "fits" / str(id))

    def _digest_of(self, fit):
        """The digest of a fit, of all its classes and without a mask; computed once."""
        with self._lock:
            if fit.id not in self._digests:
                self._digests[fit.id] = (fit.whole or fit).digest()
            return self._digests[fit.id]

    def newer_embeddings(self, fit=None):
        """Data whose embeddings are others than those that a fit (default: the current one) was made of.

        List of Datum.

        Maps are of the embeddings as they are. A fit that was made before this was kept says nothing of it.
        """
        fit = self.current_fit if fit is None else self.load_fit(fit) if isinstance(fit, int) else fit
        known = {} if fit is None else embeddings_of(self.database, fit.id)
        stamps = self.store.stamps()
        return [self.datum(uid) for uid, stamp in known.items() if stamps.get(uid, stamp) != stamp]

    def _seen(self, fit):
        """A fit as seen from this study's class; always the same object."""
        if self._through is not None and (fit.id, self.target) == (self._through.id, self._through.target):
            return self._through
        if fit.kernels is None or fit.target == self.target:
            return fit
        key = (fit.id, self.target)
        with self._lock:
            if key not in self._fit_views or self._fit_views[key].kernels is not fit.kernels:
                self._fit_views[key] = fit.of_class(self.target)
                while len(self._fit_views) > _FIT_VIEWS_KEPT:
                    self._fit_views.popitem(last=False)
            return self._fit_views[key]

    def fit(self, settings=None, progress=None, on=None, **changes):
        """Find concepts (layer I) and fit the kernel (layer II).

        Parameters: settings, FitSettings (default: defaults), or any of its fields as keywords; progress,
        function(text); on, where data are read and counted, from ``scheduling.scheduler`` (default: here).
        Edits of earlier concepts no longer apply; corrected labels stay. Returns Change. Raises FitError,
        EmbeddingError.
        """
        self.database.check_writable()
        settings = replace(settings or self.default_settings(), **changes).check()
        if settings.quantizer == GIVEN:
            if self.given_concepts is None:
                raise FitError(
                    f"the encoder {self.embedding['encoder']} brings no concepts of its own: let k-means look"
                    " for them"
                )
            settings = replace(settings, concepts=len(self.given_concepts[0]))
        while (change := self._fit(settings, progress or (lambda text: None), on or InProcess())) is None:
            pass
        return change

    def _fit(self, settings, say, on):
        seen = self._last_entry()
        fitted_on = self._fitted_on()
        if not fitted_on and self.refusal() is not None:
            raise StoreNotAllowedError(self.refusal())
        if not fitted_on:
            raise FitError("no labelled datum has been embedded: run `prospector embed` first")
        labels = {datum.label for datum in fitted_on}
        if len(labels) < 2:
            only = self.classes[labels.pop()]
            raise FitError(
                f"all {len(fitted_on)} embedded data are labelled {only!r}: a kernel needs data of "
                + ("every class" if self.several else "both classes")
            )
        missing = [name for label, name in enumerate(self.classes) if label not in labels]
        if missing:
            raise FitError(
                f"no embedded datum is labelled {missing[0]!r}: one kernel per class needs data of every"
                " class; embed some, or make the study without that class"
            )
        if settings.quantizer == GIVEN:
            centroids, tree = self.given_concepts[1], None
        else:
            centroids, tree = self.find_concepts(fitted_on, settings, say, on)
        say("counting concepts and pairs")
        # no "before": with other concepts, kernels cannot be compared weight by weight
        return self._fit_kernel(seen, settings, centroids, tree, None, ("fit", asdict(settings)), on)

    def refit(self, on=None):
        """Fit layer II only, from cached counts, under all edits so far. Returns Change: what moved.

        Parameters: on, where data are counted that have to be, from ``scheduling.scheduler`` (default: here).
        """
        self.database.check_writable()
        while True:
            seen, fit = self._last_entry(), self.current_fit
            if fit is None:
                raise FitError("the study has not been fitted yet: run `prospector fit` first")
            change = self._fit_kernel(seen, fit.settings, fit.centroids, fit.tree, fit, on=on)
            if change is not None:
                return change

    def preview(self, edit):
        """What a refit would give if an edit were made.

        Change, whose ``after`` is a Fit that is kept nowhere.

        Parameters: edit, function(curation) that makes one or more edits with the methods and checks of
        ``study.curation``; edits that wait for a refit count too. Writes nothing. ``after`` works wherever a
        fit can be given, as in ``study.prospect(datum, change.after)``. Raises CurationError, FitError.
        """
        before = self.current_fit
        if before is None:
            raise FitError("the study has not been fitted yet: run `prospector fit` first")
        draft = Draft(self)
        edit(draft)
        said = json.dumps([(entry.action, entry.payload) for entry in draft.edits])
        key = (before.id, draft.base, said, self.content())
        with self._lock:
            if key in self._previews:  # pages ask at every rerun
                return self._compared(kept(self._previews, key, _PREVIEWS_KEPT))
        found = self._computed(before.settings, before.centroids, draft.state)
        what = before.settings, before.centroids, before.tree
        after = self._as_fit(next(_unsaved), draft.base, *what, found, draft.state)
        with self._lock:
            self._previews[key] = Change(self, before, after)
            return kept(self._previews, key, _PREVIEWS_KEPT)

    def _compared(self, change):
        """A change as seen from this study's class."""
        if change.after.target == self.target:
            return change
        return Change(self, change.before and self._seen(change.before), self._seen(change.after))

    def _as_fit(self, id, journal, settings, centroids, tree, found, state):
        """What ``_computed`` found as a Fit."""
        if isinstance(found, Kernels):
            return Fit.of_kernels(id, journal, settings, centroids, found, state, self.target, tree)
        return Fit(id, journal, settings, centroids, *found, state, tree=tree)

    def change(self, before, after=None):
        """What changed from one fit to another, by number (or Fit; ``after`` None: the current one).

        Change.
        """
        return Change(self, self._fitted(before)[0], self._fitted(after)[0])

    def words(self, fit):
        """The CurationState that names and colours of a fit come from: today's, or a preview's own."""
        return fit.state if fit.id < 0 else self.curation.state

    def _last_entry(self):
        return last_id(self.database)

    def _fit_kernel(self, seen, settings, centroids, tree, before, entry=None, on=None):
        """Fit what the journal amounts to at id ``seen`` (and with ``entry``, this fit's own): Change.

        None if someone edited meanwhile: then nothing is kept. The database is free for others until the end.
        """
        own, stamps = [Entry(seen + 1, "", *entry)] if entry else [], self.store.stamps()
        state = replay(read_journal(self.database, seen) + own)
        check_edits(self, state)
        if isinstance(on, OnCluster):  # what the workers count is then found in the study
            self.count_there(on, self.embedded(), centroids, settings, state)
        found = self._computed(settings, centroids, state)
        with self.database.transaction() as connection:
            if self._last_entry() != seen:
                return None
            journal = self.curation._record(connection, *entry) if entry else seen
            summary = found.summary if isinstance(found, Kernels) else found[-1]
            known = {uid: stamps.get(uid, "") for uid in summary["predictions"]}
            row = {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "journal": journal,
                "settings": json.dumps(asdict(settings)),
                "summary": json.dumps(summary),
                "author": self.curation.author,
                "embeddings": json.dumps(known),
            }
            names = ", ".join(row)
            id = connection.execute(
                f"INSERT INTO fits ({names}) VALUES (?, ?, ?, ?, ?, ?)", (*row.values(),)
            ).lastrowid
            after = self._as_fit(id, journal, settings, centroids, tree, found, state)
            connection.execute("UPDATE fits SET digest = ? WHERE id = ?", (after.digest(), id))
            self.database.check()
            after.save(self.fit_folder(id))  # before the commit: a fit that the database knows is there
        with self._lock:
            self._fits[id] = after
        return Change(self, before, after)

    def _computed(self, settings, centroids, state, rows=None, counts=None):
        """(coef, coef before pins, calibration, summary), or Kernels, of data under a CurationState.

        Parameters: rows, the data with the labels given at first (default: those embedded by now); counts,
        Counts (default: the study's own, with all it keeps).
        """
        counts = self._layer(centroids, settings)[1] if counts is None else counts
        rows = self._given(self.embedded()) if rows is None else rows
        labels = {row.uid: state.labels.get(row.uid, row.label) for row in rows}
        fitted_on = {row.uid for row in rows if row.split != "test"}
        return fit_kernel(counts, [row.uid for row in rows], labels, fitted_on, state, settings, self.classes)

    def _fitted_on(self):
        return [datum for datum in self.embedded() if datum.label is not None and datum.split != "test"]

    def find_concepts(self, data, settings, say=lambda text: None, on=None):
        """Layer I: centroids of the concepts in the embeddings of data, (K, d) float32.

        And how they branch, ConceptTree or None.

        ``say``: function(text).
        """
        say("reading a sample of tokens")
        stamps = {datum.uid: self.stamp(datum) for datum in data}
        sample, means = self._sample(data, settings, on)
        say(f"finding {settings.concepts} concepts in {len(sample):,} tokens")
        centroids, tree = self._quantizer_centroids(data, settings, sample, means)
        if settings.centre:  # quantising will ask for them
            sprites = self._sprites(centroids, settings)
            for uid, mean in means.items():
                sprites.put_mean(uid, mean, stamps[uid])
        return centroids, tree

    def _quantizer_centroids(self, data, settings, sample, means):
        quantizer = make_quantizer(settings.quantizer, settings.concepts, settings.sample, settings.seed)
        if hasattr(quantizer, "fit_blocks"):
            return quantizer.fit_blocks(sample, self._blocks(data, settings, means)).centroids_, None
        if settings.quantizer in QUANTIZERS:
            return quantizer.fit(sample).centroids_, getattr(quantizer, "tree_", None)
        return _checked(quantizer, sample, settings), None

    def _blocks(self, data, settings, means):
        """Every token of data once, in blocks: yields (m, d), blocks of all data mixed by the seed."""
        starts = [(datum.uid, start) for datum in data for start in range(0, self.n_tokens(datum), _STREAMED)]
        for index in np.random.default_rng(settings.seed).permutation(len(starts)):
            uid, start = starts[index]
            block = self._embeddings(uid)[start : start + _STREAMED]
            yield block - (settings.centre * means[uid]).astype(np.float32) if settings.centre else block

    def _sample(self, data, settings, on=None):
        """Tokens for k-means, (m, d): all, or as many from each datum, drawn with the seed; and {uid.

        Mean of all} if centred.
        """
        sizes = [self.n_tokens(datum) for datum in data]
        total = sum(sizes)
        if total < settings.concepts:
            raise FitError(
                f"{total} tokens cannot make {settings.concepts} concepts: ask for fewer, or add data"
            )
        rng, chosen = np.random.default_rng(settings.seed), []
        for datum, size in zip(data, sizes):
            share = max(1, round(settings.sample * size / total))
            some = (
                np.sort(rng.choice(size, min(size, share), replace=False))
                if total > settings.sample
                else None
            )
            chosen.append((datum.uid, some))
        on = on or InProcess()
        with tasks.place_of(self, on) as place:
            found = {
                done.item[0]: done.get() for done in on.run(tasks.sample, chosen, place, settings.centre)
            }
        return np.concatenate([found[datum.uid][0] for datum in data]), {
            uid: mean for uid, (_, mean) in found.items()
        }

    def sampled(self, datum, tokens=None, centre=0.0):
        """Embeddings of some tokens of a datum, as concepts are found in, (m, d) float32.

        And the mean of all, (d,) float64.

        What lies on disk is read once. Parameters: tokens (m,) ascending, None = all; centre, how much of the
        mean is taken out (0: then the mean is not looked for, and None).
        """
        datum = self.datum(datum)
        vectors, mean = self._embeddings(datum.uid), None
        if centre:
            found, mean = part_and_mean(vectors, tokens)
            found = found - (centre * mean).astype(np.float32)
        else:
            found = np.asarray(vectors[:] if tokens is None else vectors[tokens], np.float32)
        if not np.isfinite(found).all():
            raise EmbeddingError(
                f"the embeddings of {datum.name} are not finite: remove {self.store.path / datum.uid} and run"
                " `prospector embed`"
            )
        return found, mean

    def count_there(self, on, data, centroids, settings, state, folder=None):
        """Have workers count data, and the regions marked on them, as ``count`` does.

        What they find is kept for all.
        """
        there = {datum.uid for datum in data}
        marked = [region for region in state.regions if region.evidence != "ignore" and region.datum in there]
        rows = [(datum.uid, None) for datum in data] + [(region.datum, region) for region in marked]
        with tasks.place_of(self, on) as place:
            for done in on.run(tasks.count, rows, place, centroids, settings, state, folder):
                done.get()

    def count(self, centroids, settings, state, datum, region=None, folder=None):
        """Count a datum (or a Region of it) under a CurationState, as a fit of these settings does.

        What is found is kept, in ``folder`` or with the study's own derived arrays.
        """
        counts = (
            self._layer(centroids, settings)[1]
            if folder is None
            else self.counts_in(folder, centroids, settings)
        )
        counts.cached(self.datum(datum).uid, state, region)

    def counts_in(self, folder, centroids, settings):
        """Counts whose derived arrays lie in a folder of their own."""
        sprites = Sprites(Path(folder), centroids, self._embeddings, None, settings, self.store.stamp)
        return Counts(sprites, self.graph, settings.radius)

    def _layer(self, centroids, settings):
        with self._lock:
            key, radius = (
                (
                    centroids.tobytes(),
                    settings.radius,
                    settings.softness,
                    settings.centre,
                ),
                settings.radius,
            )
            if key not in self._layers:
                sprites = self._sprites(centroids, settings)
                self._layers.clear()  # not replaced: views of classes share it
                self._layers[key] = (sprites, Counts(sprites, lambda uid: self._layout(uid)[0], radius))
            return self._layers[key]

    def _sprites(self, centroids, settings):
        return Sprites(
            self.path / "derived", centroids, self._embeddings, self._derived, settings, self.store.stamp
        )

    def _fitted(self, fit):
        fit = (
            self.load_fit(fit) if isinstance(fit, int) else fit or self.current_fit
        )  # a Fit has its own class
        if fit is None:
            raise FitError("the study has not been fitted yet: run `prospector fit` first")
        return fit, self._layer(fit.centroids, fit.settings)[0]


def _checked(quantizer, sample, settings):
    """Centroids of a quantizer that others wrote: (K, d) float32. Raises FitError."""
    try:
        centroids = np.ascontiguousarray(quantizer.fit(sample).centroids_, np.float32)
    except ProspectorError:
        raise
    except Exception as error:
        raise FitError(f"the installed quantizer {settings.quantizer} failed ({error})") from error
    if centroids.shape != (settings.concepts, sample.shape[1]) or not np.isfinite(centroids).all():
        raise FitError(
            f"the installed quantizer {settings.quantizer} gave centroids {centroids.shape}, not finite ones"
            f" of {(settings.concepts, sample.shape[1])}"
        )
    return centroids
