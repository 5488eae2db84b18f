"""More than two classes: one kernel per class, each exactly the one that two classes would give.

One pass over the counts.
"""

import hashlib
import json
import shutil
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from prospector_core import Study
from prospector_core.errors import BadInputError, CurationError, FitError, LabelsError
from prospector_core.method.calibration import Calibration
from prospector_core.method.kernels import FoldChangeKernel
from prospector_core.modalities.labels import read_labels
from prospector_core.store.database import Database
from prospector_core.study import cached_counts as counting
from prospector_core.study.rebuild import rebuild_fits
from prospector_core.study.settings import FitSettings
from prospector_core.study.views import layer
from tests.support.study_files import PITCH, SECRET, K, make_study, write_labels

CLASSES = ("normal", "tumour", "ulcer")
LABELS = (0, 1, 2, 0, 1, 2, 0, 1, 2, None)


def three(folder, **fit):
    """A study of three classes, fitted."""
    return make_study(folder, LABELS, fit=fit)


def against_the_rest(folder, study, name):
    """The same data with one class against the rest, as a study of two classes."""
    rows = [(each.name, "" if each.label is None else CLASSES[each.label]) for each in study.data]
    table = write_labels(folder / "labels.csv", rows)
    slides = study.path.parent / "slides"
    made = Study.create(
        folder / name,
        slides=slides,
        labels=table,
        encoder="colour-texture",
        tile=PITCH,
        positive=name,
        secret=SECRET,
    )
    shutil.copytree(study.path / "embeddings.zarr", made.path / "embeddings.zarr", dirs_exist_ok=True)
    made.fit(study.settings)
    return made


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """A study of three classes, and a study of two for each of them."""
    folder = tmp_path_factory.mktemp("family")
    study = three(folder)
    return study, [against_the_rest(folder, study, name) for name in CLASSES]


def same(fit, two):
    """Whether the kernel of a class is, to the last bit, that of a study of two classes."""
    return (
        fit.coef.tobytes() == two.coef.tobytes()
        and fit.fitted_coef.tobytes() == two.fitted_coef.tobytes()
        and (fit.calibration.slope, fit.calibration.offset) == (two.calibration.slope, two.calibration.offset)
    )


# ---- the labels table


def test_classes_stand_in_the_order_of_the_alphabet_negative_ones_first(tmp_path):
    table = write_labels(
        tmp_path / "t.csv", [("a", "ulcer"), ("b", "normal"), ("c", "tumour"), ("d", ""), ("e", "ulcer")]
    )
    rows, classes = read_labels(table)
    assert classes == list(CLASSES)
    assert [row.label for row in rows] == [2, 0, 1, None, 2]
    rows, classes = read_labels(table, positive="tumour")  # one against the rest
    assert classes == ["other than tumour", "tumour"]
    assert [row.label for row in rows] == [0, 0, 1, None, 0]
    with pytest.raises(LabelsError, match="no class 'cancer': its classes are normal, tumour and ulcer"):
        read_labels(table, positive="cancer")


def test_a_study_keeps_its_classes_and_an_older_program_is_told(tmp_path):
    study = three(tmp_path / "three")
    assert study.classes == CLASSES and study.target == 2 and study.several
    assert Database(study.path / "study.sqlite").read_meta("format_version") == 2
    connection = sqlite3.connect(study.path / "study.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE data SET label = 3")
    connection.close()


# ---- fitting


def test_each_kernel_is_the_one_of_its_class_against_the_rest(family):
    study, twos = family
    fit = study.view
    assert fit.target == 2  # the last, unless another is asked for
    for target, two in enumerate(twos):
        seen = fit.seen_from(target)
        assert same(seen, two.view)
        assert np.array_equal(seen.coef, fit.fit.kernels.coef[target]) and seen.key == (fit.id, target)
        for datum in study.data:
            of_class = study.seen_from(target)
            expected = two.prospect(datum.name)
            assert study.prospect(datum, seen).tobytes() == expected.tobytes()
            assert of_class.prospect(datum).tobytes() == expected.tobytes()
            assert of_class.explain(datum, 3).score == two.explain(datum.name, 3).score
        assert study.seen_from(target).evidence() == two.evidence()
        for found, expected in zip(study.seen_from(target).concepts(), two.concepts()):
            assert (found.weight, found.shares, found.tokens) == (
                expected.weight,
                expected.shares,
                expected.tokens,
            )
    first = twos[1].uncertainty("s0.png", 8)
    assert study.seen_from("tumour").uncertainty("s0.png", 8).error.tobytes() == first.error.tobytes()


