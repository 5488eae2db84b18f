"""Maps for other programs: QuPath GeoJSON, pyramidal OME-TIFF, CSV and Parquet, one file a datum.

Nothing written names the slide's file or its folder unless ``names`` asks for it: files are called after the datum's
opaque uid.
"""

from collections import Counter
from pathlib import Path

from ..errors import BadInputError, EmbeddingError
from ..files import storage_errors, write_atomic
from .geojson import geojson
from .ometiff import ome_tiff
from .tables import csv_table, parquet_table

__all__ = ["FORMATS", "export"]

FORMATS = {
    "geojson": (".geojson", geojson),
    "ome-tiff": (".ome.tif", ome_tiff),
    "csv": (".csv", csv_table),
    "parquet": (".parquet", parquet_table),
}


def export(study, format, folder, data=None, names=False, progress=None, **options):
    """Write a study's maps.

    Parameters
    ----------
    study : Study, fitted
    format : "geojson", "ome-tiff", "csv" or "parquet"
    folder : where to write; made if it is not there
    data : data to write (default: all that are embedded)
    names : call files after the data instead of their opaque uids
    progress : function(done, total)
    options : of the format, e.g. ``threshold`` for geojson

    Returns {uid: path}. Raises BadInputError, FitError, StorageFullError.
    """
    if format not in FORMATS:
        raise BadInputError(f"there is no export format {format!r}: choose one of {', '.join(FORMATS)}")
    suffix, write = FORMATS[format]
    if format != "geojson" and options:
        raise BadInputError(f"{format} has no choice of {' or '.join(options)}: only geojson has")
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file: give a folder to export into")
    chosen = [study.datum(each) for each in data] if data else study.embedded()
    if not chosen:
        raise EmbeddingError(f"no datum of {study.path} is embedded: run `prospector embed` first")
    stems = _file_stems(chosen, names)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for done, datum in enumerate(chosen, start=1):
        path = folder / f"{stems[datum.uid]}{suffix}"
        write_atomic(path, write(study, datum, **options))
        written[datum.uid] = path
        if progress:
            progress(done, len(chosen))
    return written


def _file_stems(data, names):
    """{uid: file name without its ending}. Names that would be one and the same file get their uid too."""
    if not names:
        return {datum.uid: datum.uid for datum in data}
    stems = {d.uid: "".join(c if c.isalnum() or c in " -_." else "_" for c in d.name)[:100] for d in data}
    often = Counter(stem.lower() for stem in stems.values())  # file systems may not tell upper case from lower
    return {uid: f"{stem} {uid}" if often[stem.lower()] > 1 else stem for uid, stem in stems.items()}
