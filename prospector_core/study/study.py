"""The study: what pages, plugins and commands talk to."""

import copy
import io
import itertools
import json
import shutil
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import BadInputError, CurationError, EmbeddingError, FitError, ProspectorError
from ..features import n_features, pair_index
from ..files import read_npy, storage_errors, write_atomic
from ..limits import map_limit
from ..locally import neighbours_of, what_if
from ..modalities import MODALITIES, modality_of
from ..palette import concept_palette
from ..prospecting import explain, prospect
from ..quantizers import KMeansQuantizer, assign_nearest
from ..readers.cache import TileCache
from ..remote import check_url
from ..scheduling import InProcess, OnCluster
from ..soft import part_and_mean
from ..uncertainty import TokenUncertainty, token_uncertainty
from . import tasks
from .atlas import Atlas, atlas_key, lay_out, sample_tokens
from .branches import branches, leaves_of
from .change import Change
from .coarse import PartMaps
from .counts import Counts, compact_coef
from .data import StudyData
from .derived import DERIVED_KEPT, DerivedArrays
from .fit import GIVEN, QUANTIZERS, Fit, FitSettings, Kernels, make_quantizer, suggested
from .import_features import create_study_of_features
from .journal import CurationState, Entry, last_id, read_journal, replay
from .kernel_fit import fit_kernel, resampled_kernels
from .own_vectors import adopt_vectors
from .preview import Draft
from .sprites import Sprites

__all__ = ["Concept", "StrongestClass", "Study"]

_MAPS_KEPT = 2**28  # bytes
_RESAMPLED_KEPT = 4  # fits; 200 kernels of 30 concepts are 0.8 MB
_PREVIEWS_KEPT = 8
_FEW_GIVEN = 64  # concepts of an encoder that are all kept, whether they occur or not
_FIT_VIEWS_KEPT = 64
_LIMIT_DATA, _LIMIT_TOKENS = 200, 500_000  # what the limit of the scores is taken from, at most
_SPLIT_SAMPLE = 20_000  # tokens that the parts of a concept are found in
_STREAMED = 16_384  # tokens in memory at once where all are looked at
_READERS = 4  # threads that read embeddings; decoding releases the interpreter

_unsaved = itertools.count(-1, -1)  # ids of previews: no two in one process, and none that the database gives


@dataclass(frozen=True)
class Concept:
    """A concept as a page shows it.

    Attributes: id, name, colour "#rrggbb", excluded, merged (ids that went into it), weight (monogram), pinned,
    tokens (how many carry it), shares (of the tokens of class 0 and of class 1 data; of several classes, of the data of
    the others and of the class that the study is seen from), class_shares (of the tokens of each class's data).
    """

    id: int
    name: str
    colour: str
    excluded: bool
    merged: tuple
    weight: float
    pinned: bool
    tokens: int
    shares: tuple
    class_shares: tuple = ()


@dataclass(frozen=True)
class StrongestClass:
    """Which class each token speaks for most.

    Attributes: classes (n,) int64, -1 for excluded tokens; margin (n,) float64, how far it is ahead of the next, NaN for
    excluded tokens; scales (n_classes,), the score of the strongest colour of each class, which scores are divided by.
    """

    classes: np.ndarray
    margin: np.ndarray
    scales: np.ndarray


