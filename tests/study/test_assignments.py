"""Concepts of tokens under edits, and their counts, against plain loops; what is kept, and by which name.

No study.
"""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from prospector_core import TokenGraph
from prospector_core.errors import EmbeddingError, FitError
from prospector_core.method.counting import count_concepts
from prospector_core.method.features import n_features
from prospector_core.method.soft import ONE, UNIT, count_units, membership
from prospector_core.study import cached_counts as module
from prospector_core.study.assignments import Sprites, there, without
from prospector_core.study.cached_counts import Counts, _Cut, _digest, _steps_of
from prospector_core.study.journal import CurationState, Region, Split
from prospector_core.study.settings import FitSettings

K, N, DIM = 4, 60, 3
RANDOM = np.random.default_rng(5)
CENTRES = RANDOM.normal(size=(K, DIM)).astype(np.float32)
VECTORS = {uid: RANDOM.normal(size=(N, DIM)).astype(np.float32) + 0.4 for uid in "ab"}
GRAPH = TokenGraph.from_grid(np.argwhere(np.ones((6, 10), bool)))
SOFT = FitSettings(softness=0.5, centre=0.5)


class Read:
    """Embeddings, and how often they were read."""

    def __init__(self):
        self.asked = []

    def __call__(self, uid):
        self.asked.append(uid)
        return VECTORS[uid]


@pytest.fixture
def read():
    return Read()


def sprites(tmp_path, read, settings=None, centres=CENTRES, stamp=lambda uid: "s"):
    return Sprites(tmp_path / "derived", centres, read, settings=settings, stamp=stamp)


def nearest(vectors, centres):
    return np.array([[((v - c) ** 2).sum() for c in centres] for v in vectors.astype(float)]).argmin(axis=1)


def cut(concept, *ids, members=None, seed=9):
    centres = np.random.default_rng(seed).normal(size=(len(ids), DIM)).astype(np.float32)
    return Split(concept, frozenset(members or {concept}), ids, centres)


def test_the_nearest_concept_is_found_once(tmp_path, read):
    made = sprites(tmp_path, read)
    assert (
        made.quantised("a").tolist()
        == nearest(VECTORS["a"], CENTRES).tolist()
        == made.quantised("a").tolist()
    )
    assert made.quantised("a").dtype == np.int16 and read.asked == ["a"]
    expected = np.linalg.norm(VECTORS["a"] - CENTRES[made.quantised("a")], axis=1)
    np.testing.assert_allclose(made.distances("a"), expected, rtol=1e-6)
    assert sorted(path.name for path in made.folder.iterdir()) == ["a-s-distance.npy", "a-s-sprite.npy"]
    assert made.n_concepts(CurationState(steps=[cut(0, 0, 4, 5)])) == 6
    again = sprites(tmp_path, read)
    assert (
        again.folder == made.folder
        and len(read.asked) == 2
        and again.quantised("a").tolist()
        and len(read.asked) == 2
    )
    with pytest.raises(FitError, match="the embeddings of a have 3 numbers per token, the concepts 2"):
        sprites(tmp_path, read, centres=CENTRES[:, :2].copy()).quantised("a")


def test_distances_of_more_than_are_looked_at_together(tmp_path):
    many = np.random.default_rng(0).normal(size=(4100, DIM)).astype(np.float32)
    made = sprites(tmp_path, lambda uid: many)
    expected = np.linalg.norm(many - CENTRES[made.quantised("x")], axis=1)
    np.testing.assert_allclose(made.distances("x"), expected, rtol=1e-6)


def test_other_centroids_and_other_softness_have_another_folder(tmp_path, read):
    plain = sprites(tmp_path, read)
    assert plain.folder == tmp_path / "derived" / hashlib.sha256(CENTRES.tobytes()).hexdigest()[:16]
    soft = CENTRES.tobytes() + b"softness 0.5 centre 0.5"
    assert sprites(tmp_path, read, SOFT).folder.name == hashlib.sha256(soft).hexdigest()[:16]
    one = CENTRES.tobytes() + b"softness 0.0 centre 0.5"
    assert (
        sprites(tmp_path, read, FitSettings(centre=0.5)).folder.name == hashlib.sha256(one).hexdigest()[:16]
    )
    assert sprites(tmp_path, read, FitSettings()).folder == plain.folder


