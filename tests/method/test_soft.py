"""Soft membership: exact counts, the sprite as special case, maps that add up.

Kernels drawn towards nothing.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import FoldChangeKernel, TokenGraph, count_concepts, explain, prospect
from prospector_core.errors import EmbeddingError, FitError, GraphError
from prospector_core.method.counterfactual import Without, neighbours_of, what_if
from prospector_core.method.counting import merge_counts
from prospector_core.method.prospecting import neighbour_counts
from prospector_core.method.quantizers import assign_nearest
from prospector_core.method.soft import (
    ONE,
    UNIT,
    centred,
    check_shares,
    checked,
    count_units,
    hard_shares,
    is_soft,
    mean_of,
    membership,
    merge_shares,
    padded,
    part_and_mean,
    shifted,
    sprite_and_shares,
    strongest,
    temperature,
)
from prospector_core.method.uncertainty import token_uncertainty
from tests.support.random_data import any_graph, grid_graph, kernel_of, kinds, seeds, sprite_of

K = 5


def shares_for(random, graph, outside=0.2):
    vectors, centroids = random.normal(size=(graph.n, 3)), random.normal(size=(K, 3))
    shares = membership(vectors.astype(np.float32), centroids.astype(np.float32), 0.7)
    shares[random.random(graph.n) < outside] = 0
    return shares


def plainly(graph, shares, radius):
    """X = P^T A P over tokens that are inside, paths through them only, by repeated products."""
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
        prospect(graph, hard_shares(sprite, K), coef, K, radius, True),
        prospect(graph, sprite, coef, K, radius, True),
        atol=1e-9,
    )


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
        assert (
            sum(share for _, share in found.shares) == pytest.approx(1)
            and found.shares[0][0] == found.concept
        )
        alone = what_if(graph, shares, coef, K, radius, token, Without(neighbours=True))
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
    vectors, centroids = (
        random.normal(size=(500, 9)).astype(np.float32),
        random.normal(size=(12, 9)).astype(np.float32),
    )
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
    for _ in range(3):  # up to three concepts per token, some with all of it
        shares[np.arange(grid.n), random.integers(0, k, grid.n)] += random.choice([5, 85], grid.n).astype(
            np.uint8
        )
    shares[np.arange(grid.n), shares.argmax(axis=1)] += (ONE - shares.sum(axis=1, dtype=int)).astype(np.uint8)
    shares[random.random(grid.n) < 0.2] = 0
    assert grid.fits_raster(radius) and not edges.fits_raster(radius)
    for threads in (None, 1):
        assert np.array_equal(
            count_units(grid, shares, radius, threads), count_units(edges, shares, radius, threads)
        )
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
    with pytest.raises(GraphError, match="one row per token"):
        count_concepts(graph, np.zeros((graph.n + 1, 3), np.uint8), 3, 1)


def test_a_rare_feature_says_less_with_a_pseudo_count_and_a_noisy_one_when_shrunk():
    counts = np.array(
        [[50, 0, 9, 40], [50, 0, 9, 0], [50, 0, 9, 41], [50, 1, 2, 0], [50, 0, 2, 0], [50, 0, 2, 41]]
    )
    labels = np.array([1, 1, 1, 0, 0, 0])
    authors = FoldChangeKernel(alpha=1e10).fit(counts, labels)
    plain = FoldChangeKernel(alpha=1e10, pseudo=0.1).fit(counts, labels)
    drawn = FoldChangeKernel(alpha=1e10, pseudo=0.1, shrink=True).fit(counts, labels)
    assert abs(authors.coef_[1]) > 15 and abs(plain.coef_[1]) < 2
    assert np.allclose(FoldChangeKernel(alpha=1e10, pseudo=0.1).fit(counts * UNIT, labels).coef_, plain.coef_)
    assert (np.abs(drawn.coef_) <= np.abs(plain.coef_)).all() and (drawn.coef_ * plain.coef_ >= 0).all()
    kept = drawn.coef_ / plain.coef_
    assert kept[2] > kept[3]  # steady between data, against seen in half of each class


# ---- the rules, one by one


def test_heat_is_softness_times_the_median_distance_to_the_nearest_concept():
    centroids = np.array([[0.0, 0], [3, 0], [3, 4], [50, 4]])  # nearest: 9, 9, 16, 47^2
    assert temperature(centroids, 0.5) == pytest.approx(0.5 * 12.5)
    assert temperature(centroids, 0) == temperature(centroids[:1], 0.5) == 0
    assert temperature(np.zeros((3, 2)), 0.5) == 0  # concepts left empty share a place with others
    assert temperature(np.vstack([centroids, centroids[:1]]), 0.5) == pytest.approx(0.5 * 16)


def test_shares_fall_with_the_squared_distance():
    """exp(-d2 / heat), rounded down to 1/255; the nearest has the rest."""
    random = np.random.default_rng(7)
    vectors, centroids = (
        random.normal(size=(60, 4)).astype(np.float32),
        random.normal(size=(6, 4)).astype(np.float32),
    )
    shares, heat = membership(vectors, centroids, 0.8), temperature(centroids, 0.8)
    far = ((vectors[:, None].astype(float) - centroids[None]) ** 2).sum(axis=2)
    weight = np.exp(-far / heat)
    expected = np.floor(255 * weight / weight.sum(axis=1, keepdims=True))
    nearest = far.argmin(axis=1)
    expected[np.arange(60), nearest] += 255 - expected.sum(axis=1)
    off = np.abs(
        shares - expected
    )  # where a share is all but a whole number, the last digit of the distance decides
    assert off.max() <= 1 and (off > 0).any(axis=1).sum() <= 1
    sprite, same = sprite_and_shares(vectors, centroids, 0.8)
    assert np.array_equal(sprite, nearest) and np.array_equal(same, shares) and sprite.dtype == np.int32
    assert np.array_equal(sprite_and_shares(vectors, centroids, 0.8, nearest=nearest)[1], shares)
    moved = sprite_and_shares(vectors + np.float32(2), centroids, 0.8, shift=np.full(4, 2.0))
    assert np.abs(moved[1].astype(int) - shares).max() <= 1
    hard = sprite_and_shares(vectors, centroids, 0.0)
    assert np.array_equal(hard[0], nearest) and np.array_equal(hard[1], hard_shares(nearest, 6))
    assert np.array_equal(sprite_and_shares(vectors, centroids, 0.0, nearest=nearest[::-1])[0], nearest[::-1])


@pytest.mark.parametrize("softness", [-0.1, np.inf, np.nan])
def test_softness_is_a_number(softness):
    with pytest.raises(FitError, match="softness must be a number >= 0"):
        membership(np.zeros((2, 2)), np.eye(2), softness)


def test_blocks_of_tokens_meet_without_a_seam_and_a_bad_one_is_named(monkeypatch):
    monkeypatch.setattr("prospector_core.method.soft._BLOCK", 7)
    random = np.random.default_rng(8)
    vectors, centroids = (
        random.normal(size=(20, 3)).astype(np.float32),
        random.normal(size=(4, 3)).astype(np.float32),
    )
    sprite, shares = sprite_and_shares(vectors, centroids, 0.5)
    part, mean = part_and_mean(vectors, np.array([0, 6, 7, 13, 19]))
    every, _ = part_and_mean(vectors)
    monkeypatch.undo()
    whole = sprite_and_shares(vectors, centroids, 0.5)
    assert np.array_equal(sprite, whole[0]) and np.array_equal(shares, whole[1])
    assert np.array_equal(part, vectors[[0, 6, 7, 13, 19]]) and np.array_equal(every, vectors)
    np.testing.assert_allclose(mean, vectors.mean(axis=0), rtol=1e-6)
    assert part_and_mean(vectors[:0])[1].tolist() == [0, 0, 0] and part_and_mean(vectors[:0])[0].shape == (
        0,
        3,
    )
    monkeypatch.setattr("prospector_core.method.soft._BLOCK", 7)
    for wrong in (2, 9, 19):
        bad = vectors.copy()
        bad[wrong, 1] = np.nan
        with pytest.raises(EmbeddingError, match=f"token {wrong} is not finite"):
            sprite_and_shares(bad, centroids, 0.5)
    with pytest.raises(EmbeddingError) as error:
        sprite_and_shares(vectors[:, :2], centroids, 0.5)
    assert "not finite" not in str(error.value)


def test_centring_takes_a_part_of_the_mean():
    vectors = np.array([[1.0, 2], [3, 6]], np.float32)
    np.testing.assert_allclose(centred(vectors, 0.5), [[0, 0], [2, 4]])
    np.testing.assert_allclose(centred(vectors, 1.0), [[-1, -2], [1, 2]])
    np.testing.assert_allclose(shifted(vectors, np.array([1.0, -1])), [[2, 1], [4, 5]])
    assert mean_of(vectors).tolist() == [2, 4] and shifted(vectors, None) is vectors


def test_hard_shares_and_their_sprite():
    shares = hard_shares([1, -1, 0], 3)
    assert shares.tolist() == [[0, 255, 0], [0, 0, 0], [255, 0, 0]] and shares.dtype == np.uint8
    assert strongest(shares).tolist() == [1, -1, 0]
    assert strongest(np.array([[100, 100, 55]], np.uint8)).tolist() == [0]  # the first of equals
    assert merge_shares(shares, [0, 0, 1]).tolist() == [[255, 0], [0, 0], [255, 0]]
    assert merge_shares(shares, [0, 0, 1], 4).shape == (3, 4)


def test_what_is_taken_for_shares():
    assert is_soft(np.zeros((2, 2), np.uint8))
    assert (
        not is_soft(np.zeros(2, np.uint8))
        and not is_soft(np.zeros((2, 2), int))
        and not is_soft(np.zeros(2, int))
    )


def test_shares_are_checked():
    graph, shares = TokenGraph.from_chain(3), hard_shares([0, -1, 2], 3)
    found, outside = check_shares(graph, shares, 3, 1)
    assert np.array_equal(found, shares) and outside.tolist() == [0, -1, 0]
    wide, _, mono = checked(graph, shares, 3, 0)
    assert wide.shape == (3, 8) and not wide[:, 3:].any() and mono.tolist() == [255, 0, 255]
    assert checked(graph, hard_shares([0, 1, 2], 8), 8, 0)[0].shape == (3, 8)
    for bad, k, radius, says in (
        (shares, 4, 1, r"\(3, 4\) uint8"),
        (shares.astype(int), 3, 1, "int64"),
        (shares[:2], 3, 1, r"got \(2, 3\)"),
        (shares, 3, -1, "whole number of hops"),
        (shares, 3, 0.5, "whole number of hops"),
        (shares, 3, np.inf, "whole number"),
    ):
        with pytest.raises(GraphError, match=says):
            check_shares(graph, bad, k, radius)
    wrong = shares.copy()
    wrong[2, 0] = 1
    with pytest.raises(GraphError, match="shares of token 2 sum to 256"):
        check_shares(graph, wrong, 3, 1)
    nobody = np.zeros((3, 3), np.uint8)
    assert (
        count_units(graph, nobody, 1).tolist() == [0] * 9
        and count_units(graph, nobody, 0).tolist() == [0] * 3
    )


def test_tables_are_padded_to_a_multiple_of_eight():
    assert padded(np.ones(8)).shape == (8,) and padded(np.ones((2, 9))).shape == (2, 16)
    assert padded(np.ones(3)).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
