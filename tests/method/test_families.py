"""Families of sites: what a site is, how sites are grouped, laid over each other, and named."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from prospector_core import TokenGraph
from prospector_core.errors import CurationError, FitError
from prospector_core.method.families import (
    Site,
    _kabsch,
    likeness,
    superpose,
)
from prospector_core.study.families import compositions, find_families, find_sites, name_of
from tests.support.structure_files import study_of_chains
from tests.support.study_files import make_study


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
        scores = study.prospect(site.datum, study.view.unsmoothed)[site.tokens]
        assert len(scores) > 1 and scores[0] == scores.max() > 0 and np.isclose(site.total, scores.sum())


def test_sites_of_a_fit_are_its_own_whatever_was_fitted_since(tmp_path):
    """The threshold is that of the fit's own scores: those of another kernel are of another size."""
    study = make_study(tmp_path, fit={})
    first, sites = study.view, find_sites(study)
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
        Site(datum.uid, np.array([0, 1]), 1.0)
        for datum in study.data
        if "C" not in study.attrs(datum)["letters"][:2]
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
    assert (
        "zinc knuckle" in study.curation.describe(study.curation.can_undo()) and not study.curation.pending()
    )
    study.curation.undo()
    assert name_of(study.curation.state, family.composition) == ""
    with pytest.raises(CurationError, match="at most"):
        study.curation.name_family(family.composition, "x" * 200)
    with pytest.raises(CurationError, match="at least one"):
        study.curation.name_family({}, "x")


# ---- the rules, one by one


def chain_of(*scores, limit=2.0, radius=1, n_concepts=3):
    """A study of one datum, a chain with these scores: what ``find_sites`` asks for.

    Half the limit is high.
    """
    fit = SimpleNamespace(radius=radius, target=1, n_concepts=n_concepts)
    fit.unsmoothed = fit
    datum = SimpleNamespace(uid="d", label=1)
    return SimpleNamespace(
        view=fit,
        embedded=lambda: [datum, SimpleNamespace(uid="e", label=0)],
        datum=lambda uid: datum,
        score_limit=lambda *_: limit,
        graph=lambda _: TokenGraph.from_chain(len(scores), reach=1),
        prospect=lambda *_: np.array(scores, float),
        concepts_of=lambda *_: np.arange(len(scores)) % n_concepts,
    )


def sites_of(*scores, **options):
    return [site.tokens.tolist() for site in find_sites(chain_of(*scores, **options))]


def test_a_site_is_kept_from_two_fifths_of_the_best_on():
    assert sites_of(10, 10, 0, 4, 4, 0, 3.9, 3.9) == [[0, 1], [3, 4]]
    assert sites_of(4, 4, 0, 3.9, 3.9, 0, 10, 10, 0, 6, 6) == [[6, 7], [9, 10], [0, 1]]  # the best first


def test_a_token_belongs_to_a_site_from_a_good_third_of_its_strongest_on():
    assert sites_of(4.0, 1.4) == [[0, 1]] and sites_of(4.0, 1.39) == []
    assert sites_of(3.0, 10, 3.6) == [[1, 2]]


def test_high_is_half_of_the_strongest_colour_or_of_the_datums_own_best():
    assert sites_of(2.0, 1.0, limit=2.0) == [[0, 1]] and sites_of(2.0, 0.99, limit=2.0) == []
    assert sites_of(0.5, 0.25, limit=2.0) == [[0, 1]] and sites_of(0.5, 0.24, limit=2.0) == []
    assert sites_of(0, 0) == sites_of(-1, -1) == sites_of() == sites_of(np.nan, np.nan) == []


def test_a_site_has_two_tokens_and_a_token_one_site():
    assert sites_of(5, 0, 5) == []
    assert sites_of(5, 5, 5, 5, 5) == [
        [0, 1],
        [2, 3],
    ]  # of equals the first; the last has nothing left beside it
    assert sites_of(4, 5, 4, 3, 3) == [[1, 0, 2], [3, 4]]
    assert sites_of(5, 5, 4, radius=2) == [[0, 1, 2]] and sites_of(5, 0, 4, radius=0) == []
    assert sites_of(5, 4, radius=0) == [[0, 1]]  # without a receptive field: what touches


def test_a_datum_has_six_sites_at_most():
    assert len(sites_of(*[5, 5, 0] * 8)) == 6


def test_only_data_of_the_class_have_sites_and_a_study_must_be_fitted():
    study = chain_of(5, 5)
    assert [site.datum for site in find_sites(study)] == ["d"]
    assert find_sites(study)[0].total == 10
    other = SimpleNamespace(uid="e", label=0)
    assert [site.datum for site in find_sites(study, data=[other])] == ["e"]
    study.view = None
    with pytest.raises(FitError, match="prospector fit"):
        find_sites(study)


def made_of(*rows):
    """A study and one site a row of concepts."""
    study = chain_of(*[1.0] * 9, n_concepts=4)
    places = {f"s{number}": np.array(row) for number, row in enumerate(rows)}
    study.concepts_of = lambda uid, fit: places[uid]
    return study, [
        Site(uid, np.arange(len(row)), float(10 - n)) for n, (uid, row) in enumerate(places.items())
    ]


