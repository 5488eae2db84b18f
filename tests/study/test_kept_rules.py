"""What is kept of a fit and of a study, rule by rule.

Limits, what must agree with what, digests, the tree, derived arrays.
"""

import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from prospector_core.errors import FitError, StorageFullError, StudyDamagedError
from prospector_core.method.calibration import Calibration
from prospector_core.method.kernels import TEST_OFF
from prospector_core.method.quantizers import ConceptTree
from prospector_core.store import derived
from prospector_core.store.cache import Cache
from prospector_core.store.derived import DatumArrays, DerivedArrays, forget_others, unchanged
from prospector_core.study.branches import Branch, branches, leaves_of, relatives
from prospector_core.study.fit_records import check_fit, check_head, check_settings, check_tree
from prospector_core.study.fits import Fit, Kernels
from prospector_core.study.journal import CurationState, Region, Split
from prospector_core.study.kept_fit import _difference, _same
from prospector_core.study.records import check_edits, check_meta, datum_row, fit_row, source_row
from prospector_core.study.settings import GIVEN, SUGGESTED, FitSettings, make_quantizer, suggested

MOST = 2**15

# ---- settings


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("concepts", (2, 1000), (1, 1001)),
        ("radius", (0, 64), (-1, 65)),
        ("sample", (2, 10**9), (1, 10**9 + 1)),
        ("seed", (0, 2**32 - 1), (-1, 2**32)),
        ("softness", (0, 10), (-0.1, 10.1)),
        ("centre", (0, 1), (-0.1, 1.1)),
        ("pseudo", (0, 1000), (-0.1, 1000.5)),
        ("alpha", (1e-9, 1e12), (0, -1)),
        ("tau", (0, 5.5), (-0.1,)),
        ("l1_ratio", (0, 1), (-0.1, 1.1)),
        ("kernel", ("linear", "fold-change"), ("x",)),
        ("quantizer", ("tree", GIVEN), ("x",)),
    ],
)
def test_settings_on_their_limits(name, good, bad):
    for value in good:
        settings = replace(FitSettings(), **{name: value})
        assert settings.check() is settings
    for value in bad:
        with pytest.raises(FitError, match=name.replace("_", ".")):
            replace(FitSettings(), **{name: value}).check()


def test_what_fits_say_nothing_of_is_the_authors_method():
    assert vars(FitSettings()) == {
        "concepts": 15,
        "radius": 1,
        "kernel": "fold-change",
        "alpha": 1e10,
        "tau": 0.0,
        "l1_ratio": 0.5,
        "diffusive": False,
        "seed": 0,
        "sample": 50_000,
        "quantizer": "k-means",
        "softness": 0.0,
        "centre": 0.0,
        "pseudo": 0.0,
        "shrink": False,
        "smoothing": 0,
    }
    assert SUGGESTED == FitSettings(
        concepts=30, softness=0.25, centre=0.5, pseudo=0.03, shrink="adaptive", smoothing=2
    )


def test_what_a_new_study_begins_with():
    """At least 12 tokens per concept, 2 to 30 concepts.

    The same for every kind of data; concepts that are given are neither softened nor centred.
    """
    assert [suggested(n).concepts for n in (0, 35, 36, 359, 360, 10**6)] == [2, 2, 3, 29, 30, 30]
    assert suggested(10**6) == SUGGESTED
    assert suggested(5, 20) == replace(SUGGESTED, concepts=20, quantizer=GIVEN, softness=0.0, centre=0.0)


def test_kernels_and_quantizers_take_what_settings_say():
    settings = FitSettings(alpha=0.5, tau=1.5, pseudo=0.25, shrink=True)
    kernel = settings.make_kernel()
    assert (kernel.alpha, kernel.tau, kernel.pseudo, kernel.shrink) == (0.5, 1.5, 0.25, True)
    linear = FitSettings(kernel="linear", l1_ratio=0.25, seed=9).make_kernel()
    assert (linear.l1_ratio, linear.seed) == (0.25, 9)
    made = make_quantizer("tree", 7, 99, 3)
    assert (made.name, made.n_concepts, made.sample, made.seed) == ("tree", 7, 99, 3)
    with pytest.raises(FitError, match="there is no quantizer 'x': choose one of k-means, "):
        make_quantizer("x", 7, 99, 3)
    assert FitSettings().alpha >= TEST_OFF


