"""Tokens that are points, as small pictures.

A whole datum at a glance, or one token among those around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.palette import rgb_of

__all__ = ["paint_points", "points_around", "spacing_of"]

_GROUND, _LINE = (255, 255, 255), (190, 190, 190)


def spacing_of(positions: np.ndarray) -> float:
    """How far apart points are that fill their box evenly."""
    if len(positions) < 2:
        return 1.0
    sides = np.maximum(np.ptp(positions[:, :2], axis=0), 1e-9)
    return float(np.sqrt(sides.prod() / len(positions))) or 1.0


def paint_points(
    positions: np.ndarray, colours: np.ndarray, width: int, height: int | None = None
) -> np.ndarray:
    """Points as discs on white, y down: (height, width, 3) uint8.

    Parameters
    ----------
    positions : (n, 2) or (n, 3)
        The first two are drawn.
    colours : (n, 3) uint8
    width, height : int
        Pixels; without a height, that of the points at this width (their shape is kept), the longer side at
        most ``width``.
    """
    xy = np.asarray(positions, float)[:, :2]
    low, side = xy.min(axis=0), np.maximum(np.ptp(xy, axis=0), 1e-9)
    margin = 0.02 * side.max() + spacing_of(xy) / 2
    full = side + 2 * margin
    if height is None:
        scale = width / full.max()
        width, height = (max(1, int(np.ceil(each * scale))) for each in full)
    else:
        scale = min(width / full[0], height / full[1])
    at = (xy - low + margin) * scale + (np.array([width, height]) - full * scale) / 2
    image = np.full((height, width, 3), 255, np.uint8)
    reach = max(0.5, 0.42 * spacing_of(xy) * scale)
    steps = range(-int(reach), int(reach) + 1)
    x, y = np.floor(at).astype(int).T
    for dy in steps:
        for dx in steps:
            if dx * dx + dy * dy <= reach * reach:
                inside = (x + dx >= 0) & (x + dx < width) & (y + dy >= 0) & (y + dy < height)
                image[y[inside] + dy, x[inside] + dx] = colours[inside]
    return image


def points_around(
    positions: np.ndarray,
    edges: np.ndarray,
    colours: Sequence[str],
    token: int,
    side: int,
    reach: float,
) -> np.ndarray:
    """One token ringed in the middle of those around it, with their edges: (side, side, 3) uint8.

    Parameters
    ----------
    positions : (n, 2) or (n, 3)
        Of the tokens that may be seen.
    edges : (m, 2) int
        Among them.
    colours : list of n "#rrggbb"
    token : int
        Which of them is in the middle.
    reach : float
        How far is seen from the middle, in the unit of positions.
    """
    over = 2  # drawn twice as large and shrunk: smooth edges
    size = side * over
    xy = (np.asarray(positions, float)[:, :2] - positions[token][:2]) * (size / 2 / reach) + size / 2
    image = Image.new("RGB", (size, size), _GROUND)
    pen = ImageDraw.Draw(image)
    for a, b in edges:
        pen.line([*xy[a], *xy[b]], fill=_LINE, width=over)
    radius = max(2.0 * over, 0.36 * spacing_of(positions) * size / 2 / reach)
    order = np.argsort(np.arange(len(xy)) == token, kind="stable")  # the middle last: above all others
    for index in order:
        x, y = xy[index]
        if -radius < x < size + radius and -radius < y < size + radius:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=rgb_of(colours[index]))
    middle, wide = size / 2, radius + 2 * over
    pen.ellipse(
        [middle - wide, middle - wide, middle + wide, middle + wide], outline=(0, 0, 0), width=2 * over
    )
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))