def test_compositions_are_shares_of_concepts():
    study, sites = made_of([0, 0, 1], [3, 2])
    np.testing.assert_allclose(compositions(study, sites), [[2 / 3, 1 / 3, 0, 0], [0, 0, 0.5, 0.5]])


def test_families_are_parted_where_they_are_told_apart_best():
    """From six sites of three kinds on; below there is nothing to group."""
    zero, one, two = [[0] * 4, [0, 0, 0, 3]], [[1] * 4, [1, 1, 1, 3]], [[2] * 4, [2, 2, 2, 3]]
    study, sites = made_of(*zero, *one, *two, zero[0])
    families = find_families(study, sites=sites)
    assert [{site.datum for site in family.sites} for family in families] == [
        {"s0", "s1", "s6"},
        {"s2", "s3"},
        {"s4", "s5"},
    ]
    assert [family.number for family in families] == [0, 1, 2]
    assert [family.share for family in families] == [3 / 7, 2 / 7, 2 / 7]
    assert families[1].composition.tolist() == [0, 0.875, 0, 0.125]
    study, sites = made_of(*zero, *one, *two)
    assert len(find_families(study, sites=sites)) == 3
    study, sites = made_of(*zero, *one, two[0])
    assert len(find_families(study, sites=sites)) == 1
    study, sites = made_of(*[zero[0], one[0]] * 4)  # two compositions: one family, unless more are asked for
    assert len(find_families(study, sites=sites)) == 1
    assert len(find_families(study, sites=sites, families=5)) == 2
    assert len(find_families(study, sites=sites, families=1)) == 1


def test_a_composition_is_no_family_of_its_own():
    """As many families as compositions would always part perfectly: there is one fewer at most."""
    study, sites = made_of(*[[0, 0], [1, 1], [2, 2]] * 3)
    assert len(find_families(study, sites=sites)) == 2


def test_a_familys_most_typical_site_comes_first():
    study, sites = made_of([0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1])
    (family,) = find_families(study, sites=sites)
    assert [site.datum for site in family.sites] == ["s1", "s2", "s3", "s0"]


def test_likeness_is_the_sum_of_roots_of_products():
    assert likeness({0: 0.5, 1: 0.5}, [0.5, 0.25, 0.25]) == pytest.approx(0.5 + np.sqrt(0.125))
    assert likeness([1.0, 0.0], {1: 1.0}) == 0


def test_a_name_is_for_compositions_that_are_nine_tenths_alike():
    families = [({0: 1.0}, "one"), ({1: 1.0}, "other")]
    for share, name in ((0.1, "one"), (0.18, "one"), (0.2, ""), (0.8, ""), (0.82, "other")):
        assert name_of(SimpleNamespace(families=families), {0: 1 - share, 1: share}) == name, share


def test_mirror_images_are_not_laid_over_each_other():
    """Handedness is kept: a site and its mirror image are different places."""
    points = np.array([[0.0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 5], [1, 2, 3]])[:, None]
    mirrored = points * [-1, 1, 1]
    rotation, _, matched, rmsd = superpose(points, mirrored, range(5), range(5))
    assert np.linalg.det(rotation) == pytest.approx(1) and rmsd > 0.5
    assert matched == [(number, number) for number in range(5)]
    own, _ = _kabsch(points[:, 0], mirrored[:, 0])
    assert np.linalg.det(own) == pytest.approx(1)


def test_residues_of_one_concept_are_matched_rather():
    """Another concept costs 30 square angstrom: nearer ones of another are taken, but only if much nearer."""
    line = np.array([[0.0, 0, 0], [10, 0, 0], [25, 0, 0]])[:, None]
    for off, matched in ((4.0, [(0, 0), (1, 1), (2, 2)]), (0.0, [(0, 0), (1, 1), (2, 2)])):
        moved = line + [[[0, 0, 0]], [[off, 0, 0]], [[0, 0, 0]]]
        assert superpose(line, moved, [0, 1, 2], [0, 1, 2])[2] == matched
    swapped = superpose(line, line, [0, 1, 2], [1, 0, 2])
    assert swapped[2] == [(0, 0), (1, 1), (2, 2)] and swapped[3] == pytest.approx(0, abs=1e-9)
    near = np.array([[0.0, 0, 0], [1, 0, 0], [25, 0, 0]])[:, None]
    assert superpose(near, near, [0, 1, 2], [1, 0, 2])[2] == [(0, 1), (1, 0), (2, 2)]


def test_there_are_eight_families_at_most_unless_more_are_asked_for():
    rows = [[kind] * 9 + [10 + other] for kind in range(10) for other in (0, 1)]
    study, sites = made_of(*rows)
    study.view.n_concepts = 12
    assert len(find_families(study, sites=sites)) == 8
    assert len(find_families(study, sites=sites, families=10)) == 10


def test_nine_tenths_is_enough_for_a_name():
    assert name_of(SimpleNamespace(families=[({0: 1.0}, "one")]), {0: 0.81, 1: 0.19}) == "one"
