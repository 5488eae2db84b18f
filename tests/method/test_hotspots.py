"""Hot spots, against a search from token to token."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import TokenGraph
from prospector_core.errors import BadInputError
from prospector_core.method.hotspots import graph_spots, hot_spots


def by_search(positions, scores, threshold):
    """The same regions as sets of tokens, by walking over neighbours."""
    left = {token for token in range(len(positions)) if scores[token] >= threshold}
    regions = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            token = edge.pop()
            region.add(token)
            near = {o for o in left if np.abs(positions[o] - positions[token]).max() <= 1}
            left -= near
            edge += near
        regions.append(region)
    return regions


@st.composite
def maps(draw):
    cells = draw(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40))
    cells = draw(st.permutations(sorted(cells)))
    values = st.one_of(st.integers(-4, 4).map(float), st.just(np.nan))
    scores = draw(st.lists(values, min_size=len(cells), max_size=len(cells)))
    shift = draw(st.integers(0, 1000))
    return np.array(cells, int).reshape(-1, 2) + shift, np.array(scores, float)


@settings(max_examples=150, deadline=None)
@given(maps(), st.integers(-3, 4))
def test_regions_are_those_found_by_walking(case, threshold):
    positions, scores = case
    found = hot_spots(positions, scores, threshold, origin=(10.0, 20.0), pitch=4.0, mpp=0.5)
    expected = by_search(positions, scores, threshold)
    assert sorted(sorted(spot.tokens.tolist()) for spot in found) == sorted(
        sorted(region) for region in expected
    )
    assert [spot.total for spot in found] == sorted((spot.total for spot in found), reverse=True)
    for spot in found:
        own = scores[spot.tokens]
        assert spot.total == pytest.approx(own.sum()) and spot.mean == pytest.approx(own.mean())
        assert spot.peak == own.max() == scores[spot.peak_token]
        assert spot.area == pytest.approx(len(own) * (4 * 0.5e-3) ** 2) and spot.unit == "mm2"
        x, y, width, height = spot.rect
        rows, columns = positions[spot.tokens].T
        assert (x, y) == (10 + 4 * columns.min(), 20 + 4 * rows.min())
        assert (width, height) == (4 * np.ptp(columns) + 4, 4 * np.ptp(rows) + 4)


def test_corners_connect_excluded_tokens_separate_and_pixels_stand_in_for_microns():
    positions = np.array([[0, 0], [1, 1], [1, 3], [1, 2], [5, 5]])
    spots = hot_spots(positions, np.array([2.0, 2.0, 3.0, np.nan, 9.0]), 1.0, pitch=10.0)
    assert [spot.tokens.tolist() for spot in spots] == [[4], [0, 1], [2]]
    assert spots[1].area == 200 and spots[1].unit == "px2" and spots[1].rect == (0, 0, 20, 20)


def test_nothing_high_is_no_spot():
    assert hot_spots(np.empty((0, 2)), np.empty(0), 0.0) == []
    assert hot_spots(np.array([[0, 0]]), np.array([np.nan]), -1e9) == []


@pytest.mark.parametrize(("scores", "threshold"), [(np.zeros(3), 0.0), (np.zeros(2), np.nan)])
def test_bad_input_is_one_line(scores, threshold):
    with pytest.raises(BadInputError) as error:
        hot_spots(np.array([[0, 0], [0, 1]]), scores, threshold)
    assert "\n" not in str(error.value)


def test_ties_go_to_the_region_whose_first_token_comes_first():
    """Wherever it is: the order of tokens decides, not that of the picture."""
    positions = np.array([[9, 9], [0, 0], [5, 5], [5, 6]])
    scores = np.array([2.0, 2.0, 1.0, 1.0])
    assert [spot.tokens.tolist() for spot in hot_spots(positions, scores, 1.0)] == [[0], [1], [2, 3]]
    graph = TokenGraph.from_edges(4, np.array([[2, 3]]))
    assert [spot.tokens.tolist() for spot in graph_spots(graph, scores, 1.0)] == [[0], [1], [2, 3]]


def test_by_default_a_token_is_one_pixel():
    (spot,) = hot_spots(np.array([[3, 4], [3, 5]]), np.array([1.0, 2.0]), 1.0)
    assert (spot.rect, spot.area, spot.unit, spot.peak, spot.peak_token) == ((4, 3, 2, 1), 2, "px2", 2.0, 1)


def test_regions_of_a_graph_are_ranked_by_what_they_hold():
    graph = TokenGraph.from_chain(9, reach=1)
    scores = np.array([1.0, 2.0, np.nan, 5.0, 0.5, 2.0, 2.0, 3.0, -1.0])
    spots = graph_spots(graph, scores, 1.0)
    assert [spot.tokens.tolist() for spot in spots] == [[5, 6, 7], [3], [0, 1]]
    first = spots[0]
    assert (first.total, first.mean, first.peak, first.peak_token) == (7.0, 7 / 3, 3.0, 7)
    assert (first.area, first.unit, first.rect) == (3.0, "tokens", None)
    assert graph_spots(graph, scores, 9.0) == [] and len(graph_spots(graph, scores, 5.0)) == 1


@pytest.mark.parametrize(
    ("scores", "threshold", "says"), [(np.zeros(3), 0.0, "2 tokens"), (np.zeros(2), np.nan, "a number")]
)
def test_bad_input_of_a_graph_is_one_line(scores, threshold, says):
    with pytest.raises(BadInputError, match=says):
        graph_spots(TokenGraph.from_chain(2), scores, threshold)
