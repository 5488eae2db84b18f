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
from .explaining import scores_around
from .features import pair_index, unpack
from .prospecting import hop_weights

if TYPE_CHECKING:
    from .graphs import TokenGraph

__all__ = ["PLAIN", "Neighbours", "Spread", "WhatIf", "Without", "neighbours_of", "what_if"]


@dataclass(frozen=True)
class Spread:
    """How what is around a token counts: see ``prospect``.

    Attributes
    ----------
    diffusive : bool
    smoothing : int
    """

    diffusive: bool = False
    smoothing: int = 0


PLAIN = Spread()


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
    spread: Spread = PLAIN,
) -> Neighbours:
    """The tokens that a token's score comes from, and what each adds to it: Neighbours.

    Those within the radius, and in a smoothed map within so many hops whose own scores are taken in.
    Parameters as ``prospect`` (one class: coef (p,)), and ``token`` 0..n-1. Raises GraphError if there is no
    such token.
    """
    near, own, ids, place = _near(graph, concepts, radius, token)
    mono, table = unpack(coef, n_concepts)
    sprite = soft.strongest(own) if soft.is_soft(own) else own
    concept, nothing = int(sprite[place]), np.empty(0, np.int64)
    if concept < 0:
        return Neighbours(int(ids[place]), -1, float("nan"), nothing, nothing, nothing, np.empty(0))
    found, hops = ball(near.indptr, near.indices, sprite, place, int(radius))
    weights = hop_weights(int(radius), spread.diffusive)[hops]
    if soft.is_soft(own):
        mine = own[place] / soft.ONE
        added, itself = (own[found] / soft.ONE) @ (mine @ table) * weights, float(mine @ mono)
    else:
        added, itself = table[concept, sprite[found]] * weights, float(mono[concept])
    contributions = added if radius else np.zeros(1)
    contributions[0] += itself  # the nearest is the token itself
    score = float(contributions.sum())
    plain = Neighbours(int(ids[place]), concept, score, ids[found], hops, sprite[found], contributions)
    return _smoothed(graph, concepts, coef, (n_concepts, int(radius)), spread, plain)


def _smoothed(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    how: tuple[int, int],
    spread: Spread,
    plain: Neighbours,
) -> Neighbours:
    """What a token's smoothed score comes from, given what its own does. ``how``: K and radius."""
    if not spread.smoothing:
        return plain
    around = scores_around(
        graph, concepts, coef, *how, plain.token, diffusive=spread.diffusive, smoothing=spread.smoothing
    )
    assert around is not None  # the token is not excluded
    others, shares, scores = around
    reach = max(how[1], spread.smoothing)
    near, own, ids, place = _near(graph, concepts, reach, plain.token)
    sprite = soft.strongest(own) if soft.is_soft(own) else own
    found, hops = ball(near.indptr, near.indices, sprite, place, reach)
    added = np.zeros(graph.n if graph.n < 2 * len(ids) else int(ids.max()) + 1)
    added[others] = np.where(others == plain.token, 0.0, shares * scores)
    added[plain.tokens] += plain.contributions * shares[others == plain.token]
    contributions = added[ids[found]]
    score = float(contributions.sum())
    return Neighbours(plain.token, plain.concept, score, ids[found], hops, sprite[found], contributions)


def what_if(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    token: int,
    without: Without,
    spread: Spread = PLAIN,
) -> WhatIf:
    """A token's score if a concept were excluded, its neighbourhood removed, or a pair not counted: WhatIf.

    Parameters as ``prospect`` (one class: coef (p,)); token 0..n-1; and what it would be without.
    The kernel stays as it is: a refit would change it, too. Raises GraphError.
    """
    if without.concept is not None and not 0 <= without.concept < n_concepts:
        raise GraphError(f"there is no concept {without.concept}: concepts are 0..{n_concepts - 1}")
    near, own, ids, place = _near(graph, concepts, int(radius) + spread.smoothing, token)
    now = neighbours_of(near, own, coef, n_concepts, radius, place, spread)
    nothing = np.empty(0, np.int64)
    if now.concept < 0:
        return WhatIf(int(token), now.score, now.score, nothing)
    if without.pair is not None:
        pair = tuple(without.pair) if isinstance(without.pair, (tuple, list)) else (now.concept, without.pair)
        if len(pair) != 2 or not all(0 <= k < n_concepts for k in pair):
            raise GraphError(f"a pair is of two concepts 0..{n_concepts - 1}, not {without.pair}")
        gone = np.array(coef, np.float64)
        if radius:
            gone[pair_index(*pair, n_concepts)] = 0.0
        then = neighbours_of(near, own, gone, n_concepts, radius, place, spread)
        return WhatIf(int(token), now.score, then.score, nothing)
    if without.neighbours:
        gone_tokens = np.arange(len(own)) != place
    else:
        gone_tokens = (soft.strongest(own) if soft.is_soft(own) else own) == without.concept
    left = own.copy()
    left[gone_tokens] = 0 if soft.is_soft(own) else -1
    then = neighbours_of(near, left, coef, n_concepts, radius, place, spread)
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
