"""Markers of concepts: how their tokens differ from all tokens."""

import numpy as np

from prospector_core.method.markers import markers_of_concepts


def test_markers_are_differences_from_all_in_units_of_spread():
    rng = np.random.default_rng(0)
    features, concepts = rng.normal(1000, 3, (300, 4)), rng.integers(0, 3, 300)
    features[concepts == 2, 1] += 9
    features[:, 3] = 7
    blocks = [(features[:100], concepts[:100]), (features[100:], concepts[100:])]
    found = markers_of_concepts(blocks, ["a", "b", "c", "d"], 4)
    for concept in range(3):
        wanted = (features[concepts == concept].mean(axis=0) - features.mean(axis=0))[:3] / features.std(
            axis=0
        )[:3]
        np.testing.assert_allclose(found.difference[concept, :3], wanted, atol=1e-9)
    assert (found.difference[:3, 3] == 0).all() and np.isnan(found.difference[3]).all()
    assert found.top(2) == [1] and found.top(3) == [] and found.text(2).startswith("b +1.")
    assert found.above_zero is None  # all are above 0: no counts
    assert found.tokens.tolist() == [*np.bincount(concepts), 0]


def test_share_of_tokens_above_zero_for_counts():
    features, concepts = np.array([[0, 1], [2, 0], [3, 0], [0, 0.0]]), np.array([0, 1, 1, 0])
    found = markers_of_concepts([(features, concepts)], ["a", "b"], 2)
    np.testing.assert_array_equal(found.above_zero, [[0, 0.5], [1, 0]])
    np.testing.assert_array_equal(found.above_zero_of_all, [0.5, 0.25])
    assert markers_of_concepts([(features - 1, concepts)], ["a", "b"], 2).above_zero is None