def test_centring_moves_the_concepts(tmp_path, read):
    made = sprites(tmp_path, read, FitSettings(centre=0.5))
    moved = VECTORS["a"] - 0.5 * VECTORS["a"].astype(float).mean(axis=0)
    assert made.quantised("a").tolist() == nearest(moved, CENTRES).tolist()
    np.testing.assert_allclose(made.vectors("a", np.array([3, 5])), moved[[3, 5]], rtol=1e-5)
    np.testing.assert_allclose(
        made.distances("a"), np.linalg.norm(moved - CENTRES[made.quantised("a")], axis=1), rtol=1e-5
    )
    plain = sprites(tmp_path, read)
    assert plain.vectors("a", np.array([3, 5])).tolist() == VECTORS["a"][[3, 5]].tolist()
    given = sprites(tmp_path / "given", read, FitSettings(centre=1.0))
    given.put_mean("a", np.zeros(DIM), "s")
    given.put_mean("a", np.ones(DIM), "s")  # it is known already
    assert given.quantised("a").tolist() == nearest(VECTORS["a"], CENTRES).tolist()


def test_shares_and_the_sprite_are_read_together(tmp_path, read):
    made = sprites(tmp_path, read, SOFT)
    made.put_mean("a", VECTORS["a"].astype(float).mean(axis=0), "s")
    shares = made.shares("a")
    assert read.asked == ["a"] and made.quantised("a").dtype == np.int16 and read.asked == ["a"]
    moved = VECTORS["a"] - 0.5 * VECTORS["a"].astype(float).mean(axis=0)
    expected = membership(moved.astype(np.float32), CENTRES, 0.5)
    assert np.abs(shares.astype(int) - expected).max() <= 1 and (shares.sum(axis=1, dtype=int) == ONE).all()
    assert made.quantised("a").tolist() == nearest(moved, CENTRES).tolist()
    assert made.shares("a") is made.shares("a") and read.asked == ["a"]


STEPS = [cut(0, 0, 4, 5, members={0, 2}, seed=25), ("a", (1, 2, 99), 3), ("b", (7,), 1), cut(4, 4, 6, seed=5)]
STATE = CurationState(
    merged={1: 3},
    excluded={5: ""},
    steps=STEPS,
    regions=[Region("a", (8, 9, 77), "ignore", 1.0, None), Region("a", (10,), "for", 1.0, None)],
)


def plain_steps(uid, steps):
    ids = nearest(VECTORS[uid], CENTRES)
    for step in steps:
        for token in range(N):
            if isinstance(step, tuple):
                if step[0] == uid and token in step[1]:
                    ids[token] = step[2]
            elif ids[token] in step.members:
                part = int(nearest(VECTORS[uid][token : token + 1], step.centroids)[0])
                if part:
                    ids[token] = step.ids[part]
    return ids


def test_a_sprite_under_edits(tmp_path, read):
    made = sprites(tmp_path, read)
    for uid in "ab":
        edited = plain_steps(uid, STEPS)
        assert made.edited(uid, STATE).tolist() == edited.tolist() and {4, 5, 6} <= set(edited)
        final = [-1 if k == 5 else 3 if k == 1 else k for k in edited]
        if uid == "a":
            final[8] = final[9] = -1
        assert made.curated(uid, STATE).tolist() == final
    assert made.groups(STATE).tolist() == [0, 3, 2, 3, 4, 5, 6] and made.groups(
        STATE, excluded=-1
    ).tolist() == [
        0,
        3,
        2,
        3,
        4,
        -1,
        6,
    ]
    before = len(read.asked)
    made.edited("a", STATE)
    assert len(read.asked) == before  # parts of a split are kept
    assert there([1, 59, 60, 99], 60).tolist() == [1, 59] and there([], 5).tolist() == []


