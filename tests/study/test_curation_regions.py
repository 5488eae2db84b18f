"""Splitting concepts and marking regions: what they do to sprites, counts and the kernel."""

import numpy as np
import pytest
from PIL import Image

from prospector_core import FoldChangeKernel, Study, count_concepts
from prospector_core.errors import CurationError
from prospector_core.method.quantizers import assign_nearest
from prospector_core.study.journal import append
from prospector_core.study.settings import FitSettings

N, SIDE = 8, 6  # data; tokens per side


@pytest.fixture
def study(tmp_path):
    """Eight data of 6 x 6 tokens, three kinds of token; class 1 has kind 2 in a corner."""
    rng = np.random.default_rng(3)
    slides, rows = tmp_path / "slides", ["slide,label"]
    slides.mkdir()
    for i in range(N):
        Image.fromarray(np.full((SIDE * 8, SIDE * 8, 3), 200, np.uint8)).save(slides / f"{i}.png")
        rows.append(f"{i}.png,{i % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    made = Study.create(
        tmp_path / "study",
        slides=slides,
        labels=tmp_path / "labels.csv",
        encoder="colour-texture",
        tile=8,
        slide_mpp=0.5,
    )
    positions = np.indices((SIDE, SIDE)).reshape(2, -1).T
    centres = np.eye(3, 5) * 10
    for i, datum in enumerate(made.data):
        kind = rng.integers(0, 2, SIDE * SIDE)
        if i % 2:
            kind[(positions < 2).all(axis=1)] = 2
        vectors = (centres[kind] + rng.normal(size=(SIDE * SIDE, 5))).astype(np.float32)
        attrs = {"origin": [0, 0], "pitch": 8.0, "shape": [SIDE, SIDE]}
        made.store.write(datum.uid, vectors, positions, attrs)
    made.fit(FitSettings(concepts=3))  # the authors' method: its numbers are known
    return made


def test_a_split_cuts_one_concept_and_leaves_the_others(study):
    before = {d.uid: study.sprite(d) for d in study.data}
    study.curation.split(1, into=2)
    study.refit()
    fit, seen = study.view, set()
    assert fit.n_concepts == 4
    for datum in study.data:
        after = study.sprite(datum)
        assert (after[before[datum.uid] != 1] == before[datum.uid][before[datum.uid] != 1]).all()
        seen |= set(after[before[datum.uid] == 1])
    assert seen == {1, 3}
    part = fit.state.steps[0]
    datum = study.data[0]
    own = before[datum.uid] == 1
    nearest = assign_nearest(study.store.read(datum.uid).embeddings[own], part.centroids)
    assert (study.sprite(datum)[own] == np.array(part.ids)[nearest]).all()


def test_merging_the_parts_again_gives_the_first_kernel(study):
    first = study.view.coef
    study.curation.split(0, into=3)
    study.refit()
    study.curation.merge([0, 3, 4], into=0)
    study.refit()
    again = study.view
    assert (again.coef[:3] == first[:3]).all() and (again.coef[3:5] == 0).all()


def test_undoing_a_split_gives_the_first_fit(study):
    first = study.view.coef
    study.curation.split(2, into=2)
    study.refit()
    study.curation.undo()
    study.refit()
    assert study.view.coef.tobytes() == first.tobytes()


def test_splitting_what_was_merged_cuts_all_of_it(study):
    study.curation.merge([0, 1], into=0)
    study.curation.split(0, into=2)
    study.refit()
    sprites = np.concatenate([study.sprite(d) for d in study.data])
    assert set(sprites) == {0, 2, 3}


def test_ignored_tokens_are_neither_counted_nor_scored(study):
    datum = study.data[1]
    study.curation.annotate(datum, [(0, 0), (16, 0), (16, 16), (0, 16)], "ignore")
    study.refit()
    scores = study.prospect(datum)
    inside = (study.grid(datum)["positions"] < 2).all(axis=1)
    assert np.isnan(scores[inside]).all() and np.isfinite(scores[~inside]).all()


@pytest.mark.parametrize("evidence, label", [("for", 1), ("against", 0)])
def test_a_marked_region_is_one_more_datum_of_its_class(study, evidence, label):
    datum, tokens = study.data[3], [0, 1, 6, 7]
    labels = [d.label for d in study.data]
    full = [count_concepts(study.graph(d), study.sprite(d), 3, 1) for d in study.data]
    cut = np.full(SIDE * SIDE, -1)
    cut[tokens] = study.sprite(datum)[tokens]
    full.append(count_concepts(study.graph(datum), cut, 3, 1))
    study.curation.annotate(datum, tokens, evidence, weight=2.5)
    study.refit()
    expected = FoldChangeKernel(alpha=1e10).fit(np.array(full), [*labels, label], weights=[1.0] * N + [2.5])
    np.testing.assert_allclose(study.view.coef, expected.coef_, atol=1e-12)
    assert set(study.predictions()) == {d.uid for d in study.data}