EDIT = st.one_of(
    st.tuples(st.just("merge"), st.permutations(range(K)).map(lambda ks: ks[:2])),
    st.tuples(st.just("exclude"), st.integers(0, K - 1)),
    st.tuples(st.just("include"), st.integers(0, K - 1)),
    st.tuples(st.just("split"), st.integers(0, K - 1)),
    st.tuples(st.just("pin"), st.integers(0, K), st.sampled_from([None, 0.0, -1.5])),
    st.tuples(st.just("pin"), st.tuples(st.integers(0, K - 1), st.integers(0, K - 1)), st.just(0.75)),
    st.tuples(st.just("relabel"), st.integers(0, 9), st.sampled_from([None, 0, 1, 2])),
    st.tuples(st.just("reassign"), st.integers(0, 9), st.integers(0, K - 1)),
    st.tuples(st.sampled_from(["undo", "redo"])),
)


def make(curation, edits, of=lambda label: label):
    """Make those of the edits that are allowed, on a draft."""
    for name, *said in edits:
        try:
            if name == "merge":
                curation.merge(said[0], into=said[0][0])
            elif name == "relabel":
                curation.relabel(f"s{said[0]}.png", of(said[1]))
            elif name == "reassign":
                curation.reassign(f"s{said[0]}.png", [0, 1, 5], said[1])
            else:
                getattr(curation, name)(*said)
        except CurationError:
            pass


@settings(max_examples=25)
@given(st.lists(EDIT, min_size=1, max_size=6))
def test_after_any_edits_each_kernel_is_still_that_of_its_class_against_the_rest(family, edits):
    study, twos = family
    try:
        after = study.preview(lambda draft: make(draft, edits)).after
    except FitError:  # a class, or every concept, has gone
        return
    for target, two in enumerate(twos):
        of = lambda label, target=target: None if label is None else int(label == target)
        assert same(after.seen_from(target), two.preview(lambda draft, of=of: make(draft, edits, of)).after)


@pytest.mark.parametrize(
    "options", [{"kernel": "linear"}, {"radius": 0, "alpha": 2.0}, {"radius": 2, "diffusive": True}]
)
def test_other_kernels_and_radii(tmp_path, options):
    study = three(tmp_path, **options)
    for target, name in enumerate(CLASSES):
        assert same(study.view.seen_from(target), against_the_rest(tmp_path, study, name).view)


def test_every_datum_is_counted_once_for_all_classes(tmp_path, monkeypatch):
    study, calls = make_study(tmp_path, LABELS), []
    count = counting.count_concepts
    monkeypatch.setattr(counting, "count_concepts", lambda *args: calls.append(args) or count(*args))
    study.fit(FitSettings(), concepts=K)
    assert len(calls) == len(study.data)
    study.curation.relabel("s0.png", 2)
    study.curation.merge([0, 1], into=0)
    study.refit()
    assert len(calls) == len(study.data)


def test_probabilities_sum_to_one_and_the_largest_is_predicted(family):
    study, _ = family
    fit = study.view
    truth = {datum.uid: datum.label for datum in study.data}
    predicted = {datum.uid: fit.predicted(datum.uid) for datum in study.data}
    for datum in study.data:
        probabilities = fit.probabilities(datum.uid)
        assert len(probabilities) == 3 and sum(probabilities) == pytest.approx(1) and min(probabilities) > 0
        assert predicted[datum.uid] == int(np.argmax(probabilities))
        assert study.seen_from(1).predictions()[datum.uid] == probabilities[1]
    known = [uid for uid, label in truth.items() if label is not None]
    right = np.mean([predicted[uid] == truth[uid] for uid in known])
    assert fit.summary["held_out_accuracy"] == pytest.approx(right)
    assert fit.summary["held_out_auroc"] == pytest.approx(np.mean(fit.summary["held_out_auroc_by_class"]))
    assert fit.summary["class_counts"] == [3, 3, 3] and fit.seen_from(0).summary["positive"] == 3
    assert fit.probabilities("nobody") is None and fit.predicted("nobody") is None


def test_a_class_without_data_is_named(tmp_path):
    study = make_study(tmp_path, LABELS)
    for name in ("s2.png", "s5.png", "s8.png"):
        study.curation.relabel(name, 0)
    with pytest.raises(FitError, match="no embedded datum is labelled 'ulcer'"):
        study.fit(FitSettings(), concepts=K)
    study.curation.undo()
    study.fit(FitSettings(), concepts=K)
    assert study.view.summary["held_out_folds"] == 0  # one datum of that class: nothing can be held out
    study.curation.relabel("s8.png", None)
    with pytest.raises(FitError, match="no datum labelled 'ulcer' is embedded"):
        study.refit()


