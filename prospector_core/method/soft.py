"""Soft membership: a token belongs to a few concepts, with shares that sum to one.

Its strongest concept is its sprite's.

``shares`` (n, K) uint8 can be given wherever a sprite (n,) can: to ``count_concepts``, ``prospect``,
``explain`` and what is made of them. They are in units of 1/255 and sum to 255 per token; a row of zeros is a
token outside. Counts of them are whole numbers in units of 1/255^2, so that merging is exact and an edit
gives the same bytes on every machine; a sprite is the special case of one share of 255.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import get_num_threads
from scipy.spatial.distance import pdist, squareform

from ..errors import EmbeddingError, FitError, GraphError
from ._compiled.reach import LANES
from ._compiled.soft import ONE, count_shares, look_over, shares_of
from ._compiled.soft_grid import count_shares_on_grid
from .features import n_features, pack_pairs
from .quantizers import assign_nearest

if TYPE_CHECKING:
    from .graphs import TokenGraph

__all__ = [
    "ONE",
    "UNIT",
    "centred",
    "check_shares",
    "checked",
    "count_units",
    "hard_shares",
    "is_soft",
    "mean_of",
    "part_and_mean",
    "membership",
    "merge_shares",
    "padded",
    "places",
    "shifted",
    "sprite_and_shares",
    "strongest",
    "temperature",
]

_BLOCK = 16384  # tokens that are looked at together
UNIT = ONE * ONE  # what a whole count is in ``count_units``


def temperature(centroids: np.ndarray, softness: float) -> float:
    """How fast shares fall with distance.

    Softness x the median squared distance of a concept to the one nearest to it.

    Parameters: centroids (K, d); softness >= 0. Returns float; 0 means that every token belongs to one
    concept.
    """
    centroids = np.asarray(centroids, np.float64)
    if not softness or len(centroids) < 2:
        return 0.0
    apart = squareform(pdist(centroids, "sqeuclidean"))
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    nearest = nearest[nearest > 0]  # concepts left empty share a place with others
    return float(softness * np.median(nearest)) if nearest.size else 0.0


def membership(
    embeddings: np.ndarray,
    centroids: np.ndarray,
    softness: float,
    nearest: np.ndarray | None = None,
    threads: int | None = None,
    shift: np.ndarray | None = None,
) -> np.ndarray:
    """Shares of concepts of every token: (n, K) uint8, a row sums to 255.

    Share ~ exp(-squared distance / ``temperature``), rounded down to 1/255; the nearest concept has the rest.

    Parameters: embeddings (n, d); centroids (K, d); softness >= 0 (0: all to the nearest); nearest (n,), the
    sprite if it is known; threads, 1 = on the calling thread alone (default: all); shift (d,), what centring
    would take from every embedding (default: nothing). Raises EmbeddingError, FitError.
    """
    return sprite_and_shares(embeddings, centroids, softness, nearest, threads, shift)[1]


def sprite_and_shares(
    embeddings: np.ndarray,
    centroids: np.ndarray,
    softness: float,
    nearest: np.ndarray | None = None,
    threads: int | None = None,
    shift: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest concept of every token, (n,) int32, and its ``membership``, (n, K) uint8.

    Both come from one look at each embedding.
    """
    if not 0 <= softness < np.inf:
        raise FitError(f"softness must be a number >= 0, got {softness}")
    heat = temperature(centroids, softness)
    centroids = shifted(centroids, shift)
    if not heat > 0:
        nearest = assign_nearest(embeddings, centroids) if nearest is None else np.asarray(nearest)
        return nearest, hard_shares(nearest, len(centroids))
    n, precise = len(embeddings), centroids.astype(np.float64)
    sprite = np.empty(n, np.int32) if nearest is None else np.asarray(nearest)
    shares, threads = np.empty((n, len(centroids)), np.uint8), threads or get_num_threads()
    for start in range(0, n, _BLOCK):  # what is on disk need not be in memory as a whole
        some = slice(start, start + _BLOCK)
        vectors = np.ascontiguousarray(embeddings[some], np.float32)
        if nearest is None:
            sprite[some] = _nearest(vectors, centroids, start)
        shares_of(vectors, precise, sprite[some].astype(np.int64), heat, shares[some], threads)
    return sprite, shares


def _nearest(vectors: np.ndarray, centroids: np.ndarray, start: int) -> np.ndarray:
    try:
        return assign_nearest(vectors, centroids)
    except EmbeddingError as error:
        if (
            start and vectors.ndim == 2 and vectors.shape[1] == centroids.shape[1]
        ):  # the token is told by its place in the block
            wrong = start + int(np.argmin(np.isfinite(vectors).all(axis=1)))
            raise EmbeddingError(
                f"the embedding of token {wrong} is not finite: embed its datum again"
            ) from None
        raise error