class Study(StudyData):
    """A study folder: data, labels, embeddings, concepts, kernel, maps, and the journal of edits.

    Use ``Study.create`` or ``Study.open``. Thread-safe: pages and jobs may share one. Raises StudyError,
    StudyVersionError, StudyDamagedError.

    Where there are more than two classes, there is a kernel a class, and a study is always seen from one of them
    (``target``): at first from the last, and by ``of_class`` from any.
    """

    def __init__(self, path, copy=None):
        super().__init__(path, copy)
        self._fits, self._layers, self._counted, self._fit_views = {}, {}, {}, OrderedDict()
        self._maps, self._derived = TileCache(_MAPS_KEPT), TileCache(DERIVED_KEPT)
        self._previews, self._parted = OrderedDict(), OrderedDict()
        self._resampled, self._doubts = OrderedDict(), TileCache(_MAPS_KEPT)
        self._part_maps = PartMaps()
        self._resampling = threading.Lock()  # not the study's: what is not about uncertainty need not wait
        self._limits, self._views, self._through = {}, {}, None

    @classmethod
    def create(cls, path, *, labels=None, **options):
        """Make a study; nothing is embedded yet.

        Parameters
        ----------
        path : folder to make
        slides : folder of slides, or list of files; in its place, another modality's (``modalities.MODALITIES``):
            structures, folder of PDB and mmCIF files, or list of files; then encoder, atom and cutoff are those of
            ``create_structures.create_structure_study``
        labels : labels table (see ``labels.read_labels``)
        name, encoder ("efficientnet-lite0"), mpp (0.5), tile (224 pixels at that mpp), min_tissue (0.25)
        slide_mpp : microns a pixel for slides that do not say: a number, or a function of the file's name; without it
            their pixels are taken as they are
        stain : "macenko" or "reinhard": tiles are brought to the colours of a reference (see ``prospector_core.stain``)
        file_column, label_column, positive : which columns, and which class is class 1, if not obvious
        progress : function(files looked at, files)
        on : of slides and structures, where files are looked at, from ``scheduling.scheduler`` (default: here)
        embeddings : folder of vectors of one's own, a file a datum, in place of an encoder (see ``own_vectors``); of slides
            they need coordinates, see ``from_features``
        store : address that fsspec knows, such as "s3://bucket/prefix", where embeddings are kept (default: in the folder)

        Raises StudyError, LabelsError, SlideError, BadInputError; then no folder is left behind.
        """
        given = [name for name in MODALITIES if options.get(name) is not None]
        if len(given) != 1:
            raise BadInputError(
                f"say what the study is of: one of {', '.join(f'{name}=' for name in MODALITIES)}"
                + (f", not {' and '.join(given)}" if given else "")
            )
        sources = {name: options.pop(name, None) for name in MODALITIES}
        store = options.pop("store", None)
        if store is not None:
            store = check_url(store)
        vectors = options.pop("embeddings", None)
        if vectors is not None:
            if options.get("encoder") is not None:
                raise BadInputError("vectors of one's own need no encoder: leave one of the two out")
            if given[0] == "slides":
                return cls.from_features(path, features=vectors, slides=sources["slides"], labels=labels, **options)
        modality_of(given[0]).create(path, sources[given[0]], labels, **options)
        if vectors is not None:
            _adopt(path, vectors)
        made = cls(path)
        if store is not None:
            made.database.write_meta("store", store)
        return made

    @classmethod
    def from_features(cls, path, *, features, labels, **options):
        """Make a study of features that TRIDENT or CLAM computed; it can be fitted at once.

        Parameters
        ----------
        path : folder to make
        features : folder of HDF5 files, one a slide, with ``features`` and ``coords`` (level-0 pixels)
        labels : labels table; its file column names slides or feature files
        slides : folder of the slides, if they are at hand; without one everything but the picture works
        patches : folder of CLAM's patches step, which says how large patches are; looked for beside the features
        name, slide_mpp, file_column, label_column, positive, progress : as for ``create``

        A slide without patches is listed, has no tokens, and is left out of fits and maps. Raises StudyError,
        LabelsError, EmbeddingError, SlideError, MissingExtraError; then no folder is left behind.
        """
        create_study_of_features(path, features=features, labels=labels, **options)
        return cls(path)

    @classmethod
    def open(cls, path):
        """Open a study folder."""
        return cls(path)

    def keep_little(self):
        """Keep no more than one datum's arrays in memory, as a worker does, which sees each of many data once."""
        self._tokens_kept = 1
        for cache in (self._maps, self._derived, self._doubts):
            cache.max_bytes = 2**26

    def of_class(self, key):
        """This study seen from one class, by number or name: ``current_fit``, maps, explanations, weights and edits are of
        that class. It is the same study, with the same memory. Raises BadInputError, FitError.

        With two classes the study is always seen from class 1: negative weights and scores speak for class 0.
        """
        target = self.class_index(key)
        if not self.several:
            if target != self.target:
                raise FitError(
                    f"{self.name!r} has two classes and one kernel: negative weights and scores speak for {key!r}"
                )
            return self
        with self._lock:
            if target not in self._views:
                self.sources, self._rows, self.store, self.queue  # noqa: B018 (made once, for all views)
                view = copy.copy(self)
                view.target = view.chosen = target
                view.curation = self.curation.seen_by(view)
                self._views[target] = view
            return self._views[target]

    def seen_through(self, fit):
        """This study with another fit in place of its current one, for looking and exporting: Study, with the same memory."""
        view = copy.copy(self)
        view.curation, view._through = self.curation.seen_by(view), fit
        return view

    def class_views(self):
        """What to look at to see every class: this study alone, or where there are several classes and none was chosen,
        the study seen from each of them: list of Study."""
        if self.chosen is not None:
            return [self]
        return [self.of_class(target) for target in range(len(self.classes))]

    # ---- fitting

    @property
    def settings(self):
        """FitSettings of the current fit (defaults before the first)."""
        fit = self.current_fit
        return fit.settings if fit else self.default_settings()

    def default_settings(self):
        """FitSettings to begin with: where the encoder brings concepts, those."""
        given = self.given_concepts
        tokens = 0 if given else sum(self.n_tokens(datum) for datum in self._fitted_on())
        return suggested(tokens, self.modality, len(given[0]) if given else None)

    @property
    def given_concepts(self):
        """Concepts that the encoder brings: (names, (K, d) float32 centroids), or None."""
        return self._occurring(*self._all_given) if self._all_given else None

    @cached_property
    def _all_given(self):
        find = getattr(self.kind, "given_concepts", None)
        return find(self) if find and not self.embedding.get("vectors") else None

    @cached_property
    def _given_names(self):
        names, centroids = self._all_given
        return {row.tobytes(): name for row, name in zip(np.asarray(centroids, np.float32), names)}

    def _occurring(self, names, centroids):
        """Of many given concepts those that occur in the data at all (and the last: whatever is not known)."""
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
        return [
            (id, at, journal, FitSettings(**json.loads(settings)), json.loads(summary))
            for id, at, journal, settings, summary in rows
        ]

    def load_fit(self, id):
        """A Fit by number; the latest previews too. Raises StudyDamagedError, FitError."""
        with self._lock:
            for change in self._previews.values():
                if change.after.id == id:
                    return self._seen(change.after)
            if id not in self._fits:
                rows = self.database.read("SELECT journal FROM fits WHERE id = ?", (id,))
                if not rows:
                    raise FitError(f"the study {self.name!r} has no fit {id}")
                state = replay(read_journal(self.database, rows[0][0]))
                self._fits[id] = Fit.load(self.path / "fits" / str(id), id, rows[0][0], state)
            return self._seen(self._fits[id])

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

        Parameters: settings, FitSettings (default: defaults), or any of its fields as keywords; progress, function(text);
        on, where data are read and counted, from ``scheduling.scheduler`` (default: here).
        Edits of earlier concepts no longer apply; corrected labels stay. Returns Change. Raises FitError, EmbeddingError.
        """
        settings = replace(settings or self.default_settings(), **changes).check()
        if settings.quantizer == GIVEN:
            if self.given_concepts is None:
                raise FitError(
                    f"the encoder {self.embedding['encoder']} brings no concepts of its own: let k-means look for them"
                )
            settings = replace(settings, concepts=len(self.given_concepts[0]))
        while (change := self._fit(settings, progress or (lambda text: None), on or InProcess())) is None:
            pass
        return change

    def _fit(self, settings, say, on):
        seen = self._last_entry()
        fitted_on = self._fitted_on()
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
                f"no embedded datum is labelled {missing[0]!r}: a kernel a class needs data of every class; embed some, or "
                "make the study without that class"
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
        while True:
            seen, fit = self._last_entry(), self.current_fit
            if fit is None:
                raise FitError("the study has not been fitted yet: run `prospector fit` first")
            change = self._fit_kernel(seen, fit.settings, fit.centroids, fit.tree, fit, on=on)
            if change is not None:
                return change

    def preview(self, edit):
        """What a refit would give if an edit were made: Change, whose ``after`` is a Fit that is kept nowhere.

        Parameters: edit, function(curation) that makes one or more edits with the methods and checks of
        ``study.curation``; edits that wait for a refit count too. Writes nothing. ``after`` works wherever a fit can be
        given, as in ``study.prospect(datum, change.after)``. Raises CurationError, FitError.
        """
        before = self.current_fit
        if before is None:
            raise FitError("the study has not been fitted yet: run `prospector fit` first")
        draft = Draft(self)
        edit(draft)
        said = json.dumps([(entry.action, entry.payload) for entry in draft.edits])
        key = (before.id, draft.base, said, tuple(self.store.uids()))
        with self._lock:
            if key in self._previews:  # pages ask at every rerun
                return self._compared(_kept(self._previews, key, _PREVIEWS_KEPT))
        found = self._computed(before.settings, before.centroids, draft.state)
        what = before.settings, before.centroids, before.tree
        after = self._as_fit(next(_unsaved), draft.base, *what, found, draft.state)
        with self._lock:
            self._previews[key] = Change(self, before, after)
            return _kept(self._previews, key, _PREVIEWS_KEPT)

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
        """What changed from one fit to another, by number (or Fit; ``after`` None: the current one): Change."""
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
        own = [Entry(seen + 1, "", *entry)] if entry else []
        state = replay(read_journal(self.database, seen) + own)
        if isinstance(on, OnCluster):  # what the workers count is then found in the study
            self.count_there(on, self.embedded(), centroids, settings, state)
        found = self._computed(settings, centroids, state)
        with self.database.transaction() as connection:
            if self._last_entry() != seen:
                return None
            journal = self.curation._record(connection, *entry) if entry else seen
            summary = found.summary if isinstance(found, Kernels) else found[-1]
            id = connection.execute(
                "INSERT INTO fits (at, journal, settings, summary, author) VALUES (?, ?, ?, ?, ?)",
                (_now(), journal, json.dumps(asdict(settings)), json.dumps(summary), self.curation.author),
            ).lastrowid
            after = self._as_fit(id, journal, settings, centroids, tree, found, state)
            connection.execute("UPDATE fits SET digest = ? WHERE id = ?", (after.digest(), id))
            after.save(self.path / "fits" / str(id))  # before the commit: a fit that the database knows is there
        with self._lock:
            self._fits[id] = after
        return Change(self, before, after)

    def _computed(self, settings, centroids, state, rows=None, counts=None):
        """(coef, coef before pins, calibration, summary), or Kernels, of data under a CurationState.

        Parameters: rows, the data with the labels given at first (default: those embedded by now); counts, Counts
        (default: the study's own, with all it keeps).
        """
        counts = self._layer(centroids, settings)[1] if counts is None else counts
        rows = self._given(self.embedded()) if rows is None else rows
        labels = {row.uid: state.labels.get(row.uid, row.label) for row in rows}
        fitted_on = {row.uid for row in rows if row.split != "test"}
        return fit_kernel(counts, [row.uid for row in rows], labels, fitted_on, state, settings, self.classes)

    def _fitted_on(self):
        return [datum for datum in self.embedded() if datum.label is not None and datum.split != "test"]

    def find_concepts(self, data, settings, say=lambda text: None, on=None):
        """Layer I: centroids of the concepts in the embeddings of data, (K, d) float32, and how they branch, ConceptTree or None.

        ``say``: function(text).
        """
        say("reading a sample of tokens")
        sample, means = self._sample(data, settings, on)
        say(f"finding {settings.concepts} concepts in {len(sample):,} tokens")
        centroids, tree = self._quantizer_centroids(data, settings, sample, means)
        if settings.centre:  # quantising will ask for them
            sprites = self._sprites(centroids, settings)
            for uid, mean in means.items():
                sprites.put_mean(uid, mean)
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
        """Tokens for k-means, (m, d): all, or as many from each datum, drawn with the seed; and {uid: mean of all} if centred."""
        sizes = [self.n_tokens(datum) for datum in data]
        total = sum(sizes)
        if total < settings.concepts:
            raise FitError(f"{total} tokens cannot make {settings.concepts} concepts: ask for fewer, or add data")
        rng, chosen = np.random.default_rng(settings.seed), []
        for datum, size in zip(data, sizes):
            share = max(1, round(settings.sample * size / total))
            some = np.sort(rng.choice(size, min(size, share), replace=False)) if total > settings.sample else None
            chosen.append((datum.uid, some))
        on = on or InProcess()
        with tasks.place_of(self, on) as place:
            found = {done.item[0]: done.get() for done in on.run(tasks.sample, chosen, place, settings.centre)}
        return np.concatenate([found[datum.uid][0] for datum in data]), {uid: mean for uid, (_, mean) in found.items()}

    def sampled(self, datum, tokens=None, centre=0.0):
        """Embeddings of some tokens of a datum, as concepts are found in, (m, d) float32; and the mean of all, (d,) float64.

        What lies on disk is read once. Parameters: tokens (m,) ascending, None = all; centre, how much of the mean is taken out
        (0: then the mean is not looked for, and None).
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
                f"the embeddings of {datum.name} are not finite: remove {self.store.path / datum.uid} and run `prospector embed`"
            )
        return found, mean

    def count_there(self, on, data, centroids, settings, state, folder=None):
        """Have workers count data, and the regions marked on them, as ``count`` does: what they find is kept for all."""
        there = {datum.uid for datum in data}
        marked = [region for region in state.regions if region.evidence != "ignore" and region.datum in there]
        rows = [(datum.uid, None) for datum in data] + [(region.datum, region) for region in marked]
        with tasks.place_of(self, on) as place:
            for done in on.run(tasks.count, rows, place, centroids, settings, state, folder):
                done.get()

    def count(self, centroids, settings, state, datum, region=None, folder=None):
        """Count a datum (or a Region of it) under a CurationState as a fit with these centroids and settings does.

        What is found is kept, in ``folder`` or with the study's own derived arrays.
        """
        counts = self._layer(centroids, settings)[1] if folder is None else self.counts_in(folder, centroids, settings)
        counts.cached(self.datum(datum).uid, state, region)

    def counts_in(self, folder, centroids, settings):
        """Counts whose derived arrays lie in a folder of their own."""
        sprites = Sprites(Path(folder), centroids, self._embeddings, settings=settings)
        return Counts(sprites, self.graph, settings.radius)

    def _layer(self, centroids, settings):
        with self._lock:
            key, radius = (centroids.tobytes(), settings.radius, settings.softness, settings.centre), settings.radius
            if key not in self._layers:
                sprites = self._sprites(centroids, settings)
                self._layers.clear()  # not replaced: views of classes share it
                self._layers[key] = (sprites, Counts(sprites, lambda uid: self._layout(uid)[0], radius))
            return self._layers[key]

    def _sprites(self, centroids, settings):
        return Sprites(self.path / "derived", centroids, self._embeddings, self._derived, settings)

    def _fitted(self, fit):
        fit = self.load_fit(fit) if isinstance(fit, int) else fit or self.current_fit  # a Fit has its own class
        if fit is None:
            raise FitError("the study has not been fitted yet: run `prospector fit` first")
        return fit, self._layer(fit.centroids, fit.settings)[0]

    # ---- what a fit says

    def sprite(self, datum, fit=None):
        """A datum's sprite under a fit: (n,) int64, merged ids resolved, excluded tokens -1."""
        fit, sprites = self._fitted(fit)
        return sprites.curated(self.datum(datum).uid, fit.state)

    def shares(self, datum, fit=None):
        """How far each token belongs to each concept: (n, K) uint8, in units of 1/255; merged concepts' shares are with the
        one they went into, tokens that are out have none."""
        fit, sprites = self._fitted(fit)
        return sprites.curated_shares(self.datum(datum).uid, fit.state)

    def _tokens(self, datum, fit):
        """What maps are made of: the sprite, or shares where tokens belong to several concepts."""
        return self.shares(datum, fit) if fit.settings.softness else self.sprite(datum, fit)

    def concepts_of(self, datum, fit=None):
        """As ``sprite``, but excluded tokens keep their concept (for drawing them hatched)."""
        fit, sprites = self._fitted(fit)
        return sprites.groups(fit.state)[sprites.edited(self.datum(datum).uid, fit.state)]

    def prospect(self, datum, fit=None):
        """A datum's prospect map: (n,) float64, NaN for excluded tokens."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        key = (fit.key, datum.uid)
        scores = self._maps.get(key)
        if scores is not None:
            return scores
        try:
            scores = read_npy(self._map_file(datum, fit).read_bytes())
        except (OSError, ValueError, EOFError):  # never kept, or damaged
            scores = None
        if scores is None or scores.dtype != np.float64 or scores.shape != (self.n_tokens(datum),):
            scores = self._prospect(datum, fit)
        scores.setflags(write=False)
        self._maps.put(key, scores)
        return scores

    def provisional_map(self, datum, fit=None):
        """What the map of a datum that is being embedded looks like by now: ProvisionalMap; None before and after."""
        fit, _ = self._fitted(fit)
        with self._lock:
            return self._part_maps.get(self, self.datum(datum).uid, fit)

    def provisional_version(self, datum, fit=None):
        """A value that changes when ``provisional_map`` does, None where there is none: cheap to ask again and again."""
        fit, _ = self._fitted(fit)
        return self._part_maps.version(self, self.datum(datum).uid, fit)

    def _map_file(self, datum, fit):
        folder = self.path / "fits" / str(fit.id) / "maps"
        if fit.masked is not None:
            folder = folder / f"fdr-{fit.masked:g}"
        return (folder / f"class-{fit.target}" if self.several else folder) / f"{datum.uid}.npy"

    def _prospect(self, datum, fit):
        return prospect(
            self.graph(datum), self._tokens(datum, fit), fit.coef, fit.n_concepts, fit.radius, fit.settings.diffusive
        )

    def explain(self, datum, token, fit=None):
        """Why a token scores as it does: Explanation, whose terms sum to its score."""
        return explain(*self._at(datum, token, fit))

    def neighbours(self, datum, token, fit=None):
        """The tokens within a token's receptive field, and what each adds to its score: Neighbours. At once."""
        return neighbours_of(*self._at(datum, token, fit))

    def what_if(self, datum, token, *, without=None, without_neighbours=False, without_pair=None, fit=None):
        """A token's score under the same kernel if one thing were otherwise: WhatIf. At once, nothing is refitted.

        Parameters: without, a concept whose tokens would leave the graph, and with them the paths through them;
        without_neighbours, nothing around the token; without_pair, a concept (or a pair of concepts) whose weight
        together with the token's own would be 0. Raises GraphError.
        """
        *place, diffusive = self._at(datum, token, fit)
        return what_if(
            *place, without=without, without_neighbours=without_neighbours, without_pair=without_pair,
            diffusive=diffusive,
        )  # fmt: skip

    def _at(self, datum, token, fit):
        """What is asked about one token: graph, sprite, kernel, K, radius, token, diffusive."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        return (
            self.graph(datum),
            self._tokens(datum, fit),
            fit.coef,
            fit.n_concepts,
            fit.radius,
            int(token),
            fit.settings.diffusive,
        )

    def uncertainty(self, datum, n=200, fit=None):
        """How sure a datum's map is: TokenUncertainty, from the kernel refitted on n resamples of the data.

        The resampled kernels are kept in memory a fit: the first call is the slow one. Raises FitError.
        """
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        fit = fit.whole or fit  # how sure a weight is has nothing to do with whether it is shown
        key = (fit.key, int(n), datum.uid)
        with self._resampling:
            found = self._doubts.get(key)
            if found is None:
                found = token_uncertainty(
                    self.graph(datum), self._tokens(datum, fit), fit.coef, self._resampled_kernels(fit, int(n)),
                    fit.n_concepts, fit.radius, fit.settings.diffusive,
                )  # fmt: skip
                self._doubts.put(key, found)
            return found

    def uncertainty_at(self, datum, token, n=200, fit=None):
        """As ``uncertainty`` of one token alone, arrays of one: at once, where a map of millions takes long."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        fit = fit.whole or fit
        with self._resampling:
            kernels = self._resampled_kernels(fit, int(n))
        near, tokens = self.graph(datum).around(int(token), fit.radius)
        whole = token_uncertainty(
            near,
            self._tokens(datum, fit)[tokens],
            fit.coef,
            kernels,
            fit.n_concepts,
            fit.radius,
            fit.settings.diffusive,
        )
        at = np.searchsorted(tokens, [int(token)])
        return TokenUncertainty(whole.score[at], whole.error[at], whole.agreement[at])

    def _resampled_kernels(self, fit, n):
        """(n, p) float64, under the edits, labels and embedded data that the fit was made with."""
        if (fit.key, n) not in self._resampled:
            _, counts = self._layer(fit.centroids, fit.settings)
            there = set(self.store.uids()) & fit.summary["predictions"].keys()
            rows = [row for row in self._rows if row.uid in there]
            uids, fitted_on = [row.uid for row in rows], {row.uid for row in rows if row.split != "test"}
            labels = {row.uid: fit.state.labels.get(row.uid, row.label) for row in rows}
            kernels = resampled_kernels(counts, uids, labels, fitted_on, fit.state, fit.settings, n, fit.target)
            self._resampled[fit.key, n] = kernels
        return _kept(self._resampled, (fit.key, n), max(_RESAMPLED_KEPT, len(self.classes)))

    def pair_tokens(self, datum, i, j, fit=None):
        """How many pairs (i, j) each token of a datum takes part in within the radius: (n,) int64."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        if not fit.radius:
            return np.zeros(self.n_tokens(datum), np.int64)
        only = np.zeros(n_features(fit.n_concepts, fit.radius))
        only[pair_index(i, j, fit.n_concepts)] = 1.0
        found = prospect(self.graph(datum), self.sprite(datum, fit), only, fit.n_concepts, fit.radius)
        return np.nan_to_num(found).astype(np.int64)

    def split_centroids(self, concept, into, seed, state):
        """Centres of the parts that a concept would be split into, largest part first: (into, d) float32.

        Found in a sample of its tokens, as many from each datum as its share.
        """
        fit, sprites = self._fitted(None)
        data = self._fitted_on()
        key = (fit.id, concept, into, seed, repr(state.steps), repr(state.merged), tuple(d.uid for d in data))
        with self._lock:
            if key in self._parted:
                return _kept(self._parted, key, _PREVIEWS_KEPT)
        groups = sprites.groups(state)
        tokens = {d.uid: np.flatnonzero((groups == concept)[sprites.edited(d.uid, state)]) for d in data}
        found = sum(len(each) for each in tokens.values())
        if found < into:
            raise CurationError(f"concept {concept} has {found} tokens: too few to split into {into}")
        rng, share = np.random.default_rng(seed), min(1.0, _SPLIT_SAMPLE / found)
        sampled = [np.sort(rng.choice(n, -int(-n * share // 1), replace=False)) for n in map(len, tokens.values())]
        with ThreadPoolExecutor(_READERS) as pool:
            parts = pool.map(lambda uid, rows: sprites.vectors(uid, tokens[uid])[rows], tokens, sampled)
            vectors = np.concatenate([np.asarray(part, np.float32) for part in parts])
        if not np.ptp(vectors, axis=0).any():
            raise CurationError(
                f"all tokens of {self.concept_name(concept, state)} have the same embedding: nothing tells parts of it "
                "apart; move single tokens to another concept instead, or embed with another encoder"
            )
        centroids = KMeansQuantizer(into, sample=len(vectors), seed=seed).fit(vectors).centroids_
        with self._lock:
            self._parted[key] = centroids
            return _kept(self._parted, key, _PREVIEWS_KEPT)

    def branches(self, fit=None, state=None):
        """How the concepts branch: Branch, the root of their tree as edits have left it; None where the quantizer made none.

        Parameters: state, the CurationState (default: all edits up to now).
        """
        fit, _ = self._fitted(fit)
        return None if fit.tree is None else branches(fit.tree, state or self.curation.state)

    def tree_parts(self, concept, into, state):
        """The fine concepts of the parts that the tree cuts a concept into, largest part first: list of lists.

        None where there is no tree, or it has no as many parts.
        """
        tree = self._fitted(None)[0].tree
        parts = [] if tree is None else tree.parts(leaves_of(tree, state)[concept], into)
        return [list(each) for each in parts] if len(parts) == into else None

    def concept_name(self, concept, state=None):
        """A concept's name: the expert's, else the one that the encoder gives it, else "concept N"."""
        state = state or self.curation.state
        return state.names.get(concept) or self._given_name(concept) or f"concept {concept}"

    def _given_name(self, concept):
        fit = self.current_fit if self._all_given else None
        if fit is None or fit.settings.quantizer != GIVEN or concept >= len(fit.centroids):
            return None
        return self._given_names.get(np.ascontiguousarray(fit.centroids[concept], np.float32).tobytes())

    def colours(self, fit=None):
        """Colour of each of the K concepts, "#rrggbb", edits applied; merged ones take the colour they went into."""
        fit, _ = self._fitted(fit)
        state = self.words(fit)
        base = concept_palette(fit.n_concepts)
        return [state.colours.get(home, base[home]) for home in (fit.state.home(k) for k in range(fit.n_concepts))]

    def concepts(self, fit=None):
        """Every concept that has not been merged away: list of Concept, ascending id."""
        fit, sprites = self._fitted(fit)
        state: CurationState = self.words(fit)
        colours = self.colours(fit)
        data = self.embedded()
        occurs = self._occurrences(fit, data)
        tokens = occurs.sum(axis=0)
        labels = [state.labels.get(datum.uid, datum.label) for datum in self._given(data)]
        totals = np.stack([occurs[[own == label for own in labels]].sum(axis=0) for label in range(len(self.classes))])
        sides = np.stack([np.delete(totals, fit.target, axis=0).sum(axis=0), totals[fit.target]])
        each, shares = (of / np.maximum(of.sum(axis=1, keepdims=True), 1) for of in (totals, sides))
        pinned = {fit.state.home(key) for key in fit.state.pins_of(fit.target) if not isinstance(key, tuple)}
        out = []
        for k in range(fit.n_concepts):
            if k not in fit.state.merged:
                merged = tuple(other for other in range(fit.n_concepts) if other != k and fit.state.home(other) == k)
                excluded = state.home(k) in state.excluded
                name, share = self.concept_name(k, state), (float(shares[0, k]), float(shares[1, k]))
                weight, by_class = fit.weight(k), tuple(float(of[k]) for of in each)
                out.append(
                    Concept(k, name, colours[k], excluded, merged, weight, k in pinned, int(tokens[k]), share, by_class)
                )
        return out

    def _given(self, data):
        """Data with the labels that they were given at first: corrections are in a CurationState."""
        rows = {row.uid: row for row in self._rows}
        return [rows[datum.uid] for datum in data]

    def _occurrences(self, fit, data):
        """How many tokens of each datum carry each concept: (n_data, K) int64. Kept: pages ask at every rerun."""
        with self._lock:
            key = (fit.id, tuple(datum.uid for datum in data))
            if key not in self._counted:
                rows = [np.bincount(self.concepts_of(datum, fit), minlength=fit.n_concepts) for datum in data]
                self._counted.clear()
                self._counted[key] = np.stack(rows)
            return self._counted[key]

    def part_sizes(self, fit=None):
        """How many tokens each concept has before merges: (K,) int64."""
        fit, sprites = self._fitted(fit)
        found = [sprites.edited(datum.uid, fit.state) for datum in self.embedded()]
        return np.bincount(np.concatenate(found), minlength=fit.n_concepts)

    def typical_tokens(self, concept, n=8, per_datum=2, fit=None):
        """The tokens nearest to their concept's centre, few from each datum: list of (Datum, token)."""
        fit, sprites = self._fitted(fit)
        found = []
        for order, datum in enumerate(self.embedded()):
            tokens = np.flatnonzero(self.concepts_of(datum, fit) == concept)
            distances = sprites.distances(datum.uid)[tokens]
            for at in np.argsort(distances, kind="stable")[:per_datum]:
                found.append((float(distances[at]), order, datum, int(tokens[at])))
        found.sort(key=lambda each: each[:2])
        return [(datum, token) for _, _, datum, token in found[:n]]

    def predictions(self, fit=None):
        """P of the fit's class of every embedded datum: {uid: float}; held out where the datum was fitted on.

        P of every class, and the predicted one: ``fit.probabilities(uid)``, ``fit.predicted(uid)``.
        """
        fit, _ = self._fitted(fit)
        return dict(fit.summary["predictions"])

    def score_limit(self, fit=None):
        """Score of the strongest colour of a fit's class, the same for every datum, so that colours compare: float.

        The 99.5 % quantile of the size of scores over the embedded data; of many or large ones, over some that are spread
        over the study and hold half a million tokens: an edit must not wait for the maps of all. Kept: pages ask at every rerun.
        """
        fit, _ = self._fitted(fit)
        data = self._spread(self.embedded())
        key = (fit.key, tuple(datum.uid for datum in data))
        if key not in self._limits:
            limit = map_limit([self.prospect(datum, fit) for datum in data])
            with self._lock:
                while len(self._limits) >= _FIT_VIEWS_KEPT:
                    self._limits.pop(next(iter(self._limits)))
                self._limits[key] = limit
        return self._limits[key]

    def _spread(self, data):
        """Some of the data, evenly over all of them: 200 at most, and no more once they hold half a million tokens."""
        # steps of the golden ratio: however many are taken, they lie apart
        order = np.argsort(np.arange(len(data)) * ((5**0.5 - 1) / 2) % 1, kind="stable") if data else []
        taken, tokens = [], 0
        for index in map(int, order[:_LIMIT_DATA]):
            if tokens >= _LIMIT_TOKENS:
                break
            taken.append(index)
            tokens += self.n_tokens(data[index])
        return [data[index] for index in sorted(taken)]

    def strongest_class(self, datum, fit=None):
        """The class that each token of a datum speaks for most: StrongestClass.

        Scores of different kernels are made comparable by dividing each class's by its score of the strongest colour
        (``score_limit``). Of two classes it is class 1 where the score is positive, else class 0.
        """
        fit, _ = self._fitted(fit)
        if self.several:
            fits = [fit.of_class(target) for target in range(len(self.classes))]
            scales = np.array([self.score_limit(each) for each in fits])
            scores = np.stack([self.prospect(datum, each) for each in fits]) / scales[:, None]
        else:
            scales = np.full(2, self.score_limit(fit))
            scores = self.prospect(datum, fit) / scales[0] * np.array([[-1.0], [1.0]])
        known = np.isfinite(scores).all(axis=0)
        two = np.sort(scores, axis=0)[-2:]
        winner = np.where(known, scores.argmax(axis=0), -1)
        return StrongestClass(winner, np.where(known, two[1] - two[0], np.nan), scales)

    def atlas(self, n=3000, seed=0):
        """A sample of the embedded tokens laid out in the plane: Atlas. Kept in the study; the first call takes a while.

        Parameters: n, tokens at most, as many from each datum; seed. Raises EmbeddingError.
        """
        data = self.embedded()
        sizes = [self.n_tokens(datum) for datum in data]
        uids = [datum.uid for datum in data]
        records = [json.dumps(self.store.layout(uid)[1], sort_keys=True) for uid in uids]
        datum, token = sample_tokens(sizes, n, seed)

        def compute():
            vectors = getattr(self.kind, "atlas_vectors", lambda study, uid: study._embeddings(uid))
            parts = [vectors(self, uid)[token[datum == at]] for at, uid in enumerate(uids) if (datum == at).any()]
            return lay_out(np.concatenate(parts) if parts else np.empty((0, 1)), seed)

        key = atlas_key(uids, sizes, records, n, seed)
        return Atlas(uids, datum, token, DerivedArrays(self.path / "derived", self._derived).get(key, compute))

    def evidence(self, fit=None):
        """Total evidence of every embedded datum, the sum of its prospect map: {uid: float}. From cached counts."""
        fit, _ = self._fitted(fit)
        _, counts = self._layer(fit.centroids, fit.settings)
        data = self.embedded()
        if fit.settings.diffusive:  # weighs neighbours by distance: no longer a sum over counts
            return {datum.uid: float(np.nansum(self.prospect(datum, fit))) for datum in data}
        active = fit.state.active(fit.n_concepts)
        found = counts.compact([(datum.uid, None) for datum in data], fit.state)
        totals = found @ compact_coef(fit.coef, active, fit.n_concepts, fit.radius) / counts.unit
        return {datum.uid: float(total) for datum, total in zip(data, totals)}

    def save_maps(self, data=None, progress=None, on=None):
        """Compute the current fit's maps (of the class that the study is seen from) and keep them. Returns {uid: path}.

        Parameters: data (default: all embedded); progress, function(done, total); on, where it runs, from
        ``scheduling.scheduler`` (default: here).
        """
        fit, _ = self._fitted(None)
        uids = [self.datum(each).uid for each in data] if data else [datum.uid for datum in self.embedded()]
        written = {}
        on = on or InProcess()
        with tasks.place_of(self, on) as place:
            for done in on.run(tasks.save_map, uids, place, fit.id, self.target):
                written[done.item] = done.get()
                if progress:
                    progress(len(written), len(uids))
        return {uid: written[uid] for uid in uids}

    def save_map(self, datum, fit=None):
        """Compute a datum's map under a fit and keep it in the study. Returns its path."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(self._prospect(datum, fit)), allow_pickle=False)
        path = self._map_file(datum, fit)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
        return path


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
            f"the installed quantizer {settings.quantizer} gave centroids {centroids.shape}, not finite ones of "
            f"{(settings.concepts, sample.shape[1])}"
        )
    return centroids


def _adopt(path, vectors):
    """Take the vectors of a folder for a study that was just made; the study goes again where that fails."""
    study = Study(path)
    try:
        adopt_vectors(study, vectors)
    except Exception:
        study.database.close()
        shutil.rmtree(path, ignore_errors=True)
        raise
    study.database.close()


def _kept(cache, key, most):
    """An entry of an ordered cache; the oldest beyond ``most`` are dropped."""
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
    return cache[key]


def _now():
    return datetime.now(UTC).isoformat(timespec="seconds")
