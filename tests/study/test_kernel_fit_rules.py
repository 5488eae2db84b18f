"""Kernels under edits, rule by rule, against plain computations.

Pins, folds, regions, calibration, several classes.
"""

import numpy as np
import pytest

from prospector_core.errors import FitError
from prospector_core.method.calibration import Calibration
from prospector_core.method.features import n_features, pair_index
from prospector_core.method.metrics import auroc
from prospector_core.method.uncertainty import bootstrap_kernels
from prospector_core.study.cached_counts import _places, compact_coef, expand
from prospector_core.study.journal import CurationState, Region
from prospector_core.study.kernel_fit import (
    _class_scores,
    _evidence,
    _folds,
    _scores,
    apply_pins,
    fit_kernel,
    resampled_kernels,
)
from prospector_core.study.settings import FitSettings

K = 4
SETTINGS = FitSettings(concepts=K, radius=1, seed=3, pseudo=0.1, shrink=True)


class Made:
    """Counts of data that are given: (n_data, p) of all K concepts.

    A region has those of its first token's row.
    """

    def __init__(self, rows, regions=()):
        self.rows, self.regions, self.asked = rows, list(regions), []

    def n_concepts(self, state):
        return K

    def compact(self, rows, state):
        self.asked.append([uid for uid, _ in rows])
        active = state.active(K)
        found = [self.rows[uid] if region is None else self.regions[region.tokens[0]] for uid, region in rows]
        return np.stack([compact_coef(each, active, K, 1) for each in found])


def made(n, seed=0, classes=2):
    """Counts of n data and their labels: concept 1 is commoner in class 1, 2 in class 2."""
    random = np.random.default_rng(seed)
    uids = [f"u{at}" for at in range(n)]
    labels = {uid: at % classes for at, uid in enumerate(uids)}
    rows = {uid: random.poisson(6, n_features(K, 1)) for uid in uids}
    for uid in uids:
        if labels[uid]:
            rows[uid][labels[uid]] += 4
    return uids, labels, rows


def test_pins_go_to_where_their_concept_went():
    coef = np.arange(1.0, n_features(K, 1) + 1)
    state = CurationState(
        merged={0: 2}, pins={2: 5.0, 0: 4.0, (0, 3): 7.0, (3, 1): 9.0}, class_pins={3: {1: -1.0}}
    )
    found = apply_pins(coef, state, K, 1)
    expected = coef.copy()
    expected[2], expected[pair_index(2, 3, K)], expected[pair_index(1, 3, K)] = 5.0, 7.0, 9.0
    assert found.tolist() == expected.tolist() and coef[2] == 3.0
    reverse = CurationState(
        merged={0: 2}, pins={0: 4.0, 2: 5.0}
    )  # what was said of the one that stayed counts last
    assert apply_pins(coef, reverse, K, 1)[2] == 5.0
    assert apply_pins(coef, CurationState(merged={0: 2}, pins={0: 4.0}), K, 1)[2] == 4.0
    assert (
        apply_pins(coef, state, K, 1, target=3)[1] == -1.0
        and apply_pins(coef, state, K, 1, target=3)[2] == coef[2]
    )
    of_one = CurationState(pins={1: 8.0}, class_pins={1: {2: 6.0}, 2: {2: 7.0}})
    assert apply_pins(coef, of_one, K, 1)[[1, 2]].tolist() == [
        coef[1],
        6.0,
    ]  # of two classes, the kernel of class 1
    out = CurationState(pins={1: 8.0, (1, 2): 8.0, (2, 3): 6.0}, excluded={1: ""})
    expected = coef.copy()
    expected[pair_index(2, 3, K)] = 6.0
    assert apply_pins(coef, out, K, 1).tolist() == expected.tolist()
    single = np.arange(1.0, K + 1)
    assert apply_pins(single, CurationState(pins={1: 8.0, (2, 3): 6.0}), K, 0).tolist() == [
        1,
        8,
        3,
        4,
    ]  # no pairs


@pytest.mark.parametrize("radius", [0, 2])
def test_weights_laid_out_over_all_concepts_and_back(radius):
    active = [0, 2, 3]
    small = np.arange(1.0, n_features(3, radius) + 1)
    full = expand(small, active, K, radius)
    assert len(full) == n_features(K, radius) and full[:K].tolist() == [1, 0, 2, 3]
    assert compact_coef(full, active, K, radius).tolist() == small.tolist() and full.sum() == small.sum()
    if radius:
        at = len(active)
        for i in range(3):
            for j in range(i, 3):
                assert full[pair_index(active[i], active[j], K)] == small[at]
                at += 1
    else:
        assert _places((0, 2, 3), K, 0).tolist() == active
    assert expand(full, range(K), K, radius) is full
    assert expand(np.array([1, 2, 3]), active, K, 0).dtype.kind == "i"


