"""Heads, pieces of an evaluation, truth and studies as problems, rule by rule, on small numbers."""

import csv
import gzip
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from prospector_core import TokenGraph, prospect
from prospector_core.errors import BadInputError
from prospector_core.evaluation import heads, studies, tasks
from prospector_core.evaluation.choose import Choice, LabelScores
from prospector_core.evaluation.fast import fast_ap
from prospector_core.evaluation.heads import (
    AUTHORS_GRID,
    GIVEN_GRID,
    FittedHead,
    Outcome,
    authors_protocol,
    candidates,
    centroids_of,
    counts_of,
    fit_head,
    forget,
    outcome_of,
    suggested_for,
)
from prospector_core.evaluation.problem import Problem
from prospector_core.evaluation.studies import _parts_of, _tokens_of_study, problem_beside, problem_of
from prospector_core.evaluation.tasks import Item, Part, _authors, _costs, _mean_ap, said, scored_rows, work
from prospector_core.evaluation.truth import read_truth
from prospector_core.method.calibration import Calibration
from prospector_core.method.counting import count_concepts
from prospector_core.method.folds import stratified_folds
from prospector_core.method.kernels import TEST_OFF
from prospector_core.method.quantizers import assign_nearest
from prospector_core.method.soft import UNIT, centred, count_units, membership
from prospector_core.study.settings import GIVEN, FitSettings, make_quantizer

K, N = 4, 30
SETTINGS = FitSettings(concepts=K, radius=1)


def planted(n=12, given=None, truth=True, seed=0):
    """Chains of 30 tokens of three kinds; in class 1 eight tokens of a fourth kind."""
    random = np.random.default_rng(seed)
    kinds = random.normal(size=(4, 3)) * 4
    graph, labels = TokenGraph.from_chain(N), np.arange(n) % 2
    vectors, true = [], []
    for label in labels:
        kind = random.integers(0, 3, N)
        if label:
            start = int(random.integers(0, N - 8))
            kind[start : start + 8] = 3
        vectors.append((kinds[kind] + random.normal(size=(N, 3))).astype(np.float32))
        true.append(kind == 3)
    folds = stratified_folds(labels, 2)
    return Problem(
        "p",
        [f"d{i}" for i in range(n)],
        [graph] * n,
        vectors,
        labels,
        true if truth else [None] * n,
        folds,
        given=given,
    )


TRAIN = np.arange(8)


# ---- heads


def test_concepts_are_those_that_the_quantizer_finds_in_centred_tokens():
    problem = planted()
    settings = replace(SETTINGS, centre=0.5, seed=3)
    whole = np.concatenate([centred(problem.embeddings[i], 0.5) for i in TRAIN])
    expected = make_quantizer("k-means", K, settings.sample, 3).fit(whole).centroids_
    found = centroids_of(problem, TRAIN, settings)
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert found.dtype == np.float32 and centroids_of(problem, TRAIN, settings) is found
    assert centroids_of(problem, TRAIN, replace(settings, softness=0.5, radius=4, alpha=0.1)) is found
    others = [
        centroids_of(problem, some, replace(settings, **changed))
        for some, changed in (
            (np.arange(9), {}),
            (TRAIN, {"concepts": 3}),
            (TRAIN, {"centre": 0.0}),
            (TRAIN, {"seed": 4}),
            (TRAIN, {"sample": 100}),
            (TRAIN, {"quantizer": "tree"}),
        )
    ]
    assert len(problem.cache) == 7 and not any(each is found for each in others)
    # fewer tokens than the sample of a quantizer: those that it would have drawn of all of them
    drawn = make_quantizer("k-means", K, 100, 3).fit(whole).centroids_
    np.testing.assert_array_equal(others[4], drawn.astype(np.float32))
    many = centroids_of(problem, TRAIN[:1], replace(settings, concepts=99))
    assert len(many) == N  # no more than there are tokens
    given = planted(given=np.ones((5, 3), np.float32))
    assert centroids_of(given, TRAIN, replace(settings, quantizer=GIVEN)) is given.given
    forget(problem)
    assert problem.cache == {}


