"""The truth of a study's tokens, from a table or a folder of masks: for scoring alone."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError

if TYPE_CHECKING:
    from ..study import Study

__all__ = ["read_truth"]

_DATUM = ("datum", "id", "name", "slide", "file", "document", "pdb_id")

_TRUTH = ("truth", "label", "positive", "tumor", "tumour", "zn_residue")

_PLACES = (
    ("token",),
    ("row", "col"),
    ("row", "column"),
    ("x", "y"),
    ("seqid",),
    ("residue",),
    ("sentence",),
    ("passage",),
    ("position",),
)


def read_truth(study: Study, source: Path) -> dict[str, np.ndarray]:
    """Truth of a study's tokens: {uid: (n,) bool}.

    Parameters
    ----------
    source : a folder of masks, images named as the slides are (a token is positive where most of its pixels
        are not 0), or a table (.csv, .tsv, also .gz) with a column for the datum (datum, id, name, ...), one
        for the truth (truth, tumor, ...) and where the token is: token (its number), or the words by which
        the study itself places a token (row and column, residue, sentence or passage)

    Raises BadInputError, saying which line is wrong.
    """
    source = Path(source)
    if source.is_dir():
        return _of_masks(study, source)
    if not source.is_file():
        raise BadInputError(
            f"there is no file or folder {source}: give a table of tokens, or a folder of masks"
        )
    return _of_table(study, source)


def _of_masks(study: Study, folder: Path) -> dict[str, np.ndarray]:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    files = {
        path.stem.removesuffix("_mask"): path
        for path in folder.iterdir()
        if path.suffix.lower() in (".png", ".tif", ".tiff", ".bmp")
    }
    found = {}
    for datum in study.embedded():
        path = files.get(Path(datum.name).stem)
        if path is None:
            continue
        mask = np.asarray(Image.open(path).convert("L")) > 0
        grid = study.grid(datum)
        (x0, y0), pitch = grid["origin"], grid["pitch"]
        sums = np.pad(mask.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
        positions = np.asarray(grid["positions"])
        top = np.clip((y0 + positions[:, 0] * pitch).round().astype(int), 0, mask.shape[0])
        left = np.clip((x0 + positions[:, 1] * pitch).round().astype(int), 0, mask.shape[1])
        bottom = np.clip((y0 + (positions[:, 0] + 1) * pitch).round().astype(int), 0, mask.shape[0])
        right = np.clip((x0 + (positions[:, 1] + 1) * pitch).round().astype(int), 0, mask.shape[1])
        area = np.maximum((bottom - top) * (right - left), 1)
        found[datum.uid] = (
            sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        ) * 2 > area
    if not found:
        raise BadInputError(f"no mask in {folder} is named as a slide of the study is")
    return found


def _of_table(study: Study, path: Path) -> dict[str, np.ndarray]:
    tab = path.name.removesuffix(".gz").endswith(".tsv")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t" if tab else ","))
    if not rows:
        raise BadInputError(f"{path.name} has no rows")
    columns = {name.strip().lower(): name for name in rows[0] if name}
    datum = next((columns[name] for name in _DATUM if name in columns), None)
    truth = next((columns[name] for name in _TRUTH if name in columns), None)
    place = next(
        (names for names in (*_PLACES, tuple(study.kind.place_names)) if all(n in columns for n in names)),
        None,
    )
    if datum is None or truth is None or place is None:
        raise BadInputError(
            f"{path.name} must have a column for the datum ({', '.join(_DATUM[:3])}), the truth"
            f" ({', '.join(_TRUTH[:3])}) and where the token is (token, or"
            f" {', '.join(study.kind.place_names)}); it has {', '.join(columns)}"
        )
    by_name = {}
    for each in study.embedded():
        by_name[each.name] = by_name[Path(each.name).stem] = each
    lines = defaultdict(list)
    for number, row in enumerate(rows, start=2):
        if row[datum] in by_name:
            lines[by_name[row[datum]].uid].append((number, row))
    if not lines:
        raise BadInputError(f"{path.name}: no datum of the study is named in the column {datum}")
    return {
        uid: _tokens_of(study, uid, some, columns, place, truth, path.name) for uid, some in lines.items()
    }


def _tokens_of(
    study: Study,
    uid: str,
    lines: list[tuple[int, dict]],
    columns: dict[str, str],
    place: tuple[str, ...],
    truth: str,
    file: str,
) -> np.ndarray:
    n = study.n_tokens(study.datum(uid))
    found = np.zeros(n, bool)
    if place == ("token",):
        where = {str(token): token for token in range(n)}
    else:
        said = study.kind.places(study, study.datum(uid))
        lower = {key.lower(): values for key, values in said.items()}
        names = [{"col": "column"}.get(name, name) if name not in lower else name for name in place]
        missing = [name for name in names if name not in lower]
        if missing:
            raise BadInputError(
                f"{file}: tokens of this study are not placed by {missing[0]!r}, but by {', '.join(said)}"
            )
        where = {"|".join(str(lower[name][token]).strip() for name in names): token for token in range(n)}
    for number, row in lines:
        key = "|".join(str(row[columns[name]]).strip() for name in place)
        value = str(row[truth]).strip().lower()
        if value not in ("0", "1", "true", "false", "yes", "no", "0.0", "1.0"):
            raise BadInputError(f"{file}, line {number}: {row[truth]!r} is not a truth: say 0 or 1")
        if key not in where:
            raise BadInputError(
                f"{file}, line {number}: {study.datum(uid).name} has no token at {', '.join(place)}"
                f" {key.replace('|', ', ')}"
            )
        found[where[key]] = value in ("1", "true", "yes", "1.0")
    return found
