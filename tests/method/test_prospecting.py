"""Prospect maps and their explanations: equal to the plain networkx version, and to what a map must obey."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import TokenGraph, count_concepts, explain, prospect
from prospector_core.errors import GraphError
from prospector_core.method._compiled.sparse import ball
from prospector_core.method.explaining import Term
from prospector_core.method.features import n_features, pair_index
from prospector_core.method.prospecting import hop_weights, neighbour_blocks, neighbour_counts
from prospector_core.method.soft import hard_shares
from tests.support.random_data import (
    any_graph,
    grid_graph,
    kernel_of,
    kinds,
    plain_prospect,
    seeds,
    sprite_of,
)

CLOSE = {"rtol": 1e-11, "atol": 1e-11}


@given(
    seed=seeds,
    kind=kinds,
    radius=st.integers(0, 5),
    k=st.integers(1, 6),
    excluded=st.sampled_from([0.0, 0.3]),
    diffusive=st.booleans(),
)
@settings(max_examples=60)
def test_maps_are_those_of_the_plain_version(seed, kind, radius, k, excluded, diffusive):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, k, excluded)
    coef = kernel_of(random, k, radius)
    scores = prospect(graph, sprite, coef, k, radius, diffusive)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, plain_prospect(graph, sprite, coef, k, radius, diffusive), **CLOSE)


@pytest.mark.parametrize("diffusive", [False, True])
@pytest.mark.parametrize(("height", "width", "radius"), [(4, 65, 3), (3, 1030, 2), (100, 3, 5), (10, 70, 9)])
def test_maps_across_word_strip_and_block_borders(height, width, radius, diffusive):
    random = np.random.default_rng(height * width)
    graph = grid_graph(random, height, width, 0.35)
    sprite = sprite_of(random, graph, 4, excluded=0.05)
    coef = kernel_of(random, 4, radius)
    scores = prospect(graph, sprite, coef, 4, radius, diffusive)
    np.testing.assert_allclose(scores, plain_prospect(graph, sprite, coef, 4, radius, diffusive), **CLOSE)


@given(seed=seeds, radius=st.integers(1, 16), width=st.integers(1, 150), diffusive=st.booleans())
def test_any_way_of_giving_a_grid_maps_the_same(seed, radius, width, diffusive):
    random = np.random.default_rng(seed)
    graph = grid_graph(random, int(random.integers(1, 60)), width, 0.3)
    sprite = sprite_of(random, graph, 5, excluded=0.1)
    coef = kernel_of(random, 5, radius)
    general = TokenGraph.from_edges(graph.n, graph.edges)
    one = prospect(graph, sprite, coef, 5, radius, diffusive)
    two = prospect(general, sprite, coef, 5, radius, diffusive)
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)


@given(seed=seeds, kind=kinds, radius=st.integers(0, 3))
def test_new_concept_ids_leave_the_map(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, 5)
    coef = kernel_of(random, 5, radius)
    new = random.permutation(5)
    renamed = np.empty_like(coef)
    renamed[new] = coef[:5]
    if radius:
        i, j = np.triu_indices(5)
        renamed[pair_index(new[i], new[j], 5)] = coef[pair_index(i, j, 5)]
    expected = prospect(graph, sprite, coef, 5, radius)
    np.testing.assert_allclose(prospect(graph, new[sprite], renamed, 5, radius), expected, **CLOSE)


@given(seed=seeds, radius=st.integers(0, 3), diffusive=st.booleans())
def test_the_order_of_tokens_only_reorders_the_map(seed, radius, diffusive):
    random = np.random.default_rng(seed)
    graph = grid_graph(random, 8, 9, 0.3)
    sprite = sprite_of(random, graph, 4, excluded=0.1)
    coef = kernel_of(random, 4, radius)
    scores = prospect(graph, sprite, coef, 4, radius, diffusive)
    order = random.permutation(graph.n)
    moved = prospect(TokenGraph.from_grid(graph.positions[order]), sprite[order], coef, 4, radius, diffusive)
    assert np.array_equal(moved, scores[order], equal_nan=True)


@given(seed=seeds, kind=kinds, radius=st.integers(0, 4))
def test_the_map_sums_to_counts_times_weights(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, 4, excluded=0.2)
    coef = kernel_of(random, 4, radius)
    total = count_concepts(graph, sprite, 4, radius) @ coef
    np.testing.assert_allclose(
        np.nansum(prospect(graph, sprite, coef, 4, radius)), total, rtol=1e-10, atol=1e-9
    )


@given(seed=seeds, kind=kinds, radius=st.integers(0, 4), diffusive=st.booleans())
def test_the_terms_of_an_explanation_sum_to_the_score(seed, kind, radius, diffusive):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    if not graph.n:
        return
    sprite = sprite_of(random, graph, 4, excluded=0.2)
    coef = kernel_of(random, 4, radius)
    token = int(random.integers(graph.n))
    score = prospect(graph, sprite, coef, 4, radius, diffusive)[token]
    found = explain(graph, sprite, coef, 4, radius, token, diffusive)
    if sprite[token] < 0:
        assert np.isnan(score)
        assert np.isnan(found.score)
        assert found.terms == ()
        return
    size = sum(abs(term.value) for term in found.terms)
    assert abs(sum(term.value for term in found.terms) - score) <= 1e-12 * size
    assert abs(found.score - score) <= 1e-12 * size
    assert found.concept == sprite[token]
    assert [abs(t.value) for t in found.terms] == sorted((abs(t.value) for t in found.terms), reverse=True)
    assert found.neighbours[0] == token
    assert (sprite[found.neighbours] >= 0).all()
    if radius and not diffusive:
        assert sum(term.count for term in found.terms if term.neighbour is not None) == len(found.neighbours)


def test_an_explanation_names_the_tokens_and_their_hops():
    graph = TokenGraph.from_grid([[0, 0], [0, 1], [0, 2], [0, 3]])
    coef = np.arange(n_features(2, 2), dtype=float)
    found = explain(graph, np.array([0, 1, 1, 0]), coef, 2, 2, 0)
    assert found.neighbours.tolist() == [0, 1, 2]
    assert found.hops.tolist() == [0, 1, 2]
    assert {(term.neighbour, term.count, term.weight) for term in found.terms} == {
        (None, 1, 0),
        (0, 1, 2),
        (1, 2, 3),
    }
    assert found.score == 8


@pytest.mark.parametrize("radius", [0, 2])
def test_several_classes_are_one_map_each(radius):
    random = np.random.default_rng(0)
    graph = grid_graph(random, 8, 8, 0.2)
    sprite = sprite_of(random, graph, 3)
    coef = random.normal(size=(4, n_features(3, radius)))
    maps = prospect(graph, sprite, coef, 3, radius)
    assert maps.shape == (4, graph.n)
    for row, expected in zip(coef, maps, strict=True):
        assert np.array_equal(prospect(graph, sprite, row, 3, radius), expected)


@pytest.mark.parametrize("kind", ["grid", "edges"])
@pytest.mark.parametrize("diffusive", [False, True])
def test_the_number_of_threads_changes_nothing(kind, diffusive):
    random = np.random.default_rng(3)
    graph = grid_graph(random, 120, 150, 0.3)
    if kind == "edges":
        graph = TokenGraph.from_edges(graph.n, graph.edges)
    sprite = sprite_of(random, graph, 8)
    coef = kernel_of(random, 8, 4)
    before = numba.get_num_threads()
    found = set()
    for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
        numba.set_num_threads(threads)
        try:
            found.add(prospect(graph, sprite, coef, 8, 4, diffusive).tobytes())
        finally:
            numba.set_num_threads(before)
    assert len(found) == 1


def test_callers_in_several_threads_do_not_meet():
    random = np.random.default_rng(5)
    graph = grid_graph(random, 60, 80, 0.3)
    sprite = sprite_of(random, graph, 6)
    coef = kernel_of(random, 6, 3)
    expected = prospect(graph, sprite, coef, 6, 3)
    with ThreadPoolExecutor(4) as pool:
        maps = list(pool.map(lambda _: prospect(graph, sprite, coef, 6, 3), range(16)))
    assert all(np.array_equal(each, expected) for each in maps)


@pytest.mark.parametrize(
    "empty", [TokenGraph.from_grid([]), TokenGraph.from_chain(0)], ids=lambda graph: graph.kind
)
@pytest.mark.parametrize("diffusive", [False, True])
@pytest.mark.parametrize("radius", [0, 2])
def test_no_tokens_have_an_empty_map(empty, radius, diffusive):
    coef = np.zeros(n_features(3, radius))
    assert prospect(empty, [], coef, 3, radius, diffusive).shape == (0,)
    assert prospect(empty, [], np.stack([coef, coef]), 3, radius, diffusive).shape == (2, 0)


def test_far_apart_tiles_and_whole_number_radii_of_any_type():
    graph = TokenGraph.from_grid([[0, 0], [10**9, 10**9], [1, 1]])
    coef = np.array([1.0, 2.0, 10.0, 20.0, 30.0])
    for radius in (1, 1.0, np.int8(1)):
        for diffusive, expected in ((False, [1 + 10 + 20, 2 + 30, 2 + 20 + 30]), (True, [1 + 10, 2, 2 + 10])):
            assert prospect(graph, np.array([0, 1, 1]), coef, 2, radius, diffusive).tolist() == expected


@pytest.mark.parametrize(
    ("coef", "token", "says"),
    [
        (np.zeros(4), 0, "needs 5 weights"),
        (np.zeros(2), 0, "needs 5 weights"),
        (np.array([0, 0, np.nan, 0, 0]), 0, "weight 2"),
        (np.array([0, 0, 0, 0, np.inf]), 0, "weight 4"),
        (np.zeros(5), 3, "no token 3"),
        (np.zeros(5), -1, "no token -1"),
    ],
)
def test_what_cannot_be_prospected_is_said_in_one_line(coef, token, says):
    graph = TokenGraph.from_chain(3)
    sprite = np.array([0, 1, 0])
    with pytest.raises(GraphError, match=says) as caught:
        explain(graph, sprite, coef, 2, 1, token)
    assert "\n" not in str(caught.value)
    if token == 0:
        with pytest.raises(GraphError, match=says):
            prospect(graph, sprite, coef, 2, 1)


def test_one_class_is_explained_at_a_time():
    with pytest.raises(GraphError, match="weights"):
        explain(TokenGraph.from_chain(3), np.array([0, 1, 0]), np.zeros((2, 5)), 2, 1, 0)


@pytest.mark.parametrize("diffusive", [False, True])
@pytest.mark.parametrize("radius", [0, 1, 3])
def test_neighbours_counted_in_parts_are_those_counted_at_once(radius, diffusive):
    random = np.random.default_rng(radius)
    graph = grid_graph(random, 40, 23, 0.3)
    sprite = sprite_of(random, graph, 4, 0.1)
    parts = list(neighbour_blocks(graph, sprite, 4, radius, diffusive, cells=5 * 23 * 4))
    tokens = np.concatenate([tokens for tokens, _ in parts])
    assert len(parts) == 8 and np.array_equal(np.sort(tokens), np.arange(graph.n))
    counts = np.empty((graph.n, 4))
    counts[tokens] = np.concatenate([each for _, each in parts])
    assert np.array_equal(counts, neighbour_counts(graph, sprite, 4, radius, diffusive))


def test_one_token_of_a_large_grid_is_explained_from_its_surroundings():
    random = np.random.default_rng(0)
    graph = grid_graph(random, 60, 50, 0.3)
    sprite, coef = sprite_of(random, graph, 4, 0.1), kernel_of(random, 4, 3)
    for token in random.choice(np.flatnonzero(sprite >= 0), 10):
        found = explain(graph, sprite, coef, 4, 3, token)
        near, tokens = graph.around(token, 3)
        assert near.n <= 49 and token in tokens and "_adjacency" not in vars(graph)
        whole, hops = ball(graph.indptr, graph.indices, sprite, int(token), 3)  # over all edges
        assert np.array_equal(found.neighbours, whole) and np.array_equal(found.hops, hops)
        vars(graph).pop("_adjacency")


def test_without_a_radius_a_token_stands_alone():
    graph, sprite, coef = TokenGraph.from_chain(4, reach=1), np.array([1, 0, -1, 1]), np.array([2.0, -3.0])
    found = explain(graph, sprite, coef, 2, 0, 3)
    assert (found.score, found.concept, found.neighbours.tolist(), found.hops.tolist()) == (-3.0, 1, [3], [0])
    assert found.terms == (Term(None, 1.0, -3.0),) and found.shares == ((1, 1.0),)
    assert prospect(graph, sprite, coef, 2, 0)[[0, 1, 3]].tolist() == [-3, 2, -3]
    for each in (sprite, hard_shares(sprite, 2)):
        assert neighbour_counts(graph, each, 2, 0).tolist() == [[0, 0]] * 4
    soft = explain(graph, hard_shares(sprite, 2), coef, 2, 0, 3)
    assert (soft.score, soft.concept, soft.neighbours.tolist(), soft.hops.tolist()) == (-3.0, 1, [3], [0])


def test_an_excluded_token_has_no_explanation():
    graph, sprite, coef = TokenGraph.from_chain(3, reach=1), np.array([1, -1, 0]), np.arange(5.0)
    for each in (sprite, hard_shares(sprite, 2)):
        found = explain(graph, each, coef, 2, 1, 1)
        assert (found.token, found.concept, found.terms) == (1, -1, ()) and np.isnan(found.score)
        assert found.neighbours.size == found.hops.size == 0
        near = explain(graph, each, coef, 2, 1, 0)
        assert near.neighbours.tolist() == [0] and near.hops.tolist() == [0]  # the excluded one is a wall


def test_terms_are_counts_times_weights_the_largest_first():
    """By hand: a chain of 5, two hops; diffusive weights are 0, 1/2, 1/4."""
    graph, sprite = TokenGraph.from_chain(5, reach=1), np.array([0, 1, 0, 2, 2])
    coef = np.array([0.5, 1, 2, 3, -5, 7, 11, 13, 17.0])  # monograms, then 00 01 02 11 12 22
    plain = explain(graph, sprite, coef, 3, 2, 2)
    assert [(term.neighbour, term.count, term.weight) for term in plain.terms] == [
        (2, 2, 7),
        (0, 2, 3),
        (1, 1, -5),
        (None, 1, 0.5),
    ]
    assert (
        plain.score == 14 + 6 - 5 + 0.5
        and plain.neighbours.tolist() == [2, 1, 3, 0, 4]
        and plain.hops.tolist() == [0, 1, 1, 2, 2]
    )
    diffusive = explain(graph, sprite, coef, 3, 2, 2, diffusive=True)
    assert {term.neighbour: term.count for term in diffusive.terms} == {None: 1, 2: 0.75, 1: 0.5, 0: 0.25}
    assert diffusive.score == pytest.approx(0.5 + 0.75 * 7 - 0.5 * 5 + 0.25 * 3)
    assert hop_weights(3, True).tolist() == [0, 0.5, 0.25, 0.125] and hop_weights(2, False).tolist() == [
        1,
        1,
        1,
    ]
    assert prospect(graph, sprite, coef, 3, 2)[2] == plain.score
    shares = np.zeros((5, 3), np.uint8)
    shares[np.arange(5), sprite] = 255
    shares[2] = [204, 51, 0]  # four fifths, one fifth
    mixed = explain(graph, shares, coef, 3, 2, 2)
    assert mixed.concept == 0 and mixed.shares == ((0, 0.8), (1, 0.2))
    own = {
        None: (1, 0.8 * 0.5 + 0.2),
        0: (1.8, 0.8 * 3 - 0.2 * 5),
        1: (1.2, -0.8 * 5 + 0.2 * 11),
        2: (2, 0.8 * 7 + 0.2 * 13),
    }
    assert {term.neighbour: pytest.approx((term.count, term.weight)) for term in mixed.terms} == own
    assert [abs(term.value) for term in mixed.terms] == sorted(
        (abs(term.value) for term in mixed.terms), reverse=True
    )


@pytest.mark.parametrize("radius", [12, 13, 20])
def test_wide_diffusive_maps_are_those_of_the_edges(radius):
    """Hop weights on the grid are whole numbers up to radius 12; beyond, the map is made along the edges."""
    random = np.random.default_rng(radius)
    grid = TokenGraph.from_grid(np.argwhere(random.random((24, 30)) > 0.2))
    edges, sprite = TokenGraph.from_edges(grid.n, grid.edges), random.integers(0, 3, grid.n)
    coef = kernel_of(random, 3, radius)
    for each in (sprite, hard_shares(sprite, 3)):
        np.testing.assert_allclose(
            *(prospect(g, each, coef, 3, radius, True) for g in (grid, edges)), atol=1e-9
        )
        np.testing.assert_allclose(
            *(neighbour_counts(g, each, 3, radius, True) for g in (grid, edges)), atol=1e-9
        )


def test_parts_of_a_map_hold_so_many_cells():
    graph = TokenGraph.from_grid(np.argwhere(np.ones((10, 6))))
    sprite = np.arange(60) % 4
    parts = list(neighbour_blocks(graph, sprite, 4, 1, cells=3 * 6 * 4))
    assert [len(tokens) for tokens, _ in parts] == [18, 18, 18, 6]
    assert np.concatenate([tokens for tokens, _ in parts]).tolist() == list(range(60))
    assert len(list(neighbour_blocks(graph, sprite, 4, 1, cells=10 * 6 * 4))) == 1
    assert len(list(neighbour_blocks(graph, sprite, 4, 1, cells=10 * 6 * 4 - 1))) == 2
    assert len(list(neighbour_blocks(graph, sprite, 4, 1, cells=1))) == 10


def test_weights_that_are_not_finite_are_named():
    graph = TokenGraph.from_chain(2)
    with pytest.raises(GraphError, match="weight 3 of the prospect kernel"):
        prospect(graph, np.zeros(2, int), [0, 0, 0, np.nan, 0], 2, 1)
    for token in (-1, 2):
        with pytest.raises(GraphError, match="tokens are 0..1"):
            explain(graph, np.zeros(2, int), np.zeros(5), 2, 1, token)
