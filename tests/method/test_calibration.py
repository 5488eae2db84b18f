"""Datum-level prediction: evidence is the map's sum made comparable, probability grows with it."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from prospector_core.method.calibration import Calibration, evidence
from tests.support.random_data import seeds


def test_evidence_is_the_mean_weight_of_what_was_counted():
    assert evidence([[1, 3], [0, 0], [2, 0]], [10.0, -2.0]).tolist() == [1.0, 0.0, 10.0]


def test_evidence_does_not_grow_with_the_size_of_a_datum():
    counts, coef = np.array([[1, 2, 3]]), np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(evidence(counts, coef), evidence(100 * counts, coef))


@given(
    seed=seeds,
    n=st.integers(2, 40),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    shift=st.sampled_from([0.0, 1e3]),
)
def test_probability_never_falls_as_evidence_grows(seed, n, scale, shift):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    scores = (random.normal(size=n) + random.normal() * labels) * scale + shift
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = Calibration.fit(scores, labels)
        p = curve.predict(np.sort(np.append(scores, [-1e30, 1e30])))
    assert np.isfinite([curve.slope, curve.offset]).all()
    assert (np.diff(p) >= 0).all()
    assert ((p >= 0) & (p <= 1)).all()


def test_separated_classes_get_sure_but_not_certain():
    scores, labels = np.array([-3.0, -2, -2.5, 2, 3, 2.5]), np.array([0, 0, 0, 1, 1, 1])
    p = Calibration.fit(scores, labels).predict(scores)
    assert (p[:3] < 0.35).all()
    assert (p[3:] > 0.65).all()
    assert ((p > 0.01) & (p < 0.99)).all()


@pytest.mark.parametrize("scores", [[1.0, 1.0, 1.0, 1.0, 1.0], [3.0, 1.0, 2.0, 0.0, -1.0]])
def test_evidence_that_says_nothing_gives_the_share_of_class_1(scores):
    labels = np.array([0, 0, 0, 1, 1])  # the second case: class 1 has less evidence
    curve = Calibration.fit(scores, labels)
    assert curve.slope == 0
    smoothed = (3 * (1 / 5) + 2 * (3 / 4)) / 5
    np.testing.assert_allclose(curve.predict([-7.0, 7.0]), smoothed)


def test_the_curve_is_that_of_platt():
    """Targets (n1 + 1) / (n1 + 2) and 1 / (n0 + 2); at the best curve both derivatives of the loss are 0."""
    random = np.random.default_rng(0)
    labels = np.arange(30) % 3 == 0
    scores = random.normal(size=30) + 0.8 * labels + 5
    curve = Calibration.fit(scores, labels.astype(int))
    target = np.where(labels, 11 / 12, 1 / 22)
    error = curve.predict(scores) - target
    assert curve.slope > 0 and abs(error.sum()) < 1e-6 and abs((error * scores).sum()) < 1e-5
    assert curve.predict(2.0) == pytest.approx(1 / (1 + np.exp(-(curve.slope * 2 + curve.offset))))
    assert Calibration().predict([3.0]).tolist() == [0.5]


@pytest.mark.parametrize("seed", range(4))
def test_the_curve_is_found_from_far_away(seed):
    """Where one datum is far from all others, full steps overshoot.

    They are halved until the loss falls.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(12) % 2
    scores = random.normal(size=12) + labels
    scores[3] = 40.0
    curve = Calibration.fit(scores, labels)
    z = (scores - scores.mean()) / scores.std()
    target = np.where(labels == 1, 7 / 8, 1 / 8)

    def loss(at):
        logit = at[0] * z + at[1]
        return (np.logaddexp(0, logit) - target * logit).sum()

    best = minimize(loss, [0.0, 0.0], method="BFGS").x
    np.testing.assert_allclose(
        [curve.slope * scores.std(), curve.offset + curve.slope * scores.mean()], best, atol=1e-3
    )