KEPT = {"concepts": 5, "radius": 1, "kernel": "linear"}


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"concepts": 1}, {"concepts": 0}),
        ({"concepts": MOST}, {"concepts": MOST + 1}),
        ({"radius": 0}, {"radius": -1}),
        ({"radius": 64}, {"radius": 65}),
        ({"alpha": 1e-9}, {"alpha": 0.0}),
        ({"tau": 0.0}, {"tau": -0.1}),
        ({"l1_ratio": 1.0}, {"l1_ratio": 1.1}),
        ({"l1_ratio": 0.0}, {"l1_ratio": -0.1}),
        ({"seed": 2**32 - 1}, {"seed": 2**32}),
        ({"seed": 0}, {"seed": -1}),
        ({"sample": 2}, {"sample": 1}),
        ({"sample": 10**9}, {"sample": 10**9 + 1}),
        ({"quantizer": "x" * 1000}, {"quantizer": "x" * 1001}),
        ({"softness": 10.0}, {"softness": 10.1}),
        ({"softness": 0.0}, {"softness": -0.1}),
        ({"centre": 1.0}, {"centre": float("nan")}),
        ({"pseudo": 1000.0}, {"pseudo": 1000.1}),
        ({"pseudo": 0.0}, {"pseudo": -0.1}),
        ({"shrink": True}, {"shrink": 1}),
        ({"diffusive": True}, {"diffusive": "yes"}),
        ({}, {"kernel": "x"}),
        ({}, {"more": 1}),
    ],
)
def test_kept_settings_on_their_limits(good, bad):
    assert check_settings({**KEPT, **good}) == {**KEPT, **good}
    with pytest.raises(ValueError, match="its settings|its kernel is none of"):
        check_settings({**KEPT, **bad})
    assert check_settings({}) == {}


SUMMARY = {
    "predictions": {"a": 0.0, "b": 1.0},
    "fitted_on": 0,
    "held_out_folds": 0,
    "fitted_accuracy": 0.5,
    "fitted_auroc": 0.5,
}
HEAD = {"settings": {}, "calibration": {"slope": 1.0, "offset": 0.0}, "summary": SUMMARY}


@pytest.mark.parametrize(
    "bad",
    [
        {"predictions": {"a": 1.1}},
        {"predictions": {"a": -0.1}},
        {"predictions": {"a": float("nan")}},
        {"predictions": {"a": [float("inf")]}},
        {"predictions": {"a": [0.5, 1.5]}},
        {"fitted_on": -1},
        {"held_out_folds": -1},
        {"positive": -1},
        {"class_counts": [-1]},
        {"fitted_auroc": None},
        {"fitted_accuracy": None},
        {"held_out_folds": 1},
        {"held_out_folds": 2, "held_out_accuracy": 0.5},
    ],
)
def test_summaries_that_are_none(bad):
    assert check_head(HEAD) is HEAD
    with pytest.raises(ValueError, match="head.json"):
        check_head({**HEAD, "summary": {**SUMMARY, **bad}})
    held = {
        **SUMMARY,
        "held_out_folds": 1,
        "held_out_accuracy": 0.5,
        "held_out_auroc": 0.5,
        "positive": 0,
        "class_counts": [0],
    }
    check_head({**HEAD, "calibration": [{"slope": 1.0, "offset": 0.0}], "summary": held})


# ---- trees


