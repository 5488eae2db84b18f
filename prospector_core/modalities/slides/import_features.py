"""A study made of features that another pipeline computed, with or without the slides at hand."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbeddingError, LabelsError, SlideError
from ...store.embeddings import EmbeddingStore
from ...store.place import portable
from ..labels import LabelTable
from ..parts import NewStudy
from .create import slide_info
from .feature_files import find_feature_files, read_features, read_vectors
from .feature_grid import grid_of_coordinates
from .options import SlideOptions
from .readers import list_slides

if TYPE_CHECKING:
    from typing import Any

    from ...store.database import Database
    from ..labels import LabelRow
    from .feature_files import FeatureFile
    from .feature_grid import FoundGrid

__all__ = ["look_at_features"]


def look_at_features(
    path: Path,
    slides: str | os.PathLike[str] | list | None,
    labels: LabelTable,
    options: SlideOptions,
    progress: Callable[[int, int], None] | None,
) -> NewStudy:
    """Read the feature files that a labels table names. See ``Study.from_features``.

    Parameters
    ----------
    path : Path
        Of the study.
    slides : folder of slides, list of files, or None
        Those that are at hand.
    labels : LabelTable
    options : SlideOptions
        With ``features``, perhaps ``patches`` and ``slide_mpp``; others are of slides that are embedded.
    progress : function(files looked at, files), or None
    """
    rows, classes = labels.read()
    found_files = [Path(os.path.abspath(file)) for file in find_feature_files(options.features)]
    matched = labels.match(rows, found_files)
    files = sorted(set(matched))
    found, steps = {}, 2 * len(files)
    at_hand = _slides_by_stem(slides, files) if slides else {}
    sources, grids = {}, {}
    for number, file in enumerate(files, start=1):
        one = found[file] = read_features(file, options.patches)
        _check_alike(one, found[files[0]])
        grids[file] = grid_of_coordinates(one.coords, one.patch, one.stride, file.name) if one.n else None
        slide = at_hand.get(file.stem.lower())
        info = slide_info(slide, options.slide_mpp) if slide else _info(one, options.slide_mpp)
        info["features"] = {"file": file.name, "encoder": one.encoder, "patches": one.n}
        place = slide or Path("slides-not-at-hand") / file.stem
        sources[file] = (portable(file, path), info, place)
        if progress:
            progress(number, steps)
    first = next((found[file] for file in files if found[file].n), None)
    if first is None:
        raise EmbeddingError(
            f"none of the {len(files)} feature files of {options.features} holds a patch: make them again"
        )
    data = [
        (row, file, _tokens(row, found[file], grids[file], labels.name)) for row, file in zip(rows, matched)
    ]
    embedding = {
        "encoder": first.encoder,
        "mpp": _mpp(first),
        "tile": first.tile,
        "min_tissue": None,
        "imported": True,
    }

    def fill(folder: Path, database: Database) -> None:
        ordered = sorted(data, key=lambda each: files.index(each[1]))
        for done in _fill(folder, database, ordered, found, grids, sources):
            if progress:
                progress(steps // 2 + done * (steps - steps // 2) // len(data), steps)

    return NewStudy(rows, classes, matched, sources, embedding, fill)


def _slides_by_stem(slides: str | os.PathLike[str] | list, files: list[Path]) -> dict[str, Path]:
    """Slides by their names without ending (``.ome.tif`` is one). Raises SlideError where none has a file."""
    listed = list_slides(slides)
    found = {slide.stem.lower().removesuffix(".ome"): slide.resolve() for slide in listed}
    found |= {slide.stem.lower(): slide.resolve() for slide in listed}
    if not any(file.stem.lower() in found for file in files):
        names = ", ".join(slide.name for slide in listed[:3]) or "none"
        raise SlideError(
            f"no slide of {slides} is called like a feature file ({files[0].name}); it holds {names}: give"
            " the folder of their slides, or none"
        )
    return found


def _fill(
    folder: Path,
    database: Database,
    data: list[tuple[Any, Path, np.ndarray]],
    found: dict[Path, FeatureFile],
    grids: dict[Path, FoundGrid | None],
    sources: dict[Path, tuple[str, dict, Path]],
) -> Iterator[int]:
    """Write the vectors of all data, given as (row of the labels, file, tokens), file by file.

    Yields how many are done.
    """
    store, kept = EmbeddingStore(folder / "embeddings.zarr"), {}
    uids = dict(database.read("SELECT name, uid FROM data"))
    for number, (row, file, tokens) in enumerate(data, start=1):
        one, grid = found[file], grids[file]
        if len(tokens):
            if file not in kept:
                kept = {file: read_vectors(one)}  # one file in memory at a time
            attrs = _attrs(one, grid, sources[file][1])
            store.write(uids[row.name], kept[file][tokens], grid.positions[tokens], attrs)
        message = "" if len(tokens) else "its feature file holds no patch here: left out"
        with database.transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (kind, uid, state, done, total, message, updated) "
                "VALUES ('embed', ?, 'done', ?, ?, ?, ?)",
                (uids[row.name], len(tokens), len(tokens), message, time.time()),
            )
        yield number


def _check_alike(one: FeatureFile, first: FeatureFile) -> None:
    """Vectors of two encoders must not meet in one study."""
    if one.dim and first.dim and one.dim != first.dim:
        raise EmbeddingError(
            f"{one.path.name} has {one.dim} numbers per patch and {first.path.name} {first.dim}: features of"
            " one encoder are needed"
        )
    if one.encoder != first.encoder:
        raise EmbeddingError(
            f"{one.path.name} is of the encoder {one.encoder} and {first.path.name} of {first.encoder}:"
            " features of one encoder are needed"
        )


def _info(one: FeatureFile, slide_mpp: float | None) -> dict[str, float | str | None]:
    """What is known of a slide that is not available."""
    if one.size:
        width, height = one.size
    else:
        width, height = (
            (np.ceil(one.coords.max(axis=0) + (one.patch or one.stride or 0)).astype(int).tolist())
            if one.n
            else (0, 0)
        )
    stated = 10.0 / one.level0_magnification if one.level0_magnification else None
    mpp = stated
    if mpp is None and slide_mpp is not None:
        mpp = slide_mpp(one.path.name) if callable(slide_mpp) else slide_mpp
    return {
        "width": width,
        "height": height,
        "mpp": mpp,
        "stated_mpp": None,
        "objective_power": one.level0_magnification,
        "format": "features",
        "bounds": None,
        "at_hand": False,
    }


def _tokens(row: LabelRow, one: FeatureFile, grid: FoundGrid | None, table: str) -> np.ndarray:
    """The patches of a datum: all, or those whose centre is in its field."""
    if grid is None or row.field is None:
        return np.arange(one.n)
    centres = np.array(grid.origin) + (grid.positions[:, ::-1] + 0.5) * grid.pitch
    field = row.field
    inside = (centres >= (field.x, field.y)) & (centres < (field.x + field.width, field.y + field.height))
    tokens = np.flatnonzero(inside.all(axis=1))
    if not tokens.size:
        raise LabelsError(f"{table}: no patch of {one.path.name} is in the field of {row.name!r}: correct it")
    return tokens


def _mpp(one: FeatureFile) -> float | None:
    return 10.0 / one.magnification if one.magnification else None


def _attrs(
    one: FeatureFile, grid: FoundGrid, info: dict[str, dict[str, int | str] | float | str | None]
) -> dict[str, Any]:
    return {
        "kind": "features",
        "origin": list(grid.origin),
        "pitch": grid.pitch,
        "shape": list(grid.shape),
        "tile": one.tile,
        "mpp": _mpp(one),
        "patch": one.patch,
        "shift": grid.shift,
        "slide": {key: info[key] for key in ("width", "height", "mpp")},
        # "name" in these files is the slide's: whoever wants it finds it in the study's sources
        "encoder": {
            "name": one.encoder,
            "imported": json.loads(json.dumps({k: v for k, v in one.attrs.items() if k != "name"})),
        },
    }
