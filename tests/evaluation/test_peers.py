"""Peers that look at one token at a time, seeds, and sets that are made."""

import numpy as np
import pytest

from prospector_core.evaluation.baselines import run_baseline
from prospector_core.evaluation.datasets import rare_pairs
from prospector_core.evaluation.peers import PEERS
from prospector_core.evaluation.run import evaluate
from prospector_core.method.metrics import (
    average_precision,
    bootstrap_interval,
    chance_precision,
)
from prospector_core.method.smoothing import smoothed


@pytest.fixture(scope="module")
def pairs():
    return rare_pairs(n=30)


@pytest.mark.parametrize("name", list(PEERS))
def test_a_peer_is_the_same_each_time_and_smoothed_as_our_maps_are(pairs, name):
    train, test = pairs.folds[0]
    found, again = (run_baseline(name, pairs, train, test, seed=3) for _ in range(2))
    assert set(found) == {name, f"{name}, smoothed"}
    for at in map(int, test):
        own = found[name].maps[at]
        assert np.array_equal(own, again[name].maps[at]) and own.shape == (pairs.graphs[at].n,)
        assert np.array_equal(found[f"{name}, smoothed"].maps[at], smoothed(pairs.graphs[at], own, 2))
        assert 0 <= found[name].probability[at] <= 1


def test_only_class_1_shows_the_rare_pair_unless_labels_are_wrong(pairs):
    shows = np.array([truth.any() for truth in pairs.truth])
    assert np.array_equal(shows, pairs.labels == 1) and 0.01 < pairs.prevalence < 0.1
    wrong = rare_pairs(noise=0.1)
    assert 0 < np.mean([truth.any() for truth in wrong.truth] != (wrong.labels == 1)) < 0.25


def test_the_default_finds_the_rare_pair_and_every_seed_is_scored(pairs):
    found = evaluate(pairs, ["prospector", "constant", "random", "mi-SVM"], seeds=3, folds=2)
    by_name = {each["method"]: each for each in found.summary}
    assert by_name["prospector"]["ap"] > max(0.8, by_name["mi-SVM"]["ap"] + 0.1)
    assert len(by_name["random"]["ap_seeds"]) == 3 and len(by_name["constant"]["ap_seeds"]) == 1
    assert len(set(by_name["random"]["ap_seeds"])) == 3
    rows = [row for row in found.rows if row["method"] == "random"]
    assert {row["draw"] for row in rows} == {0, 1, 2} and by_name["random"]["data_scored"] == len(rows) / 3
    assert by_name["random"]["ap_above_chance"] == pytest.approx(0, abs=0.08)
    assert found.problem["chance_ap"] > found.problem["prevalence"]


@pytest.mark.parametrize(("n", "positives"), [(1, 1), (5, 1), (12, 3), (40, 40), (200, 2)])
def test_the_average_precision_of_chance_is_the_mean_over_random_orders(n, positives):
    random = np.random.default_rng(0)
    truth = np.arange(n) < positives
    found = [average_precision(random.random(n), truth) for _ in range(4000)]
    assert chance_precision(n, positives) == pytest.approx(np.mean(found), abs=0.01)
    assert np.isnan(chance_precision(5, 0))


def test_an_interval_over_data_and_seeds_is_wider_where_seeds_differ():
    random = np.random.default_rng(1)
    data = random.normal(0, 0.01, (200, 1))
    alike, apart = data + np.zeros(5), data + random.normal(0, 1, 5)
    low, high = bootstrap_interval(alike)[1:]
    low_apart, high_apart = bootstrap_interval(apart)[1:]
    assert high - low < 0.01 and high_apart - low_apart > 0.3
    assert bootstrap_interval(alike[:, 0])[0] == pytest.approx(bootstrap_interval(alike)[0])
