"""Choosing by labels and the null by shuffled ones, rule by rule, on numbers alone."""

from dataclasses import replace

import numpy as np
import pytest

from prospector_core import FoldChangeKernel, LinearKernel, TokenGraph
from prospector_core.errors import BadInputError, FitError
from prospector_core.evaluation.choose import (
    Choice,
    LabelScores,
    _ordinal,
    _top,
    auto_candidates,
    choose,
    decide,
)
from prospector_core.evaluation.datasets import rare_pairs
from prospector_core.evaluation.fast import fast_ap
from prospector_core.evaluation.heads import suggested_for
from prospector_core.evaluation.problem import Problem, opened
from prospector_core.method.folds import stratified_folds
from prospector_core.method.metrics import auroc, average_precision
from prospector_core.method.null import Null, _apart, _held_out_auroc, benjamini_hochberg, label_null
from prospector_core.study.chance import _packed, _unpacked


def scores(losses, top=0.8, stability=0.5, auroc=0.8):
    return LabelScores(float(np.mean(losses)), auroc, top, stability, tuple(losses))


def test_better_on_the_whole_but_not_on_every_split_is_not_enough():
    """Nor is one that is better by less than three standard errors."""
    random = np.random.default_rng(0)
    first = random.uniform(0.4, 0.6, 60)
    better = first - random.normal(0.1, 0.05, 60)
    usual = replace(scores(first), splits=(0.5, 0.5, 0.5))
    for splits, chosen in (((0.4, 0.4, 0.4), 1), ((0.4, 0.2, 0.51), 0)):
        assert decide(["usual", "other"], [usual, replace(scores(better), splits=splits)]).best == chosen
    hardly = first - random.normal(0.1, 0.4, 60)
    gain = first - hardly
    assert 0 < gain.mean() < 3 * gain.std(ddof=1) / 60**0.5
    assert decide(["usual", "other"], [usual, replace(scores(hardly), splits=(0.4,) * 3)]).best == 0


def test_labels_that_mean_nothing_keep_the_settings_to_begin_with():
    random, problem = np.random.default_rng(4), rare_pairs(n=40)
    for _ in range(3):
        problem.labels = random.permutation(problem.labels)
        problem.cache.clear()
        candidates = auto_candidates(problem)
        choice = choose(problem, np.arange(40), candidates)
        assert choice.best == 0 and choice.settings == candidates[0] == suggested_for(problem)


LEVEL = scores([0.4, 0.6] * 8)


@pytest.mark.parametrize(
    ("other", "clear"),
    [
        (scores([0.3, 0.5] * 8), True),  # lower for every datum
        (scores([0.4, 0.6] * 8), False),  # no lower
        (scores([0.3, 0.7] * 7 + [0.3, 0.6]), False),  # lower by less than a standard error
        (scores([0.3, 0.5] * 8, stability=0.49), False),  # less stable
        (scores([0.3, 0.5] * 8, stability=0.5), True),
        (scores([0.5, 0.7] * 8), False),
    ],
)
def test_a_candidate_must_be_clearly_better_and_as_stable(other, clear):
    found = decide(["first", "other"], [LEVEL, other])
    assert found.clear.tolist() == [False, clear] and found.best == int(clear)
    assert found.settings == ("other" if clear else "first")


def test_where_the_first_tells_all_apart_it_stays():
    better = scores([0.1, 0.2] * 8)
    assert decide("ab", [scores([0.4, 0.6] * 8, auroc=0.98), better]).best == 1
    stayed = decide("ab", [scores([0.4, 0.6] * 8, auroc=0.99), better])
    assert (
        stayed.best == 0
        and stayed.why
        == "the settings to begin with: they tell the held-out data apart, and labels can say no more"
    )


def test_the_mean_rank_decides_among_the_clearly_better():
    one = scores([0.3, 0.5] * 8, top=0.9, stability=0.7)
    two = scores([0.2, 0.4] * 8, top=0.8, stability=0.6)
    found = decide("abc", [LEVEL, two, one])
    assert found.ranks == pytest.approx([(3 + 2.5 + 3) / 3, (1 + 2.5 + 2) / 3, (2 + 1 + 1) / 3])
    assert (
        found.best == 2
        and found.why
        == "one of 2 clearly better than the settings to begin with; "
        "mean rank 1.3 of 3: log loss 2nd, top auroc 1st, stability 1st"
    )
    assert decide("abc", [LEVEL, one, one]).best == 1  # of equals the earlier
    unknown = scores([0.2, 0.4] * 8, top=float("nan"), stability=0.6)
    assert decide("ab", [LEVEL, unknown]).ranks == pytest.approx([(2 + 1 + 2) / 3, (1 + 2 + 1) / 3])
    one_datum = decide("ab", [scores([0.5]), scores([0.1])])
    assert one_datum.best == 0 and one_datum.why.endswith(
        "the other one does not predict held-out data clearly better as stably"
    )
    assert "none of 2 others predicts" in decide("abc", [LEVEL] * 3).why


