"""The study: what pages, plugins and commands talk to."""

import copy
import threading
from collections import OrderedDict

from ..errors import BadInputError, FitError, StudyError
from ..store.cache import TileCache
from ..store.derived import DERIVED_KEPT
from ..store.readable import require_readable
from ..store.remote import check_free
from ..store.removal import remove_made
from ..store.trust import allow, check_address
from .create import create_study, kind_of_sources
from .findings import StudyFindings
from .own_vectors import adopt_vectors

__all__ = ["Study"]

_MAPS_KEPT = 2**28  # bytes


class Study(StudyFindings):
    """A study folder: data, labels, embeddings, concepts, kernel, maps, and the journal of edits.

    Use ``Study.create`` or ``Study.open``. Thread-safe: pages and jobs may share one. Raises StudyError,
    StudyVersionError, StudyDamagedError.

    Where there are more than two classes, there is one kernel per class, and a study is always seen from one
    of them (``target``): at first from the last, and by ``of_class`` from any.
    """

    def __init__(self, path, copy=None):
        require_readable(path, StudyError)
        super().__init__(path, copy)
        self._fits, self._layers, self._counted, self._fit_views = {}, {}, {}, OrderedDict()
        self._maps, self._derived = TileCache(_MAPS_KEPT), TileCache(DERIVED_KEPT)
        self._previews, self._parted = OrderedDict(), OrderedDict()
        self._resampled, self._doubts = OrderedDict(), TileCache(_MAPS_KEPT)
        self._part_maps = self.kind.partial_maps()
        self._resampling = threading.Lock()  # not the study's: what is not about uncertainty need not wait
        self._limits, self._views, self._through, self._digests = {}, {}, None, {}

    @classmethod
    def create(cls, path, *, labels=None, **options):
        """Make a study; nothing is embedded yet.

        Parameters
        ----------
        path : folder to make
        slides : folder of slides, or list of files; in its place, those of another kind of data, under its
            name (``modalities.modality_names``): structures, folder of PDB and mmCIF files, or list of files;
            its options, here those of slides, are those of its ``Modality.options``
        labels : labels table (see ``labels.read_labels``)
        name, encoder ("efficientnet-lite0"), mpp (0.5), tile (224 pixels at that mpp), min_tissue (0.25)
        slide_mpp : microns per pixel for slides that do not say: a number, or a function of the file's name;
            without it their pixels are taken as they are
        stain : "macenko" or "reinhard": tiles are brought to the colours of a reference (see
            ``prospector_core.modalities.slides.stain``)
        file_column, label_column, positive : which columns, and which class is class 1, if not obvious
        progress : function(files looked at, files)
        on : of slides and structures, where files are looked at, from ``scheduling.scheduler`` (default:
            here)
        embeddings : folder of vectors of one's own, one file per datum, in place of an encoder (see
            ``own_vectors``); of slides they need coordinates, see ``from_features``
        store : address such as "s3://bucket/prefix", where embeddings are kept (default: in the folder); see
            ``trust``
        secret : bytes that the opaque numbers of data are keyed by (default: new ones, so that two studies of
            the same data have different numbers)

        Raises StudyError, LabelsError, SlideError, BadInputError; then no folder is left behind.
        """
        options = {option: value for option, value in options.items() if value is not None}
        kind = kind_of_sources(options)
        name, secret, store, vectors = (
            options.pop(option, None) for option in ("name", "secret", "store", "embeddings")
        )
        if store is not None:
            store = check_free(check_address(store))
        if vectors is not None:
            if "encoder" in options:
                raise BadInputError("your own vectors need no encoder: leave one of the two out")
            if kind.vectors_option is not None:
                options[kind.vectors_option], vectors = vectors, None
        if store is not None and kind.imports(options):
            raise BadInputError("store is for what is embedded here: features are kept in the study's folder")
        create_study(path, kind, labels, options, name=name, secret=secret)
        if vectors is not None:
            _finish(path, lambda study: adopt_vectors(study, vectors))
        if store is not None:
            _finish(path, lambda study: _keep_there(study, store))
        return cls(path)

    @classmethod
    def from_features(cls, path, *, features, labels, **options):
        """Make a study of features that TRIDENT or CLAM computed; it can be fitted at once.

        Parameters
        ----------
        path : folder to make
        features : folder of HDF5 files, one per slide, with ``features`` and ``coords`` (level-0 pixels)
        labels : labels table; its file column names slides or feature files
        slides : folder of the slides, if they are at hand; without one everything but the picture works
        patches : folder of CLAM's patches step, which says how large patches are; looked for beside the
            features
        name, slide_mpp, file_column, label_column, positive, progress : as for ``create``

        A slide without patches is listed, has no tokens, and is left out of fits and maps. Raises StudyError,
        LabelsError, EmbeddingError, SlideError, MissingExtraError; then no folder is left behind.
        """
        return cls.create(path, labels=labels, features=features, **options)

    @classmethod
    def open(cls, path):
        """Open a study folder."""
        return cls(path)

    def keep_little(self):
        """Keep no more than one datum's arrays in memory, as a worker does.

        It sees each of many data once.
        """
        self._tokens_kept = 1
        for cache in (self._maps, self._derived, self._doubts):
            cache.max_bytes = 2**26

    def of_class(self, key):
        """This study seen from one class, by number or name.

        ``current_fit``, maps, explanations, weights and edits are of that class. It is the same study, with
        the same memory. Raises BadInputError, FitError.

        With two classes the study is always seen from class 1: negative weights and scores speak for class 0.
        """
        target = self.class_index(key)
        if not self.several:
            if target != self.target:
                raise FitError(
                    f"{self.name!r} has two classes and one kernel: negative weights and scores speak for"
                    f" {key!r}"
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
        """This study with another fit in place of its current one, for looking and exporting.

        Study, with the same memory.
        """
        view = copy.copy(self)
        view.curation, view._through = self.curation.seen_by(view), fit
        return view

    def class_views(self):
        """What to look at to see every class.

        This study alone, or where there are several classes and none was chosen, the study seen from each of
        them: list of Study.
        """
        if self.chosen is not None:
            return [self]
        return [self.of_class(target) for target in range(len(self.classes))]


def _finish(path, step):
    """Do the last step of making a study, function(study); the study goes again where that fails."""
    study = Study(path)
    try:
        step(study)
    except BaseException:
        study.database.close()
        remove_made(path)
        raise
    study.database.close()


def _keep_there(study, store):
    """Say where the embeddings of a new study are kept: who makes it allows the address."""
    study.database.write_meta("store", store)
    allow(study.path, study.identity, store)
    study.store.claim()
