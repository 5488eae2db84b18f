"""Opening a study folder, and making one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInputError, StudyError
from ..modalities.registry import modality_of
from ..store.allowed_addresses import allow, check_address
from ..store.cache import Cache
from ..store.database import Database
from ..store.readable import require_readable
from ..store.remote import check_free
from ..store.removal import check_links, remove_made
from .create import create_study, kind_of_sources
from .data import DataTable
from .embeddings_address import StudyAddress
from .own_vectors import adopt_vectors
from .queue import Queue
from .records import check_meta
from .sources import Sources

if TYPE_CHECKING:
    from .study import Study

__all__ = ["create", "parts_of"]

_REMEMBERED = 2**31  # bytes; all of it can be made again
_LITTLE = 2**26


def parts_of(path: str | Path, copy: str | Path | None = None, little: bool = False) -> dict[str, Any]:
    """What the study in a folder is made of, by the names of its fields.

    Raises StudyError, StudyVersionError, StudyDamagedError.

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
    kind, n_classes = modality_of(meta["modality"]).of(meta["embedding"]), len(meta["classes"])
    address = StudyAddress(path, database)
    files = Sources(database, path, kind.words.source)
    return {
        "path": path,
        "database": database,
        "name": meta["name"],
        "modality": meta["modality"],
        "kind": kind,
        "classes": tuple(meta["classes"]),
        "embedding": meta["embedding"],
        "address": address,
        "table": DataTable(database, n_classes, files.forget),
        "files": files,
        "queue": Queue(database, path, address),
        "memory": Cache(_LITTLE if little else _REMEMBERED),
        "target": n_classes - 1,
        "chosen": n_classes - 1 if n_classes == 2 else None,
    }


def create(study_type: type[Study], path: str | Path, *, labels: Any = None, **options: Any) -> Study:
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
        ``own_vectors``); of slides they need coordinates, give ``features`` in place of slides
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
        _finish(study_type, path, lambda study: adopt_vectors(study, vectors))
    if store is not None:
        _finish(study_type, path, lambda study: _keep_there(study, store))
    return study_type.open(path)


def _finish(study_type: type[Study], path: str | Path, step: Callable[[Study], object]) -> None:
    """Do the last step of making a study; the study goes again where that fails."""
    study = study_type.open(path)
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
