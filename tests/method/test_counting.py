"""Counting concepts: equal to the plain networkx version, and to what counting must obey."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import TokenGraph, count_concepts
from prospector_core.errors import FitError, GraphError
from prospector_core.method.counting import check_sprite, merge_counts, recount
from prospector_core.method.features import (
    feature_names,
    n_concepts_of,
    n_features,
    pack_pairs,
    pair_index,
    unpack,
)
from prospector_core.method.soft import hard_shares as soft_shares
from tests.support.random_data import any_graph, grid_graph, kinds, plain_count, seeds, sprite_of


@given(
    seed=seeds,
    kind=kinds,
    radius=st.integers(0, 5),
    k=st.integers(1, 6),
    excluded=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=60)
def test_counts_are_those_of_the_plain_version(seed, kind, radius, k, excluded):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, k, excluded)
    counts = count_concepts(graph, sprite, k, radius)
    assert counts.dtype == np.int64
    assert counts.tolist() == plain_count(graph, sprite, k, radius).tolist()


@pytest.mark.parametrize(
    ("height", "width", "radius"),
    [(5, 63, 2), (5, 64, 2), (4, 65, 3), (5, 129, 4), (3, 1023, 1), (3, 1030, 3), (100, 3, 5), (10, 70, 9)],
)
def test_counts_across_word_strip_and_block_borders(height, width, radius):
    random = np.random.default_rng(height * width)
    graph = grid_graph(random, height, width, 0.35)
    sprite = sprite_of(random, graph, 4, excluded=0.05)
    assert graph.fits_raster(radius)
    assert count_concepts(graph, sprite, 4, radius).tolist() == plain_count(graph, sprite, 4, radius).tolist()


@given(
    seed=seeds,
    radius=st.integers(1, 12),
    holes=st.sampled_from([0.0, 0.2, 0.5, 0.8]),
    width=st.integers(1, 150),
)
def test_any_way_of_giving_a_grid_counts_the_same(seed, radius, holes, width):
    random = np.random.default_rng(seed)
    graph = grid_graph(random, int(random.integers(1, 60)), width, holes)
    sprite = sprite_of(random, graph, 5, excluded=0.1)
    general = TokenGraph.from_edges(graph.n, graph.edges)
    assert np.array_equal(
        count_concepts(graph, sprite, 5, radius), count_concepts(general, sprite, 5, radius)
    )


@pytest.mark.parametrize("radius", [30, 31, 32, 40])
def test_large_radii(radius):
    random = np.random.default_rng(radius)
    graph = grid_graph(random, 50, 130, 0.45)
    assert graph.fits_raster(radius) == (radius <= 31)
    sprite = sprite_of(random, graph, 3)
    general = TokenGraph.from_edges(graph.n, graph.edges)
    assert np.array_equal(
        count_concepts(graph, sprite, 3, radius), count_concepts(general, sprite, 3, radius)
    )


def test_the_gap_separates():
    # a U of tiles: its ends are two columns apart but six hops away
    positions = [[0, 0], [1, 0], [2, 0], [3, 1], [2, 2], [1, 2], [0, 2]]
    sprite = np.array([0, 2, 2, 2, 2, 2, 1])
    ends = pair_index(0, 1, 3)
    graph = TokenGraph.from_grid(positions)
    assert count_concepts(graph, sprite, 3, 5)[ends] == 0
    assert count_concepts(graph, sprite, 3, 6)[ends] == 2


@given(seed=seeds, kind=kinds, radius=st.integers(0, 4))
def test_excluded_tokens_are_walls(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, 4, excluded=0.4)
    kept = np.flatnonzero(sprite >= 0)
    number = np.full(graph.n, -1)
    number[kept] = np.arange(len(kept))
    edges = number[graph.edges]
    without = TokenGraph.from_edges(len(kept), edges[(edges >= 0).all(axis=1)])
    expected = count_concepts(without, sprite[kept], 4, radius)
    assert np.array_equal(count_concepts(graph, sprite, 4, radius), expected)
    if graph.kind == "grid":
        cut = TokenGraph.from_grid(graph.positions[kept])
        assert np.array_equal(count_concepts(cut, sprite[kept], 4, radius), expected)


@given(seed=seeds, kind=kinds, radius=st.integers(0, 3))
def test_new_concept_ids_only_reorder_counts(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, 5, excluded=0.1)
    new = random.permutation(5)
    renamed = np.where(sprite >= 0, new[sprite], -1)
    counts, after = count_concepts(graph, sprite, 5, radius), count_concepts(graph, renamed, 5, radius)
    for i in range(5):
        assert after[new[i]] == counts[i]
        if radius:
            for j in range(5):
                assert after[pair_index(new[i], new[j], 5)] == counts[pair_index(i, j, 5)]


@given(
    seed=seeds,
    kind=kinds,
    radius=st.integers(0, 3),
    groups=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_merged_concepts_add_up(seed, kind, radius, groups):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, 6, excluded=0.1)
    groups = np.unique(groups, return_inverse=True)[1]  # new ids without gaps
    merged = np.where(sprite >= 0, groups[sprite], -1)
    counts = count_concepts(graph, sprite, 6, radius)
    expected = count_concepts(graph, merged, groups.max() + 1, radius)
    assert np.array_equal(merge_counts(counts, groups, 6, radius), expected)
    many = merge_counts(np.stack([counts, 3 * counts]), groups, 6, radius)
    assert np.array_equal(many, np.stack([expected, 3 * expected]))


@pytest.mark.parametrize("radius", [0, 2])
def test_a_concept_that_does_not_occur_can_be_dropped(radius):
    random = np.random.default_rng(0)
    graph = grid_graph(random, 7, 7, 0.2)
    sprite = random.choice([0, 1, 3], graph.n)
    groups = np.array([0, 1, -1, 2])
    expected = count_concepts(graph, groups[sprite], 3, radius)
    assert np.array_equal(merge_counts(count_concepts(graph, sprite, 4, radius), groups, 4, radius), expected)


@given(seed=seeds, radius=st.integers(0, 4))
def test_parts_that_do_not_touch_count_apart(seed, radius):
    random = np.random.default_rng(seed)
    one, two = grid_graph(random, 5, 6, 0.3), grid_graph(random, 4, 7, 0.3)
    if not one.n or not two.n:
        return
    beside = two.positions - two.positions.min(axis=0) + [one.positions[:, 0].max() + 2, 0]
    both = TokenGraph.from_grid(np.concatenate([one.positions, beside]))
    a, b = sprite_of(random, one, 4), sprite_of(random, two, 4)
    together = count_concepts(both, np.concatenate([a, b]), 4, radius)
    assert np.array_equal(together, count_concepts(one, a, 4, radius) + count_concepts(two, b, 4, radius))


@given(seed=seeds, kind=kinds, radius=st.integers(1, 3))
def test_counts_grow_with_the_radius(seed, kind, radius):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    sprite = sprite_of(random, graph, 3)
    assert (count_concepts(graph, sprite, 3, radius + 1) >= count_concepts(graph, sprite, 3, radius)).all()


def test_tiles_far_apart_need_no_raster():
    positions = np.array([[0, 0], [10**9, 10**9], [1, 1], [10**9, 10**9 - 1]])
    graph = TokenGraph.from_grid(positions)
    assert not graph.fits_raster(1)
    assert count_concepts(graph, np.array([0, 1, 1, 1]), 2, 3).tolist() == [1, 3, 1, 2, 5]


@pytest.mark.parametrize("kind", ["grid", "edges"])
def test_the_number_of_threads_changes_nothing(kind):
    random = np.random.default_rng(3)
    graph = grid_graph(random, 120, 150, 0.3)
    if kind == "edges":
        graph = TokenGraph.from_edges(graph.n, graph.edges)
    sprite = sprite_of(random, graph, 8)
    before = numba.get_num_threads()
    found = set()
    for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
        numba.set_num_threads(threads)
        try:
            found.add(count_concepts(graph, sprite, 8, 4).tobytes())
        finally:
            numba.set_num_threads(before)
    assert len(found) == 1


@pytest.mark.parametrize(
    "empty",
    [TokenGraph.from_grid([]), TokenGraph.from_chain(0), TokenGraph.from_contacts(np.empty((0, 3)))],
    ids=lambda graph: graph.kind,
)
@pytest.mark.parametrize("radius", [0, 2])
def test_no_tokens_count_as_nothing(empty, radius):
    counts = count_concepts(empty, [], 3, radius)
    assert counts.tolist() == [0] * n_features(3, radius)


@pytest.mark.parametrize("radius", [0, 2])
def test_only_excluded_tokens_count_as_nothing(radius):
    graph = TokenGraph.from_grid([[0, 0], [0, 1]])
    assert not count_concepts(graph, np.array([-1, -1]), 3, radius).any()


@pytest.mark.parametrize(
    ("sprite", "k", "radius", "says"),
    [
        ([0, 1], 2, 1, "one concept per token"),
        ([[0, 1, 0]], 2, 1, "one concept per token"),
        ([0, 1, 2], 2, 1, "-1..1, got 0..2"),
        ([0, 1, -2], 2, 1, "got -2..1"),
        ([0.0, 1.0, 0.5], 2, 1, "integers"),
        ([0, 1, 0], 2, -1, "radius"),
        ([0, 1, 0], 2, 1.5, "radius"),
        ([0, 1, 0], 2, np.nan, "radius"),
        ([0, 0, 0], 0, 1, "number of concepts"),
        ([0, 0, 0], 2**15, 1, "number of concepts"),
    ],
)
def test_a_sprite_that_does_not_fit_is_said_in_one_line(sprite, k, radius, says):
    with pytest.raises(GraphError, match=says) as caught:
        count_concepts(TokenGraph.from_chain(3), np.array(sprite), k, radius)
    assert "\n" not in str(caught.value)


def test_whole_number_radii_of_any_type():
    graph = TokenGraph.from_chain(5)
    sprite = np.array([0, 1, 1, 0, 1])
    for radius in (2.0, np.int8(2), np.float32(2)):
        assert np.array_equal(count_concepts(graph, sprite, 2, radius), count_concepts(graph, sprite, 2, 2))


@pytest.mark.parametrize("k", [1, 2, 7, 30])
def test_the_order_of_features(k):
    i, j = np.triu_indices(k)
    assert np.array_equal(pair_index(i, j, k), k + np.arange(len(i)))
    assert np.array_equal(pair_index(j, i, k), k + np.arange(len(i)))
    assert n_concepts_of(n_features(k, 2), 2) == k
    assert len(feature_names(list(range(k)), 1)) == n_features(k, 1)


@given(
    seed=seeds,
    radius=st.integers(0, 6),
    width=st.integers(1, 90),
    share=st.sampled_from([0.0, 0.02, 0.15, 0.6]),
)
@settings(max_examples=60)
def test_recounting_what_moved_is_counting_all(seed, radius, width, share):
    random = np.random.default_rng(seed)
    graph = grid_graph(random, int(random.integers(1, 40)), width, random.choice([0.0, 0.3, 0.6]))
    before = sprite_of(random, graph, 5, excluded=0.1)
    after = np.where(random.random(graph.n) < share, random.integers(-(seed % 2), 5, graph.n), before)
    if seed % 3 == 0:
        after[before < 0] = -1  # else tokens come as well; where -1 was drawn they go
    counts, expected = count_concepts(graph, before, 5, radius), count_concepts(graph, after, 5, radius)
    for threads in (None, 1):
        assert np.array_equal(recount(graph, after, 5, radius, before, counts, threads), expected)
    assert np.array_equal(count_concepts(graph, after, 5, radius, threads=1), expected)


@given(seed=seeds, radius=st.integers(1, 9), kind=st.sampled_from(["gone", "come", "moved"]))
@settings(max_examples=40)
def test_recounting_across_word_strip_and_block_borders(seed, radius, kind):
    """Wide and tall grids, few tokens that differ: most of the grid is passed over."""
    random = np.random.default_rng(seed)
    graph = grid_graph(
        random, int(random.integers(50, 160)), int(random.integers(200, 600)), random.choice([0.1, 0.5])
    )
    full = sprite_of(random, graph, 4)
    some = random.choice(graph.n, int(random.integers(1, 12)), replace=False)
    other = full.copy()
    other[some] = (full[some] + 1) % 4 if kind == "moved" else -1
    before, after = (other, full) if kind == "come" else (full, other)
    counts = count_concepts(graph, before, 4, radius)
    assert np.array_equal(
        recount(graph, after, 4, radius, before, counts), count_concepts(graph, after, 4, radius)
    )


def test_shares_are_counted_as_parts_of_one():
    """A sprite as shares gives the same counts, and they are real numbers."""
    graph = TokenGraph.from_chain(6, reach=1)
    sprite = np.array([0, 1, 1, -1, 0, 0])
    hard = count_concepts(graph, sprite, 2, 1)
    soft = count_concepts(graph, soft_shares(sprite, 2), 2, 1)
    assert soft.dtype == np.float64 and soft.tolist() == hard.tolist() == [3, 2, 5, 2, 4]
    half = np.zeros((6, 2), np.uint8)
    half[:, 0], half[:, 1] = 51, 204  # a fifth, four fifths
    assert count_concepts(graph, half, 2, 0) == pytest.approx([6 / 5, 24 / 5])
    assert count_concepts(graph, half, 2, 1) == pytest.approx([1.2, 4.8, 16 / 25, 2 * 64 / 25, 16 * 16 / 25])
    with pytest.raises(GraphError, match="shares are of 2 concepts, but K is 3"):
        count_concepts(graph, half, 3, 1)


@pytest.mark.parametrize(
    ("sprite", "k", "radius", "fits"),
    [
        ([0, 0], 2**15 - 1, 0, True),
        ([0, 0], 2**15, 0, False),
        ([0, 0], 0, 0, False),
        ([0, 0], 1, 0, True),
        ([0, 1], 2, 0, True),
        ([0, 2], 2, 0, False),
        ([0, -1], 2, 0, True),
        ([0, -2], 2, 0, False),
        ([0, 1], 2, -1, False),
        ([0, 1], 2, np.inf, False),
        ([0, 1], 2, 1.5, False),
        ([0, 1], 2, np.nan, False),
        ([0.0, 1.0], 2, 0, False),
        ([0], 2, 0, False),
    ],
)
def test_what_a_sprite_may_hold(sprite, k, radius, fits):
    graph = TokenGraph.from_chain(2)
    if fits:
        found = check_sprite(graph, sprite, k, radius)
        assert found.tolist() == sprite and found.dtype == np.int64
    else:
        with pytest.raises(GraphError):
            check_sprite(graph, sprite, k, radius)


def test_recounting_checks_both_sprites_and_copies():
    graph = TokenGraph.from_grid(np.argwhere(np.ones((4, 4))))
    sprite = np.arange(16) % 3
    counts = count_concepts(graph, sprite, 3, 1)
    same = recount(graph, sprite, 3, 1, sprite, counts)
    same[0] = 99
    assert counts[0] != 99
    moved = np.where(np.arange(16) == 5, 0, sprite)
    for radius in (0, 1):
        before = count_concepts(graph, sprite, 3, radius)
        assert (
            recount(graph, moved, 3, radius, sprite, before).tolist()
            == count_concepts(graph, moved, 3, radius).tolist()
        )
    for bad in (sprite + 1, sprite[:-1]):
        with pytest.raises(GraphError):
            recount(graph, sprite, 3, 1, bad, counts)
        with pytest.raises(GraphError):
            recount(graph, bad, 3, 1, sprite, counts)


def test_places_of_features_and_their_names():
    assert feature_names(["a", "b", "c"], 1) == [
        "a",
        "b",
        "c",
        "a + a",
        "a + b",
        "a + c",
        "b + b",
        "b + c",
        "c + c",
    ]
    assert feature_names(["a", "b"], 0) == ["a", "b"]
    assert [n_concepts_of(n_features(k, 1), 1) for k in range(1, 60)] == list(range(1, 60))
    assert n_concepts_of(7, 0) == 7
    for p in (1, 3, 4, 6, 8, 10):
        with pytest.raises(FitError, match=f"^{p} is not a number of features"):
            n_concepts_of(p, 1)
    mono, table = unpack(np.arange(9.0), 3)
    assert mono.tolist() == [0, 1, 2] and table.tolist() == [[3, 4, 5], [4, 6, 7], [5, 7, 8]]
    assert unpack(np.arange(3.0), 3)[1].tolist() == [[0] * 3] * 3
    pairs = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert pack_pairs(np.zeros(3, int), pairs).tolist() == [0, 0, 0, 1, 6, 10, 5, 14, 9]