def test_folds_by_hand():
    fold_change, linear = FitSettings(seed=5), FitSettings(kernel="linear", seed=5)
    truth, train = np.array([0, 1, 0, 1, 1, -1, 0]), np.array([1, 1, 1, 1, 1, 0, 0], bool)
    each = _folds(truth, train, fold_change)
    assert [np.flatnonzero(out).tolist() for out in each] == [[0], [1], [2], [3], [4]]
    two = _folds(truth, train, linear)  # the smaller class has two
    assert len(two) == 2 and sorted(np.concatenate([np.flatnonzero(out) for out in two])) == [0, 1, 2, 3, 4]
    for out in two:
        assert (truth[out] == 0).sum() == 1 and (truth[out] == 1).sum() in (1, 2)
    assert _folds(np.array([0, 1, 1]), np.ones(3, bool), fold_change) == []
    assert _folds(np.array([0, 0, 1]), np.ones(3, bool), fold_change) == []
    many = np.arange(100) % 2
    assert len(_folds(many, np.ones(100, bool), fold_change)) == 100
    five = _folds(np.arange(101) % 2, np.ones(101, bool), fold_change)
    assert len(five) == 5
    shuffled = np.random.default_rng(5).permutation(101)
    for at, out in enumerate(five):
        mine = [x for label in (0, 1) for x in [m for m in shuffled if m % 2 == label][at::5]]
        assert np.flatnonzero(out).tolist() == sorted(mine)
    assert len(_folds(np.arange(12) % 2, np.ones(12, bool), linear)) == 5


def plain_fit(rows, labels, weight, train, out, settings, state, n):
    """Coefficients and the probabilities of data ``out``, of a fit on the rows ``train``."""
    kernel = settings.make_kernel().fit(rows[train], labels[train], weight[train])
    pinned = apply_pins(kernel.coef_, state, K, 1)
    whole = np.array([at for at in train if at < n])
    curve = Calibration.fit(kernel.evidence(rows[whole], pinned), labels[whole])
    return kernel.coef_, pinned, curve, curve.predict(kernel.evidence(rows[out], pinned))


def test_a_kernel_its_regions_and_what_is_held_out():
    uids, labels, rows = made(9)
    labels["u7"] = None  # predicted, not fitted on
    random = np.random.default_rng(7)
    cut = [random.poisson(5, n_features(K, 1)) for _ in range(4)]
    state = CurationState(
        pins={1: 0.75, (0, 3): -0.5},
        regions=[
            Region("u0", (0,), "for", 2.0, None),
            Region("u3", (1,), "against", 0.5, None),
            Region("u4", (2,), "ignore", 1.0, None),
            Region("gone", (2,), "for", 1.0, None),
            Region("u7", (3,), "for", 1.5, None),
        ],
    )
    counts = Made(rows, cut)
    fitted_on = set(uids) - {"u8"}
    kernels = fit_kernel(counts, uids, labels, fitted_on, state, SETTINGS)
    (coef,), (full,), (curve,) = kernels.coef, kernels.fitted_coef, kernels.calibration
    summary = kernels.summary
    assert counts.asked == [
        [*uids, "u0", "u3", "u7"]
    ]  # once; not what is ignored, nor of data that are not there
    all_rows = np.array([*rows.values(), cut[0], cut[1], cut[3]], float)
    truth = np.array([0, 1, 0, 1, 0, 1, 0, -1, 0, 1, 0, 1])
    weight = np.array([1.0] * 9 + [2.0, 0.5, 1.5])
    train = [0, 1, 2, 3, 4, 5, 6, 9, 10, 11]
    expected, pinned, plain, at_first = plain_fit(all_rows, truth, weight, train, [7, 8], SETTINGS, state, 9)
    np.testing.assert_array_equal(full, expected)
    np.testing.assert_array_equal(coef, pinned)
    assert (curve.slope, curve.offset) == (plain.slope, plain.offset)
    found = summary["predictions"]
    assert [found["u7"], found["u8"]] == at_first.tolist()
    owner = [*range(9), 0, 3, 7]
    for at in range(7):  # with its regions left out
        rest = [x for x in train if owner[x] != at]
        assert found[uids[at]] == plain_fit(all_rows, truth, weight, rest, [at], SETTINGS, state, 9)[3][0]
    assert (summary["fitted_on"], summary["held_out_folds"], summary["positive"]) == (7, 7, 3)
    own = np.array([found[uid] for uid in uids[:7]])
    assert summary["held_out_accuracy"] == np.mean((own >= 0.5) == (truth[:7] == 1))
    assert summary["held_out_auroc"] == auroc(own, truth[:7] == 1)
    assert set(summary) == {
        "predictions",
        "fitted_on",
        "held_out_folds",
        "positive",
        "held_out_accuracy",
        "held_out_auroc",
    }