def test_ordinals_and_the_best_twentieth():
    assert [f"{n}{_ordinal(n)}" for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 33, 20)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "22nd",
        "33rd",
        "20th",
    ]
    assert (
        _top(np.arange(40.0)) == 38.5
        and _top(np.array([3.0, np.nan, 5.0])) == 5
        and _top(np.array([np.nan])) == 0
    )
    assert isinstance(decide("ab", [LEVEL] * 2), Choice)


def test_folds_hold_as_much_of_each_class():
    labels = np.array([0] * 11 + [1] * 6)
    folds = stratified_folds(labels, 5, 3)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(17))
    for train, test in folds:
        assert not set(train) & set(test) and len(train) + len(test) == 17
        assert (labels[test] == 0).sum() in (2, 3) and (labels[test] == 1).sum() in (1, 2)
    assert len(stratified_folds([0, 0, 1, 1, 1])) == 2 and len(stratified_folds([0] * 9 + [1] * 9)) == 5
    assert [t.tolist() for _, t in folds] == [t.tolist() for _, t in stratified_folds(labels, 5, 3)]
    assert [t.tolist() for _, t in folds] != [t.tolist() for _, t in stratified_folds(labels, 5, 4)]
    with pytest.raises(BadInputError, match="two data of each class"):
        stratified_folds([0, 0, 1])


def small_problem(cells=True):
    graphs = [TokenGraph.from_chain(4), TokenGraph.from_chain(2), TokenGraph.from_chain(2)]
    more = (
        {"cells": [np.array([0, 0, 2, 2])] * 3, "cell_graphs": [TokenGraph.from_chain(3)] * 3}
        if cells
        else {}
    )
    truth = [np.array([1, 0, 0], bool), np.zeros(3, bool), None]
    return Problem("p", ["a", "b", "c"], graphs, [0] * 3, [1, 1, 0], truth, [], **more)


def test_maps_are_scored_by_cells():
    problem = small_problem()
    found = problem.of_cells([1.0, 3.0, np.nan, 5.0], 0)
    assert found[[0, 2]].tolist() == [2, 5] and np.isnan(found[1])
    assert problem.spread([7.0, 8.0, 9.0], 0).tolist() == [7, 7, 9, 9] and problem.graph_of_cells(0).n == 3
    assert (
        problem.scored([0, 1, 2]) == [0]
        and problem.prevalence == pytest.approx(1 / 3)
        and opened(problem) is problem
    )
    plain = small_problem(False)
    assert (
        plain.of_cells([1, 2], 1).tolist() == plain.spread([1, 2], 1).tolist() == [1, 2]
        and plain.graph_of_cells(0).n == 4
    )
    plain.labels = np.zeros(3)
    assert np.isnan(plain.prevalence)
    with pytest.raises(BadInputError, match="p: give one graph"):
        Problem("p", ["a"], [0], [0], [1, 1], [None], [])


def test_false_discoveries_by_the_rule_of_benjamini_and_hochberg():
    """The largest p that is at most its share of the level.

    And all smaller ones, even those above their own share.
    """
    assert benjamini_hochberg([0.05, 0.06], 0.1).tolist() == [True, True]
    assert benjamini_hochberg([0.06, 0.01, 0.9, 0.04], 0.1).tolist() == [True, True, False, True]
    assert benjamini_hochberg([0.05, 1.0], 0.05).tolist() == [False, False]
    assert benjamini_hochberg([0.025, 1.0], 0.05).tolist() == [True, False]
    assert benjamini_hochberg([0.05]).tolist() == [True] and benjamini_hochberg([0.051]).tolist() == [False]
    assert benjamini_hochberg([np.nan, 0.05]).tolist() == [False, True]


def test_how_far_classes_are_apart():
    shares = np.array([[1.0, 5, 2], [3, 5, 2], [0, 1, 2], [0, 3, 2], [0, 2, 2]])
    error = np.array([np.sqrt(1 / 2), np.sqrt(2 / 3 / 3), 0])
    usual = np.median(error[:2])
    expected = np.array([2, 3, 0]) / (error + 0.1 * usual)
    np.testing.assert_allclose(_apart(shares, np.array([1, 1, 0, 0, 0])), expected)
    assert _apart(np.ones((4, 2)), np.array([1, 1, 0, 0])).tolist() == [0, 0]
    assert _apart(np.array([[1.0], [1], [0], [0]]), np.array([1, 1, 0, 0])) == pytest.approx([10])