@pytest.mark.parametrize("softness", [0.0, 0.5])
def test_a_head_is_counts_a_kernel_and_a_curve(softness):
    problem = planted()
    settings = replace(SETTINGS, softness=softness, centre=0.5, pseudo=0.1)
    head = fit_head(problem, TRAIN, settings)
    tokens = []
    for i in range(12):
        vectors = centred(problem.embeddings[i], 0.5)
        tokens.append(
            membership(vectors, head.centroids, softness)
            if softness
            else assign_nearest(vectors, head.centroids)
        )
    count = count_units if softness else lambda graph, each, radius: count_concepts(graph, each, K, radius)
    counts = np.stack([count(problem.graphs[i], tokens[i], 1) for i in range(12)]).astype(float)
    assert np.array_equal(counts_of(problem, range(12), head.centroids, settings), counts)
    assert counts[:, :K].sum() == 12 * N * (UNIT if softness else 1)
    kernel = settings.make_kernel().fit(counts[:8], problem.labels[:8])
    np.testing.assert_array_equal(head.kernel.coef_, kernel.coef_)
    curve = Calibration.fit(kernel.evidence(counts[:8]), problem.labels[:8])
    np.testing.assert_array_equal(head.probability([8, 10]), curve.predict(kernel.evidence(counts[[8, 10]])))
    expected = prospect(problem.graphs[9], tokens[9], kernel.coef_, K, 1)
    np.testing.assert_array_equal(head.map(9), expected)
    found = outcome_of(head, [9, 11], 0.0, "note")
    np.testing.assert_array_equal(found.maps[9], expected)
    assert (
        list(found.maps) == list(found.probability) == [9, 11] and found.note == "note" and found.seconds > 0
    )
    assert (
        found.parameters == head.parameters == head.centroids.size + len(kernel.coef_) and found.epochs == 0
    )
    assert replace(head, settings=replace(settings, quantizer=GIVEN)).parameters == len(kernel.coef_)
    turned = fit_head(problem, TRAIN, settings, 1 - problem.labels)
    np.testing.assert_allclose(
        turned.kernel.coef_, settings.make_kernel().fit(counts[:8], 1 - problem.labels[:8]).coef_
    )
    assert Outcome({}, {}) == Outcome({}, {}, 0.0, 0, "", 0)


def test_what_a_problem_begins_with():
    problem = planted()
    assert (
        suggested_for(problem).concepts == 12 * N // 12
        and suggested_for(problem, TRAIN).concepts == 8 * N // 12
    )
    given = suggested_for(planted(given=np.ones((5, 3), np.float32)))
    assert (given.concepts, given.quantizer, given.softness, given.centre) == (5, GIVEN, 0, 0)
    assert _authors(problem) == FitSettings()
    assert _authors(planted(given=np.ones((5, 3), np.float32))) == FitSettings(concepts=5, quantizer=GIVEN)


def test_the_authors_grid():
    assert AUTHORS_GRID == {
        "concepts": (10, 15, 20, 25, 30),
        "radius": (0, 1, 2, 4, 8),
        "alpha": (0.01, 0.025, 0.05, TEST_OFF),
        "tau": (0.0, 1.0, 2.0),
    }
    assert GIVEN_GRID == {
        "concepts": (0,),
        "radius": (0, 1, 2, 4),
        "alpha": (0.001, 0.01, 0.1, 1.0, TEST_OFF),
        "tau": (0.0, 1.0, 2.0, 4.0),
    }
    found = candidates(planted())
    linear = [(each.concepts, each.radius) for each in found if each.kernel == "linear"]
    assert len(found) == 5 * 5 * 12 + 6 and linear == [(15, 0), (15, 1), (15, 2), (30, 0), (30, 1), (30, 2)]
    assert [(s.concepts, s.radius, s.alpha, s.tau) for s in found[:4]] == [
        (10, 0, 0.01, 0.0),
        (10, 0, 0.01, 1.0),
        (10, 0, 0.01, 2.0),
        (10, 0, 0.025, 0.0),
    ]
    assert len(candidates(planted(), linear=False)) == 300
    given = candidates(planted(given=np.ones((5, 3), np.float32)))
    assert len(given) == 4 * 20 + 3 and {(each.concepts, each.quantizer) for each in given} == {(5, GIVEN)}


