"""Soft membership: exact counts, the sprite as special case, maps that add up, kernels drawn towards nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_data import any_graph, grid_graph, kernel_of, kinds, seeds, sprite_of

from prospector_core import FoldChangeKernel, TokenGraph, count_concepts, explain, prospect
from prospector_core.counting import merge_counts
from prospector_core.errors import GraphError
from prospector_core.locally import neighbours_of, what_if
from prospector_core.prospecting import neighbour_counts
from prospector_core.quantizers import assign_nearest
from prospector_core.soft import ONE, UNIT, centred, count_units, hard_shares, membership, merge_shares, strongest
from prospector_core.uncertainty import token_uncertainty

K = 5


def shares_for(random, graph, outside=0.2):
    vectors, centroids = random.normal(size=(graph.n, 3)), random.normal(size=(K, 3))
    shares = membership(vectors.astype(np.float32), centroids.astype(np.float32), 0.7)
    shares[random.random(graph.n) < outside] = 0
    return shares


def plainly(graph, shares, radius):
    """x = P^T A P over tokens that are inside, paths through them only, by repeated products."""
    inside = shares.any(axis=1)
    near = np.eye(graph.n, dtype=bool)
    if len(graph.edges):
        near[tuple(graph.edges.T)] = near[tuple(graph.edges[:, ::-1].T)] = True
    near = near & inside & inside[:, None]
    reached = np.diag(inside)
    for _ in range(radius):
        reached = reached @ near
    return reached


@given(seeds, kinds, st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_a_sprite_is_the_special_case_to_the_last_bit(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, K, excluded=0.2)
    hard = count_concepts(graph, hard_shares(sprite, K), K, radius)
    assert np.array_equal(hard, count_concepts(graph, sprite, K, radius))
    coef = kernel_of(random, K, radius)
    np.testing.assert_allclose(
        prospect(graph, hard_shares(sprite, K), coef, K, radius, True), prospect(graph, sprite, coef, K, radius, True),
        atol=1e-9,
    )  # fmt: skip


@given(seeds, kinds, st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_counts_scores_and_terms_are_one_sum(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    shares = shares_for(random, graph)
    counts, coef = count_concepts(graph, shares, K, radius), kernel_of(random, K, radius)
    p = shares / ONE
    np.testing.assert_allclose(counts[:K], p.sum(axis=0))
    if radius:
        pairs = p.T @ plainly(graph, shares, radius) @ p
        np.testing.assert_allclose(counts[K], pairs[0, 0], atol=1e-9)
        np.testing.assert_allclose(counts[K + 1], 2 * pairs[0, 1], atol=1e-9)
    scores = prospect(graph, shares, coef, K, radius)
    assert np.nansum(scores) == pytest.approx(counts @ coef, abs=1e-8)
    token = int(random.integers(graph.n))
    found = explain(graph, shares, coef, K, radius, token)
    around = neighbours_of(graph, shares, coef, K, radius, token)
    doubt = token_uncertainty(graph, shares, coef, coef[None] * [[1.0], [2.0], [-1.0]], K, radius)
    np.testing.assert_allclose(doubt.score, scores, atol=1e-9)
    if np.isnan(scores[token]):
        assert found.concept == around.concept == -1 and np.isnan(found.score)
    else:
        assert sum(term.value for term in found.terms) == pytest.approx(scores[token], abs=1e-9)
        assert around.contributions.sum() == pytest.approx(scores[token], abs=1e-9)
        assert sum(share for _, share in found.shares) == pytest.approx(1) and found.shares[0][0] == found.concept
        alone = what_if(graph, shares, coef, K, radius, token, without_neighbours=True)
        assert alone.would_be == pytest.approx(around.contributions[0], abs=1e-9)


@given(seeds, kinds, st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_merging_adds_columns_exactly(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    shares, groups = shares_for(random, graph), np.array([0, 1, 0, 2, 1])
    merged = merge_counts(count_units(graph, shares, radius), groups, K, radius)
    assert np.array_equal(merged, count_units(graph, merge_shares(shares, groups), radius))


def test_shares_are_whole_and_the_nearest_concept_is_the_strongest():
    random = np.random.default_rng(3)
    vectors, centroids = random.normal(size=(500, 9)).astype(np.float32), random.normal(size=(12, 9)).astype(np.float32)
    for softness in (0.0, 0.1, 0.5, 3.0):
        shares = membership(vectors, centroids, softness)
        assert (shares.sum(axis=1, dtype=int) == ONE).all()
        assert np.array_equal(strongest(shares), assign_nearest(vectors, centroids))
        assert np.array_equal(shares, membership(vectors, centroids, softness, threads=1))
        assert (shares.max() == ONE) or softness > 0.1
    assert ((shares > 0).sum(axis=1) > 3).all()


def test_one_thread_counts_the_same_and_a_whole_count_is_the_unit():
    random = np.random.default_rng(4)
    graph = any_graph(random, "grid")
    shares = shares_for(random, graph, outside=0)
    assert np.array_equal(count_units(graph, shares, 2), count_units(graph, shares, 2, threads=1))
    assert count_units(graph, shares, 2)[:K].sum() == graph.n * UNIT


@given(seeds, st.sampled_from([1, 2, 3, 7, 8, 11]), st.booleans(), st.sampled_from([3, 8, 13]))
@settings(max_examples=40, deadline=None)
def test_a_grid_is_counted_and_scored_as_the_same_graph_of_edges_to_the_last_bit(seed, radius, diffusive, k):
    random = np.random.default_rng(seed)
    grid = grid_graph(random, *random.integers(1, 40, 2), random.choice([0.0, 0.2, 0.45]))
    if not grid.n:
        return
    edges = TokenGraph.from_edges(grid.n, grid.edges)
    shares = np.zeros((grid.n, k), np.uint8)
    for _ in range(3):  # up to three concepts a token, some with all of it
        shares[np.arange(grid.n), random.integers(0, k, grid.n)] += random.choice([5, 85], grid.n).astype(np.uint8)
    shares[np.arange(grid.n), shares.argmax(axis=1)] += (ONE - shares.sum(axis=1, dtype=int)).astype(np.uint8)
    shares[random.random(grid.n) < 0.2] = 0
    assert grid.fits_raster(radius) and not edges.fits_raster(radius)
    for threads in (None, 1):
        assert np.array_equal(count_units(grid, shares, radius, threads), count_units(edges, shares, radius, threads))
    coef = kernel_of(random, k, radius)
    scores = [prospect(graph, shares, coef, k, radius, diffusive) for graph in (grid, edges)]
    assert np.array_equal(*scores, equal_nan=True)
    around = [neighbour_counts(graph, shares, k, radius, diffusive) for graph in (grid, edges)]
    np.testing.assert_allclose(*around, rtol=1e-12)


def test_centring_takes_out_what_the_tokens_of_a_datum_share():
    vectors = np.random.default_rng(5).normal(size=(40, 6)).astype(np.float32)
    np.testing.assert_allclose(centred(vectors + 7, 1.0), centred(vectors, 1.0), atol=1e-5)
    assert centred(vectors, 0.0) is vectors and centred(vectors[:0], 0.5).shape == (0, 6)


def test_shares_that_do_not_sum_to_one_are_refused():
    graph = any_graph(np.random.default_rng(6), "chain")
    with pytest.raises(GraphError, match="sum to 255"):
        count_concepts(graph, np.full((graph.n, 3), 7, np.uint8), 3, 1)
    with pytest.raises(GraphError, match="a row a token"):
        count_concepts(graph, np.zeros((graph.n + 1, 3), np.uint8), 3, 1)


def test_a_rare_feature_says_less_with_a_pseudo_count_and_a_noisy_one_when_shrunk():
    counts = np.array([[50, 0, 9, 40], [50, 0, 9, 0], [50, 0, 9, 41], [50, 1, 2, 0], [50, 0, 2, 0], [50, 0, 2, 41]])
    labels = np.array([1, 1, 1, 0, 0, 0])
    authors = FoldChangeKernel(alpha=1e10).fit(counts, labels)
    plain = FoldChangeKernel(alpha=1e10, pseudo=0.1).fit(counts, labels)
    drawn = FoldChangeKernel(alpha=1e10, pseudo=0.1, shrink=True).fit(counts, labels)
    assert abs(authors.coef_[1]) > 15 and abs(plain.coef_[1]) < 2
    assert np.allclose(FoldChangeKernel(alpha=1e10, pseudo=0.1).fit(counts * UNIT, labels).coef_, plain.coef_)
    assert (np.abs(drawn.coef_) <= np.abs(plain.coef_)).all() and (drawn.coef_ * plain.coef_ >= 0).all()
    kept = drawn.coef_ / plain.coef_
    assert kept[2] > kept[3]  # steady between data, against seen in half of each class
