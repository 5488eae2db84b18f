"""Edits on counts and graphs are exact.

On any graph, at any radius, counts after edits are those of a datum that was so from the start.
"""

import base64
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core.study.assignments import Sprites
from prospector_core.study.cached_counts import Counts
from prospector_core.study.journal import Entry, replay
from tests.support.random_data import any_graph, kinds, plain_count, seeds
from tests.support.study_files import make_study

K, DIM = 4, 3


def random_entries(random, n, length):
    """Entries of a journal about one datum "d" of n tokens: those that make sense when they are made."""
    entries, extra = [], 0
    for number in range(length):
        state = replay(entries)
        free = [k for k in range(K + extra) if k not in state.merged and k not in state.excluded]
        action = random.choice(["merge", "exclude", "include", "split", "reassign", "ignore", "undo", "redo"])
        one = int(random.choice(free))
        some = np.unique(random.integers(0, n, 1 + n // 6)).tolist()
        if action == "merge" and len(free) > 2:
            payload = {"concepts": sorted(map(int, random.choice(free, 2, replace=False))), "into": None}
            payload["into"] = payload["concepts"][int(random.integers(2))]
        elif action == "exclude" and len(free) > 1:
            payload = {"concept": one}
        elif action == "include" and state.excluded:
            payload = {"concept": int(random.choice(list(state.excluded)))}
        elif action == "split":
            centres = random.normal(size=(2, DIM)).astype(np.float32)
            first = K + state.n_extra
            payload = {
                "concept": one,
                "ids": [one, first],
                "centroids": base64.b64encode(centres.tobytes()).decode(),
            }
        elif action == "reassign":
            payload = {"datum": "d", "tokens": some, "concept": one}
        elif action == "ignore":
            action = "annotate"
            payload = {
                "parts": [{"datum": "d", "tokens": some}],
                "polygon": None,
                "evidence": "ignore",
                "weight": 1.0,
            }
        elif action in ("undo", "redo"):
            payload = {}
        else:
            continue
        entries.append(Entry(number + 1, "", str(action), payload))
        extra = replay(entries).n_extra
    return entries


def naive(vectors, centroids, state):
    """The curated sprite, token by token.

    Concepts numbered as the active ones are, -1 where a token is out.
    """
    nearest = lambda vector, centres: int(np.argmin([((vector - centre) ** 2).sum() for centre in centres]))
    ids = [nearest(vector, centroids) for vector in vectors]
    for step in state.steps:
        for token, vector in enumerate(vectors):
            if isinstance(step, tuple):
                ids[token] = step[2] if token in step[1] else ids[token]
            elif ids[token] in step.members:
                part = nearest(vector, step.centroids)
                ids[token] = step.ids[part] if part else ids[token]
    active = state.active(len(centroids) + state.n_extra)
    out = set(state.ignored("d").tolist())
    homes = [state.home(k) for k in ids]
    return np.array(
        [-1 if token in out or k in state.excluded else active.index(k) for token, k in enumerate(homes)]
    )


@given(seed=seeds, kind=kinds, radius=st.integers(0, 4), length=st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_counts_after_edits_are_those_of_a_datum_that_was_so_from_the_start(seed, kind, radius, length):
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    if not graph.n:
        return
    vectors = random.normal(size=(graph.n, DIM)).astype(np.float32)
    centroids = random.normal(size=(K, DIM)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        counts = Counts(Sprites(Path(folder), centroids, lambda uid: vectors), lambda uid: graph, radius)
        entries = random_entries(random, graph.n, length)
        for end in range(
            len(entries) + 1
        ):  # after each edit, so that each starts from what those before left behind
            state = replay(entries[:end])
            (found,) = counts.compact([("d", None)], state)
            sprite = naive(vectors, centroids, state)
            n_active = len(state.active(K + state.n_extra))
            assert found.tolist() == plain_count(graph, sprite, n_active, radius).tolist()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("exact"), fit={"radius": 2})


EDITS = {
    "merge": lambda c: c.merge([0, 1], into=0),
    "exclude": lambda c: c.exclude(2),
    "split": lambda c: c.split(1, into=3),
    "pin": lambda c: c.pin((0, 3), -1.5),
    "reassign": lambda c: c.reassign("s1.png", [0, 5, 9], 2),
    "for": lambda c: c.annotate("s0.png", [0, 1, 2, 9], "for"),
    "ignore": lambda c: c.annotate("s0.png", [0, 1, 2, 9], "ignore"),
    "relabel": lambda c: c.relabel("s0.png", 0),
}


@pytest.mark.parametrize("kind", EDITS)
def test_undo_and_redo_give_the_same_bytes_back(study, kind):
    maps = lambda: [study.prospect(datum).tobytes() for datum in study.data]
    before, drawn = study.refit().after.digest(), maps()
    EDITS[kind](study.curation)
    after, drawn_after = study.refit().after.digest(), maps()
    assert after != before
    study.curation.undo()
    assert (study.refit().after.digest(), maps()) == (before, drawn)
    study.curation.redo()
    assert (study.refit().after.digest(), maps()) == (after, drawn_after)
    study.curation.undo()
