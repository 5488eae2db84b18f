"""The study: what pages, plugins and commands talk to."""

import copy
import shutil
import threading
from collections import OrderedDict

from ..errors import BadInputError, FitError, StudyError
from ..modalities import MODALITIES, modality_of
from ..readable import require_readable
from ..readers.cache import TileCache
from ..remote import check_url
from .coarse import PartMaps
from .derived import DERIVED_KEPT
from .findings import StudyFindings
from .import_features import create_study_of_features
from .own_vectors import adopt_vectors

__all__ = ["Study"]

_MAPS_KEPT = 2**28  # bytes


class Study(StudyFindings):
    """A study folder: data, labels, embeddings, concepts, kernel, maps, and the journal of edits.

    Use ``Study.create`` or ``Study.open``. Thread-safe: pages and jobs may share one. Raises StudyError,
    StudyVersionError, StudyDamagedError.

    Where there are more than two classes, there is a kernel a class, and a study is always seen from one of them
    (``target``): at first from the last, and by ``of_class`` from any.
    """

    def __init__(self, path, copy=None):
        require_readable(path, StudyError)
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
