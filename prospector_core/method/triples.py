"""Skip-trigrams: three concepts that occur together within one receptive field.

They are features beside the single concepts and pairs of METHOD.md.

``tri[i, j, k]`` (i < j < k) is how many tokens have all three concepts within r hops, themselves included. A
token's score then also has the weights of all triples that are present around it, so that a map still sums to
its datum's evidence.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from ._compiled.triples import count_present, score_present, triple_index
from .counting import check_sprite
from .explaining import Term
from .features import n_features
from .prospecting import neighbour_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .graphs import TokenGraph

__all__ = [
    "MOST_FEATURES",
    "check_triples",
    "count_triples",
    "explain_triples",
    "score_triples",
    "triple_index",
]

MOST_FEATURES = 20_000
"""Numbers a datum at most, single concepts and pairs included: K = 49."""


def check_triples(n_concepts: int, radius: int) -> None:
    """Raise FitError where triples cannot be counted.

    Without a neighbourhood, or where they would be too many.
    """
    if radius < 1:
        raise FitError("three concepts meet within a radius: triples need a radius of at least 1")
    if _p(n_concepts) > MOST_FEATURES:
        largest = max(k for k in range(n_concepts) if _p(k) <= MOST_FEATURES)
        raise FitError(
            f"{n_concepts} concepts make {comb(n_concepts, 3):,} triples: {largest} concepts are the most"
            " with triples"
        )


def _p(n_concepts: int) -> int:
    return n_features(n_concepts, 1) + comb(n_concepts, 3)


def count_triples(graph: TokenGraph, concepts: np.ndarray, n_concepts: int, radius: int) -> np.ndarray:
    """How many tokens have each three concepts within ``radius`` hops.

    (K choose 3,) int64, in lexicographic order.

    Parameters: graph, TokenGraph of n tokens; concepts (n,) int, -1 outside (no neighbour, and a wall to the
    others). Raises FitError, GraphError.
    """
    check_triples(n_concepts, radius)
    counts = np.zeros(comb(n_concepts, 3), np.int64)
    for _, present in _present(graph, concepts, n_concepts, radius):
        count_present(present, counts)
    return counts


def score_triples(
    graph: TokenGraph, concepts: np.ndarray, weights: np.ndarray, n_concepts: int, radius: int
) -> np.ndarray:
    """What triples add to the score of every token: (n,) float64, NaN outside.

    ``weights`` (K choose 3,); else as ``count_triples``.
    """
    check_triples(n_concepts, radius)
    scores = np.zeros(graph.n)
    weights = np.ascontiguousarray(weights, np.float64)
    for tokens, present in _present(graph, concepts, n_concepts, radius):
        some = np.zeros(len(tokens))
        score_present(present, weights, some)
        scores[tokens] = some
    return np.where(check_sprite(graph, concepts, n_concepts, radius) >= 0, scores, np.nan)


def explain_triples(present: set[int], weights: np.ndarray, n_concepts: int) -> list[Term]:
    """What triples add to the score of one token.

    List of Term, whose ``neighbour`` are the three concepts; none of weight 0.

    Parameters: present, ids of the concepts near the token; weights (K choose 3,).
    """
    terms = (
        Term(three, 1.0, float(weights[triple_index(*three, n_concepts)]))
        for three in combinations(sorted(present), 3)
    )
    return [term for term in terms if term.weight]


def _present(
    graph: TokenGraph, concepts: np.ndarray, n_concepts: int, radius: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Which concepts are near each token, block by block: yields (tokens (m,), (m, K) bool)."""
    concepts = check_sprite(graph, concepts, n_concepts, radius)
    for tokens, counts in neighbour_blocks(graph, concepts, n_concepts, radius):
        present = counts > 0
        present[concepts[tokens] < 0] = False
        yield tokens, present