def tree(**changed):
    said = {
        "fine": np.arange(4, dtype=np.float32)[:, None],
        "sizes": np.array([5, 4, 3, 9]),
        "joins": np.array([[0, 1], [2, 3], [4, 5]], np.int32),
        "heights": np.array([1.0, 2, 20]),
        "roots": np.arange(4, dtype=np.int32),
    }
    return ConceptTree(**{**said, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"joins": np.array([[0, 1], [2, 3]], np.int32)},
        {"joins": np.array([[0, 1], [2, 3], [4, 5]], float)},
        {"joins": np.array([[0, 1], [2, 5], [4, 3]], np.int32)},  # a node that is not made yet
        {"joins": np.array([[0, 4], [2, 3], [1, 5]], np.int32)},
        {"joins": np.array([[0, 1], [2, 3], [4, 4]], np.int32)},  # twice
        {"joins": np.array([[0, -1], [2, 3], [4, 5]], np.int32)},
        {"sizes": np.array([5, 4, 3])},
        {"sizes": np.array([5, 4, 3, -1])},
        {"sizes": np.array([5, 4, 3, 1j])},
        {"heights": np.array([1.0, 2])},
        {"heights": np.array([1.0, 2, np.nan])},
        {"roots": np.arange(3)},
        {"roots": np.array([0.0, 1, 2, 3])},
        {"roots": np.array([0, 1, 2, 7])},
        {"roots": np.array([0, 1, 2, -1])},
        {"fine": np.arange(4, dtype=np.float32)},
        {"fine": np.array([[0], [1], [2], [np.inf]], np.float32)},
    ],
)
def test_trees_that_are_none(changed):
    check_tree(tree(), 4)
    check_tree(tree(roots=np.array([0, 1, 2, 6])), 4)  # the root of all
    with pytest.raises(ValueError, match="its tree of concepts"):
        check_tree(tree(**changed), 4)


def chain(m):
    """A tree of m fine concepts that join one after another."""
    joins = np.array([[0 if at == 0 else m + at - 1, at + 1] for at in range(m - 1)], np.int32).reshape(
        m - 1, 2
    )
    return ConceptTree(
        np.zeros((m, 1), np.float32), np.ones(m, int), joins, np.arange(m - 1.0), np.zeros(1, np.int32)
    )


def test_trees_of_one_and_of_as_many_as_may_be():
    check_tree(chain(1), 1)
    check_tree(chain(4096), 1)
    with pytest.raises(ValueError, match="is not one"):
        check_tree(chain(4097), 1)


def test_branches_by_hand():
    """Heights, order of the sides, and concepts that share one fine concept."""
    root = branches(tree(), CurationState())
    assert root.concepts == (3, 2, 0, 1) and root.height == 20 and root.concept is None
    assert [(each.concepts, each.height) for each in root.children] == [((3, 2), 2.0), ((0, 1), 1.0)]
    assert [(depth, branch.concept) for depth, branch in root.walk()] == [
        (0, None),
        (1, None),
        (2, 3),
        (2, 2),
        (1, None),
        (2, 0),
        (2, 1),
    ]
    assert root.children[0].children[0] == Branch((3,), 0.0)
    assert (
        relatives(root, 3) == (2,)
        and relatives(root, 3, {2}) == (0, 1)
        and relatives(root, 3, {0, 1, 2}) == ()
    )
    assert relatives(root, 9) == ()
    parted = CurationState(steps=[Split(0, frozenset({0}), (0, 4), np.zeros((2, 1), np.float32))])
    assert leaves_of(tree(), parted) == {
        0: (0,),
        1: (1,),
        2: (2,),
        3: (3,),
        4: (0,),
    }  # by k-means: they share it
    root = branches(tree(), parted)
    assert root.children[1].children[0].children == (Branch((0,), 0.0), Branch((4,), 0.0))
    assert root.children[1].children[0].height == 0 and relatives(root, 4) == (0,)
    moved = CurationState(steps=[("d", (1, 2), 3)])
    assert leaves_of(tree(), moved) == {0: (0,), 1: (1,), 2: (2,), 3: (3,)}
    equal = tree(sizes=np.array([4, 4, 3, 9]))
    assert branches(equal, CurationState(merged={1: 2, 0: 2})).concepts == (3, 2)
    stands = branches(equal, CurationState(merged={1: 0}))  # of two as large: on the first
    assert (
        stands.concepts == (3, 2, 0)
        and branches(equal, CurationState(merged={1: 0, 2: 0, 3: 0})).concept == 0
    )


# ---- fits


