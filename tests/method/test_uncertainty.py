"""Bootstrap of the kernel, and what it says of a map."""

import numpy as np
import pytest

from prospector_core import FoldChangeKernel, TokenGraph, count_concepts, prospect
from prospector_core.errors import FitError
from prospector_core.method.features import n_features
from prospector_core.method.prospecting import neighbour_counts
from prospector_core.method.soft import hard_shares
from prospector_core.method.uncertainty import bootstrap_kernels, token_uncertainty

K = 4


def sprites(seed=0, n=10, side=9):
    rng = np.random.default_rng(seed)
    positions = [np.argwhere(rng.random((side, side)) > 0.2) for _ in range(n)]
    return [TokenGraph.from_grid(p) for p in positions], [rng.integers(0, K, len(p)) for p in positions]


@pytest.mark.parametrize("diffusive", [False, True])
@pytest.mark.parametrize("radius", [0, 1, 3])
def test_scores_follow_from_neighbour_counts(radius, diffusive):
    graphs, concepts = sprites()
    rng = np.random.default_rng(1)
    coef = rng.normal(size=n_features(K, radius))
    table = np.zeros((K, K))
    if radius:
        i, j = np.triu_indices(K)
        table[i, j] = table[j, i] = coef[K:]
    for graph, sprite in zip(graphs, concepts):
        sprite = np.where(rng.random(len(sprite)) < 0.1, -1, sprite)
        around = neighbour_counts(graph, sprite, K, radius, diffusive)
        edges = neighbour_counts(TokenGraph.from_edges(graph.n, graph.edges), sprite, K, radius, diffusive)
        np.testing.assert_allclose(around, edges, atol=1e-12)
        expected = np.where(sprite < 0, np.nan, coef[sprite] + (table[sprite] * around).sum(axis=1))
        np.testing.assert_allclose(prospect(graph, sprite, coef, K, radius, diffusive), expected, atol=1e-9)


def test_uncertainty_is_that_of_scoring_every_resample():
    graphs, concepts = sprites()
    counts = np.array([count_concepts(g, c, K, 1) for g, c in zip(graphs, concepts)])
    labels = np.arange(len(counts)) % 2
    kernel = FoldChangeKernel(alpha=1e10)
    coef, fits = kernel.fit(counts, labels).coef_, bootstrap_kernels(kernel, counts, labels, n=30, seed=5)
    found = token_uncertainty(graphs[0], concepts[0], coef, fits, K, 1)
    maps = np.array([prospect(graphs[0], concepts[0], each, K, 1) for each in fits])
    own = prospect(graphs[0], concepts[0], coef, K, 1)
    np.testing.assert_allclose(found.score, own, atol=1e-9)
    np.testing.assert_allclose(found.error, maps.std(axis=0, ddof=1), atol=1e-9)
    np.testing.assert_allclose(found.agreement, (np.sign(maps) == np.sign(own)).mean(axis=0))
    assert (found.unsure == (found.agreement < 0.95)).all()


def test_the_same_seed_gives_the_same_kernels_and_classes_keep_their_sizes():
    graphs, concepts = sprites()
    counts = np.array([count_concepts(g, c, K, 1) for g, c in zip(graphs, concepts)])
    labels = np.array([1] + [0] * (len(counts) - 1))
    kernel = FoldChangeKernel(alpha=1e10)
    first, again = (bootstrap_kernels(kernel, counts, labels, n=5, seed=2) for _ in range(2))
    assert first.tobytes() == again.tobytes()  # with one datum of class 1, every resample has it
    assert np.isfinite(first).all()


def test_one_class_cannot_be_resampled():
    with pytest.raises(FitError, match="both classes"):
        bootstrap_kernels(FoldChangeKernel(), np.ones((3, 5)), np.ones(3))


def test_resamples_are_drawn_class_by_class_with_their_weights():
    """Zeros first, then ones, each as often as there are; a datum keeps its weight."""
    random = np.random.default_rng(3)
    counts, labels = random.integers(1, 9, (9, 5)), np.array([1, 0, 1, 0, 0, 1, 0, 0, 1])
    weights = random.uniform(0.5, 2, 9)
    kernel = FoldChangeKernel(alpha=1e10, pseudo=1.0)
    for given in (None, weights):
        found = bootstrap_kernels(kernel, counts, labels, n=4, seed=7, weights=given)
        rng = np.random.default_rng(7)
        for row in found:
            rows = np.concatenate(
                [rng.choice(np.flatnonzero(labels == label), (labels == label).sum()) for label in (0, 1)]
            )
            expected = FoldChangeKernel(alpha=1e10, pseudo=1.0).fit(
                counts[rows], labels[rows], None if given is None else weights[rows]
            )
            np.testing.assert_allclose(row, expected.coef_)
    assert len(bootstrap_kernels(kernel, counts, labels)) == 200
    assert np.array_equal(
        bootstrap_kernels(kernel, counts, labels, n=2), bootstrap_kernels(kernel, counts, labels, n=2, seed=0)
    )


def test_of_one_resample_there_is_no_error_and_nineteen_of_twenty_are_sure():
    graph, sprite = TokenGraph.from_chain(3, reach=1), np.array([0, 1, -1])
    coef = np.array([1.0, -1.0, 0, 0, 0])
    one = token_uncertainty(graph, sprite, coef, coef[None], 2, 1)
    assert np.isnan(one.error).all() and one.agreement[:2].tolist() == [1, 1] and np.isnan(one.agreement[2])
    fits = np.repeat(coef[None], 20, axis=0)
    fits[0] *= -1
    fits[1, 1] *= -1
    found = token_uncertainty(graph, sprite, coef, fits, 2, 1)
    assert found.agreement[:2] == pytest.approx([0.95, 0.9]) and found.unsure.tolist() == [False, True, True]
    two = token_uncertainty(graph, sprite, coef, fits[:2], 2, 1)
    assert two.error[:2] == pytest.approx([np.sqrt(2), 0])
    assert found.nbytes == 3 * 3 * 8
    soft = token_uncertainty(graph, hard_shares(sprite, 2), coef, fits, 2, 1)
    np.testing.assert_allclose(soft.agreement, found.agreement)
    np.testing.assert_allclose(soft.error, found.error)