def test_the_authors_protocol_is_each_setting_by_itself(monkeypatch):
    """One test serves all of alpha and tau.

    As if each had been fitted; the best by AP, of equals the first.
    """
    grid = {"concepts": (3, 4), "radius": (0, 1), "alpha": (0.05, TEST_OFF), "tau": (0.0, 1.0, 99.0)}
    monkeypatch.setattr(heads, "AUTHORS_GRID", grid)
    monkeypatch.setattr(heads, "_LINEAR_CONCEPTS", (4,))
    problem, seen = planted(), []
    head, best = authors_protocol(problem, TRAIN, look=lambda settings, score: seen.append((settings, score)))
    plain, maps = [], []
    for settings in candidates(problem):
        made = fit_head(problem, TRAIN, settings)
        scored = problem.scored(TRAIN)
        maps.append(made)
        plain.append(float(np.mean([fast_ap(made.map(i), problem.truth[i]) for i in scored])))
        if not made.kernel.coef_.any():
            assert plain[-1] == pytest.approx(np.mean([problem.truth[i].mean() for i in scored]))
    assert [settings for settings, _ in seen] == candidates(problem) and len(seen) == 26
    assert [score for _, score in seen] == pytest.approx(plain)
    at = int(np.argmax([score for _, score in seen]))
    assert best == seen[at][1] and head.settings == seen[at][0]
    np.testing.assert_allclose(head.kernel.coef_, maps[at].kernel.coef_)
    np.testing.assert_allclose(head.probability([8, 9]), maps[at].probability([8, 9]))
    assert all(each.kernel == "fold-change" for each in candidates(problem, linear=False))


# ---- pieces of work


def test_rows_and_average_precision_of_what_is_scored():
    problem = planted()
    maps = {i: problem.truth[i] + np.linspace(0, 1.5, N) for i in range(12)}
    outcome = Outcome(maps, dict.fromkeys(range(12), 0.5))
    rows = scored_rows(problem, "m", 1, outcome, [0, 1, 2, 3])
    assert [(row["method"], row["fold"], row["datum"]) for row in rows] == [("m", 1, "d1"), ("m", 1, "d3")]
    aps = [fast_ap(maps[i], problem.truth[i]) for i in (1, 3)]
    assert [
        row["average_precision"] if "average_precision" in row else row["ap"] for row in rows
    ] == pytest.approx(aps)
    assert _mean_ap(problem, maps, [0, 1, 2, 3]) == pytest.approx(np.mean(aps))


def test_settings_in_a_few_words():
    assert said(FitSettings()) == "K 15, r 1, fold-change, alpha 1e+10, tau 0"
    assert said(FitSettings(softness=0.25)) == "K 15, r 1, fold-change, softness 0.25, centre 0"
    assert (
        said(FitSettings(pseudo=0.1, centre=0.5, radius=2))
        == "K 15, r 2, fold-change, softness 0, centre 0.5"
    )


def test_what_a_choice_costs():
    scores = [
        LabelScores(0.5, 0.8, 0.7, 0.6),
        LabelScores(0.4, 0.9, 0.8, 0.7),
        LabelScores(0.6, 0.7, 0.6, 0.5),
    ]
    choice = Choice(["x", "y", "z"], scores, np.array([2.0, 1.0, 3.0]), np.array([False, True, False]), 1)
    found = _costs("settings", ["x", "y", "z"], choice, [0.5, 0.6, 0.75])
    assert found.pop("candidates")[2] == {
        "settings": "z",
        "log_loss": 0.6,
        "auroc": 0.7,
        "top_auroc": 0.6,
        "stability": 0.5,
        "mean_rank": 3.0,
        "ap": 0.75,
    }
    assert found.pop("loss") == pytest.approx(0.15) and found.pop("suggested_loss") == 0.25
    assert found == {
        "of": "settings",
        "chosen": "y",
        "why": choice.why,
        "ap": 0.6,
        "suggested_ap": 0.5,
        "best": "z",
        "best_ap": 0.75,
    }


