"""Prospect kernels: p-values as scipy gives them column by column, equivariance.

And clear words about bad input.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.base import clone

from prospector_core import FoldChangeKernel, LinearKernel
from prospector_core.errors import FitError
from prospector_core.method.features import n_features, pair_index
from prospector_core.method.kernels import TEST_OFF, make_kernel, rank_sum_p_values
from prospector_core.method.shrinkage import adaptive_weights
from prospector_core.method.shrinkage import shrunken as _shrunken
from prospector_core.method.tfidf import inverse_document_frequencies, term_frequencies, tfidf
from tests.support.random_data import seeds


def some_counts(seed=0, n=20, p=9, high=30):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return random.integers(0, high, (n, p)) + 60 * labels[:, None] * (np.arange(p) == 2), labels


@given(seed=seeds, n1=st.integers(1, 14), n0=st.integers(1, 14), ties=st.booleans())
def test_p_values_are_each_columns_own(seed, n1, n0, ties):
    random = np.random.default_rng(seed)
    both = random.normal(size=(n1 + n0, 6))
    if ties:  # some columns only
        both[:, 2] = random.integers(0, 4, n1 + n0)
        both[:, 3] = 1.5
        both[0, 4] = both[-1, 4]
        both[:, 5] = np.where(random.random(n1 + n0) < 0.5, 0.0, -0.0)
    ones, zeros = both[:n1], both[n1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = [mannwhitneyu(a, b, method="auto").pvalue for a, b in zip(ones.T, zeros.T, strict=True)]
    np.testing.assert_allclose(rank_sum_p_values(ones, zeros), expected, rtol=1e-12)


@pytest.mark.parametrize(("n1", "n0"), [(8, 8), (8, 40), (40, 8), (9, 9), (9, 40), (1, 1)])
def test_exact_and_asymptotic_where_scipy_changes_over(n1, n0):
    random = np.random.default_rng(n1 * n0)
    ones, zeros = random.normal(size=(n1, 3)), random.normal(size=(n0, 3))
    zeros[0, 1] = ones[0, 1]
    expected = [mannwhitneyu(a, b, method="auto").pvalue for a, b in zip(ones.T, zeros.T, strict=True)]
    np.testing.assert_allclose(rank_sum_p_values(ones, zeros), expected, rtol=1e-12)


def test_fold_change_keeps_what_is_large_and_significant():
    counts, labels = some_counts()
    weighted = tfidf(counts)
    change = np.log2(
        (weighted[labels == 1].mean(axis=0) + 1e-10) / (weighted[labels == 0].mean(axis=0) + 1e-10)
    )
    off = FoldChangeKernel(alpha=TEST_OFF).fit(counts, labels)
    np.testing.assert_allclose(off.coef_, change)
    assert np.isnan(off.p_values_).all()
    thresholded = FoldChangeKernel(alpha=TEST_OFF, tau=0.2).fit(counts, labels)
    np.testing.assert_allclose(thresholded.coef_, np.where(np.abs(change) >= 0.2, change, 0))
    tested = FoldChangeKernel(alpha=0.05).fit(counts, labels)
    assert np.array_equal(tested.coef_ != 0, tested.p_values_ * counts.shape[1] <= 0.05)
    assert tested.coef_[2] > 0
    np.testing.assert_allclose(tested.fold_change_, change)


def test_a_feature_without_a_fold_change_has_no_weight():
    # One column in no datum, one in all (its idf is negative), one in class 1 only: all finite.
    counts = np.array([[0, 5, 1, 3], [0, 6, 2, 0], [0, 7, 0, 4], [0, 5, 0, 0]])
    labels = np.array([1, 1, 0, 0])
    kernel = FoldChangeKernel(alpha=TEST_OFF).fit(counts, labels)
    assert np.isfinite(kernel.coef_).all()
    assert kernel.coef_[0] == 0


@pytest.mark.parametrize(
    "kernel", [FoldChangeKernel(alpha=1.0), FoldChangeKernel(alpha=TEST_OFF), LinearKernel()]
)
def test_new_concept_ids_only_reorder_the_kernel(kernel):
    random = np.random.default_rng(4)
    counts = random.integers(0, 9, (16, n_features(4, 1)))
    labels = np.arange(16) % 2
    new = random.permutation(4)
    i, j = np.triu_indices(4)
    target = np.concatenate([new, pair_index(new[i], new[j], 4)])
    moved = np.empty_like(counts)
    moved[:, target] = counts
    expected = clone(kernel).fit(counts, labels).coef_
    np.testing.assert_allclose(clone(kernel).fit(moved, labels).coef_[target], expected, atol=1e-6)


@pytest.mark.parametrize("kernel", [FoldChangeKernel(), LinearKernel()], ids=lambda kernel: kernel.name)
class TestBothKernels:
    def test_follow_scikit_learn(self, kernel):
        counts, labels = some_counts()
        assert not [name for name in vars(kernel) if name.endswith("_")]
        fresh = clone(kernel).set_params(**kernel.get_params())
        assert fresh.get_params() == kernel.get_params()
        assert fresh.fit(counts, labels) is fresh
        assert fresh.coef_.shape == (9,)
        assert fresh.coef_.dtype == np.float64
        assert fresh.n_features_in_ == 9

    def test_give_the_same_bytes_again(self, kernel):
        counts, labels = some_counts(7)
        assert (
            clone(kernel).fit(counts, labels).coef_.tobytes()
            == clone(kernel).fit(counts, labels).coef_.tobytes()
        )

    def test_do_not_touch_their_input(self, kernel):
        counts, labels = some_counts(7)
        before = counts.copy(), labels.copy()
        clone(kernel).fit(counts, labels)
        assert np.array_equal(counts, before[0])
        assert np.array_equal(labels, before[1])

    def test_take_labels_of_any_number_type(self, kernel):
        counts, labels = some_counts()
        expected = clone(kernel).fit(counts, labels).coef_
        for same in (labels.astype(bool), labels.astype(float), labels.tolist()):
            assert np.array_equal(clone(kernel).fit(counts, same).coef_, expected)

    @pytest.mark.parametrize(
        ("labels", "says"),
        [
            (np.ones(4, int), "both classes"),
            (np.zeros(4, int), "both classes"),
            ([0, 1, 2, 1], "0 and 1, got 0, 1, 2"),
            ([1, 2, 1, 2], "0 and 1"),
            ([0, 1, np.nan, 1], "0 and 1"),
            (["no", "yes", "no", "yes"], "0 and 1, got no, yes"),
            ([0, None, 1, 1], "0 and 1"),
            ([0, 1], "one row per datum"),
            ([[0], [1], [0], [1]], "one row per datum"),
        ],
    )
    def test_say_in_one_line_what_is_wrong_with_labels(self, kernel, labels, says):
        with pytest.raises(FitError, match=says) as caught:
            clone(kernel).fit(np.ones((4, 3)), labels)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("counts", "says"),
        [
            (np.ones(4), "one row per datum"),
            (np.full((4, 2), np.nan), "not finite"),
            (np.array([["a"], ["b"], ["c"], ["d"]]), "numbers"),
        ],
    )
    def test_say_in_one_line_what_is_wrong_with_counts(self, kernel, counts, says):
        with pytest.raises(FitError, match=says):
            clone(kernel).fit(counts, [0, 1, 0, 1])

    def test_say_that_there_are_no_data(self, kernel):
        with pytest.raises(FitError, match="no labelled data"):
            clone(kernel).fit(np.empty((0, 3)), [])

    def test_fit_data_without_tokens_among_others(self, kernel):
        counts, labels = some_counts()
        counts[3] = 0
        assert np.isfinite(clone(kernel).fit(counts, labels).coef_).all()


def test_kernels_by_name():
    assert make_kernel("fold-change", alpha=0.1).alpha == 0.1
    assert make_kernel("linear", l1_ratio=0.2).l1_ratio == 0.2
    with pytest.raises(FitError, match="fold-change, linear"):
        make_kernel("cubic")
    with pytest.raises(FitError, match="alpa"):
        make_kernel("fold-change", alpa=0.1)


# ---- the rules, one by one


def test_what_is_exactly_large_or_significant_enough_is_kept():
    counts, labels = some_counts(3)
    plain = FoldChangeKernel(alpha=TEST_OFF).fit(counts, labels)
    column = int(np.argsort(np.abs(plain.fold_change_))[4])
    kept = (
        FoldChangeKernel(alpha=TEST_OFF, tau=abs(plain.fold_change_[column])).fit(counts, labels).coef_ != 0
    )
    assert kept[column] and kept.sum() == 5
    p = FoldChangeKernel(alpha=1.0).fit(counts, labels).p_values_
    column = int(np.argsort(p)[1])
    kept = FoldChangeKernel(alpha=p[column] * counts.shape[1]).fit(counts, labels).coef_ != 0
    assert kept[column] and kept.sum() == 2


def test_no_test_begins_at_an_alpha_of_ten_thousand_million():
    counts, labels = some_counts(3)
    assert TEST_OFF == 1e10 and np.isnan(FoldChangeKernel(alpha=1e10).fit(counts, labels).p_values_).all()
    assert np.isfinite(FoldChangeKernel(alpha=1e9).fit(counts, labels).p_values_).all()


def test_a_feature_of_one_class_alone_is_measured_against_a_ten_thousand_millionth():
    counts, labels = np.array([[1, 3], [2, 2], [0, 4], [0, 4], [0, 4]]), np.array([1, 1, 0, 0, 0])
    kernel = FoldChangeKernel(alpha=TEST_OFF).fit(counts, labels)
    own = (1 / 4 + 2 / 4) / 2 * np.log(5 / 3)
    assert kernel.coef_[0] == pytest.approx(np.log2((own + 1e-10) / 1e-10))


@pytest.mark.parametrize("shrink", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_fold_changes_of_shares_by_the_formulas(shrink, weighted):
    """Means are weighted, n is what the weights amount to (Kish).

    And s is that of the logarithm, in log2 units.
    """
    counts, labels = some_counts(5)
    weights = np.random.default_rng(0).uniform(0.1, 3, len(labels)) if weighted else np.ones(len(labels))
    fitted = FoldChangeKernel(alpha=TEST_OFF, pseudo=0.5, shrink=shrink).fit(
        counts, labels, weights if weighted else None
    )
    share = counts / counts.sum(axis=1, keepdims=True)
    small, logs, errors = 0.5 / counts.shape[1], [], 0.0
    for label in (1, 0):
        w, x = weights[labels == label] / weights[labels == label].sum(), share[labels == label]
        mean = w @ x
        spread = w @ (x - mean) ** 2
        errors = errors + spread * (w**2).sum() / (mean + small) ** 2 / np.log(2) ** 2
        logs.append(np.log2(mean + small))
    change = logs[0] - logs[1]
    np.testing.assert_allclose(fitted.fold_change_, change)
    beyond = np.mean(change**2 - errors)
    assert beyond > 1e-3
    np.testing.assert_allclose(fitted.coef_, change * beyond / (beyond + errors) if shrink else change)


def test_adaptive_weights_keep_what_stands_out_and_draw_in_what_chance_gives():
    """As the posterior means of adaptive shrinkage, computed the long way."""
    random = np.random.default_rng(0)
    errors = random.uniform(0.01, 0.5, 400)
    away = random.normal(size=400)
    away[:6] = 9.0
    drawn = adaptive_weights(away * np.sqrt(errors), errors) * np.sqrt(1 + errors / 0.1)
    kept = drawn / (away * np.sqrt(errors))
    assert kept[:6].min() > 0.9 and np.median(kept[6:]) < 0.2 and ((kept >= 0) & (kept <= 1)).all()
    order = np.argsort(np.abs(away))
    assert (np.diff(kept[order]) > -1e-9).all()  # the farther, the more is kept


def test_adaptive_weights_leave_the_order_where_nothing_stands_out():
    random = np.random.default_rng(1)
    errors = np.full(300, 0.05)
    values = random.normal(size=300) * 3 * np.sqrt(errors)
    drawn = adaptive_weights(values, errors)
    assert np.corrcoef(values, drawn)[0, 1] > 0.99 and (np.sign(drawn) == np.sign(values)).all()
    assert np.ptp(drawn / values) < 0.4  # 0.32 to 0.75: no weight is singled out


def test_adaptive_weights_of_features_that_are_never_seen_are_0():
    values, errors = np.array([0.0, 1.0, -2.0]), np.array([0.0, 0.1, 0.1])
    assert adaptive_weights(values, errors)[0] == 0
    assert (adaptive_weights(np.zeros(3), np.zeros(3)) == 0).all()


def test_a_rare_pair_of_one_class_alone_outweighs_what_is_common():
    """What class 0 never shows and most data of class 1 do is the largest weight, however rare it is."""
    random = np.random.default_rng(2)
    counts, labels = random.poisson(200, (60, 50)), np.arange(60) % 2
    counts[:, 0] = np.where(labels == 1, random.poisson(3, 60), 0)
    coef = FoldChangeKernel(TEST_OFF, pseudo=0.03, shrink="adaptive").fit(counts, labels).coef_
    assert np.argmax(np.abs(coef)) == 0 and coef[0] > 5 * np.abs(coef[1:]).max()


def test_weights_count_in_proportion():
    counts, labels = some_counts(6)
    for kernel in (FoldChangeKernel(TEST_OFF), FoldChangeKernel(TEST_OFF, pseudo=1.0, shrink=True)):
        plain, alike = (clone(kernel).fit(counts, labels, w).coef_ for w in (None, np.full(len(labels), 7.0)))
        np.testing.assert_allclose(alike, plain)
        other = clone(kernel).fit(counts, labels, np.arange(1.0, len(labels) + 1)).coef_
        assert not np.allclose(other, plain)


@pytest.mark.parametrize(
    "weights", [np.zeros(20), -np.ones(20), np.ones(19), np.full(20, np.nan), np.full(20, np.inf)]
)
def test_weights_are_positive_numbers(weights):
    counts, labels = some_counts()
    for kernel in (FoldChangeKernel(), LinearKernel()):
        with pytest.raises(FitError, match="positive numbers, one per datum"):
            kernel.fit(counts, labels, weights)
    weights = np.ones(20)
    weights[3] = 0
    with pytest.raises(FitError, match="positive numbers, one per datum"):
        FoldChangeKernel().fit(counts, labels, weights)


def test_where_nothing_is_beyond_error_weights_are_drawn_almost_to_nothing():
    """And keep their sign and order: the spread beyond error is a millionth at least."""
    values, errors = np.array([0.5, -0.25, 0.0]), np.array([1.0, 2.0, 0.5])
    np.testing.assert_allclose(_shrunken(values, errors), values * 1e-6 / (1e-6 + errors), rtol=1e-12)
    values = np.array([3.0, -2.0])
    np.testing.assert_allclose(_shrunken(values, np.ones(2)), values * 5.5 / 6.5)


def test_the_linear_kernel_is_a_standardised_elastic_net():
    counts, labels = some_counts(8)
    kernel = LinearKernel().fit(counts, labels)
    assert kernel.get_params() == {"l1_ratio": 0.5, "C": 1.0, "max_iter": 3000, "seed": 0}
    weighted = tfidf(counts)
    features = (weighted - weighted.mean(axis=0)) / np.where(
        weighted.std(axis=0) > 0, weighted.std(axis=0), 1
    )
    np.testing.assert_allclose(
        kernel.evidence(counts), features @ kernel.coef_ + kernel.intercept_, atol=1e-9
    )
    np.testing.assert_allclose(kernel.evidence(counts, np.zeros(9)), kernel.intercept_)
    new = np.vstack(
        [counts[:1], counts[:1] * 3]
    )  # another set of data: the idf stays that of the training data
    np.testing.assert_allclose(kernel.evidence(new), kernel.evidence(counts)[[0, 0]])
    # where the gradient of the penalised loss is 0: the weights that are not 0 say how strong the penalty is
    p = 1 / (1 + np.exp(-kernel.evidence(counts)))
    pull = features.T @ (labels - p)
    used = kernel.coef_ != 0
    np.testing.assert_allclose(
        pull[used], 0.5 * np.sign(kernel.coef_[used]) + 0.5 * kernel.coef_[used], atol=2e-2
    )
    assert (np.abs(pull[~used]) <= 0.5 + 2e-2).all()


def test_evidence_of_the_fold_change_kernel_is_its_mean_weight():
    counts, labels = some_counts(8)
    kernel = FoldChangeKernel(TEST_OFF).fit(counts, labels)
    np.testing.assert_allclose(kernel.evidence(counts), term_frequencies(counts) @ kernel.coef_)
    np.testing.assert_allclose(kernel.evidence(counts, np.ones(9)), 1.0)


def test_tf_idf_by_hand():
    """Df counts data that have a concept at all, once each; a datum without counts stays zero."""
    counts = np.array([[1, 0, 3], [1, 2, 0], [0, 0, 0], [1, 0.5, 0]])
    assert inverse_document_frequencies(counts) == pytest.approx(
        [np.log(4 / 4), np.log(4 / 3), np.log(4 / 2)]
    )
    np.testing.assert_allclose(
        term_frequencies(counts), [[1 / 4, 0, 3 / 4], [1 / 3, 2 / 3, 0], [0, 0, 0], [2 / 3, 1 / 3, 0]]
    )
    np.testing.assert_allclose(tfidf(counts)[0], [0, 0, 0.75 * np.log(2)])


def test_without_options_the_kernel_is_the_authors():
    assert FoldChangeKernel().get_params() == {"alpha": 0.05, "tau": 0.0, "pseudo": 0.0, "shrink": False}
