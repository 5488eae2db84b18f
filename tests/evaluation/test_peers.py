"""Peers that look at one token at a time, seeds, and sets that are made."""

import numpy as np
import pytest

from prospector_core.evaluation.baselines import run_baseline
from prospector_core.evaluation.datasets import rare_pairs
from prospector_core.evaluation.networks import Inputs, attention_network, torch_here
from prospector_core.evaluation.peer_networks import (
    NETWORKS,
    additive_network,
    integrated_gradients,
    relevance,
    single,
    transformer_network,
)
from prospector_core.evaluation.problem import Problem
from prospector_core.evaluation.run import evaluate
from prospector_core.evaluation.token_peers import PEERS
from prospector_core.method.folds import stratified_folds
from prospector_core.method.graphs import TokenGraph
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


@pytest.fixture(scope="module")
def kinds():
    """Chains of four kinds of token, one of which only class 1 has."""
    random, n, size = np.random.default_rng(5), 40, 30
    centres, labels = random.normal(size=(4, 8)) * 3, np.arange(n) % 2
    which = [random.integers(0, 3, size) for _ in labels]
    for each in np.flatnonzero(labels):
        which[each][(start := random.integers(0, size - 5)) : start + 5] = 3
    tokens = [(centres[each] + random.normal(size=(size, 8))).astype(np.float32) for each in which]
    graphs = [TokenGraph.from_chain(size, reach=1)] * n
    ids, truth = [str(at) for at in range(n)], [each == 3 for each in which]
    return Problem("kinds", ids, graphs, tokens, labels, truth, stratified_folds(labels, 2))


@pytest.mark.parametrize("name", [*PEERS, *NETWORKS])
def test_a_peer_finds_the_kind_of_token_that_only_class_1_has(kinds, name):
    train, test = kinds.folds[0]
    found = run_baseline(name, kinds, train, test, seed=0)
    scored = kinds.scored(test)
    for reading, outcome in found.items():
        if reading != "attention MIL" and not reading.endswith("smoothed"):  # attention may point elsewhere
            ap = np.mean([average_precision(outcome.maps[int(i)], kinds.truth[i]) for i in scored])
            assert ap > 0.5, (reading, ap)  # a random map has 0.22


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_same_with_the_same_seed(kinds, name, monkeypatch):
    monkeypatch.setattr("prospector_core.evaluation.networks.MOST_STEPS", 8)
    train, test = kinds.folds[0]
    one, two, other = (NETWORKS[name](kinds, train, test, seed) for seed in (3, 3, 4))
    at = int(kinds.scored(test)[0])
    for reading, outcome in one.items():
        assert np.array_equal(outcome.maps[at], two[reading].maps[at])
        assert not np.array_equal(outcome.maps[at], other[reading].maps[at])


@pytest.mark.parametrize("network", [attention_network, transformer_network])
def test_relevance_sums_to_the_logit_where_a_network_has_no_constants(kinds, network):
    torch = torch_here()
    torch.manual_seed(0)
    inputs, model = Inputs(kinds, kinds.folds[0][0]), network(8).eval()
    with torch.no_grad():
        for each, values in model.named_parameters():
            if each.endswith(("bias", "shift", "own")):
                values.zero_()
    batch = inputs.batch([1])
    logit = float(model(batch).detach())
    assert float(relevance(model, batch).detach().sum()) == pytest.approx(logit, rel=1e-4, abs=1e-6)
    # from 0 to the tokens the logit goes from 0 to itself
    whole = float(integrated_gradients(model, batch).detach().sum())
    assert network is transformer_network or whole == pytest.approx(logit, rel=0.05, abs=0.01)
    alone = single(model, batch)
    assert float(alone[3]) == pytest.approx(float(model(_only(batch, 3)).detach()), abs=1e-5)


def _only(batch, token):
    """A datum that has this token alone."""
    return type(batch)(batch.tokens[token : token + 1], batch.owner[:1], 1)


def test_parts_of_an_additive_network_sum_to_its_logits(kinds):
    inputs, model = Inputs(kinds, kinds.folds[0][0]), additive_network(8).eval()
    batch = inputs.batch([0, 1])
    parts, logits = model.parts(batch).detach().numpy(), model(batch).detach().numpy()
    bias = float(model.base.classify.bias)
    assert parts[batch.owner.numpy() == 1].sum() + bias == pytest.approx(logits[1], abs=1e-5)


def test_data_do_not_touch_each_other_in_a_transformer(kinds):
    inputs, model = Inputs(kinds, kinds.folds[0][0]), transformer_network(8).eval()
    both = model(inputs.batch([0, 1])).detach().numpy()
    assert both[1] == pytest.approx(float(model(inputs.batch([1])).detach()), abs=1e-5)


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
