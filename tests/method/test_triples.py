"""Three concepts that meet within the radius.

As brute force counts them, and terms that sum to a token's score.
"""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import FoldChangeKernel, KMeansQuantizer, ProspectorHead, TokenGraph
from prospector_core.errors import FitError
from prospector_core.method.features import n_features
from prospector_core.method.triples import count_triples, score_triples, triple_index
from tests.support.random_data import seeds


def near(n, edges, outside, token, radius):
    """Tokens within ``radius`` hops of one, not through those that are outside: set, by plain search."""
    found = {token}
    for _ in range(radius):
        found |= {b for pair in edges for a, b in (pair, pair[::-1]) if a in found and not outside[b]}
    return found


@given(seed=seeds, n=st.integers(1, 30), k=st.integers(1, 6), radius=st.integers(1, 3), grid=st.booleans())
@settings(max_examples=30)
def test_as_brute_force_counts_and_scores_them(seed, n, k, radius, grid):
    random = np.random.default_rng(seed)
    if grid:
        places = np.argwhere(random.random((6, 6)) < 0.7)[:n]
        graph, n = TokenGraph.from_grid(places), len(places)
        edges = [(a, b) for a, b in combinations(range(n), 2) if np.abs(places[a] - places[b]).max() == 1]
    else:
        edges = [(a, b) for a, b in combinations(range(n), 2) if random.random() < 0.15]
        graph = TokenGraph.from_edges(n, np.array(edges, int).reshape(-1, 2))
    sprite = random.integers(-1, k, n)
    present = [
        set() if sprite[v] < 0 else set(sprite[list(near(n, edges, sprite < 0, v, radius))].tolist())
        for v in range(n)
    ]
    triples = list(combinations(range(k), 3))
    expected = [sum(set(three) <= each for each in present) for three in triples]
    found = count_triples(graph, sprite, k, radius)
    assert found.tolist() == expected and found.dtype == np.int64
    assert [triple_index(*three, k) for three in triples] == list(range(comb(k, 3)))
    weights = random.normal(size=len(triples))
    scores = score_triples(graph, sprite, weights, k, radius)
    plain = [sum(w for w, three in zip(weights, triples) if set(three) <= each) for each in present]
    assert np.array_equal(np.isnan(scores), sprite < 0)
    np.testing.assert_allclose(np.nan_to_num(scores), plain, atol=1e-12)
    assert np.nansum(scores) == pytest.approx(found @ weights)  # a map's sum is the evidence


def grids(seed, n=12):
    """Grids of four kinds; the data of class 1 have more of the last one, in one corner."""
    random = np.random.default_rng(seed)
    graph, kinds = TokenGraph.from_grid(np.argwhere(np.ones((9, 9), bool))), np.eye(4) * 9
    embeddings, labels = [], np.arange(n) % 2
    for label in labels:
        kind = random.choice(4, (9, 9), p=[0.5, 0.3, 0.15, 0.05])
        kind[:3, :3] = np.where(random.random((3, 3)) < 0.7 * label, 3, kind[:3, :3])
        embeddings.append((kinds[kind.ravel()] + random.normal(0, 0.3, (81, 4))).astype(np.float32))
    return [graph] * n, embeddings, labels


def test_a_head_with_triples():
    graphs, embeddings, labels = grids(0)
    head = ProspectorHead(KMeansQuantizer(4), FoldChangeKernel(alpha=1e10), radius=1, triples=True)
    head.fit(graphs, embeddings, labels)
    p = n_features(4, 1)
    assert head.coef_.shape == (p + 4,) and head.counts_.shape == (len(labels), p + 4)
    plain = ProspectorHead(KMeansQuantizer(4), FoldChangeKernel(alpha=1e10), radius=1).fit(
        graphs, embeddings, labels
    )
    assert np.array_equal(head.counts_[:, :p], plain.counts_)
    named = False
    for at in (0, 1):
        scores = head.prospect(graphs[at], embeddings[at])
        assert scores.sum() == pytest.approx(head.counts_[at] @ head.coef_)
        for token in (0, 10, 20, 80):
            said = head.explain(graphs[at], embeddings[at], token)
            assert (
                said.score
                == pytest.approx(scores[token])
                == pytest.approx(sum(term.value for term in said.terms))
            )
            threes = [term.neighbour for term in said.terms if isinstance(term.neighbour, tuple)]
            around = set(head.sprite(embeddings[at])[said.neighbours].tolist())
            assert all(len(three) == 3 and set(three) <= around for three in threes)
            named |= bool(threes)
    assert named
    proba = head.predict_proba(graphs, embeddings)
    assert proba.shape == (len(labels), 2) and np.allclose(proba.sum(axis=1), 1)


def test_too_many_and_none():
    graphs, embeddings, labels = grids(0, 4)
    with pytest.raises(FitError, match="49 concepts are the most"):
        ProspectorHead(KMeansQuantizer(50), triples=True).fit(graphs, embeddings, labels)
    with pytest.raises(FitError, match="radius of at least 1"):
        ProspectorHead(KMeansQuantizer(4), radius=0, triples=True).fit(graphs, embeddings, labels)