# ---- edits


def test_regions_speak_for_or_against_one_class(family):
    study, twos = family
    tokens = list(range(20))

    def kernels(*evidence):
        def edit(draft):
            for each, target in evidence:
                draft.annotate("s0.png", tokens, each, weight=2.0, target=target)

        return study.preview(edit).after

    def two(target, *evidence):
        def edit(draft):
            for each in evidence:
                draft.annotate("s0.png", tokens, each, weight=2.0)

        return twos[target].preview(edit).after

    found = kernels(("for", "tumour"))
    for target, evidence in enumerate(("against", "for", "against")):  # an example of its class, as any datum
        assert same(found.seen_from(target), two(target, evidence))
    found = kernels(("against", 1))
    assert same(found.seen_from(1), two(1, "against"))
    for target in (0, 2):  # nothing is said of them
        assert same(found.seen_from(target), twos[target].view)


def test_pins_of_one_class_and_of_all(family):
    study, twos = family
    after = study.preview(
        lambda c: (c.pin(0, 2.0), c.pin(0, -1.0, target="tumour"), c.pin((1, 3), 0.5, target=1))
    ).after
    assert [after.seen_from(target).weight(0) for target in range(3)] == [2.0, -1.0, 2.0]
    assert after.seen_from(1).pinned == {(0,), (1, 3)} and after.seen_from(0).pinned == {(0,)}
    assert same(after.seen_from(1), twos[1].preview(lambda c: (c.pin(0, -1.0), c.pin((1, 3), 0.5))).after)
    again = study.preview(lambda c: (c.pin(0, 2.0), c.pin(0, None, target="ulcer"), c.pin(1, 1.0))).after
    assert again.seen_from(2).pinned == {(1,)} and again.seen_from(0).pinned == {(0,), (1,)}
    with pytest.raises(BadInputError, match="no class 'cancer'"):
        study.curation.pin(0, 1.0, target="cancer")
    with pytest.raises(CurationError, match="one kernel"):
        twos[0].curation.pin(0, 1.0, target=0)


def test_edits_undo_replay_and_words(tmp_path):
    study = three(tmp_path)
    seen = study.seen_from("tumour")
    with pytest.raises(CurationError, match="a label is 0, 1, 2 or None"):
        study.curation.relabel("s0.png", 3)
    seen.curation.relabel("s0.png", 2)
    seen.curation.annotate(
        "s3.png", [0, 1, 2], "for"
    )  # what is marked is meant for the class that one looks at
    seen.curation.pin(2, 1.0, target=seen.target)
    study.curation.pin(1, 0.0)
    first = study.refit()
    assert {
        "relabel s0.png as ulcer",
        "mark 3 tiles of s3.png as evidence for tumour",
        "pin concept 2 at 1 for tumour",
        "pin concept 1 at 0 in every class",
    } <= {event.text for event in study.curation.chronicle()}
    study.curation.undo()
    study.refit()
    study.curation.redo()
    assert study.refit().after.digest() == first.after.digest()
    assert first.seen_from(1).after.digest() == first.after.digest()  # a digest is of all classes
    results = rebuild_fits(study, tmp_path / "again")
    assert [each.result for each in results] == ["same"] * 4
    for each in results:
        for name in ("head.safetensors", "head.json"):
            assert (tmp_path / "again" / str(each.fit) / name).read_bytes() == (
                study.path / "fits" / str(each.fit) / name
            ).read_bytes()
    (study.path / "fits" / "2" / "head.safetensors").write_bytes(b"x")
    assert rebuild_fits(Study.open(study.path), repair=True)[1].repaired
    assert Study.open(study.path).load_fit(2).digest() == first.after.digest()


def test_changes_are_seen_from_a_class(tmp_path):
    study = three(tmp_path)
    study.curation.exclude(3)
    change = study.refit()
    assert change.after.target == 2 and len(change.scores().classes) == 3
    assert "mean AUROC" in str(change)
    tumour = change.seen_from(1)
    assert tumour.weights and tumour.kernel().mono.shape == (2, K)
    assert not np.array_equal(tumour.kernel().mono, change.kernel().mono)
    assert study.seen_from(1).change(1, 2).after.target == 1
    for datum, old, new in change.flipped:
        assert change.before.predicted(datum.uid) == old != new == change.after.predicted(datum.uid)
    seen = study.seen_from(0)
    assert seen.preview(lambda c: c.exclude(1)).after.target == 0
    assert study.preview(lambda c: c.exclude(1)).after.target == 2


# ---- what a class view gives