def test_a_null_by_hand():
    random = np.random.default_rng(1)
    counts, labels = random.poisson(9, (16, 6)).astype(float), np.arange(16) % 2
    counts[:, 5], counts[labels == 1, 0] = 0, counts[labels == 1, 0] + 9
    kernel, seen = FoldChangeKernel(1e10, pseudo=0.1, shrink=True), []
    found = label_null(
        kernel, counts, labels, n=25, seed=4, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(each, 25) for each in range(1, 26)]
    shares, rng = counts / counts.sum(axis=1, keepdims=True), np.random.default_rng(4)
    drawn = [rng.permutation(labels) for _ in range(25)]
    null = np.array([np.abs(_apart(shares, each)) for each in drawn])
    own = np.abs(_apart(shares, labels))
    expected = [(1 + (null[:, :5] >= each - 1e-12).sum()) / (1 + 25 * 5) for each in own[:5]]
    assert found.p_values[:5] == pytest.approx(expected) and np.isnan(found.p_values[5])
    aurocs = np.array([_held_out_auroc(kernel, counts, each, 4) for each in drawn])
    assert found.auroc == _held_out_auroc(kernel, counts, labels, 4) and np.array_equal(
        found.shuffled, aurocs
    )
    assert found.p_signal == pytest.approx((1 + (aurocs >= found.auroc).sum()) / 26)
    assert found.kept.tolist() == (benjamini_hochberg(found.p_values) & (found.p_signal <= 0.05)).tolist()
    linear = label_null(LinearKernel(), counts, labels, n=3, seed=4)
    assert np.array_equal(linear.shuffled, found.shuffled[:3])  # the fold-change kernel stands in for it
    assert (
        len(
            label_null(
                kernel, counts, labels, shuffled=lambda drawn, seed: [(0.5, own)] * len(drawn)
            ).shuffled
        )
        == 200
    )
    for few in (np.array([1] + [0] * 15), np.zeros(16, int)):
        with pytest.raises(FitError, match="two data of each class"):
            label_null(kernel, counts, few)


def test_held_out_evidence_is_measured_within_its_fold():
    random = np.random.default_rng(2)
    counts, labels = random.poisson(9, (15, 4)), np.arange(15) % 2
    counts[labels == 1, 1] += 4
    kernel, place = FoldChangeKernel(1e10), np.empty(15)
    for train, test in stratified_folds(labels, 5, 6):
        fitted = kernel.fit(counts[train], labels[train])
        usual = fitted.evidence(counts[train])
        place[test] = (fitted.evidence(counts[test]) - usual.mean()) / usual.std()
    assert _held_out_auroc(kernel, counts, labels, 6) == auroc(place, labels)


def test_what_a_null_says_and_how_it_is_kept():
    null = Null(
        0.9, np.array([0.5, 0.6]), 0.05, np.array([0.01, 0.9, np.nan]), np.array([True, False, False]), 0.05
    )
    assert (
        null.signal
        and null.sentence
        == "evidence: the labels are predicted better than shuffled ones (AUROC 0.90; shuffled labels give"
        " 0.55, p = 0.050); 1 of 3 weights stand out"
    )
    again = _unpacked(_packed(null), 0.05)
    assert (again.auroc, again.p_signal, again.level) == (0.9, 0.05, 0.05) and again.shuffled.tolist() == [
        0.5,
        0.6,
    ]
    assert again.kept.tolist() == [True, False, False] and again.p_values[:2].tolist() == [0.01, 0.9]
    assert _unpacked(_packed(null), 0.01).kept.tolist() == [False] * 3  # 0.01 of two is above 0.005
    silent = Null(0.9, null.shuffled, 0.051, null.p_values, null.kept, 0.05)
    assert (
        not silent.signal
        and silent.sentence.startswith("no evidence")
        and not _unpacked(_packed(silent), 0.05).kept.any()
    )


def test_quick_average_precision_puts_unknown_scores_last():
    random = np.random.default_rng(0)
    for _ in range(40):
        values, truth = random.integers(-3, 3, 12).astype(float), random.random(12) < 0.4
        values[random.random(12) < 0.3], truth[0] = np.nan, True
        assert fast_ap(values, truth) == pytest.approx(average_precision(values, truth))
    assert fast_ap([np.nan, np.nan], [1, 0]) == 0.5 and fast_ap([5.0, 7.0], [1, 0]) == 0.5