def test_a_datum_held_out_takes_its_regions_with_it(study):
    """Marking a region of one datum must not leak that datum into its own prediction."""
    datum = study.data[3]
    before = study.predictions()[datum.uid]
    study.curation.annotate(datum, [0, 1, 6, 7], "for", weight=50.0)
    study.refit()
    assert study.predictions()[datum.uid] == pytest.approx(before, abs=1e-12)


def test_a_region_can_be_withdrawn_after_later_edits(study):
    first = study.view.coef
    datum, other = study.data[1], study.data[3]
    entry = study.curation.annotate(datum, [0, 1, 6, 7], "for")
    kept = study.curation.annotate(other, [3, 4], "ignore")
    study.curation.rename(1, "gland")
    study.curation.withdraw(entry)
    assert [region.entry for region in study.curation.state.regions] == [kept]
    assert (
        study.curation.describe(study.curation.history()[-1])
        == f"take back: mark 4 tiles of {datum.name} as evidence for {study.classes[1]}"
    )
    study.curation.undo()
    assert [region.entry for region in study.curation.state.regions] == [entry, kept]
    study.curation.redo()
    study.curation.withdraw(kept)
    study.refit()
    assert study.view.coef.tobytes() == first.tobytes()
    # marked again in the same words, it is the same state: nothing waits for a refit
    study.curation.annotate(datum, [0, 1, 6, 7], "for")
    study.refit()
    study.curation.withdraw(study.curation.state.regions[0].entry)
    study.curation.annotate(datum, [0, 1, 6, 7], "for")
    assert not study.curation.pending()


def test_a_region_over_several_data_is_one_edit(study):
    data, square = study.data[1:4:2], [(0, 0), (16, 0), (16, 16), (0, 16)]
    entry = study.curation.annotate(data, square, "for", weight=2.0)
    regions = study.curation.state.regions
    assert [(r.datum, r.tokens, r.entry) for r in regions] == [(d.uid, (0, 1, 6, 7), entry) for d in data]
    assert (
        study.curation.describe(study.curation.can_undo())
        == f"mark 8 tiles of 2 data as evidence for {study.classes[1]}"
    )
    study.refit()
    together = study.view.coef
    study.curation.undo()
    assert not study.curation.state.regions
    for datum in data:
        study.curation.annotate(datum, square, "for", weight=2.0)
    study.refit()
    assert study.view.coef.tobytes() == together.tobytes()


def test_journals_of_one_region_an_entry_are_read(study):
    """As the first version wrote them."""
    region = {
        "datum": study.data[1].uid,
        "tokens": [0, 1],
        "polygon": None,
        "evidence": "ignore",
        "weight": 1.0,
    }
    with study.database.transaction() as connection:
        append(connection, "annotate", region)
    assert study.curation.state.ignored(study.data[1].uid).tolist() == [0, 1]
    assert "ignore 2 tiles" in study.curation.describe(study.curation.can_undo())


def test_total_evidence_is_the_sum_of_each_map(study):
    for edit in (lambda c: c.exclude(0), lambda c: c.annotate(study.data[1], [0, 1, 6, 7], "ignore"), None):
        found = study.evidence()
        assert set(found) == {d.uid for d in study.data}
        for datum in study.data:
            assert found[datum.uid] == pytest.approx(np.nansum(study.prospect(datum)), abs=1e-9)
        if edit:
            edit(study.curation)
            study.refit()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda c, d: c.split(7), "no concept 7"),
        (lambda c, d: c.split(0, into=1), "2 to 20"),
        (lambda c, d: c.annotate(d, [(0, 0), (1, 1)], "for"), "3 points"),
        (lambda c, d: c.annotate(d, [(900, 900), (910, 900), (910, 910)], "for"), "no token"),
        (lambda c, d: c.annotate(d, [99], "ignore"), "no token"),
        (lambda c, d: c.annotate(d, [1], "perhaps"), "evidence"),
        (lambda c, d: c.annotate(d, [1], "for", weight=0), "weight"),
        (lambda c, d: c.annotate([d, d], [1], "for"), "3 points"),
        (lambda c, d: c.withdraw(1), "no region"),
    ],
)
def test_wrong_edits_change_nothing(study, call, words):
    before = len(study.curation.history())
    with pytest.raises(CurationError, match=words):
        call(study.curation, study.data[0])
    assert len(study.curation.history()) == before


def test_a_concept_merged_away_is_no_weight_that_moved(study):
    assert study.view.weight(1)
    study.curation.merge([0, 1], into=0)
    said = next(line for line in study.refit().sentences() if line.startswith("weights that moved"))
    assert "concept 1 " not in said