def fit(several=False, **changed):
    """A Fit; ``changed``: fields of it, or of its one kernel."""
    state = changed.pop("state", CurationState())
    coef = changed.pop("coef", np.arange(5.0))
    base = {
        "predictions": {"a": 0.25, "b": 0.5},
        "fitted_on": 2,
        "held_out_folds": 0,
        "fitted_accuracy": 1.0,
        "fitted_auroc": 1.0,
    }
    if several:
        kernels = Kernels(
            np.stack([coef, coef + 1, coef + 2]),
            np.stack([coef] * 3),
            tuple(Calibration(1, each) for each in range(3)),
            {**base, "predictions": {"a": [0.2, 0.5, 0.3]}, "class_counts": [3, 4, 5]},
        )
    else:
        kernels = Kernels(
            coef[None],
            changed.pop("fitted_coef", np.arange(5.0))[None],
            (changed.pop("calibration", Calibration(2.0, 1.0)),),
            changed.pop("summary", base),
        )
    said = {
        "id": 7,
        "journal": 3,
        "settings": FitSettings(concepts=2),
        "centroids": np.zeros((2, 3), np.float32),
        "kernels": kernels,
        "state": state,
    }
    return Fit(**{**said, **changed})


def test_a_fit_of_two_classes():
    one = fit().view()
    assert (
        one.target == 1
        and one.fit.n_classes == 2
        and one.key == (7, 1)
        and replace(one, mask=SimpleNamespace(level=0.05)).key == (7, 1, 0.05)
    )
    assert one.probabilities("a") == (0.75, 0.25) and one.probabilities("x") is None
    assert one.predicted("a") == 0 and one.predicted("b") == 1 and one.predicted("x") is None
    assert (
        one.seen_from(1) is one and one.fit.summary is one.summary and len(one.fit.kernels.calibration) == 1
    )
    with pytest.raises(FitError, match="there are two classes and one kernel"):
        one.seen_from(0)
    assert (
        one.weight(1) == 1.0
        and one.pair_weight(0, 1) == one.pair_weight(1, 0) == 3.0
        and one.pair_weight(1, 1) == 4.0
    )
    assert fit(settings=FitSettings(radius=0)).view().pair_weight(0, 1) == 0.0 and one.radius == 1
    assert one.n_concepts == 2


def test_a_fit_of_several_classes_is_seen_from_one():
    last = fit(several=True).view()
    assert last.target == 2 and last.fit.n_classes == 3 and last.coef[0] == 2 and last.calibration.offset == 2
    assert last.summary["predictions"] == {"a": 0.3} and last.summary["positive"] == 5
    first = last.seen_from(0)
    assert first.target == 0 and first.coef[0] == 0 and first.summary["positive"] == 3 and first.key == (7, 0)
    assert (first.id, first.fit.journal, first.n_concepts) == (7, 3, 2) and first.seen_from(0) is first
    assert (
        last.predicted("a") == 1
        and last.probabilities("a") == (0.2, 0.5, 0.3)
        and len(last.fit.kernels.calibration) == 3
    )
    for target in (3, -1):
        with pytest.raises(FitError, match=f"there is no class {target}: classes are 0..2"):
            last.seen_from(target)


def test_pins_are_told_by_the_ids_that_are_in_the_kernel():
    state = CurationState(
        merged={0: 3},
        excluded={4: ""},
        pins={0: 1.0, (2, 0): 1.0, 4: 1.0, (1, 4): 1.0},
        class_pins={2: {1: 1.0}},
    )
    assert fit(state=state).view().pinned == {(3,), (2, 3)}
    assert fit(several=True, state=state).view(2).pinned == {(1,)}


