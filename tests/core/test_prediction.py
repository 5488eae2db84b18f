"""Datum-level prediction: evidence is the map's sum made comparable, probability grows with it."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_data import seeds

from prospector_core.prediction import Calibration, evidence


def test_evidence_is_the_mean_weight_of_what_was_counted():
    assert evidence([[1, 3], [0, 0], [2, 0]], [10.0, -2.0]).tolist() == [1.0, 0.0, 10.0]


def test_evidence_does_not_grow_with_the_size_of_a_datum():
    counts, coef = np.array([[1, 2, 3]]), np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(evidence(counts, coef), evidence(100 * counts, coef))


@given(seed=seeds, n=st.integers(2, 40), scale=st.sampled_from([1e-6, 1.0, 1e6]), shift=st.sampled_from([0.0, 1e3]))
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
