"""Hot spots: connected regions of a map where the score is high, ranked by how much they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ..errors import BadInputError
from .graphs import TokenGraph

__all__ = ["HotSpot", "graph_spots", "hot_spots"]

_EIGHT = np.ones((3, 3), int)  # tokens that touch at a corner are neighbours, as in the token graph


@dataclass(frozen=True)
class HotSpot:
    """One connected region of high score.

    Attributes
    ----------
    tokens : (m,) int64, ascending
    total, mean, peak : sum, mean and maximum of their scores
    peak_token : the first token that has the maximum
    area : of the tokens, in `unit`
    unit : "mm2", or "px2" (level-0 pixels) where the slide does not say its scale; "tokens" off a grid
    rect : (x, y, width, height) in level-0 pixels, around all tokens; None off a grid
    """

    tokens: np.ndarray
    total: float
    mean: float
    peak: float
    peak_token: int
    area: float
    unit: str
    rect: tuple[float, float, float, float] | None


def hot_spots(
    positions: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    *,
    origin: tuple[float, float] = (0.0, 0.0),
    pitch: float = 1.0,
    mpp: float | None = None,
) -> list[HotSpot]:
    """Connected regions of score at or above a threshold, the largest summed score first.

    Parameters
    ----------
    positions : (n, 2) int
        Row and column of each token; tokens are neighbours where they touch, also at a corner.
    scores : (n,) float
        NaN for excluded tokens: never in a region, and they separate.
    threshold : float
    origin : (x, y)
        Level-0 corner of token (0, 0).
    pitch : float
        Level-0 pixels per token side.
    mpp : float, optional
        Microns a level-0 pixel.

    Returns
    -------
    list of HotSpot
        Ties go to the region whose first token comes first.

    Raises
    ------
    BadInputError
        Scores and positions of different length, or a threshold that is no number.
    """
    positions = np.asarray(positions, np.int64).reshape(-1, 2)
    scores = np.asarray(scores, float)
    if scores.shape != (len(positions),):
        raise BadInputError(
            f"{len(positions)} positions need as many scores, got an array of shape {scores.shape}"
        )
    if np.isnan(threshold):
        raise BadInputError("the threshold of hot spots must be a number")
    tokens = np.flatnonzero(scores >= threshold)
    if not tokens.size:
        return []
    corner = positions[tokens].min(axis=0)
    places = positions[tokens] - corner
    high = np.zeros(places.max(axis=0) + 1, bool)
    high[tuple(places.T)] = True
    label = ndimage.label(high, _EIGHT)[0][tuple(places.T)]
    # By region, tokens ascending within each.
    order = np.argsort(label, kind="stable")
    regions = np.split(tokens[order], np.flatnonzero(np.diff(label[order])) + 1)
    side = pitch if mpp is None else pitch * mpp / 1000
    found = [
        _hot_spot(region, positions, scores, origin, pitch, side, "px2" if mpp is None else "mm2")
        for region in regions
    ]
    return sorted(found, key=lambda spot: (-spot.total, spot.tokens[0]))


def graph_spots(graph: TokenGraph, scores: np.ndarray, threshold: float) -> list[HotSpot]:
    """Connected regions of a token graph with scores at or above a threshold, the largest summed score first.

    Parameters
    ----------
    graph : TokenGraph of n tokens
    scores : (n,) float
        NaN for excluded tokens: never in a region, and they separate.
    threshold : float

    Returns
    -------
    list of HotSpot
        Without a rectangle; area counts tokens. Ties go to the region whose first token comes first.

    Raises
    ------
    BadInputError
        As many scores as tokens are needed, and a threshold that is a number.
    """
    scores = np.asarray(scores, float)
    if scores.shape != (graph.n,):
        raise BadInputError(f"{graph.n} tokens need as many scores, got an array of shape {scores.shape}")
    if np.isnan(threshold):
        raise BadInputError("the threshold of hot spots must be a number")
    tokens = np.flatnonzero(scores >= threshold)
    if not tokens.size:
        return []
    links = csr_array(
        (np.ones(len(graph.indices), np.int8), graph.indices, graph.indptr), shape=(graph.n, graph.n)
    )
    label = connected_components(links[tokens][:, tokens], directed=False)[1]
    order = np.argsort(label, kind="stable")
    found = []
    for region in np.split(tokens[order], np.flatnonzero(np.diff(label[order])) + 1):
        own = scores[region]
        peak = float(own.max()), int(region[own.argmax()])
        found.append(
            HotSpot(region, float(own.sum()), float(own.mean()), *peak, float(len(region)), "tokens", None)
        )
    return sorted(found, key=lambda spot: (-spot.total, spot.tokens[0]))


def _hot_spot(
    tokens: np.ndarray,
    positions: np.ndarray,
    scores: np.ndarray,
    origin: tuple[float, float],
    pitch: float,
    side: float,
    unit: str,
) -> HotSpot:
    (top, left), (bottom, right) = positions[tokens].min(axis=0), positions[tokens].max(axis=0) + 1
    own = scores[tokens]
    return HotSpot(
        tokens=tokens,
        total=float(own.sum()),
        mean=float(own.mean()),
        peak=float(own.max()),
        peak_token=int(tokens[own.argmax()]),
        area=float(len(tokens) * side**2),
        unit=unit,
        rect=(
            float(origin[0] + left * pitch),
            float(origin[1] + top * pitch),
            float((right - left) * pitch),
            float((bottom - top) * pitch),
        ),
    )
