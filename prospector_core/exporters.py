"""Maps for other programs, one file per datum, in the formats of the study's kind (``Modality.exports``).

Nothing written names the slide's file or its folder unless ``names`` asks for it: files are called after the
datum's opaque uid.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BadInputError, EmbeddingError
from .modalities.registry import modalities
from .scheduling import InProcess
from .store.files import storage_errors, write_atomic
from .study.chance import masked_study
from .study.worker_context import Place, place_of, seen_at
from .wording import file_stem

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace
    from typing import Any

    from .modalities.parts import Export
    from .scheduling import OnCluster
    from .study.data import Datum
    from .study.study import Study

__all__ = ["export", "format_names", "write_files"]


def format_names() -> list[str]:
    """Return the names of the formats of all kinds of data, each once."""
    return list(dict.fromkeys(name for kind in modalities() for name in kind.exports))


def export(
    study: Study,
    format: str,
    folder: Path,
    data: list[Datum] | None = None,
    names: bool = False,
    progress: Callable[..., object] | None = None,
    on: OnCluster | None = None,
    **options: Any,
) -> dict[str, Path]:
    """Write a study's maps.

    Parameters
    ----------
    study : Study, fitted
    format : one of ``study.kind.exports``: of all "csv", "parquet"; of slides "geojson", "ome-tiff"; of
        structures "bfactor" (PDB), "mmcif", "defattr", "pml", "molviewspec"; of documents "html", "jsonl",
        "annotations"; of cells and graphs "geojson", "h5ad"
    folder : where to write; made if it is not there
    data : data to write (default: all that are embedded)
    names : call files after the data instead of their opaque uids
    progress : function(done, total)
    on : where maps are computed and written, from ``scheduling.scheduler`` (default: here); workers must see
        the folder
    options : of the format, e.g. ``threshold`` for geojson

    Returns {uid: path}. Raises BadInputError, FitError, StorageFullError.
    """
    formats = study.kind.exports
    if format not in formats:
        known = format_names()
        if format not in known:
            raise BadInputError(f"there is no export format {format!r}: choose one of {', '.join(known)}")
        raise BadInputError(
            f"{format} is not a format for {study.kind.words.data}: choose one of {', '.join(formats)}"
        )
    chosen = formats[format]
    if set(options) - set(chosen.options):
        have = [name for name, one in formats.items() if set(options) <= set(one.options)]
        only = f"only {' and '.join(have)} has" if have else "leave it out"
        raise BadInputError(f"{format} has no choice of {' or '.join(options)}: {only}")
    return write_files(study, chosen, folder, data, names, progress, on=on, **options)


def write_files(
    study: Study,
    format: Export,
    folder: Path,
    data: list[Datum] | None = None,
    names: bool = False,
    progress: Callable[..., object] | None = None,
    by_slide: bool = False,
    on: OnCluster | None = None,
    **options: Any,
) -> dict[str, Path]:
    """Write one file per datum, whatever makes its content.

    Parameters: as ``export``, but format, the ending of the files and what writes one (Export; on workers
    its function is one of a module, or a partial of one); by_slide, one file per slide, called after it,
    of the first of its data. Returns {uid of datum or slide: path}.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file: give a folder to export into")
    chosen = [study.datum(each) for each in data] if data else study.embedded()
    if not chosen:
        raise EmbeddingError(f"no datum of {study.path} is embedded: run `prospector embed` first")
    about = {datum.uid: (datum, datum) for datum in chosen}
    if by_slide:
        about = {datum.source: (study.sources[datum.source], datum) for datum in reversed(chosen)}
        about = dict(reversed(about.items()))
    stems = _file_stems([named for named, _ in about.values()], names)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written = {uid: folder / f"{stems[uid]}{format.suffix}" for uid in about}
    items = [(datum.uid, str(written[uid].resolve())) for uid, (_, datum) in about.items()]
    on = on or InProcess()
    mask = study.view and study.view.mask
    with place_of(study, on) as place:
        what = place, study.target, mask and mask.level, format.write, options
        for number, done in enumerate(on.run(_write_at, items, *what), start=1):
            done.get()
            if progress:
                progress(number, len(items))
    return written


def _write_at(
    place: Place,
    target: int,
    level: float | None,
    write: Callable[..., bytes],
    options: dict[str, Any],
    item: tuple[str, str],
) -> None:
    """Write one file of an export.

    Parameters: level, the false discovery rate of the mask that the study is seen through, or None; write,
    function(study, datum, **options) -> bytes; item, (uid of the datum, path).
    """
    uid, path = item
    study = seen_at(place, target)
    if level is not None and (study.view.mask is None or study.view.mask.level != level):
        study, _ = masked_study(study, level)  # what shuffled labels give is kept in the study
    write_atomic(path, write(study, study.datum(uid), **options))


def _file_stems(data: list[Datum | SimpleNamespace], names: bool) -> dict[str, str]:
    """{uid: file name of data (or slides) without its ending}.

    Names that would be one and the same file get their uid too.
    """
    if not names:
        return {datum.uid: datum.uid for datum in data}
    stems = {d.uid: file_stem(d.name) or d.uid for d in data}
    often = Counter(
        stem.casefold() for stem in stems.values()
    )  # file systems may not tell upper case from lower
    return {uid: f"{stem} {uid}" if often[stem.casefold()] > 1 else stem for uid, stem in stems.items()}
