"""Opening a study folder, and making one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BadInputError, StudyError
from ..modalities import MODALITIES, modality_of
from ..modalities.slides.import_features import create_study_of_features
from ..store.cache import Cache
from ..store.database import Database
from ..store.readable import require_readable
from ..store.remote import check_free
from ..store.removal import check_links, remove_made
from ..store.trust import allow, check_address
from .address import StudyAddress
from .data import DataTable
from .own_vectors import adopt_vectors
from .queue import Queue
from .records import check_meta
from .sources import Sources
from .study import Study

__all__ = ["create_any_study", "create_from_features", "open_study"]

_REMEMBERED = 2**31  # bytes; all of it can be made again
_LITTLE = 2**26


def open_study(path: str | Path, copy: str | Path | None = None, little: bool = False) -> Study:
    """The study in a folder. Raises StudyError, StudyVersionError, StudyDamagedError.

    Parameters
    ----------
    path : Path
    copy : str
        In the folder, a copy of the database to read in place of its own.
    little : bool
        Remember little, as a worker does, which sees each of many data once.
    """
    require_readable(path, StudyError)
    path = Path(path)
    if not path.is_dir():
        raise StudyError(f"there is no study {path}: make one with `prospector new`")
    check_links(path)
    database = Database(path / (copy or "study.sqlite"), copy is not None)
    meta = {key: database.read_meta(key) for key in ("name", "modality", "classes", "embedding")}
    meta["name"] = path.name if meta["name"] is None else meta["name"]
    check_meta(database.path, meta)
    kind, n_classes = modality_of(meta["modality"]), len(meta["classes"])
    kind = kind.of(meta["embedding"]) if hasattr(kind, "of") else kind
    address = StudyAddress(path, database)
    return Study(
        path=path,
        database=database,
        name=meta["name"],
        modality=meta["modality"],
        kind=kind,
        classes=tuple(meta["classes"]),
        embedding=meta["embedding"],
        address=address,
        table=DataTable(database, n_classes),
        files=Sources(database, path, kind.words.source),
        queue=Queue(database, path, address),
        memory=Cache(_LITTLE if little else _REMEMBERED),
        target=n_classes - 1,
        chosen=n_classes - 1 if n_classes == 2 else None,
    )


def create_any_study(path: str | Path, *, labels: Any = None, **options: Any) -> Study:
    """Make a study of any kind of data; nothing is embedded yet.

    Parameters
    ----------
    path : folder to make
    slides : folder of slides, or list of files; in its place, another modality's (``modalities.MODALITIES``):
        structures, folder of PDB and mmCIF files, or list of files; then encoder, atom and cutoff are
        those of ``create_structures.create_structure_study``
    labels : labels table (see ``labels.read_labels``)
    name, encoder ("efficientnet-lite0"), mpp (0.5), tile (224 pixels at that mpp), min_tissue (0.25)
    slide_mpp : microns a pixel for slides that do not say: a number, or a function of the file's name;
        without it their pixels are taken as they are
    stain : "macenko" or "reinhard": tiles are brought to the colours of a reference (see
        ``prospector_core.modalities.slides.stain``)
    file_column, label_column, positive : which columns, and which class is class 1, if not obvious
    progress : function(files looked at, files)
    on : of slides and structures, where files are looked at, from ``scheduling.scheduler`` (default: here)
    embeddings : folder of vectors of one's own, a file a datum, in place of an encoder (see ``own_vectors``);
        of slides they need coordinates, see ``create_from_features``
    store : address such as "s3://bucket/prefix", where embeddings are kept (default: in the folder); see
        ``trust``
    secret : bytes that the opaque numbers of data are keyed by (default: new ones, so that two studies of the
        same data have different numbers)

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
        store = check_free(check_address(store))
    vectors = options.pop("embeddings", None)
    if vectors is not None:
        if options.get("encoder") is not None:
            raise BadInputError("vectors of one's own need no encoder: leave one of the two out")
        if given[0] == "slides":
            return create_from_features(
                path, features=vectors, slides=sources["slides"], labels=labels, **options
            )
    modality_of(given[0]).create(path, sources[given[0]], labels, **options)
    if vectors is not None:
        _finish(path, lambda study: adopt_vectors(study, vectors))
    if store is not None:
        _finish(path, lambda study: _keep_there(study, store))
    return open_study(path)


def create_from_features(path: str | Path, *, features: Any, labels: Any, **options: Any) -> Study:
    """Make a study of features that TRIDENT or CLAM computed; it can be fitted at once.

    Parameters
    ----------
    path : folder to make
    features : folder of HDF5 files, one a slide, with ``features`` and ``coords`` (level-0 pixels)
    labels : labels table; its file column names slides or feature files
    slides : folder of the slides, if they are at hand; without one everything but the picture works
    patches : folder of CLAM's patches step, which says how large patches are; looked for beside the features
    name, slide_mpp, file_column, label_column, positive, progress : as for ``create_any_study``

    A slide without patches is listed, has no tokens, and is left out of fits and maps. Raises StudyError,
    LabelsError, EmbeddingError, SlideError, MissingExtraError; then no folder is left behind.
    """
    create_study_of_features(path, features=features, labels=labels, **options)
    return open_study(path)


def _finish(path: str | Path, step: Callable[[Study], object]) -> None:
    """Do the last step of making a study; the study goes again where that fails."""
    study = open_study(path)
    try:
        step(study)
    except BaseException:
        study.database.close()
        remove_made(path)
        raise
    study.database.close()


def _keep_there(study: Study, store: str) -> None:
    """Say where the embeddings of a new study are kept: who makes it allows the address."""
    study.database.write_meta("store", store)
    allow(study.path, study.address.identity, store)
    study.store.claim()
