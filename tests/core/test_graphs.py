"""Token graphs: the right neighbours, whatever the order, and clear words about what cannot be one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_data import grid_graph, seeds

from prospector_core import TokenGraph
from prospector_core.errors import GraphError


def edge_set(graph):
    return {tuple(edge) for edge in graph.edges.tolist()}


def eight_connected(positions):
    at = {tuple(position): token for token, position in enumerate(positions.tolist())}
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    return {
        tuple(sorted((token, at[y + dy, x + dx])))
        for (y, x), token in at.items()
        for dy, dx in steps
        if (y + dy, x + dx) in at
    }


@given(seed=seeds, height=st.integers(1, 9), width=st.integers(1, 9), holes=st.sampled_from([0.0, 0.3, 0.7]))
def test_a_grid_joins_touching_tiles(seed, height, width, holes):
    graph = grid_graph(np.random.default_rng(seed), height, width, holes)
    assert edge_set(graph) == eight_connected(graph.positions)


@pytest.mark.parametrize("far", [10**4, 10**9, 4 * 10**9, 2**62])
def test_tiles_far_apart_stay_apart(far):
    positions = np.array([[0, 0], [far, far], [far, far - 1], [1, 1], [-far, 2], [0, far]])
    graph = TokenGraph.from_grid(positions)
    assert graph.raster_shape is None
    assert edge_set(graph) == {(1, 2), (0, 3)}


def test_a_chain_reaches_both_ways():
    assert edge_set(TokenGraph.from_chain(4, reach=2)) == {(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)}
    assert edge_set(TokenGraph.from_chain(3, reach=99)) == {(0, 1), (0, 2), (1, 2)}
    assert edge_set(TokenGraph.from_chain(3, reach=0)) == set()


@given(seed=seeds, cutoff=st.floats(0.5, 20))
def test_contacts_are_pairs_within_the_cutoff(seed, cutoff):
    xyz = np.random.default_rng(seed).normal(size=(25, 3)) * 8
    distance = np.linalg.norm(xyz[:, None] - xyz[None], axis=2)
    expected = {(i, j) for i in range(25) for j in range(i + 1, 25) if distance[i, j] <= cutoff}
    assert edge_set(TokenGraph.from_contacts(xyz, cutoff)) == expected


def test_contacts_at_exactly_the_cutoff_count():
    assert edge_set(TokenGraph.from_contacts([[0, 0, 0], [8, 0, 0], [16.001, 0, 0]], 8.0)) == {(0, 1)}


def test_given_edges_are_undirected_and_counted_once():
    graph = TokenGraph.from_edges(4, [[1, 0], [0, 1], [2, 2], [3, 1]])
    assert edge_set(graph) == {(0, 1), (1, 3)}
    assert graph.indices[graph.indptr[1] : graph.indptr[2]].tolist() == [0, 3]
    assert graph.indptr.tolist() == [0, 1, 3, 3, 4]


@given(seed=seeds)
def test_values_go_to_the_raster_and_back(seed):
    random = np.random.default_rng(seed)
    graph = grid_graph(random, 6, 7, 0.4)
    values = random.normal(size=graph.n)
    if graph.n:
        raster = graph.to_raster(values, np.nan, np.float64)
        assert raster.shape == graph.raster_shape
        assert np.array_equal(graph.from_raster(raster), values)


@pytest.mark.parametrize(
    "empty",
    [
        TokenGraph.from_grid([]),
        TokenGraph.from_grid(np.empty((0, 2), int)),
        TokenGraph.from_chain(0),
        TokenGraph.from_contacts(np.empty((0, 3))),
        TokenGraph.from_edges(0, []),
    ],
    ids=lambda graph: graph.kind,
)
def test_a_datum_without_tokens_is_a_graph(empty):
    assert len(empty) == 0
    assert empty.edges.shape == (0, 2)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: TokenGraph.from_grid([[0, 0], [0.5, 1]]), "whole numbers"),
        (lambda: TokenGraph.from_grid([[0, 0], [np.nan, 1]]), "whole numbers"),
        (lambda: TokenGraph.from_grid([["a", "b"]]), "whole numbers"),
        (lambda: TokenGraph.from_grid([[0, 1], [2]]), "whole numbers"),
        (lambda: TokenGraph.from_grid([1, 2, 3]), "shape"),
        (lambda: TokenGraph.from_grid([[1, 2, 3]]), "shape"),
        (lambda: TokenGraph.from_grid([[3, 4], [1, 1], [3, 4]]), "share a grid position"),
        (lambda: TokenGraph.from_grid([[0, 0], [10**9, 7], [10**9, 7]]), "share a grid position"),
        (lambda: TokenGraph.from_edges(3, [[0, 3]]), "token 3"),
        (lambda: TokenGraph.from_edges(3, [[-1, 2]]), "-1"),
        (lambda: TokenGraph.from_edges(3, [[0, 1.5]]), "whole numbers"),
        (lambda: TokenGraph.from_edges(6, [[0, 1, 2], [3, 4, 5]]), "shape"),
        (lambda: TokenGraph.from_edges(-1, []), "-1"),
        (lambda: TokenGraph.from_chain(-1), "-1"),
        (lambda: TokenGraph.from_chain(5, reach=-1), "reach"),
        (lambda: TokenGraph.from_chain(5, reach=1.5), "1.5"),
        (lambda: TokenGraph.from_contacts([[0, 0, 0], [0, np.nan, 0]]), "residue 1"),
        (lambda: TokenGraph.from_contacts([[0, 0]]), "shape"),
        (lambda: TokenGraph.from_contacts([[0, 0, 0]], cutoff=0), "cutoff"),
        (lambda: TokenGraph.from_contacts([[0, 0, 0]], cutoff=np.nan), "cutoff"),
    ],
)
def test_what_is_no_graph_is_said_in_one_line(build, says):
    with pytest.raises(GraphError, match=says) as caught:
        build()
    assert "\n" not in str(caught.value)
