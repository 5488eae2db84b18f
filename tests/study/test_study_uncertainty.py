"""A study's uncertainty: that of plain refits of its counts, under its edits."""

import numpy as np
import pytest

from prospector_core import Study, count_concepts, prospect
from prospector_core.errors import FitError
from prospector_core.method.features import pair_index
from prospector_core.method.uncertainty import bootstrap_kernels
from prospector_core.study.explanations import kernels_resampled, uncertainty_at
from tests.support.study_files import make_study

N = 25


@pytest.fixture
def study(tmp_path):
    labels, splits = (1, 1, 1, 1, 0, 0, 0, 0, None, 1), [""] * 9 + ["test"]
    return make_study(tmp_path, labels, splits, fit={"radius": 1})


def plain_kernels(study):
    """Resampled kernels without a study's cache; no concept inactive."""
    data = [d for d in study.data if d.label in (0, 1) and d.split != "test"]
    k, radius = study.view.n_concepts, study.settings.radius
    counts = np.stack([count_concepts(study.graph(d), study.sprite(d), k, radius) for d in data])
    labels = np.array([d.label for d in data])
    return bootstrap_kernels(study.settings.make_kernel(), counts, labels, N, study.settings.seed)


def test_it_is_that_of_scoring_under_every_resample(study):
    fit, datum = study.view, study.data[8]
    maps = np.array(
        [
            prospect(study.graph(datum), study.sprite(datum), each, fit.n_concepts, fit.radius)
            for each in plain_kernels(study)
        ]
    )
    found = study.uncertainty(datum, N)
    np.testing.assert_allclose(found.score, study.prospect(datum), atol=1e-9)
    np.testing.assert_allclose(found.error, maps.std(axis=0, ddof=1), atol=1e-9)
    np.testing.assert_allclose(found.agreement, (np.sign(maps) == np.sign(found.score)).mean(axis=0))


def test_pins_are_certain_and_excluded_tokens_have_none(study):
    datum = study.data[0]
    k = study.view.n_concepts
    study.curation.pin(0, weight=2.0)
    for other in range(k):
        study.curation.pin((0, other), weight=0.5)
    study.curation.exclude(1, reason="ink")
    study.curation.merge([2, 3], into=3)
    study.refit()
    found, sprite = study.uncertainty(datum, N), study.concepts_of(datum)
    # the pair of 0 with the excluded concept has no tokens left to be counted, so all of its score is the
    # expert's word
    assert (found.error[sprite == 0] < 1e-9).all() and (found.agreement[sprite == 0] == 1).all()
    assert np.isnan(found.error[sprite == 1]).all() and np.isnan(found.score[sprite == 1]).all()
    np.testing.assert_allclose(found.score, study.prospect(datum), atol=1e-9)
    assert found.error[sprite == 3].max() > 0
    kernels = kernels_resampled(study, study.view, N)
    assert (kernels[:, [1, 2]] == 0).all() and (kernels[:, pair_index(0, 3, k)] == 0.5).all()


def test_a_marked_region_is_drawn_with_its_weight(study):
    study.curation.annotate(study.data[0], [(0, 0), (40, 0), (40, 40), (0, 40)], evidence="against")
    before = study.uncertainty(study.data[0], N).error
    study.refit()
    after = study.uncertainty(study.data[0], N)
    assert np.isfinite(after.error).all() and not np.allclose(after.error, before)


def test_it_is_kept_a_fit_and_the_same_after_opening_again(study):
    first = study.uncertainty(study.data[0], N)
    assert study.uncertainty(study.data[0], N) is first
    again = Study.open(study.path).uncertainty(study.data[0].name, N)
    assert again.error.tobytes() == first.error.tobytes() and (again.unsure == first.unsure).all()
    old = study.view.id
    study.curation.pin(0, weight=9.0)
    study.refit()
    assert not np.allclose(study.uncertainty(study.data[0], N).score, first.score)
    assert study.uncertainty(study.data[0], N, view=old).score.tobytes() == first.score.tobytes()


def test_before_a_fit_there_is_none(tmp_path):
    with pytest.raises(FitError, match="prospector fit"):
        study = make_study(tmp_path)
        study.uncertainty(study.data[0])


def test_of_one_token_it_is_that_of_the_map(study):
    datum = study.data[8]
    whole = study.uncertainty(datum, N)
    for token in (0, 7, study.n_tokens(datum) - 1):
        found = uncertainty_at(study, datum, token, N)
        for one, all_ in zip(
            (found.score, found.error, found.agreement), (whole.score, whole.error, whole.agreement)
        ):
            np.testing.assert_allclose(one, all_[token : token + 1], atol=1e-9)
        assert found.unsure == whole.unsure[token]