def test_too_few_to_hold_out_are_said_to_be_fitted():
    uids, labels, rows = made(3)
    summary = fit_kernel(Made(rows), uids, labels, set(uids), CurationState(), SETTINGS).summary
    assert summary["held_out_folds"] == 0 and {"fitted_accuracy", "fitted_auroc"} <= set(summary)
    for none in (set(), {"u9"}):
        with pytest.raises(FitError, match="no labelled datum has been embedded"):
            fit_kernel(Made(rows), uids, labels, none, CurationState(), SETTINGS)
    with pytest.raises(FitError, match="no labelled datum has been embedded"):
        fit_kernel(Made(rows), uids, dict.fromkeys(uids), set(uids), CurationState(), SETTINGS)


def test_excluded_concepts_have_no_weight():
    uids, labels, rows = made(8)
    state = CurationState(excluded={2: ""})
    kernels = fit_kernel(Made(rows), uids, labels, set(uids), state, SETTINGS)
    (coef,), (full,) = kernels.coef, kernels.fitted_coef
    compact = np.array([compact_coef(each, [0, 1, 3], K, 1) for each in rows.values()], float)
    kernel = SETTINGS.make_kernel().fit(compact, np.arange(8) % 2, np.ones(8))
    np.testing.assert_array_equal(full, expand(kernel.coef_, [0, 1, 3], K, 1))
    assert full[2] == coef[2] == 0 and len(full) == n_features(K, 1)


def test_several_classes_are_each_against_the_rest():
    uids, labels, rows = made(12, classes=3)
    labels["u11"] = None
    cut = [np.arange(1, n_features(K, 1) + 1)]
    state = CurationState(
        regions=[
            Region("u0", (0,), "against", 1.0, None, target=2),
            Region("u1", (0,), "for", 2.0, None, target=0),
        ],
        pins={0: 1.0},
        class_pins={2: {0: 5.0}},
    )
    counts = Made(rows, cut)
    found = fit_kernel(counts, uids, labels, set(uids), state, SETTINGS, ("a", "b", "c"))
    assert len(counts.asked) == 1 and found.coef.shape == found.fitted_coef.shape == (3, n_features(K, 1))
    all_rows = np.array([*rows.values(), cut[0], cut[0]], float)
    weight = np.array([1.0] * 12 + [1.0, 2.0])
    own = np.array([0, 1, 2] * 4)
    single = []
    for target in range(3):
        truth = np.concatenate([own == target, [0, target == 0]]).astype(int)
        # what speaks against class 2 is an example in the kernel of class 2 alone
        train = [*range(11), *([12] if target == 2 else []), 13]
        pins = CurationState(pins={0: 5.0 if target == 2 else 1.0})
        full, pinned, curve, _ = plain_fit(all_rows, truth, weight, train, [0], SETTINGS, pins, 12)
        np.testing.assert_array_equal(found.fitted_coef[target], full)
        np.testing.assert_array_equal(found.coef[target], pinned)
        assert found.calibration[target].slope == curve.slope
        probability = []
        for at in range(12):
            rest = [x for x in train if [*range(12), 0, 1][x] != at]
            probability.append(plain_fit(all_rows, truth, weight, rest, [at], SETTINGS, pins, 12)[3][0])
        single.append(probability)
    shares = np.array(single).T / np.sum(single, axis=0)[:, None]
    summary = found.summary
    np.testing.assert_allclose([summary["predictions"][uid] for uid in uids], shares, rtol=1e-12)
    assert (
        summary["fitted_on"] == 11
        and summary["class_counts"] == [4, 4, 3]
        and summary["held_out_folds"] == 11
    )
    assert summary["held_out_accuracy"] == np.mean(shares[:11].argmax(axis=1) == own[:11])
    each = [auroc(shares[:11, target], own[:11] == target) for target in range(3)]
    assert summary["held_out_auroc_by_class"] == pytest.approx(each) and summary[
        "held_out_auroc"
    ] == pytest.approx(np.mean(each))