def test_shares_under_edits(tmp_path, read):
    made = sprites(tmp_path, read, SOFT)
    at_first, vectors = made.shares("a").astype(int), VECTORS["a"]
    shift = 0.5 * vectors.astype(float).mean(axis=0)
    sprite = nearest(vectors - shift, CENTRES)
    shares = np.zeros((N, 7), int)
    shares[:, :K] = at_first
    for step in STEPS:
        for token in range(N):
            if isinstance(step, tuple):
                if step[0] == "a" and token in step[1]:
                    shares[token], sprite[token] = 0, step[2]
                    shares[token, step[2]] = ONE
                continue
            members = sorted(step.members)
            if shares[token, members].any():
                part = int(nearest(vectors[token : token + 1] - shift, step.centroids)[0])
                if part:
                    total = shares[token, members].sum()
                    shares[token, members] = 0
                    shares[token, step.ids[part]] = total
                    if sprite[token] in members:
                        sprite[token] = step.ids[part]
    found = made.stepped_shares("a", STEPS, 7)
    assert found[0].tolist() == sprite.tolist() and found[1].tolist() == shares.tolist()
    assert found[1].dtype == np.uint8
    curated = shares.copy()
    curated[np.arange(N), sprite] += curated[:, 5] * (sprite != 5)  # what is out goes to the strongest
    curated[sprite != 5, 5] = 0
    curated[:, 3] += curated[:, 1]
    curated[:, 1] = 0
    curated[sprite == 5] = 0
    curated[[8, 9]] = 0
    assert made.curated_shares("a", STATE).tolist() == curated.tolist()
    hard = without(np.array([[100, 155, 0]], np.uint8), np.zeros(3, bool), np.array([1]))
    assert hard.tolist() == [[100, 155, 0]]
    assert without(
        np.array([[100, 155, 0], [0, 0, 255]], np.uint8), np.array([True, False, False]), np.array([1, 2])
    ).tolist() == [
        [0, 255, 0],
        [0, 0, 255],
    ]


# ---- counts


def test_counts_are_counted_once_and_by_name(tmp_path, read, monkeypatch):
    made = sprites(tmp_path, read)
    counts, counted = Counts(made, lambda uid: GRAPH, 2), []
    monkeypatch.setattr(
        module, "count_concepts", lambda *said: counted.append("all") or count_concepts(*said)
    )
    real = module.recount
    monkeypatch.setattr(module, "recount", lambda *said: counted.append("some") or real(*said))
    assert counts.radius == 2 and counts.unit == 1
    plain = CurationState()
    assert (
        counts.cached("a", plain).tolist()
        == count_concepts(GRAPH, nearest(VECTORS["a"], CENTRES), K, 2).tolist()
    )
    counts.cached("a", plain)
    counts.cached("a", CurationState(merged={0: 1}, excluded={9: ""}))
    counts.cached("a", CurationState(steps=[("b", (1,), 2), cut(9, 9, 10)]))
    assert counted == ["all"]
    names = lambda: {path.name for path in made.folder.iterdir() if "counts" in path.name}
    assert names() == {"a-s-counts-K4-r2-all.npy"}
    out = CurationState(excluded={0: ""})
    sprite = nearest(VECTORS["a"], CENTRES)
    sprite[sprite == 0] = -1
    assert counts.cached("a", out).tolist() == count_concepts(GRAPH, sprite, K, 2).tolist()
    assert counted == ["all", "some"] and len(names()) == 2
    both = CurationState(excluded={0: "", 1: ""})
    sprite[sprite == 1] = -1
    assert counts.cached("a", both).tolist() == count_concepts(GRAPH, sprite, K, 2).tolist()
    assert counted == ["all", "some", "some"]
    region = Region("a", (0, 1, 2, 60), "for", 1.0, None)
    inside = np.full(N, -1)
    inside[:3] = nearest(VECTORS["a"], CENTRES)[:3]
    assert counts.cached("a", plain, region).tolist() == count_concepts(GRAPH, inside, K, 2).tolist()
    assert counted[3:] == ["all"]  # a region is nearly nothing of what is at hand
    ignored = CurationState(regions=[Region("a", (5, 6), "ignore", 1.0, None)])
    sprite = nearest(VECTORS["a"], CENTRES)
    sprite[[5, 6]] = -1
    assert counts.cached("a", ignored).tolist() == count_concepts(GRAPH, sprite, K, 2).tolist() and counted[
        4:
    ] == ["some"]


