"""Previews: what a refit would give, to the byte, and nothing is written."""

import json

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import CurationError, FitError
from prospector_core.method.features import pair_index
from tests.support.study_files import K, make_study

SQUARE = [(0, 0), (30, 0), (30, 30), (0, 30)]

EDITS = {
    "exclude": lambda c: c.exclude(3, reason="ink"),
    "merge": lambda c: c.merge([1, 4], into=1),
    "split": lambda c: c.split(0, into=3),
    "pin": lambda c: c.pin((3, 0), -1.5),
    "reassign": lambda c: c.reassign("s1.png", range(9), 2),
    "relabel": lambda c: c.relabel("s4.png", 1),
    "for": lambda c: c.annotate("s2.png", SQUARE, "for", 2.0),
    "ignore": lambda c: c.annotate("s2.png", SQUARE, "ignore"),
    "rename": lambda c: c.rename(0, "stroma"),
    "undo": lambda c: c.undo(),
    "several": lambda c: (
        c.split(0),
        c.exclude(5),
        c.merge([1, 2], into=2),
        c.withdraw(c.annotate("s0.png", [1], "for")),
    ),
}


@pytest.fixture
def study(tmp_path):
    """A fitted study with a relabelled datum that the fit does not know yet."""
    made = make_study(tmp_path, fit={"radius": 2})
    made.curation.relabel("s7.png", 1)
    return made


def content(study):
    """Every file of the study that is not derived, and the journal."""
    kept = {
        str(path.relative_to(study.path)): path.read_bytes()
        for path in sorted(study.path.rglob("*"))
        if path.is_file() and "derived" not in path.parts and "sqlite" not in path.name
    }
    return kept, study.curation.history(), study.fits()


@pytest.mark.parametrize("name", EDITS)
def test_a_preview_is_the_refit_to_the_byte_and_writes_nothing(study, name):
    before = content(study)
    seen = study.preview(EDITS[name])
    fit, said = seen.after, str(seen)
    maps = {d.uid: study.prospect(d, fit) for d in study.data}
    sprites = {d.uid: study.sprite(d, fit) for d in study.data}
    evidence, concepts = study.evidence(fit), study.concepts(fit)
    assert content(study) == before and fit.id < 0

    opened = Study.open(study.path)  # knows nothing of the preview
    EDITS[name](opened.curation)
    kept = opened.refit()
    for attribute in ("coef", "fitted_coef", "centroids"):
        assert getattr(kept.after, attribute).tobytes() == getattr(fit, attribute).tobytes()
    assert json.dumps(kept.after.summary) == json.dumps(fit.summary)
    assert vars(kept.after.calibration) == vars(fit.calibration)
    assert kept.after.state.layer_two() == fit.state.layer_two()
    assert str(kept) == said
    for datum in opened.data:
        assert opened.prospect(datum).tobytes() == maps[datum.uid].tobytes()
        assert opened.sprite(datum).tobytes() == sprites[datum.uid].tobytes()
    assert opened.evidence() == evidence and opened.concepts() == concepts


def test_a_preview_works_wherever_a_fit_can_be_given(study):
    fit = study.preview(lambda c: (c.exclude(1), c.rename(2, "gland"))).after
    datum = study.data[0]
    sprite, scores = study.sprite(datum, fit), study.prospect(datum, fit)
    token = int(np.flatnonzero(sprite >= 0)[3])
    assert study.explain(datum, token, fit).score == pytest.approx(scores[token])
    assert (study.concepts_of(datum, fit)[sprite < 0] == 1).all() and np.isnan(scores[sprite < 0]).all()
    assert study.uncertainty(datum, 20, fit).score[token] == pytest.approx(scores[token])
    assert study.predictions(fit) == fit.summary["predictions"]
    assert study.evidence(fit)[datum.uid] == pytest.approx(np.nansum(scores))
    assert [c.name for c in study.concepts(fit)][2] == "gland" and study.concepts(fit)[1].excluded
    assert [c.name for c in study.concepts()][2] == "concept 2" and not study.concepts()[1].excluded
    assert study.load_fit(fit.id) is fit
    assert study.view.id > 0


def test_the_same_preview_is_computed_once_and_another_is_another(study):
    first = study.preview(lambda c: c.exclude(1))
    assert study.preview(lambda c: c.exclude(1)) is first
    other = study.preview(lambda c: c.exclude(2))
    assert other.after.id != first.after.id
    datum = study.data[0]
    assert not np.array_equal(
        study.prospect(datum, first.after), study.prospect(datum, other.after), equal_nan=True
    )
    study.curation.exclude(2)  # the journal went on: the same words now mean more
    again = study.preview(lambda c: c.exclude(1))
    assert again is not first and set(again.after.state.excluded) == {1, 2}
    for number in range(20):
        study.preview(lambda c, number=number: c.pin(0, float(number)))
    with pytest.raises(FitError, match="no fit -"):
        study.load_fit(-(10**6))


def test_edits_that_make_no_sense_are_refused_as_real_ones(study):
    for edit, says in (
        (lambda c: c.exclude(K), f"there is no concept {K}"),
        (lambda c: (c.exclude(1), c.pin(1, 0.0)), "concept 1 is excluded"),
        (lambda c: [c.exclude(k) for k in range(K)], "the last one left"),
        (lambda c: (c.undo(), c.undo()), "nothing to undo"),
    ):
        with pytest.raises(CurationError, match=says):
            study.preview(edit)
    assert len(study.curation.history()) == 2
    with pytest.raises(FitError, match="both classes"):
        study.preview(lambda c: [c.relabel(d, 1) for d in study.data])


