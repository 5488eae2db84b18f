"""Localisation metrics: what tokens without a score, or data without a positive token, come to."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from prospector_core import TokenGraph
from prospector_core.evaluation.fast import fast_ap
from prospector_core.method.metrics import (
    _ranked_last,
    auroc,
    authors_auprc,
    average_precision,
    bootstrap_interval,
    calibration,
    map_metrics,
    otsu,
    regions_of,
    thresholded,
    tolerant_precision,
    within_one_hop,
)


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
    assert found == dict.fromkeys(
        ("sensitivity", "specificity", "precision", "dice", "balanced_accuracy"), 0.5
    ) | {
        "jaccard": 1 / 3,
        "mcc": 0.0,
    }
    perfect = thresholded([1, 0, 0], [1, 0, 0])
    assert perfect["dice"] == perfect["mcc"] == perfect["balanced_accuracy"] == 1.0
    assert thresholded([0, 0], [1, 0])["precision"] == 0.0 and np.isnan(
        thresholded([0, 1], [0, 0])["sensitivity"]
    )
    assert otsu([0.0, 0.1, 0.1, 0.9, 1.0]) == 0.9 and otsu([2.0, 2.0]) == 2.0


def test_every_metric_of_a_map_and_of_one_that_says_nothing():
    graph, truth = TokenGraph.from_chain(6, reach=1), np.array([0, 0, 1, 1, 0, 0], bool)
    found = map_metrics([0.0, 0.7, 1.0, 0.9, 0.1, 0.0], truth, graph)
    assert found["ap"] == 1.0 and found["best_dice"] == 1.0 and found["tolerant_precision"] == 1.0
    assert found["otsu_precision"] == pytest.approx(2 / 3)
    nothing = map_metrics(np.zeros(6), truth, graph)
    assert (
        nothing["ap"] == pytest.approx(1 / 3)
        and nothing["otsu_dice"] == 0.0
        and nothing["tolerant_precision"] == 0.0
    )


def test_regions_are_connected_along_the_graph():
    graph = TokenGraph.from_chain(8, reach=1)
    found = regions_of(np.array([1, 1, 0, 1, 0, 0, 1, 1], bool), graph)
    assert (found.prevalence, found.components, found.size) == (
        5 / 8,
        3,
        5 / 3,
    ) and found.dispersion == pytest.approx(9 / 5)
    assert regions_of(np.zeros(8, bool), graph).components == 0


def test_bootstrap_intervals_and_calibration():
    mean, low, high = bootstrap_interval([0.2, 0.4, 0.6, np.nan, 0.8])
    assert mean == pytest.approx(0.5) and 0.2 <= low < mean < high <= 0.8
    assert bootstrap_interval([0.5])[1:] == (0.5, 0.5) and np.isnan(bootstrap_interval([])[0])
    said = calibration([0.05, 0.05, 0.95, 0.95], [0, 0, 1, 1])
    assert said["ece"] == pytest.approx(0.05) and said["brier"] == pytest.approx(0.0025)
    assert [count for _, _, count in said["curve"]] == [2, 2]


def test_certainty_belongs_to_the_last_bin():
    """P = 1 is no eleventh bin, and P = 0.1 is where the second begins."""
    found = calibration([1.0, 0.9, 0.0, 0.1], [1, 0, 0, 1])
    assert found["curve"] == [(0.0, 0.0, 1), (0.1, 1.0, 1), (0.95, 0.5, 2)]
    assert found["ece"] == pytest.approx((0 + 0.9 + 2 * 0.45) / 4) and found["brier"] == pytest.approx(
        (0.81 + 0.81) / 4
    )
    assert calibration([1.0], [1], bins=1)["curve"] == [(1.0, 1.0, 1)]
    empty = calibration([], [])
    assert np.isnan(empty["brier"]) and empty["ece"] == 0 and empty["curve"] == []


def test_a_map_is_scaled_before_it_is_cut():
    """Neither the unit of scores nor where they begin matters, and the 21 fixed cuts are on 0 to 1."""
    rng = np.random.default_rng(2)
    graph, truth = TokenGraph.from_chain(40, reach=1), rng.random(40) < 0.3
    scores = rng.gamma(2.0, size=40) + truth
    plain = map_metrics(scores, truth, graph)
    for scale, shift in ((1000.0, 0.0), (0.25, -7.0), (1.0, 64.0)):
        assert map_metrics(scores * scale + shift, truth, graph) == pytest.approx(plain)
    scaled = (scores - scores.min()) / np.ptp(scores)
    assert plain["mean2_dice"] == thresholded(scaled >= 2 * scaled.mean(), truth)["dice"]
    assert plain["otsu_jaccard"] == thresholded(scaled >= otsu(scaled), truth)["jaccard"]
    assert plain["best_dice"] == max(thresholded(scaled >= cut / 20, truth)["dice"] for cut in range(21))
    assert plain["tolerant_precision"] == tolerant_precision(scaled >= otsu(scaled), truth, graph)


def test_a_map_without_any_known_score():
    found = map_metrics([np.nan, np.nan], [1, 0])
    assert found["ap"] == 0.5 and found["otsu_dice"] == 0 and found["mean2_dice"] == 0
    assert found["best_dice"] == pytest.approx(2 / 3)  # at 0, where every token is chosen
    assert "tolerant_precision" not in found
    assert map_metrics([2.0, np.nan, np.nan], [0, 1, 1])["ap"] == pytest.approx(2 / 3)


def test_unknown_scores_come_just_below_the_least():
    assert _ranked_last([3.0, np.nan, -2.0]).tolist() == [3.0, np.nextafter(-2.0, -np.inf), -2.0]
    assert _ranked_last([np.nan, np.inf]).tolist() == [0.0, 0.0]


def test_otsu_parts_where_variance_between_is_largest():
    assert np.isnan(otsu([])) and otsu([5.0]) == 5.0
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = np.round(rng.normal(size=15), 1)
        cuts = list(np.unique(values)[1:])
        parts = [(values[values < cut], values[values >= cut]) for cut in cuts]
        between = [len(a) * len(b) * (a.mean() - b.mean()) ** 2 for a, b in parts]
        assert between[cuts.index(otsu(values))] == pytest.approx(max(between))


def test_thresholded_by_the_formulas():
    chosen = np.array([1] * 5 + [0] * 5, bool)
    truth = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], bool)  # tp 3, fp 2, fn 1, tn 4
    assert thresholded(chosen, truth) == pytest.approx(
        {
            "sensitivity": 3 / 4,
            "specificity": 4 / 6,
            "precision": 3 / 5,
            "dice": 6 / 9,
            "jaccard": 3 / 6,
            "mcc": (3 * 4 - 2 * 1) / np.sqrt(5 * 4 * 6 * 5),
            "balanced_accuracy": (3 / 4 + 4 / 6) / 2,
        }
    )
    nothing = thresholded([0, 0], [0, 0])
    assert nothing["dice"] == nothing["jaccard"] == nothing["mcc"] == 0 and nothing["specificity"] == 1
    assert np.isnan(nothing["balanced_accuracy"]) and np.isnan(nothing["sensitivity"])
    everything = thresholded([1, 0], [1, 1])
    assert (
        np.isnan(everything["specificity"])
        and np.isnan(everything["balanced_accuracy"])
        and everything["sensitivity"] == 0.5
    )


def test_tolerant_precision_forgives_one_hop():
    graph, truth = TokenGraph.from_chain(7, reach=1), np.array([0, 0, 0, 1, 0, 0, 0], bool)
    assert within_one_hop(truth, graph).tolist() == [False, False, True, True, True, False, False]
    assert tolerant_precision([0, 1, 1, 0, 1, 0, 0], truth, graph) == pytest.approx(2 / 3)
    assert tolerant_precision(np.zeros(7), truth, graph) == 0
    assert within_one_hop(np.empty(0, bool), TokenGraph.from_chain(0)).tolist() == []


def test_regions_of_nothing_and_of_tokens_that_are_apart():
    graph = TokenGraph.from_edges(5, np.array([[0, 1], [1, 2], [3, 4]]))
    found = regions_of(np.array([1, 0, 1, 1, 1], bool), graph)
    assert (found.prevalence, found.components, found.size, found.dispersion) == (0.8, 3, 4 / 3, 9 / 4)
    nothing = regions_of(np.zeros(5, bool), graph)
    assert (nothing.prevalence, nothing.components, nothing.size, nothing.dispersion) == (0, 0, 0, 0)


def test_a_bootstrap_interval_is_that_of_its_seed_and_level():
    values = np.random.default_rng(3).normal(size=30)
    drawn = np.random.default_rng(0).integers(0, 30, (2000, 30))
    means = values[drawn].mean(axis=1)
    assert bootstrap_interval(values) == pytest.approx((values.mean(), *np.quantile(means, [0.025, 0.975])))
    assert bootstrap_interval(values, level=0.5) == pytest.approx(
        (values.mean(), *np.quantile(means, [0.25, 0.75]))
    )