def shifted(centroids: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
    """Centroids (K, d) float32 where embeddings are not centred but would be by ``shift`` (d,).

    They move the other way.
    """
    centroids = np.ascontiguousarray(centroids, np.float32)
    return centroids if shift is None else (centroids + np.asarray(shift, np.float64)).astype(np.float32)


def centred(embeddings: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Embeddings (n, d) without a part of what all tokens of their datum share.

    Returns x - centre x mean, (n, d) float32.

    That is the stain of a slide, or the subject of a document. ``centre`` 0 (as they are) to 1 (all of it).
    """
    embeddings = np.asarray(embeddings, np.float32)
    if not centre or not len(embeddings):
        return embeddings
    return embeddings - (centre * mean_of(embeddings)).astype(np.float32)


def part_and_mean(embeddings: np.ndarray, tokens: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Some tokens' embeddings, (m, d) float32, and the mean of all, (d,) float64.

    Both come from one look at each embedding, block by block in a fixed order. ``tokens`` (m,) ascending,
    None = all.
    """
    total, found = np.zeros(embeddings.shape[1]), [np.empty((0, embeddings.shape[1]), np.float32)]
    for start in range(0, len(embeddings), _BLOCK):
        block = np.asarray(embeddings[start : start + _BLOCK])
        total += np.add.reduce(block, axis=0, dtype=np.float64)
        if tokens is not None:
            low, high = np.searchsorted(tokens, (start, start + len(block)))
            block = block[tokens[low:high] - start]
        found.append(block.astype(np.float32))
    return np.concatenate(found), total / max(len(embeddings), 1)


def mean_of(embeddings: np.ndarray) -> np.ndarray:
    """Mean embedding of a datum's tokens, (d,) float64."""
    return part_and_mean(embeddings, np.empty(0, np.int64))[1]


def hard_shares(concepts: np.ndarray, n_concepts: int) -> np.ndarray:
    """A sprite (n,) as shares (n, K): 255 of each token's concept, none where it is -1."""
    concepts = np.asarray(concepts)
    shares = np.zeros((len(concepts), n_concepts), np.uint8)
    inside = np.flatnonzero(concepts >= 0)
    shares[inside, concepts[inside]] = ONE
    return shares


def is_soft(concepts: np.ndarray) -> bool:
    """Whether these are shares (n, K) uint8 rather than a sprite (n,)."""
    return np.ndim(concepts) == 2 and np.asarray(concepts).dtype == np.uint8


def strongest(shares: np.ndarray) -> np.ndarray:
    """The sprite of shares: (n,) int64, the first of equals; -1 outside."""
    shares = np.asarray(shares)
    return np.where(shares.any(axis=1), shares.argmax(axis=1), -1)


def merge_shares(shares: np.ndarray, groups: np.ndarray, n_concepts: int | None = None) -> np.ndarray:
    """Shares as if concepts had been merged from the start: columns that go together are added.

    Parameters: shares (n, K); groups (K,), new id 0..K'-1 of each concept; n_concepts K' (default: as few as
    there are). Returns (n, K') uint8.
    """
    groups = np.asarray(groups)
    merged = np.zeros((len(shares), n_concepts or int(groups.max()) + 1), np.uint8)
    for concept, group in enumerate(groups):
        merged[:, group] += shares[:, concept]
    return merged


def check_shares(
    graph: TokenGraph, shares: np.ndarray, n_concepts: int, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shares as (n, K) uint8, checked, and (n,) int64, -1 where a token is outside. Raises GraphError."""
    shares, outside, _ = checked(graph, shares, n_concepts, radius)
    return np.ascontiguousarray(shares[:, :n_concepts]), outside


def checked(
    graph: TokenGraph, shares: np.ndarray, n_concepts: int, radius: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, where tokens are outside, and sums of concepts, checked.

    Returns the shares with zeros added up to a multiple of 8 (n, wide); (n,), -1 where a token is outside;
    and the sums of concepts (K,).
    """
    shares = np.asarray(shares)
    if shares.shape != (graph.n, n_concepts) or shares.dtype != np.uint8:
        raise GraphError(
            f"shares must be ({graph.n}, {n_concepts}) uint8, one row per token and one column per concept, "
            f"got {shares.shape} {shares.dtype}"
        )
    if not (0 <= radius < np.inf and int(radius) == radius):
        raise GraphError(f"the radius must be a whole number of hops >= 0, got {radius}")
    wide, total, mono = look_over(shares, n_concepts + -n_concepts % LANES)
    if not ((total == ONE) | (total == 0)).all():
        wrong = int(np.argmax((total != ONE) & (total != 0)))
        raise GraphError(
            f"the shares of token {wrong} sum to {total[wrong]}: they must sum to {ONE}, or be 0 outside"
        )
    return wide, np.where(total > 0, 0, -1), mono


def count_units(graph: TokenGraph, shares: np.ndarray, radius: int, threads: int | None = None) -> np.ndarray:
    """How often each concept, and each pair within ``radius`` hops, occurs, in units of 1/255^2: (p,) int64.

    ``x = P^T A P`` of METHOD.md in whole numbers; ``UNIT`` x ``count_concepts`` for a sprite. Parameters:
    graph of n tokens; shares (n, K) uint8; radius; threads (default: all). Raises GraphError.
    """
    n_concepts = np.shape(shares)[-1]
    wide, outside, mono = checked(graph, shares, n_concepts, radius)
    mono = mono * ONE
    if radius == 0:
        return mono
    if not (outside >= 0).any():
        return np.zeros(n_features(n_concepts, radius), np.int64)
    threads = threads or get_num_threads()
    if graph.fits_raster(radius):
        pairs = count_shares_on_grid(places(graph, outside), wide, int(radius), threads)
    else:
        pairs = count_shares(graph.indptr, graph.indices, outside, wide, int(radius), threads)
    return pack_pairs(mono, pairs[:n_concepts, :n_concepts])


def places(graph: TokenGraph, outside: np.ndarray) -> np.ndarray:
    """Token in each cell of a grid, -1 where there is none or it is outside, ``outside`` (n,) < 0.

    (H, W) int32.
    """
    return graph.to_raster(np.where(outside < 0, -1, np.arange(graph.n)), -1, np.int32)


def padded(table: np.ndarray) -> np.ndarray:
    """An array whose last axis is concepts, zeros added up to a multiple of 8, as compiled loops want it."""
    more = -table.shape[-1] % LANES
    return np.pad(table, [(0, 0)] * (table.ndim - 1) + [(0, more)]) if more else table
