"""One token's score, taken apart and asked "what if".

Only what is within its receptive field is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import GraphError
from . import soft
from ._compiled.sparse import ball
from .features import pair_index, unpack
from .prospecting import hop_weights

if TYPE_CHECKING:
    from .graphs import TokenGraph

__all__ = ["Neighbours", "WhatIf", "Without", "neighbours_of", "what_if"]


@dataclass(frozen=True)
class Neighbours:
    """The tokens that a token's score comes from.

    Attributes
    ----------
    token, concept, score : the token, its concept (-1: excluded, then there are no neighbours and the score
        is NaN)
    tokens : (m,) int64 ids within the radius, nearest first, the token itself the first
    hops : (m,) int64 distance from it; concepts : (m,) int64
    contributions : (m,) float64, summing to the score: the weight of the pair with that token; the token's
        own also holds the weight of its concept
    """

    token: int
    concept: int
    score: float
    tokens: np.ndarray
    hops: np.ndarray
    concepts: np.ndarray
    contributions: np.ndarray


@dataclass(frozen=True)
class Without:
    """What is taken away from around a token: one of three.

    Attributes
    ----------
    concept : a concept whose tokens leave the graph, and with them the paths through them
    neighbours : only the token itself is left
    pair : a concept, or a pair (i, j) of concepts, whose weight together (with the token's own) would be 0
    """

    concept: int | None = None
    neighbours: bool = False
    pair: object | None = None

    def __post_init__(self) -> None:
        """Raise GraphError unless one thing is asked for."""
        if (self.concept is not None) + bool(self.neighbours) + (self.pair is not None) != 1:
            raise GraphError(
                "ask for one thing at a time: without a concept, without neighbours, or without a pair"
            )


@dataclass(frozen=True)
class WhatIf:
    """A token's score if something were otherwise, under the same kernel.

    Attributes: token; score, as it is; would_be, the score then (NaN: the token itself would be excluded);
    lost (m,) int64, neighbours that it would no longer have: excluded, or reached only through excluded ones.
    """

    token: int
    score: float
    would_be: float
    lost: np.ndarray

    @property
    def difference(self) -> float:
        """Score then minus score now."""
        return self.would_be - self.score


def neighbours_of(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    token: int,
    diffusive: bool = False,
) -> Neighbours:
    """The tokens within the radius of one, and what each adds to its score: Neighbours.

    Parameters as ``prospect`` (one class: coef (p,)), and ``token`` 0..n-1. Raises GraphError if there is no
    such token.
    """
    near, own, ids, token = _near(graph, concepts, radius, token)
    mono, table = unpack(coef, n_concepts)
    if soft.is_soft(own):
        return _neighbours_soft(near, own, mono, table, ids, int(radius), token, diffusive)
    concept = int(own[token])
    if concept < 0:
        nothing = np.empty(0, np.int64)
        return Neighbours(int(ids[token]), -1, float("nan"), nothing, nothing, nothing, np.empty(0))
    found, hops = ball(near.indptr, near.indices, own, token, int(radius))
    contributions = np.zeros(1)
    if radius:
        contributions = table[concept, own[found]] * hop_weights(int(radius), diffusive)[hops]
    contributions[0] += mono[concept]  # the nearest is the token itself
    return Neighbours(
        int(ids[token]), concept, float(contributions.sum()), ids[found], hops, own[found], contributions
    )


def _neighbours_soft(
    near: TokenGraph,
    shares: np.ndarray,
    mono: np.ndarray,
    table: np.ndarray,
    ids: np.ndarray,
    radius: int,
    token: int,
    diffusive: bool,
) -> Neighbours:
    """As ``neighbours_of``, where tokens belong to several concepts; ``concepts`` are the strongest ones."""
    sprite = soft.strongest(shares)
    if sprite[token] < 0:
        nothing = np.empty(0, np.int64)
        return Neighbours(int(ids[token]), -1, float("nan"), nothing, nothing, nothing, np.empty(0))
    found, hops = ball(near.indptr, near.indices, sprite, token, radius)
    own = shares[token] / soft.ONE
    contributions = np.zeros(1)
    if radius:
        contributions = (shares[found] / soft.ONE) @ (own @ table) * hop_weights(radius, diffusive)[hops]
    contributions[0] += own @ mono
    concept = int(sprite[token])
    return Neighbours(
        int(ids[token]), concept, float(contributions.sum()), ids[found], hops, sprite[found], contributions
    )


def what_if(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    token: int,
    without: Without,
    diffusive: bool = False,
) -> WhatIf:
    """A token's score if a concept were excluded, its neighbourhood removed, or a pair not counted: WhatIf.

    Parameters as ``prospect`` (one class: coef (p,)); token 0..n-1; and what it would be without.
    The kernel stays as it is: a refit would change it, too. Raises GraphError.
    """
    if without.concept is not None and not 0 <= without.concept < n_concepts:
        raise GraphError(f"there is no concept {without.concept}: concepts are 0..{n_concepts - 1}")
    near, own, ids, place = _near(graph, concepts, radius, token)
    now = neighbours_of(near, own, coef, n_concepts, radius, place, diffusive)
    nothing = np.empty(0, np.int64)
    if now.concept < 0:
        return WhatIf(int(token), now.score, now.score, nothing)
    if without.pair is not None:
        pair = tuple(without.pair) if isinstance(without.pair, (tuple, list)) else (now.concept, without.pair)
        if len(pair) != 2 or not all(0 <= k < n_concepts for k in pair):
            raise GraphError(f"a pair is of two concepts 0..{n_concepts - 1}, not {without.pair}")
        if soft.is_soft(own):
            gone = np.array(coef, np.float64)
            gone[pair_index(*pair, n_concepts)] = 0.0
            then = neighbours_of(near, own, gone, n_concepts, radius, place, diffusive) if radius else now
            return WhatIf(int(token), now.score, then.score, nothing)
        drop = np.zeros(len(now.tokens), bool)
        if now.concept in pair:
            other = pair[1] if pair[0] == now.concept else pair[0]
            drop = now.concepts == other
        weights = now.contributions.copy()
        weights[0] -= float(np.asarray(coef, np.float64)[now.concept])  # the monogram is no pair
        return WhatIf(int(token), now.score, now.score - float(weights[drop].sum()), nothing)
    if without.neighbours:
        return WhatIf(int(token), now.score, float(now.contributions[0]), ids[now.tokens[1:]])
    if soft.is_soft(own):
        left = own.copy()
        left[soft.strongest(own) == without.concept] = 0
    else:
        left = np.where(own == without.concept, -1, own)
    then = neighbours_of(near, left, coef, n_concepts, radius, place, diffusive)
    return WhatIf(int(token), now.score, then.score, ids[np.setdiff1d(now.tokens, then.tokens)])


def _near(
    graph: TokenGraph, concepts: np.ndarray, radius: int, token: int
) -> tuple[TokenGraph, np.ndarray, np.ndarray, int]:
    """What may be within the radius of a token.

    (TokenGraph, its concepts (m,), its tokens' ids (m,), the token's place).
    """
    if not 0 <= token < graph.n:
        raise GraphError(f"there is no token {token}: tokens are 0..{graph.n - 1}")
    near, ids = graph.around(int(token), int(radius))
    own = np.asarray(concepts)[ids]
    return near, own if soft.is_soft(own) else own.astype(np.int64), ids, int(np.searchsorted(ids, token))
