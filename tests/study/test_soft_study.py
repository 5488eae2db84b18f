"""A study whose tokens belong to several concepts.

What edits do is exact, and the same bytes when replayed.
"""

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.method.features import pair_index
from prospector_core.method.soft import ONE, UNIT, count_units
from prospector_core.study.cached_counts import compact_coef
from prospector_core.study.concept_search import default_settings
from prospector_core.study.concepts import shares
from prospector_core.study.explanations import neighbours, uncertainty_at
from prospector_core.study.rebuild import rebuild_fits
from prospector_core.study.settings import SUGGESTED, FitSettings, suggested
from tests.support.study_files import K, make_study

SOFT = {"softness": 0.5, "centre": 0.5, "pseudo": 0.1, "shrink": True}


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path, fit=SOFT)


def agrees(study):
    """The kernel is that of shares as they stand; maps, evidence, terms and doubts are one sum."""
    fit = study.view
    active = fit.state.active(fit.n_concepts)
    shares_of = {datum.uid: shares(study, datum) for datum in study.data}
    counts = {
        datum.uid: count_units(study.graph(datum), shares_of[datum.uid], fit.radius) for datum in study.data
    }
    compact = np.stack(
        [compact_coef(counts[datum.uid], active, fit.n_concepts, fit.radius) for datum in study.data]
    )
    if not fit.state.regions:
        labels = np.array([datum.label for datum in study.data])
        kernel = fit.settings.make_kernel().fit(compact, labels)
        found = compact_coef(fit.fitted_coef, active, fit.n_concepts, fit.radius)
        np.testing.assert_array_equal(kernel.coef_, found)
    evidence = study.evidence()
    for datum in study.data:
        scores, sprite = study.prospect(datum), study.sprite(datum)
        total = shares_of[datum.uid].sum(axis=1, dtype=int)
        assert np.array_equal(total, np.where(sprite >= 0, ONE, 0)) and np.array_equal(
            np.isnan(scores), sprite < 0
        )
        assert np.nansum(scores) == pytest.approx(counts[datum.uid] @ fit.coef / UNIT, abs=1e-8)
        assert evidence[datum.uid] == pytest.approx(np.nansum(scores), abs=1e-8)
    datum, token = study.data[0], int(np.flatnonzero(sprite >= 0)[0])
    score = study.prospect(datum)[token]
    assert sum(term.value for term in study.explain(datum, token).terms) == pytest.approx(score, nan_ok=True)
    assert neighbours(study, datum, token).score == pytest.approx(score, nan_ok=True)
    assert study.uncertainty(datum, n=5).score[token] == pytest.approx(score, nan_ok=True)
    assert uncertainty_at(study, datum, token, n=5).score[0] == pytest.approx(score, nan_ok=True)


def test_edits_are_exact_and_replayed_to_the_same_bytes(study, tmp_path):
    agrees(study)
    c, digests = study.curation, []
    first = [
        lambda: c.merge([1, 3], into=1),
        lambda: c.exclude(4, reason="ink"),
        lambda: c.split(0, into=2),
        lambda: c.reassign("s0.png", [1, 2, 3], 2),
        lambda: c.pin((1, 2), -1.5),
        lambda: c.annotate("s2.png", [4, 5], "ignore"),
    ]
    for edit in first:
        edit()
        study.refit()
        agrees(study)
        digests.append(study.view.digest())
    assert len(set(digests)) == len(first)
    fit = study.view
    assert fit.coef[pair_index(1, 2, fit.n_concepts)] == -1.5
    for _ in range(3):
        c.undo()
    study.refit()
    assert study.view.digest() == digests[2]
    c.annotate("s1.png", [4, 5, 6, 7], "for")
    study.refit()
    agrees(study)
    found = rebuild_fits(Study.open(study.path))
    assert [each.result for each in found] == ["same"] * len(found) and len(found) == 9


def test_a_merge_adds_shares_and_an_exclusion_leaves_the_rest_whole(study):
    datum, before = study.data[3], shares(study, study.data[3])
    study.curation.merge([0, 2], into=0)
    study.refit()
    after = shares(study, datum)
    assert np.array_equal(after[:, 0], before[:, 0] + before[:, 2]) and not after[:, 2].any()
    study.curation.undo()
    study.curation.exclude(2)
    study.refit()
    after, gone = shares(study, datum), study.concepts_of(datum) == 2
    assert not after[gone].any() and not after[:, 2].any()
    own = np.arange(len(after))[~gone], study.concepts_of(datum)[~gone]
    assert np.array_equal(after[own], before[own] + before[own[0], 2])


def test_shares_are_those_of_the_settings_and_a_hard_fit_has_one_share(study):
    assert (shares(study, study.data[0]) > 0).sum(axis=1).mean() > 1.2
    soft = study.prospect(study.data[0])
    change = study.fit(FitSettings(concepts=K))
    assert set(np.unique(shares(study, study.data[0]))) == {0, ONE}
    assert np.abs(study.prospect(study.data[0]) - soft).max() > 0
    assert np.array_equal(study.prospect(study.data[0], study.load_fit(1)), soft)
    assert change.after.settings.softness == 0


def test_a_new_study_begins_with_the_suggested_settings_and_old_settings_stay_what_they_were(study):
    usual = default_settings(study)
    assert usual.softness == 0.25 and usual.smoothing == 2 and 2 <= usual.concepts <= SUGGESTED.concepts
    assert suggested(10_000).softness == 0.25 and suggested(10, given=21).softness == 0
    assert study.fit().after.settings == usual
    old = {"concepts": 4, "radius": 1, "kernel": "fold-change", "alpha": 1e10, "tau": 0.0}
    assert FitSettings(**old) == FitSettings(concepts=4) and FitSettings(**old).softness == 0


def test_a_merge_while_nothing_else_changes_keeps_every_score_of_a_pinned_kernel(study):
    """Two concepts with the same weights can be merged without any map changing."""
    fit = study.view
    for k in range(fit.n_concepts):
        study.curation.pin(k, 1.0)
    for i in range(fit.n_concepts):
        for j in range(i, fit.n_concepts):
            study.curation.pin((i, j), 0.25)
    study.refit()
    before = study.prospect(study.data[0])
    study.curation.merge([0, 1], into=0)
    study.refit()
    np.testing.assert_allclose(study.prospect(study.data[0]), before, atol=1e-9)
