"""Smoothed maps: by the matrix of who is next to whom, told apart into terms, and how sure they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prospector_core import FoldChangeKernel, TokenGraph, count_concepts, prospect
from prospector_core.errors import FitError
from prospector_core.method.explaining import AROUND, explain
from prospector_core.method.smoothing import MOST_STEPS, check_smoothing, smoothed, smoothing_row
from prospector_core.method.soft import membership
from prospector_core.method.uncertainty import bootstrap_kernels, token_uncertainty
from tests.support.random_data import any_graph, kernel_of, kinds, seeds, sprite_of


def step_matrix(graph, inside):
    """Row v: 1 / n for each of the n tokens inside that are v or next to it."""
    near = np.eye(graph.n)
    for a, b in graph.edges:
        near[a, b] = near[b, a] = 1
    near *= inside[:, None] & inside[None]
    return near / np.maximum(near.sum(axis=1, keepdims=True), 1)


def case(seed, kind):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    while not graph.n:
        graph = any_graph(random, kind)
    scores = random.normal(size=graph.n)
    scores[random.random(graph.n) < 0.2] = np.nan
    return random, graph, scores


@given(seed=seeds, kind=kinds, steps=st.integers(0, 4))
def test_a_smoothed_map_is_the_mean_of_its_levels(seed, kind, steps):
    _, graph, scores = case(seed, kind)
    inside = np.isfinite(scores)
    matrix, level = step_matrix(graph, inside), np.nan_to_num(scores)
    levels = [level]
    for _ in range(steps):
        levels.append(matrix @ levels[-1])
    expected = np.where(inside, np.mean(levels, axis=0), np.nan)
    np.testing.assert_allclose(smoothed(graph, scores, steps), expected, atol=1e-12)
    two = smoothed(graph, np.stack([scores, 2 * scores], axis=1), steps)
    np.testing.assert_allclose(two, np.stack([expected, 2 * expected], axis=1), atol=1e-12)
    if inside.any():
        token = int(np.flatnonzero(inside)[0])
        row = smoothing_row(graph, inside, token, steps)
        assert row.sum() == pytest.approx(1) and (row >= 0).all() and not row[~inside].any()
        assert row @ np.nan_to_num(scores) == pytest.approx(expected[token])


def test_a_constant_map_stays_and_a_gap_in_the_tissue_separates():
    graph = TokenGraph.from_grid([[0, 0], [0, 1], [0, 3]])
    assert smoothed(graph, np.full(3, 2.5), 3).tolist() == [2.5] * 3
    assert smoothed(graph, np.array([0.0, 0.0, 7.0]), 2).tolist() == [0, 0, 7]


@given(seed=seeds, kind=kinds, radius=st.integers(0, 3), soft=st.booleans(), steps=st.integers(1, 3))
def test_terms_of_a_smoothed_score_sum_to_it(seed, kind, radius, soft, steps):
    random, graph, _ = case(seed, kind)
    k = 4
    tokens = sprite_of(random, graph, k, 0.2)
    if soft:
        tokens = membership(random.normal(size=(graph.n, 3)), random.normal(size=(k, 3)), 0.5)
    coef = kernel_of(random, k, radius)
    scores = prospect(graph, tokens, coef, k, radius, False, steps)
    np.testing.assert_allclose(scores, smoothed(graph, prospect(graph, tokens, coef, k, radius), steps))
    for token in range(min(graph.n, 6)):
        found = explain(graph, tokens, coef, k, radius, token, False, steps)
        np.testing.assert_allclose(found.score, scores[token], atol=1e-9)
        if np.isnan(found.score):
            continue
        assert found.score == pytest.approx(sum(term.value for term in found.terms), abs=1e-12)
        around = [term for term in found.terms if term.neighbour == AROUND]
        beside = graph.indices[graph.indptr[token] : graph.indptr[token + 1]]
        assert len(around) == np.isfinite(scores[beside]).any()
        assert all(0 < term.count < 1 for term in around)


@pytest.mark.parametrize("soft", [False, True])
def test_uncertainty_of_a_smoothed_map_is_that_of_smoothing_every_resample(soft, monkeypatch):
    random = np.random.default_rng(3)
    graphs = [TokenGraph.from_grid(np.argwhere(random.random((9, 9)) > 0.2)) for _ in range(10)]
    sprites = [random.integers(0, 4, graph.n) for graph in graphs]
    counts = np.array([count_concepts(g, c, 4, 1) for g, c in zip(graphs, sprites)])
    labels = np.arange(10) % 2
    kernel = FoldChangeKernel(alpha=1e10, pseudo=0.03, shrink="adaptive")
    coef, fits = kernel.fit(counts, labels).coef_, bootstrap_kernels(kernel, counts, labels, n=30, seed=5)
    tokens = sprites[0].copy()
    tokens[:3] = -1
    if soft:
        tokens = membership(random.normal(size=(graphs[0].n, 3)), random.normal(size=(4, 3)), 0.5)
    maps = np.array([prospect(graphs[0], tokens, each, 4, 1, False, 2) for each in fits])
    own = prospect(graphs[0], tokens, coef, 4, 1, False, 2)
    known = np.isfinite(own)
    for cells in (10**7, 7 * graphs[0].n):  # all kernels at once, and seven at a time
        monkeypatch.setattr("prospector_core.method.uncertainty._CELLS", cells)
        found = token_uncertainty(graphs[0], tokens, coef, fits, 4, 1, False, 2)
        np.testing.assert_allclose(found.score, own, atol=1e-9)
        np.testing.assert_allclose(found.error[known], maps.std(axis=0, ddof=1)[known], atol=1e-9)
        same = (np.sign(maps) == np.sign(own)).mean(axis=0)
        np.testing.assert_allclose(found.agreement[known], same[known])
        assert np.isnan(found.agreement[~known]).all()


@pytest.mark.parametrize("steps", [-1, MOST_STEPS + 1, 1.5, "2"])
def test_steps_out_of_range_are_refused(steps):
    with pytest.raises(FitError, match="whole number of steps"):
        check_smoothing(steps)