def test_a_digest_is_of_everything_that_a_map_depends_on():
    one = fit()
    expected = hashlib.sha256()
    for array in (one.centroids, one.view().coef, one.view().fitted_coef):
        expected.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    expected.update(b'[[2.0, 1.0], {"a": 0.25, "b": 0.5}]')
    assert one.digest() == expected.hexdigest()  # digests are kept: they stay what they are
    others = [
        fit(centroids=np.ones((2, 3), np.float32)),
        fit(centroids=np.zeros((3, 2), np.float32)),
        fit(coef=np.arange(1.0, 6)),
        fit(fitted_coef=np.arange(1.0, 6)),
        fit(calibration=Calibration(2.0, 2.0)),
        fit(calibration=Calibration(1.0, 1.0)),
        fit(tree=tree()),
        fit(tree=tree(heights=np.array([1.0, 2, 21]))),
        fit(summary={**one.summary, "predictions": {"a": 0.25, "b": 0.75}}),
        fit(several=True),
    ]
    assert len({each.digest() for each in (one, *others)}) == 11
    assert fit(several=True).view(0).digest() == fit(several=True).digest() == others[-1].digest()
    curves = hashlib.sha256()
    kernels = others[-1].kernels
    for array in (one.centroids, kernels.coef, kernels.fitted_coef):
        curves.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    curves.update(b'[[[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], {"a": [0.2, 0.5, 0.3]}]')
    assert others[-1].digest() == curves.hexdigest()


@pytest.mark.parametrize("made", [fit(), fit(tree=tree(roots=np.array([4, 5], np.int32))), fit(several=True)])
def test_a_fit_is_read_as_it_was_written(made, tmp_path):
    folder = tmp_path / "study" / "fits" / "7"
    folder.parent.mkdir(parents=True)
    made.save(folder)
    again = Fit.load(folder, 7, 3, made.state)
    assert (
        again.digest() == made.digest() and again.settings == made.settings and again.several == made.several
    )
    assert (again.id, again.journal, again.summary) == (7, 3, made.summary) and sorted(
        p.name for p in folder.iterdir()
    ) == [
        "head.json",
        "head.safetensors",
    ]
    assert (again.tree is None) == (made.tree is None) and [
        curve.offset for curve in again.kernels.calibration
    ] == [curve.offset for curve in made.kernels.calibration]
    kept = json.loads((folder / "head.json").read_text())
    assert _difference(made, folder, made.settings, kept["summary"], made.digest()) == ""
    assert _difference(made, folder, made.settings, {}, "") == ""
    assert _difference(made, folder, replace(made.settings, seed=1), {}, "") == "its settings differ"
    assert (
        _difference(made, folder, made.settings, {**kept["summary"], "fitted_on": 3}, "")
        == "its summary differs"
    )
    assert _difference(made, folder, made.settings, {"other": 3}, "") == "its summary differs"
    assert _difference(made, folder, made.settings, {}, "x") == "its digest differs"
    (folder / "head.json").write_text(json.dumps(kept, indent=1))
    text = (folder / "head.json").read_text()
    (folder / "head.json").write_text(text + "\n")
    assert _difference(made, folder, made.settings, {}, "") == "its text differs"
    assert _same({"a": float("nan"), "b": 1}, {"b": 1, "a": float("nan")}) and not _same({"a": 1}, {"a": 2})
    with pytest.raises(StudyDamagedError, match="contradicts itself: run `prospector replay"):
        Fit.load(
            folder,
            7,
            3,
            CurationState(steps=[Split(0, frozenset({0}), (0, 2), np.zeros((2, 3), np.float32))]),
        )


def of_study(n=2):
    return SimpleNamespace(classes=["a", "b", "c"][:n], several=n > 2)


def kernels(**changed):
    return replace(fit(several=True).kernels, **changed)


WHOLE = fit(several=True)
CUT = Split(0, frozenset({0}), (0, 2), np.zeros((2, 3), np.float32), leaves=((0, 3), ()))