def test_the_strongest_class(family):
    study, twos = family
    datum = study.data[2]
    found = study.strongest_class(datum)
    scores = np.stack(
        [study.seen_from(c).prospect(datum) / study.seen_from(c).score_limit() for c in range(3)]
    )
    assert found.classes.tolist() == scores.argmax(axis=0).tolist()
    assert found.scales.tolist() == [study.seen_from(c).score_limit() for c in range(3)]
    assert found.margin == pytest.approx(np.diff(np.sort(scores, axis=0)[-2:], axis=0)[0])
    after = study.preview(lambda c: c.exclude(0)).after
    gone = study.strongest_class(datum, after)
    assert (gone.classes == -1).any() and np.array_equal(gone.classes == -1, np.isnan(gone.margin))
    two = twos[1].strongest_class(datum.name)
    assert np.array_equal(two.classes == 1, twos[1].prospect(datum.name) > 0)


def test_views_are_the_same_study(tmp_path):
    study = three(tmp_path)
    seen = study.seen_from(0)
    assert (
        seen.seen_from("ulcer").target == 2
        and study.seen_from(0) is seen
        and seen.curation.author == study.curation.author
    )
    assert (seen.sides, seen.others) == (("against normal", "for normal"), "other classes")
    seen.curation.author = "Ann"
    assert study.curation.author == "Ann"
    seen.curation.rename(0, "stroma")
    assert study.concept_name(0) == "stroma"
    assert study.memory is seen.memory and study.log is seen.log
    seen.refit()
    assert study.view.id == 2 and study.view.target == 2 and seen.view.target == 0
    maps = [study.seen_from(c).save_maps()[study.data[0].uid] for c in range(3)]
    assert len(set(maps)) == 3
    assert np.array_equal(np.load(maps[1]), study.seen_from(1).prospect(study.data[0]))
    for key in (3, "cancer", -1):
        with pytest.raises(BadInputError, match="no class"):
            study.seen_from(key)
    with pytest.raises(FitError, match="no class 3"):
        study.view.seen_from(3)


# ---- two classes are as they were


def test_two_classes_are_as_they_were(tmp_path):
    study = make_study(tmp_path, fit={})
    fit = study.view
    assert (
        not fit.fit.several
        and fit.target == 1
        and fit.seen_from(1) is fit
        and study.seen_from("tumour") is study
    )
    assert study.sides == ("for normal", "for tumour") and study.others == "normal"
    for refused in (lambda: fit.seen_from(0), lambda: study.seen_from("normal")):
        with pytest.raises(FitError, match="one kernel"):
            refused()
    # the fit of one class against another, step by step
    counts = np.stack(
        [layer(study, fit.centroids, fit.settings)[1].cached(each.uid, fit.state) for each in study.data]
    )
    labels = np.array([each.label for each in study.data])
    kernel = FoldChangeKernel(alpha=1e10).fit(counts, labels)
    curve = Calibration.fit(kernel.evidence(counts), labels)
    tensors = load_file(study.path / "fits" / "1" / "head.safetensors")
    record = json.loads((study.path / "fits" / "1" / "head.json").read_text())
    assert tensors["coef"].tobytes() == kernel.coef_.tobytes() and set(tensors) == {
        "centroids",
        "coef",
        "fitted_coef",
    }
    assert record["calibration"] == {"slope": curve.slope, "offset": curve.offset}
    assert set(record["summary"]) == {
        "predictions",
        "fitted_on",
        "held_out_folds",
        "positive",
        "held_out_accuracy",
        "held_out_auroc",
    }
    digest = hashlib.sha256()
    for name in ("centroids", "coef", "fitted_coef"):
        digest.update(f"{tensors[name].dtype.str}{tensors[name].shape}".encode() + tensors[name].tobytes())
    digest.update(
        json.dumps([[curve.slope, curve.offset], record["summary"]["predictions"]], sort_keys=True).encode()
    )
    assert fit.digest() == digest.hexdigest()
    database = Database(study.path / "study.sqlite")
    assert database.read_meta("format_version") == 1
    schema = database.read("SELECT sql FROM sqlite_master WHERE name = 'data'")[0][0]
    assert "CHECK (label IN (0, 1))" in schema
    study.curation.annotate("s0.png", [0, 1], "for", target=1)
    study.curation.pin(0, 1.0, target="tumour")
    marked, pinned = study.curation.history()[-2:]
    assert set(marked.payload) == {"parts", "polygon", "evidence", "weight"}
    assert pinned.payload == {"concepts": [0], "weight": 1.0}
    with pytest.raises(CurationError, match="one kernel"):
        study.curation.annotate("s0.png", [0, 1], "for", target="normal")
