"""Smoothing of a prospect map: part of a token's score is the mean of the scores around it.

What a class looks like seldom ends at one token, while the counts of one token's surroundings are noisy. A
smoothed score is a mean of scores as they were, so that it still is a sum of the same terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from ..errors import FitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .graphs import TokenGraph

__all__ = ["MOST_STEPS", "check_smoothing", "smoothed", "smoothing_row"]

MOST_STEPS = 8


def check_smoothing(steps: int) -> int:
    """Steps of smoothing, 0 to 8. Raises FitError."""
    if not (isinstance(steps, (int, np.integer)) and 0 <= steps <= MOST_STEPS):
        raise FitError(f"smoothing is a whole number of steps, 0 to {MOST_STEPS}, got {steps}")
    return int(steps)


def smoothed(graph: TokenGraph, scores: np.ndarray, steps: int) -> np.ndarray:
    """Scores where each is mixed with those around it.

    The mean of a token's own score, of the mean within one hop of it, of the mean of those means within one
    hop, and so on: ``steps + 1`` levels, all of which count alike.

    Parameters
    ----------
    graph : TokenGraph of n tokens
    scores : (n,) or (n, m) float64
        m maps of the same tokens; NaN for tokens outside, which take part in no mean.
    steps : int
        0: as they are.

    Returns an array like ``scores``.

    Examples
    --------
    >>> from prospector_core import TokenGraph
    >>> smoothed(TokenGraph.from_chain(3, reach=1), np.array([0.0, 0.0, 6.0]), 1).tolist()
    [0.0, 1.0, 4.5]
    """
    scores = np.asarray(scores, np.float64)
    if not steps or not graph.n:
        return scores
    columns = scores.reshape(graph.n, -1)
    inside = np.isfinite(columns[:, 0])
    level = np.where(inside[:, None], columns, 0.0)
    total, step = level, _step(graph, inside)
    for _ in range(steps):
        level = step(level)
        total = total + level
    return np.where(inside[:, None], total / (steps + 1), np.nan).reshape(scores.shape)


def _step(graph: TokenGraph, inside: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function that replaces each token's scores (n, m) by the mean within one hop, itself included."""
    if graph.fits_raster(1):
        there = graph.to_raster(inside, 0.0, np.float64)
        share = np.where(there > 0, 1 / np.maximum(_box_sum(there), 1.0), 0.0)

        def on_grid(level: np.ndarray) -> np.ndarray:
            rasters = (graph.to_raster(column, 0.0, np.float64) for column in level.T)
            return np.stack([graph.from_raster(_box_sum(raster) * share) for raster in rasters], axis=1)

        return on_grid
    near, share = _near(graph, inside)
    return lambda level: (near @ level + level) * share[:, None]


def _near(graph: TokenGraph, inside: np.ndarray) -> tuple[csr_array, np.ndarray]:
    """Who is next to whom, (n, n), and 1 / how many tokens inside are within one hop (0 outside), (n,)."""
    near = csr_array((np.ones(len(graph.indices)), graph.indices, graph.indptr), shape=(graph.n, graph.n))
    known = inside.astype(np.float64)
    return near, known / np.maximum(near @ known + known, 1.0)


def _box_sum(raster: np.ndarray) -> np.ndarray:
    """Sum over each cell and the eight around it: an array like ``raster``."""
    wide = np.pad(raster, 1)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def smoothing_row(graph: TokenGraph, inside: np.ndarray, token: int, steps: int) -> np.ndarray:
    """How much the score of every token counts in the smoothed score of one.

    Parameters
    ----------
    graph : TokenGraph of n tokens
    inside : (n,) bool
        Tokens that have a score; ``token`` must be one.
    token, steps : int

    Returns (n,) float64, which sums to 1.
    """
    row = np.zeros(graph.n)
    row[token] = 1.0
    if not steps:
        return row
    (near, share), total = _near(graph, inside), row
    for _ in range(steps):
        spread = row * share
        row = (near @ spread + spread) * inside
        total = total + row
    return total / (steps + 1)
