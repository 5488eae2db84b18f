"""Why a token scores as it does: the terms whose sum is its score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import GraphError
from . import soft
from ._compiled.sparse import ball
from .graphs import TokenGraph
from .prospecting import check, check_coef, hop_weights, prospect
from .smoothing import smoothing_row

if TYPE_CHECKING:
    pass

__all__ = ["AROUND", "Explanation", "Term", "explain", "scores_around"]

AROUND = "around"
"""In place of a concept in a Term: what smoothing brings from the scores of the tokens around."""


@dataclass(frozen=True)
class Term:
    """One summand of a token's score: ``value = count * weight``.

    ``neighbour`` is None for the token's own concept (monogram), else the id of the neighbour concept; of a
    triple (see ``triples``) the ids of the three concepts that are near the token. Of a token that belongs to
    several concepts, ``weight`` is the mean of theirs by its shares, and ``count`` a sum of shares.

    In a smoothed map the terms of the token's own surroundings count the less the more is taken from other
    tokens' scores; those are one term more, ``AROUND``: their share and their mean score.
    """

    neighbour: int | tuple[int, int, int] | str | None
    count: float
    weight: float

    @property
    def value(self) -> float:
        """The summand: count times weight."""
        return self.count * self.weight


@dataclass(frozen=True)
class Explanation:
    """A token's score as a sum of terms, largest in size first, and the tokens that take part.

    Attributes: token, concept, score, terms (list of Term), neighbours (m,) token ids within r hops, hops
    (m,); shares, tuple of (concept, share) that the token belongs to, the strongest first.
    """

    token: int
    concept: int
    score: float
    terms: tuple[Term, ...]
    neighbours: np.ndarray
    hops: np.ndarray
    shares: tuple[tuple[int, float], ...] = ()


def explain(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    token: int,
    diffusive: bool = False,
    smoothing: int = 0,
) -> Explanation:
    """Why a token scores as it does: the terms whose sum is its prospect score.

    Parameters as ``prospect`` (one class: coef (p,)), and ``token`` 0..n-1. An excluded token has no terms
    and a NaN score. Raises GraphError if there is no such token.
    """
    if not 0 <= token < graph.n:
        raise GraphError(f"there is no token {token}: tokens are 0..{graph.n - 1}")
    if smoothing:
        own = explain(graph, concepts, coef, n_concepts, radius, token, diffusive)
        around = scores_around(graph, concepts, coef, n_concepts, radius, token, diffusive, smoothing)
        return own if around is None else _mixed(own, *around)
    if soft.is_soft(concepts):
        return _explain_soft(graph, concepts, coef, n_concepts, int(radius), int(token), diffusive)
    concepts, mono, table = check(graph, concepts, coef, n_concepts, radius)
    concept = int(concepts[token])
    if concept < 0:
        return Explanation(int(token), -1, float("nan"), (), np.empty(0, np.int64), np.empty(0, np.int64))
    terms = [Term(None, 1.0, float(mono[concept]))]
    neighbours, hops = np.array([token]), np.zeros(1, np.int64)
    if radius:
        near, tokens = graph.around(int(token), int(radius))
        start = int(np.searchsorted(tokens, token))
        found, hops = ball(near.indptr, near.indices, concepts[tokens], start, int(radius))
        neighbours = tokens[found]
        counted = np.bincount(
            concepts[neighbours], hop_weights(radius, diffusive)[hops], minlength=n_concepts
        )
        terms += [Term(int(k), float(counted[k]), float(table[concept, k])) for k in np.flatnonzero(counted)]
    score = float(sum(term.value for term in terms))
    ranked = tuple(sorted(terms, key=lambda term: -abs(term.value)))
    return Explanation(int(token), concept, score, ranked, neighbours, hops, ((concept, 1.0),))


def scores_around(
    graph: TokenGraph,
    concepts: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    token: int,
    diffusive: bool,
    smoothing: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What a token's smoothed score is the mean of.

    Parameters as ``explain``. Returns (tokens (m,), how much the score of each counts (m,), their scores (m,)
    before smoothing), the token itself among them; None for an excluded token.
    """
    near, tokens = graph.around(int(token), int(radius) + smoothing)
    scores = prospect(near, np.asarray(concepts)[tokens], coef, n_concepts, radius, diffusive)
    place = int(np.searchsorted(tokens, token))
    if np.isnan(scores[place]):
        return None
    row = smoothing_row(near, np.isfinite(scores), place, smoothing)
    some = np.flatnonzero(row)
    return tokens[some], row[some], scores[some]


def _mixed(own: Explanation, tokens: np.ndarray, shares: np.ndarray, scores: np.ndarray) -> Explanation:
    """An explanation of a token's own score as one of its smoothed score."""
    itself = tokens == own.token
    part, others = float(shares[itself][0]), float(shares[~itself].sum())
    terms = [Term(term.neighbour, term.count * part, term.weight) for term in own.terms]
    if others:
        terms.append(Term(AROUND, others, float(shares[~itself] @ scores[~itself]) / others))
    score = float(sum(term.value for term in terms))
    return replace(own, score=score, terms=tuple(sorted(terms, key=lambda term: -abs(term.value))))


def _explain_soft(
    graph: TokenGraph,
    shares: np.ndarray,
    coef: np.ndarray,
    n_concepts: int,
    radius: int,
    token: int,
    diffusive: bool,
) -> Explanation:
    """As ``explain``, of shares.

    What the token would be explained by as each of its concepts is weighted by its shares.
    """
    mono, table = check_coef(coef, n_concepts, radius)
    near, tokens = graph.around(token, radius)
    shares, outside = soft.check_shares(near, np.asarray(shares)[tokens], n_concepts, radius)
    start = int(np.searchsorted(tokens, token))
    if outside[start] < 0:
        return Explanation(token, -1, float("nan"), (), np.empty(0, np.int64), np.empty(0, np.int64))
    own = shares[start] / soft.ONE
    terms = [Term(None, 1.0, float(own @ mono))]
    found, hops = np.array([start]), np.zeros(1, np.int64)
    if radius:
        found, hops = ball(near.indptr, near.indices, outside, start, radius)
        counted = hop_weights(radius, diffusive)[hops] @ (shares[found] / soft.ONE)
        weights = own @ table
        terms += [Term(int(k), float(counted[k]), float(weights[k])) for k in np.flatnonzero(counted)]
    score = float(sum(term.value for term in terms))
    order = [int(k) for k in np.argsort(-own, kind="stable") if own[k]]
    return Explanation(
        token,
        order[0],
        score,
        tuple(sorted(terms, key=lambda term: -abs(term.value))),
        tokens[found],
        hops,
        tuple((k, float(own[k])) for k in order),
    )