@pytest.mark.parametrize("settings", [None, SOFT])
def test_counts_over_active_concepts(tmp_path, read, settings):
    made = sprites(tmp_path, read, settings)
    counts = Counts(made, lambda uid: GRAPH, 1)
    region = Region("b", tuple(range(30)), "for", 1.0, None)
    found = counts.compact([("a", None), ("b", None), ("b", region)], STATE)
    active = STATE.active(7)
    assert active == [0, 2, 3, 4, 6] and found.shape == (3, n_features(5, 1))
    for row, (uid, tokens) in zip(found, (("a", N), ("b", N), ("b", 30))):
        if settings is None:
            sprite = np.array([active.index(k) if k >= 0 else -1 for k in made.curated(uid, STATE)])
            sprite[tokens:] = -1
            expected = count_concepts(GRAPH, sprite, 5, 1)
        else:
            shares = np.ascontiguousarray(made.curated_shares(uid, STATE)[:, active])
            shares[tokens:] = 0
            expected = count_units(GRAPH, shares, 1)
        assert row.tolist() == expected.tolist()
    assert counts.unit == (1 if settings is None else UNIT)
    with pytest.raises(EmbeddingError, match="no datum is embedded"):
        counts.compact([], STATE)


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_are_counted_the_same_side_by_side(tmp_path, read, monkeypatch, threads):
    monkeypatch.setattr(module, "get_num_threads", lambda: threads)
    asked = []
    counts = Counts(sprites(tmp_path, read), lambda uid: GRAPH, 1)
    real = counts.cached
    monkeypatch.setattr(counts, "cached", lambda *said, **more: asked.append(more) or real(*said, **more))
    rows = [("a", None), ("b", None)] * 2
    assert np.array_equal(counts._all(rows, STATE), [real(uid, STATE) for uid, _ in rows])
    assert asked == [{"threads": 1} if threads == 2 else {}] * 4
    asked.clear()
    counts._all(rows[:3], STATE)
    assert asked == [{}] * 3  # few rows: each with all threads


def test_steps_that_concern_a_datum():
    first, second = cut(0, 0, 4), cut(4, 4, 5)
    move, other = ("a", (1,), 3), ("b", (1,), 2)
    assert _steps_of("a", [first, second, move, other], {0}) == ([first, second, move], {0, 4, 5, 3})
    assert _steps_of("a", [second, first, other], {1, 2}) == ([], {1, 2})
    assert _steps_of("a", [second, first], {0}) == ([first], {0, 4})


def test_the_name_of_what_was_edited_is_of_all_of_it():
    one = cut(0, 0, 4)
    plain = _Cut("a", (one,), frozenset(), np.empty(0, np.int64), None, 5)
    cases = [
        ((one,), [], [], None),
        ((), [], [], None),
        ((one, one), [], [], None),
        ((replace(one, ids=(0, 5)),), [], [], None),
        ((replace(one, members=frozenset({0, 1})),), [], [], None),
        ((replace(one, centroids=one.centroids + 1),), [], [], None),
        ((("a", (1, 2), 3),), [], [], None),
        ((("a", (1, 2), 4),), [], [], None),
        ((("a", (1, 3), 3),), [], [], None),
        ((one,), [1], [], None),
        ((one,), [], [1], None),
        ((one,), [], [2], None),
        ((one,), [], [], (1,)),
        ((one,), [], [], ()),
    ]
    assert len({_digest(*each) for each in cases}) == len(cases) and len(_digest(*cases[0])) == 16
    # kept on disk: names stay what they are
    said = hashlib.sha256(f"split (0, 4) [0] (2, {DIM})".encode() + one.centroids.tobytes() + b"out [2] 1")
    said.update(np.array([7]).tobytes() + b"region" + np.array([3]).tobytes())
    assert _digest((one,), [2], [7], (3,)) == said.hexdigest()[:16]
    moved = hashlib.sha256(b"reassign 3 2" + np.array([1, 2]).tobytes() + b"out [] 0")
    assert _digest((("a", (1, 2), 3),), [], [], None) == moved.hexdigest()[:16]
    assert not plain.plain and replace(plain, steps=()).plain
    for changed in ({"gone": frozenset({1})}, {"ignored": np.array([1])}, {"region": ()}):
        assert not replace(plain, **{"steps": (), **changed}).plain