@pytest.fixture
def quick(monkeypatch):
    """Every method is a map of nothing; what it was asked is noted."""
    asked = []

    def outcomes(problem, method, train, test, seed, searches):
        asked.append((method, train.tolist(), test.tolist(), seed))
        names = {"two": ("one way", tasks._ONE_WAY[0])}.get(method, (method,))
        maps = {int(i): np.arange(N, dtype=float) for i in test}
        return {name: Outcome(maps, {int(i): 0.25 for i in test}, 1.5, 7, "n", 3) for name in names}

    monkeypatch.setattr(tasks, "_outcomes", outcomes)
    return asked


def test_a_whole_fold(quick):
    problem = planted()
    problem.cache["x"] = 1
    train, test = problem.folds[1]
    part = work(problem, 5, Item(1, ("m", "two")))
    assert isinstance(part, Part) and quick == [
        ("m", train.tolist(), test.tolist(), 5),
        ("two", train.tolist(), test.tolist(), 5),
    ]
    assert (
        part.costs["m"] == {"seconds": 1.5, "parameters": 7, "note": "n", "epochs": 3}
        and part.few == part.searches == []
    )
    assert part.predicted["m"] == [(0.25, int(problem.labels[i])) for i in test]
    assert set(part.costs) == {"m", "one way", tasks._ONE_WAY[0]}
    assert len(part.rows) == 3 * len(problem.scored(test)) and problem.cache == {"fold": (1, 0)}
    problem.cache["kept"] = 1
    work(problem, 5, Item(1, ("m",)))
    assert problem.cache == {"fold": (1, 0), "kept": 1}  # the same fold: what was computed is of use again


def test_a_draw_of_few_labels(quick):
    problem = planted(24)
    problem.cache["x"] = 1
    part = work(problem, 5, Item(0, ("m", "two"), labels=3, repeat=2))
    train, test = problem.folds[0]
    rng = np.random.default_rng([5, 3, 2])
    drawn = [rng.choice(train[problem.labels[train] == c], 3, replace=False) for c in (0, 1)]
    assert quick[0] == ("m", sorted(np.concatenate(drawn).tolist()), test.tolist(), 7) and problem.cache == {}
    ap = _mean_ap(problem, {int(i): np.arange(N, dtype=float) for i in test}, test)
    assert part.few == [
        {"method": name, "labels": 3, "repeat": 2, "fold": 0, "ap": ap, "seconds": 1.5}
        for name in ("m", "one way")
    ]
    assert part.rows == [] and part.costs == {} and part.predicted == {}


def test_methods_of_ours():
    problem = planted(16)
    train, test = problem.folds[0]
    (own,) = tasks._outcomes(problem, "prospector", train, test, 0, []).values()
    expected = fit_head(problem, train, suggested_for(problem, train))
    np.testing.assert_array_equal(own.maps[int(test[0])], expected.map(test[0]))
    (authors,) = tasks._outcomes(problem, "authors' settings, untuned", train, test, 0, []).values()
    np.testing.assert_array_equal(
        authors.maps[int(test[1])], fit_head(problem, train, FitSettings()).map(test[1])
    )