def test_before_the_first_fit_there_is_no_preview(tmp_path):
    with pytest.raises(FitError, match="prospector fit"):
        make_study(tmp_path).preview(lambda c: c.relabel("s0.png", 0))


# ---- what changed


@pytest.fixture
def change(study):
    """An exclusion, a pin and the waiting relabelling."""
    study.curation.exclude(4)
    study.curation.pin((0, 3), 3.0)
    return study.refit()


def test_tokens_that_moved_most(study, change):
    moved = []
    for order, datum in enumerate(study.data):
        before, after = study.prospect(datum, change.before), study.prospect(datum, change.after)
        moved += [
            (-abs(a - b), order, token, b, a)
            for token, (b, a) in enumerate(zip(before, after))
            if np.isfinite(a - b) and a != b
        ]
    moved.sort()
    found = change.tokens(12)
    assert [(study.data.index(d), token, b, a) for d, token, b, a in found] == [
        each[1:] for each in moved[:12]
    ]
    only = change.tokens(10**6, data=["s3.png"])
    assert len(only) == sum(order == 3 for _, order, *_ in moved) and {d.name for d, *_ in only} == {"s3.png"}


def test_regions_rise_and_fall(study, change):
    datum = study.data[2]
    moved = change.of_map(datum)
    for threshold in (None, 0.5, 100.0):
        rises, falls = change.regions(datum, threshold)
        least = threshold or np.nanmax(np.abs(moved)) / 2
        for spots, inside in ((rises, moved >= least), (falls, -moved >= least)):
            tokens = np.sort(np.concatenate([np.empty(0, int), *(spot.tokens for spot in spots)]))
            assert np.array_equal(tokens, np.flatnonzero(inside))
            for spot in spots:
                assert spot.total == pytest.approx(moved[spot.tokens].sum())
                assert spot.peak == pytest.approx(max(moved[spot.tokens], key=abs))
    assert study.preview(lambda c: c.rename(0, "x")).regions(datum) == ([], [])


def test_scores_say_whether_the_edits_hurt(study, change):
    scores = change.scores()
    old, new = change.before.summary, change.after.summary
    assert scores.held_out and scores.data == (8, 8)
    assert scores.accuracy == (old["held_out_accuracy"], new["held_out_accuracy"])
    assert scores.auroc == (old["held_out_auroc"], new["held_out_auroc"])
    # every second label turned round: what is left cannot be learned
    hurt = study.preview(lambda c: [c.relabel(d, 1 - d.label) for d in study.data[::2]])
    assert hurt.scores().verdict == "worse" and "predicted worse than before" in str(hurt)
    assert study.preview(lambda c: c.rename(0, "x")).scores().verdict == "same"


def test_both_kernels_over_the_same_concepts(study, change):
    found = change.kernel()
    assert found.concepts == (0, 1, 2, 3, 4)
    assert found.active.tolist() == [[True] * 5, [True] * 4 + [False]]
    assert found.pinned == (set(), {(0, 3)})
    for row, fit in enumerate((change.before, change.after)):
        for i in range(K):
            assert found.mono[row, i] == fit.weight(i)
            assert [found.table[row, i, j] for j in range(K)] == [fit.pair_weight(i, j) for j in range(K)]
    assert not found.table[1, 4].any() and found.table[1, 0, 3] == 3.0
    study.curation.merge([1, 2], into=1)
    study.curation.split(3)
    study.refit()
    later = study.change(change.before.id).kernel()  # with the current fit
    assert later.concepts == (0, 1, 2, 3, 4, 5)
    assert later.active.tolist() == [[True] * 5 + [False], [True, True, False, True, False, True]]
    assert later.mono[1, 5] == study.view.weight(5) and later.mono[0, 5] == 0


def test_fits_made_earlier_are_compared(study, change):
    again = Study.open(study.path).change(change.before.id, change.after.id)
    assert str(again) == str(change) and again.weights == change.weights
    back = study.change(change.after.id, change.before.id)
    assert "taken back in" in str(back)
    assert np.array_equal(back.of_map("s0.png"), -change.of_map("s0.png"), equal_nan=True)
    other = study.fit(concepts=4, radius=2).after
    new = study.change(change.after.id, other.id)
    assert not new.same_concepts and new.weights == [] and "found anew" in str(new)
    assert np.isfinite(new.of_map("s0.png")).any() and new.tokens(3)
    with pytest.raises(FitError, match="different concepts"):
        new.kernel()
    with pytest.raises(FitError, match="no fit 77"):
        study.change(77)


def test_a_split_made_otherwise_is_another_concept(study):
    one, other = (study.preview(lambda c, k=k: c.split(k)).after for k in (0, 1))
    assert not study.change(one, other).same_concepts
    assert study.change(study.view, one).same_concepts


def test_the_first_fit_has_nothing_to_compare_with(tmp_path):
    change = make_study(tmp_path).fit(concepts=K)
    assert change.before is None and change.scores().verdict is None and "weights" in str(change)
    for call in (
        change.kernel,
        change.tokens,
        lambda: change.of_map("s0.png"),
        lambda: change.regions("s0.png"),
    ):
        with pytest.raises(FitError, match="no earlier fit"):
            call()
    assert len(change.after.coef) > pair_index(K - 1, K - 1, K)
