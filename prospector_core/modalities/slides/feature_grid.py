"""The grid of tiles, found again from the coordinates that a feature file keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbeddingError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["FoundGrid", "grid_of_coordinates"]

_TOLERANCE = 0.02  # by how much a stride across may differ from one down, as a share


@dataclass(frozen=True)
class FoundGrid:
    """Where patches are.

    Attributes: positions (n, 2) int32 row, column; origin (x, y) and pitch, level-0 pixels, of the squares
    that are drawn; shape (rows, columns); shift, the largest distance in level-0 pixels between a patch's
    centre and its square's.
    """

    positions: np.ndarray
    origin: tuple
    pitch: float
    shape: tuple
    shift: float


def grid_of_coordinates(coords: np.ndarray, patch: float, stride: float | None, name: str) -> FoundGrid:
    """Rows and columns of patches.

    The distance of neighbours is read from the coordinates, so that any overlap or gap, and strides that were
    rounded to whole pixels, come out right; row = round((y - smallest y) / stride). The squares drawn are as
    wide as the stride and have the patches' centres.

    Where the regions of one slide were cut on grids of their own (CLAM does so), patches of two regions may
    round to one place; the further one moves to the nearest free place beside it.

    Parameters
    ----------
    coords : (n, 2) level-0 x, y of the patches' corners, n > 0
    patch : side of a patch in level-0 pixels, or None if not known (then the stride)
    stride : their distance as the file states it, or None; used where no two patches are neighbours
    name : file, for messages

    Raises EmbeddingError: the same coordinates twice, or coordinates that are on no grid.
    """
    coords = np.asarray(coords, np.float64)
    _refuse_doubles(coords, name)
    across, down = _stride(coords), _stride(coords[:, ::-1])
    steps = [each for each in (across, down) if each]
    square = len(steps) < 2 or abs(across - down) <= _TOLERANCE * max(steps) + 1
    # patches far apart, none beside another: what is read is a multiple of the stride
    stated = next(
        (each for each in (stride, None if square else patch) if each and _multiples(steps, each)), None
    )
    if stated:
        across = down = pitch = float(stated)
    elif not square:
        raise EmbeddingError(
            f"{name}: patches are {across:g} pixels apart across and {down:g} down: only square grids can be"
            " imported"
        )
    else:
        pitch = float(np.mean(steps)) if steps else stride or patch or _smallest_step(coords)
    if not pitch:
        raise EmbeddingError(
            f"{name} holds one patch and does not say its size: give the folder of its patches step too"
            " (--patches)"
        )
    low = coords.min(axis=0)
    exact = (coords - low) / np.array([across or pitch, down or pitch])
    places = np.rint(exact).astype(np.int64)
    places = _apart(places, exact, name)
    first = places.min(axis=0)
    places, low = places - first, low + first * pitch
    margin = ((patch or pitch) - pitch) / 2
    shift = float(np.hypot(*(coords - low - places * pitch).T).max())
    columns, rows = (places.max(axis=0) + 1).tolist()
    return FoundGrid(
        np.ascontiguousarray(places[:, ::-1].astype(np.int32)),
        tuple((low + margin).tolist()),
        pitch,
        (rows, columns),
        shift,
    )


def _refuse_doubles(coords: np.ndarray, name: str) -> None:
    found, first, counts = np.unique(coords, axis=0, return_index=True, return_counts=True)
    double = np.flatnonzero(counts > 1)
    if double.size:
        x, y = found[double[0]]
        raise EmbeddingError(
            f"{name}: {double.size} coordinates stand there more than once, the first is x {x:g}, y {y:g} "
            f"(patch {first[double[0]]}): make its features again"
        )


def _stride(coords: np.ndarray) -> float:
    """Distance of neighbours along the first axis: the commonest between patches of one line.

    None if there are none.
    """
    order = np.lexsort(coords.T)  # line by line, along it
    along, line = coords[order].T
    steps = np.diff(along)[np.diff(line) == 0]
    if not steps.size:
        return None
    # coordinates may be whole numbers of a stride that is none: 455 and 456 belong together
    counts = Counter(np.rint(steps).astype(int).tolist())
    near = {step: counts[step - 1] + counts[step] + counts[step + 1] for step in counts}
    most = max(near.values())
    common = min(
        step for step, count in near.items() if count >= most / 2
    )  # gaps are multiples of the stride
    common = max((common - 1, common, common + 1), key=lambda step: counts[step])
    multiple = np.rint(steps / common)
    fits = (multiple >= 1) & (np.abs(steps - multiple * common) <= 1.0 + 0.05 * common) & (multiple <= 8)
    return float(steps[fits].sum() / multiple[fits].sum()) if fits.any() else float(common)


def _multiples(steps: list[float], stride: float) -> bool:
    """Whether strides that were read are whole multiples of one, and not all once."""
    times = np.array(steps) / stride
    return bool(steps) and times.max() > 1.5 and bool((np.abs(times - np.rint(times)) < _TOLERANCE).all())


def _smallest_step(coords: Any) -> Any:
    steps = [np.diff(np.unique(each)) for each in coords.T]
    steps = np.concatenate(steps)
    return float(steps.min()) if steps.size else None


def _apart(places: np.ndarray, exact: np.ndarray, name: str) -> np.ndarray:
    """One patch a place: of those that round to one, the nearest stays."""
    far = np.hypot(*(exact - places).T)
    taken, again = {}, []
    for index in np.argsort(far, kind="stable").tolist():
        place = tuple(places[index].tolist())
        if place in taken:
            again.append(index)
        else:
            taken[place] = index
    places = places.copy()
    for index in again:
        beside = [tuple((places[index] + (dx, dy)).tolist()) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        free = [place for place in beside if place not in taken]
        if not free:
            raise EmbeddingError(
                f"{name}: too many patches are on one another, as around patch {index}: they are on no grid, "
                "or of two magnifications"
            )
        best = min(free, key=lambda place: (np.hypot(*(exact[index] - place)), place))
        taken[best] = index
        places[index] = best
    return places
