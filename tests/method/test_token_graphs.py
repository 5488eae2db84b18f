"""Graphs from points: against brute force, and where points are on each other or on a line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from prospector_core import TokenGraph
from prospector_core.errors import GraphError

POINTS = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 9, (1 + seed % 40, 2 + seed % 2)).astype(float)
)


@settings(max_examples=60, deadline=None)
@given(POINTS, st.integers(1, 6))
def test_nearest_neighbours_are_as_near_as_any(points, k):
    graph = TokenGraph.from_neighbours(points, k)
    far, k = cdist(points, points), min(k, len(points) - 1)
    assert (np.diff(graph.indptr) >= k).all()
    for v in range(len(points)):
        near = np.sort(np.delete(far[v], v))[:k]
        own = np.sort(far[v][graph.indices[graph.indptr[v] : graph.indptr[v + 1]]])
        assert np.allclose(own[:k], near)
    # a link is there because one of its ends is among the k nearest of the other, or just as near
    for a, b in graph.edges:
        assert any(far[a, b] <= np.sort(np.delete(far[v], v))[k - 1] + 1e-9 for v in (a, b))


@settings(max_examples=40, deadline=None)
@given(POINTS, st.floats(0.5, 4))
def test_a_radius_links_what_is_within_it(points, radius):
    far = cdist(points, points)
    first, second = np.nonzero(np.triu(far <= radius, 1))
    assert np.array_equal(TokenGraph.from_radius(points, radius).edges, np.stack([first, second], axis=1))


@settings(max_examples=40, deadline=None)
@given(POINTS)
def test_a_triangulation_is_in_one_piece_and_links_nearest_points(points):
    graph = TokenGraph.from_delaunay(points)
    reached, rim = {0}, [0]
    while rim:
        v = rim.pop()
        new = set(graph.indices[graph.indptr[v] : graph.indptr[v + 1]].tolist()) - reached
        reached |= new
        rim += new
    assert len(reached) == len(points)
    if len(np.unique(points, axis=0)) == len(points) > 1:
        far = cdist(points, points) + np.where(np.eye(len(points)), np.inf, 0)
        for v in range(len(points)):
            near = np.sqrt(
                ((points[graph.indices[graph.indptr[v] : graph.indptr[v + 1]]] - points[v]) ** 2).sum(1)
            )
            assert np.isclose(near.min(), far[v].min())
    assert len(TokenGraph.from_delaunay(points, longest=1e-6).edges) <= len(graph.edges)


@settings(max_examples=30, deadline=None)
@given(POINTS, st.integers(0, 3))
def test_what_is_around_a_token_keeps_its_hops(points, radius):
    graph = TokenGraph.from_neighbours(points, 2)
    near, tokens = graph.around(0, radius)
    hops, rim = {0: 0}, [0]
    for step in range(1, radius + 1):
        rim = sorted(
            {int(u) for v in rim for u in graph.indices[graph.indptr[v] : graph.indptr[v + 1]]} - hops.keys()
        )
        hops |= dict.fromkeys(rim, step)
    assert tokens.tolist() == sorted(hops)
    inside = graph.edges[np.isin(graph.edges, tokens).all(axis=1)]
    assert np.array_equal(tokens[near.edges].reshape(-1, 2), inside)


def test_points_that_are_none_say_so():
    for call, words in (
        (lambda: TokenGraph.from_neighbours(np.zeros((3, 4))), "shape"),
        (lambda: TokenGraph.from_neighbours([[0, 0], [np.nan, 1]]), "token 1"),
        (lambda: TokenGraph.from_neighbours([["a", "b"]]), "numbers"),
        (lambda: TokenGraph.from_neighbours(np.zeros((3, 2)), 0), "neighbours"),
        (lambda: TokenGraph.from_radius(np.zeros((3, 2)), 0), "radius"),
        (lambda: TokenGraph.from_radius(np.zeros((3000, 2)), 1), "smaller radius"),
        (lambda: TokenGraph.from_delaunay(np.zeros((3, 2)), -1), "longest"),
    ):
        with pytest.raises(GraphError, match=words):
            call()
    assert TokenGraph.from_radius(np.zeros((0, 2)), 1).n == 0