def test_where_one_class_cannot_be_held_out_none_is():
    uids, labels, rows = made(7, classes=3)
    labels.update(u2=0, u5=2)  # one datum of class 2
    summary = fit_kernel(
        Made(rows), uids, labels, set(uids), CurationState(), SETTINGS, ("a", "b", "c")
    ).summary
    assert summary["held_out_folds"] == 0 and summary["class_counts"] == [4, 2, 1]
    matrix, own = np.array([*rows.values()], float), np.array(list(labels.values()))
    single = [
        plain_fit(
            matrix,
            (own == t).astype(int),
            np.ones(7),
            list(range(7)),
            list(range(7)),
            SETTINGS,
            CurationState(),
            7,
        )[3]
        for t in range(3)
    ]
    np.testing.assert_allclose(
        [summary["predictions"][uid] for uid in uids],
        np.array(single).T / np.sum(single, axis=0)[:, None],
        rtol=1e-12,
    )
    assert {"fitted_accuracy", "fitted_auroc", "fitted_auroc_by_class"} <= set(summary)


def test_a_kernel_a_class_needs_data_of_every_class():
    uids, labels, rows = made(6)
    with pytest.raises(FitError, match="no datum labelled 'c' is embedded"):
        fit_kernel(Made(rows), uids, labels, set(uids), CurationState(), SETTINGS, ("a", "b", "c"))
    with pytest.raises(FitError, match="all embedded data are labelled 'a'"):
        one = dict.fromkeys(uids, 0)
        fit_kernel(Made(rows), uids, one, set(uids), CurationState(), SETTINGS, ("a", "b", "c"))


def test_scores_by_hand():
    found = _scores(np.array([0, 1, 1, 0]), np.array([0.5, 0.5, 0.4, 0.1]), "fitted")
    assert found == {"fitted_accuracy": 0.5, "fitted_auroc": 0.625}
    shares = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.4, 0.1]])
    found = _class_scores(np.array([0, 1, 1]), shares, "held_out")
    assert found["held_out_accuracy"] == pytest.approx(2 / 3) and np.isnan(
        found["held_out_auroc_by_class"][2]
    )
    assert found["held_out_auroc_by_class"][:2] == [1.0, 1.0] and found["held_out_auroc"] == 1.0
    assert np.isnan(_class_scores(np.array([0, 0, 0]), shares, "x")["x_auroc"])


def test_resampled_kernels_are_those_of_the_bootstrap_with_pins():
    uids, labels, rows = made(8)
    state = CurationState(pins={1: 9.0}, regions=[Region("u0", (0,), "for", 2.0, None)])
    cut = [np.arange(1, n_features(K, 1) + 1)]
    found = resampled_kernels(Made(rows, cut), uids, labels, set(uids) - {"u7"}, state, SETTINGS, 6)
    matrix = np.array([*list(rows.values())[:7], cut[0]])
    truth, weight = np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([1.0] * 7 + [2.0])
    expected = bootstrap_kernels(SETTINGS.make_kernel(), matrix, truth, 6, SETTINGS.seed, weight).copy()
    expected[:, 1] = 9.0
    np.testing.assert_array_equal(found, expected)
    of_zero = resampled_kernels(Made(rows), uids, labels, set(uids), CurationState(), SETTINGS, 2, target=0)
    plain = bootstrap_kernels(
        SETTINGS.make_kernel(), np.array(list(rows.values())), np.arange(8) % 2 == 0, 2, SETTINGS.seed
    )
    np.testing.assert_allclose(of_zero, plain)


def test_what_kernels_are_fitted_on():
    uids, labels, rows = made(4)
    labels["u3"] = None
    regions = [Region("u1", (0,), "against", 1.0, None), Region("u2", (0,), "for", 3.0, None, target=0)]
    found = _evidence(
        Made(rows, [rows["u0"]]), uids, labels, {"u0", "u1", "u3"}, CurationState(regions=regions)
    )
    assert (found.n, found.n_concepts, found.active) == (4, K, [0, 1, 2, 3])
    assert found.label.tolist() == [0, 1, 0, -1, 1, 0] and found.against.tolist() == [False] * 4 + [
        True,
        False,
    ]
    assert found.owner.tolist() == [0, 1, 2, 3, 1, 2] and found.weight.tolist() == [1, 1, 1, 1, 1, 3]
    assert found.train.tolist() == [True, True, False, False, True, False]
    truth, train = found.of(1)
    assert truth.tolist() == [0, 1, 0, -1, 0, 0] and train.tolist() == [True, True, False, False, True, False]
    truth, train = found.of(0)
    assert truth.tolist() == [1, 0, 1, -1, -1, 1] and train.tolist() == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
