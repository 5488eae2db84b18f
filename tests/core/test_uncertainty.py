"""Bootstrap of the kernel, and what it says of a map."""

import numpy as np
import pytest

from prospector_core import FoldChangeKernel, TokenGraph, count_concepts, prospect
from prospector_core.errors import FitError
from prospector_core.features import n_features
from prospector_core.prospecting import neighbour_counts
from prospector_core.uncertainty import bootstrap_kernels, token_uncertainty

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