@pytest.mark.parametrize(
    ("wrong", "n", "says"),
    [
        (fit(), 2, ""),
        (WHOLE, 3, ""),
        (fit(), 3, "it is not of 3 classes"),
        (WHOLE, 2, "it is not of 2 classes"),
        (
            replace(WHOLE, kernels=kernels(coef=np.zeros((2, 5)), fitted_coef=np.zeros((2, 5)))),
            3,
            "it is not of 3 classes",
        ),
        (fit(centroids=np.zeros(6, np.float32)), 2, "its concepts have no centres"),
        (fit(centroids=np.zeros((2, 0), np.float32)), 2, "its concepts have no centres"),
        (fit(centroids=np.zeros((2, 3))), 2, "its concepts have no centres"),
        (fit(centroids=np.zeros((MOST, 1), np.float32)), 2, ""),
        (fit(centroids=np.zeros((MOST + 1, 1), np.float32)), 2, "it has too many concepts"),
        (fit(coef=np.zeros(4)), 2, "its weights are of different lengths"),
        (
            replace(WHOLE, kernels=kernels(calibration=(Calibration(),))),
            3,
            "its weights are of different lengths",
        ),
        (fit(coef=np.array([0, 1, 2, 3, np.nan])), 2, "its numbers are not finite"),
        (fit(fitted_coef=np.array([0, 1, 2, 3, np.inf])), 2, "its numbers are not finite"),
        (fit(coef=np.arange(5), fitted_coef=np.arange(5)), 2, "its numbers are not finite"),
        (fit(summary={"predictions": {"a": [0.5, 0.5]}}), 2, "its predictions are not of its classes"),
        (
            replace(WHOLE, kernels=kernels(summary={"predictions": {"a": 0.5}})),
            3,
            "its predictions are not of its classes",
        ),
        (
            replace(WHOLE, kernels=kernels(summary={"predictions": {"a": [0.5]}})),
            3,
            "its predictions are not of its classes",
        ),
        (
            replace(WHOLE, kernels=kernels(summary={"predictions": {}, "class_counts": [1, 2]})),
            3,
            "its counts are not of its classes",
        ),
        (
            replace(WHOLE, kernels=kernels(summary={"predictions": {}})),
            3,
            "its counts are not of its classes",
        ),
        (fit(tree=tree()), 2, "its tree is of other concepts"),
        (
            fit(
                tree=tree(fine=np.zeros((4, 3), np.float32)), state=CurationState(steps=[CUT, ("d", (1,), 0)])
            ),
            2,
            "",
        ),
        (fit(state=CurationState(steps=[CUT])), 2, "a split follows a tree that is not there"),
        (
            fit(tree=tree(fine=np.zeros((3, 3), np.float32)), state=CurationState(steps=[CUT])),
            2,
            "a split follows a tree that is not there",
        ),
        (
            fit(
                state=CurationState(steps=[replace(CUT, leaves=None, centroids=np.zeros((2, 4), np.float32))])
            ),
            2,
            "a split is of other concepts",
        ),
    ],
)
def test_fits_whose_parts_contradict_each_other(wrong, n, says):
    if not says:
        assert check_fit(wrong, of_study(n), "F") is None
    else:
        with pytest.raises(StudyDamagedError) as caught:
            check_fit(wrong, of_study(n), "F")
        assert str(caught.value).startswith(
            f"F contradicts itself ({says}): run `prospector replay --repair`"
        )


# ---- rows of the database

UID = "d0123456789abcd"
DATUM = (UID, "a", UID, None, 1, None)
META = {"name": "s", "modality": "slides", "classes": ["a", "b"], "embedding": {"encoder": "x"}}


