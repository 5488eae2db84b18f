"""Families of sites: what a site is, how sites are grouped, laid over each other, and named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from prospector_core.errors import CurationError
from prospector_core.families import Site, find_families, find_sites, likeness, name_of, superpose
from tests.core.structure_files import study_of_chains
from tests.core.study_files import make_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = study_of_chains(tmp_path_factory.mktemp("families"), n=16)
    assert not made.embed()
    made.fit()
    return made


def test_sites_are_strong_places_of_the_class(study):
    sites = find_sites(study)
    assert sites and {study.datum(site.datum).label for site in sites} == {1}
    for uid in {site.datum for site in sites}:
        tokens = np.concatenate([site.tokens for site in sites if site.datum == uid])
        assert len(tokens) == len(set(tokens.tolist()))  # a token is in one site
    for site in sites:
        scores = study.prospect(site.datum)[site.tokens]
        assert len(scores) > 1 and scores[0] == scores.max() > 0 and np.isclose(site.total, scores.sum())


def test_sites_of_a_fit_are_its_own_whatever_was_fitted_since(tmp_path):
    """The threshold is that of the fit's own scores: those of another kernel are of another size."""
    study = make_study(tmp_path, fit={})
    first, sites = study.current_fit, find_sites(study)
    study.fit(concepts=5, kernel="linear", softness=0.0, centre=0.0)
    assert not 0.5 < study.score_limit() / study.score_limit(first) < 2  # else nothing would be told apart
    again = find_sites(study, first)
    assert sites and [(s.datum, s.tokens.tolist(), s.total) for s in again] == [
        (s.datum, s.tokens.tolist(), s.total) for s in sites
    ]


def test_families_hold_every_site_once(study):
    sites, families = find_sites(study), find_families(study)
    assert sorted((s.datum, tuple(s.tokens)) for f in families for s in f.sites) == sorted(
        (s.datum, tuple(s.tokens)) for s in sites
    )
    assert np.isclose(sum(family.share for family in families), 1)
    assert [len(family.sites) for family in families] == sorted(
        (len(family.sites) for family in families), reverse=True
    )
    assert all(np.isclose(family.composition.sum(), 1) for family in families)
    assert find_families(study, sites=[]) == []


def test_other_concepts_are_another_family(study):
    sites = find_sites(study)
    others = [
        Site(datum.uid, np.array([0, 1]), 1.0) for datum in study.data if "C" not in study.attrs(datum)["letters"][:2]
    ]
    families = find_families(study, sites=sites + others, families=2)
    assert len(families) == 2
    mine = {(site.datum, tuple(site.tokens)) for site in sites}
    assert any({(s.datum, tuple(s.tokens)) for s in family.sites} == mine for family in families)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_a_turned_site_is_laid_back(n, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 2, 3)) * 5
    kinds = rng.permutation(n)  # all different: the match is known
    turn, order = Rotation.random(random_state=int(seed % 2**31)).as_matrix(), rng.permutation(n)
    moved = points[order] @ turn + rng.normal(size=3) * 20
    rotation, shift, matched, rmsd = superpose(points, moved, kinds, kinds[order])
    assert rmsd < 1e-6 and np.isclose(np.linalg.det(rotation), 1)
    assert all(order[j] == i for i, j in matched)
    assert np.allclose(moved @ rotation + shift, points[order], atol=1e-6)


def test_sites_of_different_size_are_matched_in_part():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, 2, 3)) * 5
    _, _, matched, rmsd = superpose(points, points[[2, 0]], [0, 1, 2, 3], [2, 0])
    assert dict(matched) == {2: 0, 0: 1} and rmsd < 1e-6


def test_a_name_finds_its_family_and_is_taken_back(study):
    family = find_families(study)[0]
    study.curation.name_family(family.composition, "  zinc   knuckle ")
    assert name_of(study.curation.state, family.composition) == "zinc knuckle"
    near = family.composition + 0.01
    assert name_of(study.curation.state, near / near.sum()) == "zinc knuckle"
    other = np.roll(family.composition, 3)
    assert name_of(study.curation.state, other) == "" and likeness(other, other) == pytest.approx(1)
    assert "zinc knuckle" in study.curation.describe(study.curation.can_undo()) and not study.curation.pending()
    study.curation.undo()
    assert name_of(study.curation.state, family.composition) == ""
    with pytest.raises(CurationError, match="at most"):
        study.curation.name_family(family.composition, "x" * 200)
    with pytest.raises(CurationError, match="at least one"):
        study.curation.name_family({}, "x")