def test_tuning_looks_at_the_linear_kernel_where_data_are_few(monkeypatch):
    problem, asked = planted(16), []
    head = fit_head(problem, TRAIN, SETTINGS)
    monkeypatch.setattr(
        tasks, "authors_protocol", lambda p, train, linear, seed: asked.append(linear) or (head, 0.625)
    )
    train, test = problem.folds[0]
    for most in (len(train), len(train) - 1):
        monkeypatch.setattr(tasks, "_LINEAR_DATA", most)
        (found,) = tasks._outcomes(
            problem, "authors' protocol, tuned with truth", train, test, 0, []
        ).values()
        assert found.note == "K 4, r 1, fold-change, alpha 1e+10, tau 0; AP 0.62 where it was tuned"
    assert asked == [True, False]


# ---- studies as problems


PITCH, ORIGIN = 8.0, (4.0, 2.0)  # x, y


def datum(name, label=1, split=None):
    return SimpleNamespace(uid=f"u-{name}", name=name, label=label, split=split)


class Study:
    """What an evaluation asks of a study, of tokens in a grid of 3 x 4."""

    modality, target, name = "slides", 1, "s"
    given_concepts = staticmethod(lambda: None)
    place_names = ("row", "column")

    def __init__(self, data, classes=("a", "b"), size=(3, 4), pitch=PITCH, path="P", **said):
        self.data, self.classes, self.size, self.pitch, self.path = (
            data,
            list(classes),
            size,
            pitch,
            SimpleNamespace(name=path),
        )
        self.embedding = {"encoder": "x", **said}
        words = SimpleNamespace(tokens="tiles")
        places = lambda study, datum: {"Row": self.positions[:, 0], "column": self.positions[:, 1]}
        self.kind = SimpleNamespace(place_names=self.place_names, places=places, words=words, tiled=True)

    positions = property(lambda self: np.argwhere(np.ones(self.size, bool)))

    def embedded(self):
        return self.data

    def datum(self, uid):
        return next(each for each in self.data if each.uid == uid)

    def n_tokens(self, datum):
        return self.size[0] * self.size[1]

    def graph(self, uid):
        return TokenGraph.from_grid(self.positions)

    @property
    def store(self):
        return SimpleNamespace(vectors=self.vectors)

    def vectors(self, uid):
        return np.full((len(self.positions), 2), float(len(uid)))

    def grid(self, datum):
        return {"origin": ORIGIN, "pitch": self.pitch, "positions": self.positions}


def table(path, rows, delimiter=","):
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


DATA = [datum("a.png"), datum("b.png", 0), datum("c.png")]
TRUE = np.arange(12) % 5 == 0


@pytest.mark.parametrize(
    ("name", "head", "row"),
    [
        ("t.csv", ("Datum", "TOKEN", "Truth"), lambda at, r, c: ("a.png", at, int(TRUE[at]))),
        ("t.tsv", ("slide", "token", "label"), lambda at, r, c: ("a", at, "yes" if TRUE[at] else "no")),
        (
            "t.csv.gz",
            ("id", "row", "col", "tumor"),
            lambda at, r, c: ("a", r, c, "true" if TRUE[at] else "false"),
        ),
        (
            "t.tsv.gz",
            ("file", "row", "column", "positive"),
            lambda at, r, c: ("a", f" {r} ", c, "1.0" if TRUE[at] else "0.0"),
        ),
    ],
)
def test_tables_of_truth(tmp_path, name, head, row):
    rows = [head, *(row(at, *divmod(at, 4)) for at in range(12)), ("z", *row(0, 0, 0)[1:])]
    found = read_truth(Study(DATA), table(tmp_path / name, rows, "\t" if "tsv" in name else ","))
    assert (
        list(found) == ["u-a.png"]
        and found["u-a.png"].tolist() == TRUE.tolist()
        and found["u-a.png"].dtype == bool
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("datum", "token", "truth")], "t.csv has no rows"),
        (
            [("datum", "token"), ("a", 1)],
            r"must have a column for the datum \(datum, id, name\), the truth \(truth, label, positive\)",
        ),
        (
            [("datum", "truth"), ("a", 1)],
            r"where the token is \(token, or row, column\); it has datum, truth",
        ),
        ([("token", "truth"), (1, 1)], "must have a column"),
        (
            [("datum", "token", "truth"), ("x", 1, 1)],
            "t.csv: no datum of the study is named in the column datum",
        ),
        (
            [("datum", "token", "truth"), ("b", 1, 1), ("a", 1, 2)],
            "t.csv, line 3: '2' is not a truth: say 0 or 1",
        ),
        ([("datum", "token", "truth"), ("a", 12, 1)], "t.csv, line 2: a.png has no token at token 12"),
        ([("datum", "row", "col", "truth"), ("a", 3, 1, 1)], "a.png has no token at row, col 3, 1"),
        (
            [("datum", "sentence", "truth"), ("a", 3, 1)],
            "tokens of this study are not placed by 'sentence', but by Row, column",
        ),
    ],
)
def test_tables_that_are_no_truth(tmp_path, rows, says):
    with pytest.raises(BadInputError, match=says):
        read_truth(Study(DATA), table(tmp_path / "t.csv", rows))
    with pytest.raises(BadInputError, match="there is no file or folder"):
        read_truth(Study(DATA), tmp_path / "none.csv")