@pytest.mark.parametrize(
    "good",
    [
        {"name": "x" * 10_000},
        {"classes": [str(each) for each in range(1000)]},
        *(
            {"embedding": {"encoder": "x", **each}}
            for each in (
                {"tile": 1},
                {"tile": 65536},
                {"min_tissue": 0.0},
                {"min_tissue": 1.0},
                {"dim": 1},
                {"dim": 10**6},
                {"words": 1},
                {"words": 10_000},
                {"mpp": 0.1},
                {"dtype": "float16"},
                {"stain": "macenko"},
                {"unknown": 1},
            )
        ),
    ],
)
def test_meta_on_its_limits(good):
    check_meta("P", {**META, **good})


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "x" * 10_001},
        {"classes": ["a"]},
        {"classes": ["a", ""]},
        {"classes": [str(each) for each in range(1001)]},
        {"classes": ["a", "b", "a"]},
        *(
            {"embedding": {"encoder": "x", **each}}
            for each in (
                {"tile": 0},
                {"tile": 65537},
                {"min_tissue": -0.1},
                {"min_tissue": 1.1},
                {"dim": 0},
                {"dim": 10**6 + 1},
                {"words": 0},
                {"words": 10_001},
                {"mpp": 0.0},
                {"cutoff": -1.0},
                {"dtype": "int8"},
                {"stain": "x"},
                {"vectors": {"folder": "a\0", "absolute": "b"}},
            )
        ),
    ],
)
def test_meta_that_is_none(bad):
    with pytest.raises(StudyDamagedError, match="^P "):
        check_meta("P", {**META, **bad})


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({0: "a" * 200}, {0: "a" * 201}),
        ({0: "A-z_9"}, {0: ""}),
        ({1: "x"}, {0: "a/b"}),
        ({3: "[0, 1, 2147483647, 3]"}, {3: "[0, 1, 2147483648, 3]"}),
        ({3: "[0, 1, 2, 3]"}, {3: "[0, -1, 2, 3]"}),
        ({3: '{"chain": "A", "at": 0}'}, {3: "[0, 1, 2]"}),
        ({3: '{"at": 4611686018427387903}'}, {3: '{"at": 4611686018427387904}'}),
        ({4: 0}, {4: -1}),
        ({4: None}, {4: 2}),
        ({5: "test"}, {5: 1}),
    ],
)
def test_rows_of_data(good, bad):
    def row(changed):
        return tuple(changed.get(at, value) for at, value in enumerate(DATUM))

    found = datum_row("P", row(good), 2)
    assert found[0] == row(good)[0] and found[4] == row(good)[4]
    assert found[3] == (json.loads(good[3]) if 3 in good else None)
    with pytest.raises(StudyDamagedError, match="^P .*: restore it from a backup$"):
        datum_row("P", row(bad), 2)


def test_rows_of_sources_and_fits():
    info = {
        "width": 2**31 - 1,
        "height": 0,
        "at_hand": False,
        "fingerprint": {"size": 0, "hash": "x"},
        "bounds": [0, 1.5, 2, 3],
    }
    assert source_row("P", ("s", "a/b", "b", json.dumps(info))) == ("s", "a/b", "b", info)
    for bad in (
        {"width": 2**31},
        {"height": -1},
        {"mpp": 0},
        {"bounds": [1]},
        {"fingerprint": {"size": -1, "hash": "x"}},
    ):
        with pytest.raises(StudyDamagedError, match="what it says of a file"):
            source_row("P", ("s", "a/b", "b", json.dumps(bad)))
    with pytest.raises(StudyDamagedError):
        source_row("P", ("s", "a\0b", "b", "{}"))
    row = (1, "2026", 0, json.dumps(KEPT), "{}")
    assert fit_row("P", row) == (1, "2026", 0, KEPT, {})
    for bad in ((1, "2026", -1, "{}", "{}"), (1, "2026", 0, "[]", "{}"), (1, "2026", 0, "{", "{}")):
        with pytest.raises(StudyDamagedError, match="fit 1"):
            fit_row("P", bad)
    with pytest.raises(StudyDamagedError, match=r"P is damaged \(fit 1: its kernel is none of"):
        fit_row("P", (1, "2026", 0, '{"kernel": "x"}', "{}"))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (CurationState(labels={"d": 1}), ""),
        (CurationState(labels={"d": None}), ""),
        (CurationState(labels={"d": 2}), "an edit names a class that is not there"),
        (CurationState(class_pins={2: {}}), "an edit names a class that is not there"),
        (
            CurationState(regions=[Region("d", (), "for", 1.0, None, target=2)]),
            "an edit names a class that is not there",
        ),
        (
            CurationState(
                regions=[Region("d", (9**9,), "for", 1.0, None, target=1)], steps=[("d", (9**9,), 1), CUT]
            ),
            "",
        ),
        (CurationState(labels={"e": 1}), "an edit names a datum that is not there"),
        (CurationState(steps=[("e", (1,), 1)]), "an edit names a datum that is not there"),
        (
            CurationState(regions=[Region("e", (), "for", 1.0, None)]),
            "an edit names a datum that is not there",
        ),
    ],
)
def test_edits_name_data_and_classes_that_there_are(state, says):
    study = SimpleNamespace(
        classes=["a", "b"],
        database=SimpleNamespace(path="P"),
        table=SimpleNamespace(rows=[SimpleNamespace(uid="d")], follow=lambda state: None),
    )
    if says:
        with pytest.raises(StudyDamagedError, match=f"^P: {says}"):
            check_edits(study, state)
    else:
        check_edits(study, state)


