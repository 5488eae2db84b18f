"""Families of sites: the strongest places of class-1 data, grouped by the concepts they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from ._compiled.sparse import ball
from .graphs import TokenGraph

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Family", "Site", "group_sites", "likeness", "sites_of", "superpose"]

_MOST_SITES = 6  # a datum
_MOST_FAMILIES = 8
_OF_SEED = 0.35  # of the score of a site's strongest token: what is weaker does not belong to it
_OF_BEST = 0.4  # of the sum of the datum's best site: weaker ones are not kept
_LEAST = 6  # sites below which there is nothing to group
_NO_CONCEPT = 30.0  # angstrom^2: what it costs to match residues of different concepts


@dataclass(frozen=True)
class Site:
    """A place that speaks for the class.

    It has ``datum`` (uid), ``tokens`` (m,) int64, the strongest first, and ``total`` (sum of their scores).
    """

    datum: str
    tokens: np.ndarray
    total: float


@dataclass(frozen=True)
class Family:
    """Sites that are alike.

    Attributes: number (0, 1, ... by size), sites (list of Site, the most typical first), composition (K,)
    mean share of each concept, share (of all sites).
    """

    number: int
    sites: list
    composition: np.ndarray
    share: float


def sites_of(datum: str, graph: TokenGraph, scores: np.ndarray, radius: int, limit: float) -> list[Site]:
    """Return the strongest places of one datum, the best first.

    A site is a token that scores high and those within the receptive field of it that do too, two at least; a
    token is in one site, and only the best sites are kept.

    Parameters
    ----------
    datum : str
        Its uid.
    graph : TokenGraph
    scores : (n,) float
        Its map; NaN where a token is outside.
    radius : int
        The receptive field, in hops.
    limit : float
        The score of the strongest colour. High is half of it, or half of the datum's own best where that is
        less.
    """
    scores = np.nan_to_num(scores, nan=-np.inf)
    peak = scores.max(initial=-np.inf)
    if not peak > 0:
        return []
    free, threshold, sites = scores >= min(limit, peak) / 2, min(limit, peak) / 2, []
    inside = np.zeros(graph.n, np.int64)  # every token is in the graph: concepts do not matter here
    for seed in np.argsort(-scores, kind="stable"):
        if scores[seed] < threshold:
            break
        if not free[seed]:
            continue
        near, _ = ball(graph.indptr, graph.indices, inside, int(seed), max(1, radius))
        near = near[free[near] & (scores[near] >= max(threshold, _OF_SEED * scores[seed]))]
        near = np.array(
            [seed, *sorted((int(at) for at in near if at != seed), key=lambda at: (-scores[at], at))]
        )
        free[near] = False
        if len(near) > 1:
            sites.append(Site(datum, near, float(scores[near].sum())))
    best = max((site.total for site in sites), default=0.0)
    return sorted((s for s in sites if s.total >= _OF_BEST * best), key=lambda s: -s.total)[:_MOST_SITES]


def group_sites(sites: list[Site], shares: np.ndarray, families: int | None = None) -> list[Family]:
    """Group sites by the concepts they are made of: the largest family first.

    Ward's method on the square roots of shares (Hellinger distance).

    Parameters
    ----------
    sites : list of Site, one or more
    shares : (len(sites), K) float
        Of each concept in each site, rows that sum to 1.
    families : int, optional
        How many; by default as many as are told apart best, by the silhouette.
    """
    labels = _grouped(np.sqrt(shares), families)
    groups = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        middle = shares[rows].mean(0)
        away = np.linalg.norm(np.sqrt(shares[rows]) - np.sqrt(middle), axis=1)
        order = sorted(range(len(rows)), key=lambda at: (round(away[at], 9), -sites[rows[at]].total))
        groups.append(([sites[rows[at]] for at in order], middle))
    groups.sort(key=lambda group: (-len(group[0]), -group[0][0].total))
    return [Family(number, its, middle, len(its) / len(sites)) for number, (its, middle) in enumerate(groups)]


def _grouped(vectors: np.ndarray, families: int | None) -> np.ndarray:
    """A group number for each of vectors (n, K)."""
    from sklearn.cluster import AgglomerativeClustering  # late: it takes a second to load
    from sklearn.metrics import silhouette_score

    n, distinct = len(vectors), len(np.unique(vectors.round(9), axis=0))
    if families is None and (n < _LEAST or distinct < 3):
        return np.zeros(n, int)
    if families is not None:
        families = min(families, distinct)
        return AgglomerativeClustering(families).fit_predict(vectors) if families > 1 else np.zeros(n, int)
    best, labels = 0.0, np.zeros(n, int)
    for k in range(2, min(_MOST_FAMILIES, distinct - 1, n // 2) + 1):
        tried = AgglomerativeClustering(k).fit_predict(vectors)
        value = silhouette_score(vectors, tried)
        if value > best + 1e-9:
            best, labels = value, tried
    return labels


def likeness(
    one: dict[int, float] | list[float] | np.ndarray, other: dict[int, float] | list[float] | np.ndarray
) -> float:
    """How much two compositions are alike: 0 to 1 (Bhattacharyya). Parameters: {concept: share} or (K,)."""
    one, other = (
        each if isinstance(each, dict) else dict(enumerate(np.asarray(each).tolist()))
        for each in (one, other)
    )
    return float(sum(np.sqrt(share * other.get(concept, 0.0)) for concept, share in one.items()))


def superpose(
    reference: np.ndarray,
    points: np.ndarray,
    reference_kinds: list[int] | np.ndarray | range,
    kinds: list[int] | np.ndarray | range,
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]], float]:
    """Lay the residues of a site over those of another.

    Parameters
    ----------
    reference : (m, p, 3) float, angstrom: p points of each residue, such as C-alpha and side chain
    points : (k, p, 3) float
    reference_kinds, kinds : (m,) and (k,): concepts; residues of one concept are matched rather

    Returns (rotation (3, 3), shift (3,), matched: list of (residue of the reference, residue), rmsd): a place
    x of the site is at ``x @ rotation + shift`` over the reference.
    """
    reference, points = np.asarray(reference, float), np.asarray(points, float)
    other = (np.asarray(reference_kinds)[:, None] != np.asarray(kinds)[None]).astype(float)
    # first by kinds and by how far the others are, which no turning changes
    far = [
        np.sort(np.linalg.norm(each[:, None, -1] - each[None, :, -1], axis=-1), axis=1)
        for each in (reference, points)
    ]
    width = min(far[0].shape[1], far[1].shape[1])
    cost = other * _NO_CONCEPT + ((far[0][:, None, :width] - far[1][None, :, :width]) ** 2).mean(-1)
    best: Any = None
    for _ in range(8):
        matched = list(zip(*(each.tolist() for each in linear_sum_assignment(cost))))
        a = np.concatenate([reference[i] for i, _ in matched])
        b = np.concatenate([points[j] for _, j in matched])
        rotation, shift = _kabsch(a, b)
        rmsd = float(np.sqrt((((b @ rotation + shift) - a) ** 2).sum(1).mean()))
        if best is not None and rmsd >= best[3] - 1e-9:
            break
        best = rotation, shift, matched, rmsd
        laid = points @ rotation + shift
        cost = other * _NO_CONCEPT + ((reference[:, None] - laid[None]) ** 2).sum(-1).mean(-1)
    return best


def _kabsch(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and shift that lay points b (n, 3) over a with the least squares.

    Mirror images are not allowed.
    """
    middle_a, middle_b = a.mean(0), b.mean(0)
    u, _, v = np.linalg.svd((b - middle_b).T @ (a - middle_a))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))])  # -1 where they would be a mirror image
    rotation = u @ flip @ v
    return rotation, middle_a - middle_b @ rotation
