"""Localisation metrics: what tokens without a score, or data without a positive token, come to."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from prospector_core.metrics import auroc, average_precision


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