# ---- derived arrays


def test_a_derived_array_is_computed_once_and_damage_is_no_harm(tmp_path):
    folder, asked = tmp_path / "derived" / "x", []

    def compute():
        asked.append(1)
        return np.arange(3.0)

    arrays = DerivedArrays(folder, home=tmp_path)
    assert arrays.peek("a") is None
    assert (
        arrays.get("a", compute).tolist() == arrays.get("a", compute).tolist() == [0, 1, 2]
        and len(asked) == 1
    )
    with pytest.raises(ValueError, match="read-only"):
        arrays.get("a", compute)[0] = 1
    fresh = DerivedArrays(folder, home=tmp_path)
    assert (
        fresh.get("a", compute).tolist() == [0, 1, 2]
        and len(asked) == 1
        and not fresh.peek("a").flags.writeable
    )
    (folder / "a.npy").unlink()
    assert fresh.peek("a") is not None  # remembered
    arrays.put("a", np.arange(2.0))
    content = (folder / "a.npy").read_bytes()
    for bad in (content[:-1], content[:-4] + b"abcd", bytes([content[0] ^ 1]) + content[1:], b""):
        (folder / "a.npy").write_bytes(bad)
        assert DerivedArrays(folder, home=tmp_path).peek("a") is None
    shared = Cache(1000)
    one, other = (DerivedArrays(tmp_path / name, shared, tmp_path) for name in "pq")
    one.put("a", np.arange(1.0))
    assert other.peek("a") is None and shared.get((tmp_path / "p", "a")) is not None
    assert DerivedArrays(tmp_path / "r").folder.parent == DerivedArrays(tmp_path / "r")._home == tmp_path


def test_where_it_cannot_be_kept_only_time_is_lost(tmp_path, monkeypatch):
    def full(*_, **__):
        raise StorageFullError("full")

    monkeypatch.setattr(derived, "write_atomic", full)
    arrays = DerivedArrays(tmp_path / "x", home=tmp_path)
    assert arrays.get("a", lambda: np.ones(2)).tolist() == [1, 1] and arrays.peek("a") is not None
    assert not (tmp_path / "x" / "a.npy").exists()


def test_arrays_belong_to_the_embeddings_that_they_were_made_of(tmp_path):
    stamp = ["s1"]
    arrays = DatumArrays(DerivedArrays(tmp_path / "x", home=tmp_path), lambda uid: stamp[0])
    assert arrays.get("u", "n", lambda: np.array([1])) == [1] and (tmp_path / "x" / "u-s1-n.npy").exists()
    stamp[0] = "s2"
    assert arrays.peek("u", "n") is None
    arrays.put("u", "n", np.array([9]), "s1")  # of embeddings that it no longer has
    assert arrays.peek("u", "n") is None
    arrays.put("u", "n", np.array([2]), "s2")
    assert arrays.get("u", "n", lambda: np.array([3])) == [2]
    forget_others(tmp_path, "u", "s2")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["u-s2-n.npy"]
    stamp[0] = ""
    arrays.put("u", "n", np.array([4]), "")
    assert (tmp_path / "x" / "u-n.npy").exists()


def test_what_was_computed_of_two_states_is_computed_again():
    stamps, seen = iter([1, 2, 3, 3]), []
    assert unchanged(lambda: next(stamps), lambda stamp: seen.append(stamp) or stamp * 10) == 30 and seen == [
        1,
        2,
        3,
    ]
    stamps, seen = iter([1, 2, 2, 2, 2]), []

    def fails_first(stamp):
        seen.append(stamp)
        if stamp == 1:
            raise ValueError("of two states")
        return stamp

    with pytest.raises(ValueError, match="of two states"):
        unchanged(lambda: 1, fails_first)
    assert unchanged(lambda: next(stamps), fails_first) == 2 and seen == [1, 1, 2]
