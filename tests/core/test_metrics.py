"""Localisation metrics: what tokens without a score, or data without a positive token, come to."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from prospector_core import TokenGraph
from prospector_core.evaluation.fast import fast_ap
from prospector_core.metrics import (
    auroc,
    authors_auprc,
    average_precision,
    bootstrap_interval,
    calibration,
    map_metrics,
    otsu,
    regions_of,
    thresholded,
)  # fmt: skip


def test_as_scikit_learn_where_every_token_has_a_score():
    random = np.random.default_rng(0)
    scores, truth = random.normal(size=50), random.random(50) < 0.3
    assert average_precision(scores, truth) == average_precision_score(truth, scores)
    assert auroc(scores, truth) == roc_auc_score(truth, scores)


def test_a_constant_map_is_worth_the_prevalence():
    truth = np.arange(100) == 3
    assert average_precision(np.zeros(100), truth) == pytest.approx(0.01)
    assert auroc(np.zeros(100), truth) == 0.5


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e20])
def test_excluded_tokens_rank_last(scale):
    scores = np.array([3.0, 2.0, 1.0, np.nan]) * scale
    assert average_precision(scores, [1, 0, 0, 0]) == 1.0
    assert average_precision(scores, [0, 0, 0, 1]) == pytest.approx(0.25)
    assert auroc(scores, [0, 0, 0, 1]) == 0.0


def test_without_positive_tokens_there_is_nothing_to_find():
    assert np.isnan(average_precision([1.0, 2.0], [0, 0]))
    assert np.isnan(auroc([1.0, 2.0], [0, 0]))
    assert np.isnan(auroc([1.0, 2.0], [1, 1]))
    assert np.isnan(average_precision([], []))
    assert average_precision([np.nan, np.nan], [1, 0]) == 0.5


def test_the_authors_auprc_rewards_a_constant_map_and_ap_does_not():
    truth = np.arange(200) < 2
    assert authors_auprc(np.zeros(200), truth) == pytest.approx((1 + 0.01) / 2)
    assert average_precision(np.zeros(200), truth) == pytest.approx(0.01)
    random = np.random.default_rng(0)
    assert authors_auprc(truth + random.normal(size=200) * 0.01, truth) == pytest.approx(1.0)


def test_ap_that_is_asked_for_often_is_the_same():
    random = np.random.default_rng(1)
    for _ in range(50):
        scores, truth = random.integers(0, 6, 30).astype(float), random.random(30) < 0.3
        truth[0] = True
        assert fast_ap(scores, truth) == pytest.approx(average_precision(scores, truth))


def test_thresholded_metrics_by_hand_and_at_their_ends():
    found = thresholded([1, 1, 0, 0], [1, 0, 1, 0])
    assert found == dict.fromkeys(("sensitivity", "specificity", "precision", "dice", "balanced_accuracy"), 0.5) | {
        "jaccard": 1 / 3, "mcc": 0.0,
    }  # fmt: skip
    perfect = thresholded([1, 0, 0], [1, 0, 0])
    assert perfect["dice"] == perfect["mcc"] == perfect["balanced_accuracy"] == 1.0
    assert thresholded([0, 0], [1, 0])["precision"] == 0.0 and np.isnan(thresholded([0, 1], [0, 0])["sensitivity"])
    assert otsu([0.0, 0.1, 0.1, 0.9, 1.0]) == 0.9 and otsu([2.0, 2.0]) == 2.0


def test_every_metric_of_a_map_and_of_one_that_says_nothing():
    graph, truth = TokenGraph.from_chain(6, reach=1), np.array([0, 0, 1, 1, 0, 0], bool)
    found = map_metrics([0.0, 0.7, 1.0, 0.9, 0.1, 0.0], truth, graph)
    assert found["ap"] == 1.0 and found["best_dice"] == 1.0 and found["tolerant_precision"] == 1.0
    assert found["otsu_precision"] == pytest.approx(2 / 3)
    nothing = map_metrics(np.zeros(6), truth, graph)
    assert (
        nothing["ap"] == pytest.approx(1 / 3) and nothing["otsu_dice"] == 0.0 and nothing["tolerant_precision"] == 0.0
    )


def test_regions_are_connected_along_the_graph():
    graph = TokenGraph.from_chain(8, reach=1)
    found = regions_of(np.array([1, 1, 0, 1, 0, 0, 1, 1], bool), graph)
    assert (found.prevalence, found.components, found.size) == (5 / 8, 3, 5 / 3) and found.dispersion == pytest.approx(
        9 / 5
    )
    assert regions_of(np.zeros(8, bool), graph).components == 0


def test_bootstrap_intervals_and_calibration():
    mean, low, high = bootstrap_interval([0.2, 0.4, 0.6, np.nan, 0.8])
    assert mean == pytest.approx(0.5) and 0.2 <= low < mean < high <= 0.8
    assert bootstrap_interval([0.5])[1:] == (0.5, 0.5) and np.isnan(bootstrap_interval([])[0])
    said = calibration([0.05, 0.05, 0.95, 0.95], [0, 0, 1, 1])
    assert said["ece"] == pytest.approx(0.05) and said["brier"] == pytest.approx(0.0025)
    assert [count for _, _, count in said["curve"]] == [2, 2]