def test_masks_by_the_pixel(tmp_path):
    """A token is positive where more than half of its pixels are not 0."""
    study, random = Study(DATA), np.random.default_rng(1)
    pixels = (random.random((30, 40)) < 0.5).astype(np.uint8)
    pixels[2:10, 4:12] = 0
    pixels[2:6, 4:12] = 255  # exactly half of the first token
    pixels[2:6, 12:20], pixels[6:10, 12:20] = 1, 0
    pixels[6, 12] = 1  # one more than half
    Image.fromarray(pixels).save(tmp_path / "a_mask.png")
    Image.fromarray(pixels[:12, :20]).save(tmp_path / "c.tif")  # a picture smaller than the grid
    (tmp_path / "b.txt").write_text("no mask")
    found = read_truth(study, tmp_path)
    assert set(found) == {"u-a.png", "u-c.png"}
    for uid, picture in (("u-a.png", pixels), ("u-c.png", pixels[:12, :20])):
        parts = [picture[2 + 8 * r : 10 + 8 * r, 4 + 8 * c : 12 + 8 * c] for r, c in study.positions]
        assert found[uid].tolist() == [bool(part.size and (part > 0).mean() > 0.5) for part in parts]
    assert not found["u-a.png"][0] and found["u-a.png"][1]
    with pytest.raises(BadInputError, match="no mask in .* is named as a slide of the study is"):
        read_truth(Study([datum("z.png")]), tmp_path)


def test_a_study_as_a_problem():
    data = [datum(f"d{i}", i % 2) for i in range(10)] + [datum("no", None)]
    truth = {"u-d1": np.ones(12, bool)}
    found = problem_of(Study(data), truth, folds=3, seed=4)
    assert (
        found.ids == [f"d{i}" for i in range(10)]
        and found.labels.tolist() == [0, 1] * 5
        and len(found.graphs) == 10
    )
    assert (
        found.truth[1] is truth["u-d1"]
        and found.truth[0] is None
        and found.name == "s"
        and found.modality == "slides"
    )
    assert [t.tolist() for _, t in found.folds] == [
        t.tolist() for _, t in stratified_folds(found.labels, 3, 4)
    ]
    assert found.embeddings[0].tolist() == [[4.0, 4.0]] * 12 and found.embeddings[0].dtype == np.float32
    assert found.embeddings[0] is found.embeddings[0] and found.graphs[0].n == 12 and found.given is None
    data[0].split = data[1].split = "test"
    ((train, test),) = problem_of(Study(data), None).folds
    assert test.tolist() == [0, 1] and train.tolist() == list(range(2, 10))
    data[0].split = None  # of one class only: no test data
    assert len(problem_of(Study(data), None).folds) == 5
    several = Study([datum(f"d{i}", i % 3) for i in range(9)], ("a", "b", "c"))
    assert problem_of(several, None).labels.tolist() == [0, 1, 0] * 3
    for few in ([], [datum("d", 1)] * 3, [datum("d", None)]):
        with pytest.raises(BadInputError, match="needs embedded data of both classes"):
            problem_of(Study(few), None)
    given = Study(data)
    concepts = ["x"], np.ones((2, 2))
    given.given_concepts = lambda: concepts
    assert problem_of(given, None).given is concepts[1]


