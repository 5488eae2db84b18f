"""Token graphs: the right neighbours, whatever the order, and clear words about what cannot be one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prospector_core import TokenGraph
from prospector_core.errors import GraphError
from tests.support.random_data import grid_graph, seeds


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


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: TokenGraph.from_contacts([[0, 0, 0]], cutoff=-1), "got -1"),
        (lambda: TokenGraph.from_contacts(np.zeros((3, 3, 3))), "shape"),
        (lambda: TokenGraph.from_chain(2.5), "n=2.5"),
        (lambda: TokenGraph.from_edges(2.5, []), "2.5"),
        (lambda: TokenGraph.from_neighbours(np.zeros((3, 2)), k=0), "1 to 1000, got 0"),
        (lambda: TokenGraph.from_neighbours(np.zeros((3, 2)), k=1001), "1 to 1000, got 1001"),
        (lambda: TokenGraph.from_neighbours(np.zeros((3, 2)), k=1.5), "got 1.5"),
        (lambda: TokenGraph.from_neighbours([["a", "b"]]), "must be numbers"),
        (lambda: TokenGraph.from_neighbours(np.zeros((3, 4))), r"\(n, 2\) or \(n, 3\)"),
        (lambda: TokenGraph.from_radius(np.zeros((3, 2)), 0), "a distance > 0"),
        (lambda: TokenGraph.from_radius(np.zeros((3, 2)), np.inf), "a distance > 0"),
        (lambda: TokenGraph.from_radius([[0, 0], [0, 1], [np.nan, 1]], 1), "token 2 has no finite"),
        (lambda: TokenGraph.from_radius(np.zeros((700, 2)), 1), "244,650 pairs of 700 points"),
        (lambda: TokenGraph.from_delaunay(np.zeros((3, 2)), longest=0), "longest edge"),
        (
            lambda: TokenGraph.from_contacts(np.zeros((15_000, 3))),
            "112,500,000 pairs of residues are within 8 angstrom",
        ),
    ],
)
def test_what_is_too_much_or_none_is_said_in_one_line(build, says):
    with pytest.raises(GraphError, match=says):
        build()


def test_what_is_just_allowed():
    assert TokenGraph.from_neighbours(np.zeros((3, 2)), k=1000).n == 3
    assert (
        len(TokenGraph.from_radius(np.zeros((632, 2)), 1).edges) == 632 * 631 // 2
    )  # 200 edges a token, of 1000 tokens
    assert TokenGraph.from_chain(0, 0).n == 0 and TokenGraph.from_neighbours(np.empty((0, 2))).n == 0
    assert edge_set(TokenGraph.from_chain(4)) == {
        (0, 1),
        (0, 2),
        (1, 2),
        (1, 3),
        (2, 3),
    }  # by default two each way
    assert edge_set(TokenGraph.from_contacts([[0, 0, 0], [8, 0, 0], [20, 0, 0]])) == {(0, 1)}  # 8 angstrom


def test_of_equally_far_points_the_first_are_taken():
    """A point on a lattice has four nearest ones: of two asked for, those that come first."""
    points = np.array([[0.0, 0], [0, 1], [1, 0], [0, -1], [-1, 0]])
    assert {
        other for edge in edge_set(TokenGraph.from_neighbours(points, 2)) if 0 in edge for other in edge
    } >= {1, 2}
    far_away = np.vstack(
        [points, [[0, 1.5], [1.5, 0], [0, -1.5], [-1.5, 0]]]
    )  # who choose their own neighbour first
    chosen = TokenGraph.from_neighbours(far_away, 1)
    assert edge_set(chosen) == {(0, 1), (1, 5), (2, 6), (3, 7), (4, 8)}
    assert chosen.kind == "neighbours" and np.array_equal(chosen.xyz, far_away)
    assert edge_set(TokenGraph.from_neighbours(np.zeros((3, 2)), 1)) == {(0, 1), (0, 2)}  # all in one place
    line = np.arange(10.0)[:, None] * [1, 0]
    assert np.diff(TokenGraph.from_neighbours(line).indptr).min() == 6  # by default six


def test_points_on_a_line_or_in_a_plane_are_triangulated_in_what_they_span():
    line = np.array([[0.0, 0, 0], [2, 2, 2], [1, 1, 1], [5, 5, 5]])
    assert edge_set(TokenGraph.from_delaunay(line)) == {(0, 2), (1, 2), (1, 3)}
    assert edge_set(TokenGraph.from_delaunay(line[:, :2] * [1, 0])) == {(0, 2), (1, 2), (1, 3)}
    assert edge_set(TokenGraph.from_delaunay(np.ones((3, 2)))) == {(0, 1), (1, 2)}  # one place
    square = np.array([[0.0, 0], [4, 0], [4, 3], [0, 3.1]])
    sides = {(0, 1), (1, 2), (2, 3), (0, 3)}
    flat = np.column_stack([square, square.sum(axis=1)])  # a plane, slanted in space
    for points in (square, flat):
        found = edge_set(TokenGraph.from_delaunay(points))
        assert sides < found and len(found) == 5
    assert edge_set(TokenGraph.from_delaunay(square, longest=4.01)) == sides
    assert edge_set(TokenGraph.from_delaunay(square, longest=3.05)) == {(1, 2)}
    assert TokenGraph.from_delaunay(square[:1]).edges.shape == (0, 2)
    twice = np.vstack([square, square[:1]])
    assert (0, 4) in edge_set(TokenGraph.from_delaunay(twice))  # a point on another is linked to it


def test_a_grid_that_is_mostly_empty_needs_no_raster():
    """A raster of 64 cells per token, and 4096 more, is kept; a larger one is not."""
    for cells, kept in ((4096 + 128, True), (4096 + 129, False)):
        graph = TokenGraph.from_grid(np.array([[0, 7], [cells - 1, 7]]))
        assert graph.raster_shape == ((cells, 1) if kept else None)
        assert graph.fits_raster(1) == kept
    graph = TokenGraph.from_grid(np.array([[2, 3], [4, 9]]))
    assert graph.raster_shape == (3, 7)
    assert graph.fits_raster(31) and not graph.fits_raster(32) and not TokenGraph.from_chain(3).fits_raster(1)
    assert repr(graph) == "TokenGraph(grid, 2 tokens)"


def test_around_a_token_lies_what_can_be_reached():
    chain = TokenGraph.from_chain(9, reach=1)
    part, tokens = chain.around(4, 2)
    assert tokens.tolist() == [2, 3, 4, 5, 6] and edge_set(part) == {(0, 1), (1, 2), (2, 3), (3, 4)}
    grid = TokenGraph.from_grid(np.argwhere(np.ones((7, 7))))
    part, tokens = grid.around(0, 2)
    assert tokens.tolist() == [0, 1, 2, 7, 8, 9, 14, 15, 16] and part.kind == "grid"
    assert chain.around(0, 0)[1].tolist() == [0]