def test_five_data_of_each_class_to_choose_by():
    data = [datum(f"d{i}", i % 2, "test" if i > 9 else None) for i in range(12)]
    problem = problem_of(Study(data), None)
    assert studies._fitted_on(Study(data), problem).tolist() == list(range(10))
    data[9].split = "test"
    with pytest.raises(BadInputError, match="five data of each class at least"):
        studies._fitted_on(Study(data), problem_of(Study(data), None))


def test_studies_beside_each_other():
    data = [datum(f"d{i}", i % 2) for i in range(4)]
    coarse, fine = (
        Study(data, tile=64, mpp=0.5),
        Study(data[::-1], size=(6, 8), pitch=PITCH / 2, path="Q", tile=32, mpp=0.5),
    )
    assert _tokens_of_study(coarse) == "x, 64 px at 0.5 um" and _tokens_of_study(Study(data, tile=64)) == "x"
    found = problem_beside(coarse, [fine, fine], None)
    assert (
        list(found.others) == ["x, 32 px at 0.5 um", "x, 32 px at 0.5 um of Q"]
        and found.tokens == "x, 64 px at 0.5 um"
    )
    beside = found.others["x, 32 px at 0.5 um"]
    assert beside.ids == found.ids and beside.tokens == "x, 32 px at 0.5 um" and beside.graphs[0].n == 48
    expected = [(r // 2) * 4 + c // 2 for r, c in fine.positions]
    assert beside.cells[0].tolist() == expected == _parts_of(coarse, fine, "d0").tolist()
    assert (
        beside.embeddings[0].shape == (48, 2)
        and beside.cell_graphs is found.graphs
        and beside.labels is found.labels
    )
    with pytest.raises(BadInputError, match="has coarser tiles than"):
        problem_beside(fine, [coarse], None)
    with pytest.raises(BadInputError, match="is of other data than"):
        problem_beside(coarse, [Study([*data[:3], datum("e", 1)])], None)
    swapped = [datum(each.name, 1 - each.label) for each in data]
    with pytest.raises(BadInputError, match="has other labels than"):
        problem_beside(coarse, [Study(swapped)], None)
    one, other = Study(data), Study(data, size=(3, 5))
    one.kind.tiled = other.kind.tiled = False
    assert _parts_of(one, one, "d1").tolist() == list(range(12))
    with pytest.raises(BadInputError, match="d1 has 12 tiles in .*, but 15 in"):
        _parts_of(one, other, "d1")


def test_the_studys_own_maps():
    data = [datum("a", 1), datum("b", 0), datum("no", None), datum("c", 1)]
    study = Study(data)
    study.view = SimpleNamespace(id=3, coef=np.zeros(7))
    study.prospect = lambda datum, fit: np.full(12, len(datum.uid) + fit.id)
    study.predictions = lambda fit: {"u-a": 0.75}
    found = studies.own_maps(study, None, {"u-a": 1, "u-c": 1})
    assert (
        list(found.maps) == [0, 2] and found.maps[2][0] == 6 and found.parameters == 7 and found.seconds == 0
    )
    assert (
        found.probability[0] == 0.75
        and np.isnan(found.probability[1])
        and list(found.probability) == [0, 1, 2]
    )
    assert found.note.startswith("fit 3, edits and all")


def test_a_head_of_given_concepts_fits_no_centres():
    given = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    problem = planted(given=given)
    head = fit_head(problem, TRAIN, FitSettings(concepts=5, quantizer=GIVEN))
    assert isinstance(head, FittedHead) and head.centroids is given and head.parameters == 5 + 15
