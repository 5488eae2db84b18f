"""Cached counts: whatever was edited, in whatever order.

They are those of counting the curated sprite again.
"""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prospector_core import Study, count_concepts
from prospector_core.errors import CurationError
from prospector_core.method.counting import merge_counts
from prospector_core.study import cached_counts as counting
from prospector_core.study.preview import Draft
from prospector_core.study.views import layer
from tests.support.study_files import K, make_study

CONCEPTS = st.integers(0, K + 2)
SOME = st.lists(st.integers(0, 40), min_size=1, max_size=12)
DATA = st.sampled_from(["s0.png", "s2.png"])
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("merge"), st.lists(CONCEPTS, min_size=1, max_size=3), CONCEPTS),
        st.tuples(st.just("exclude"), CONCEPTS),
        st.tuples(st.just("include"), CONCEPTS),
        st.tuples(st.just("split"), CONCEPTS, st.integers(2, 3)),
        st.tuples(st.just("reassign"), DATA, SOME, CONCEPTS),
        st.tuples(st.just("annotate"), DATA, SOME, st.sampled_from(["for", "against", "ignore"])),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
    ),
    min_size=1,
    max_size=7,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """One study for all examples: what one has cached, the next may find."""
    return make_study(tmp_path_factory.mktemp("layers"), (1, 1, 0, 0), fit={"radius": 2})


def edited(study, edits):
    """The state after those of the edits that make sense."""
    draft = Draft(study)
    for name, *arguments in edits:
        with contextlib.suppress(CurationError):
            getattr(draft, name)(*arguments)
    return draft.state


@given(edits=EDITS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_those_of_the_curated_sprite(study, edits):
    state = edited(study, edits)
    fit = study.view
    sprites, counts = layer(study, fit.centroids, fit.settings)
    k = sprites.n_concepts(state)
    active = state.active(k)
    number = np.full(k + 1, -1)  # the last for tokens that are out
    number[active] = np.arange(len(active))
    rows = [(datum.uid, None) for datum in study.data] + [(each.datum, each) for each in state.regions]
    for (uid, region), row in zip(rows, counts.compact(rows, state)):
        sprite = number[sprites.curated(uid, state)]
        if region is not None:
            sprite[~np.isin(np.arange(len(sprite)), region.tokens)] = -1
        assert np.array_equal(row, count_concepts(study.graph(uid), sprite, len(active), fit.radius))


def counted(monkeypatch):
    """How often tokens are counted from now on."""
    calls = []
    for name in ("count_concepts", "recount"):
        real = getattr(counting, name)
        monkeypatch.setattr(counting, name, lambda *arguments, real=real: calls.append(1) or real(*arguments))
    return calls


def test_only_what_an_edit_touches_is_counted_again(tmp_path, monkeypatch):
    study = make_study(tmp_path, fit={"radius": 2})
    c, calls = study.curation, counted(monkeypatch)

    def counted_by(edit):
        edit()
        study.refit()
        number = len(calls)
        calls.clear()
        return number

    with_3 = sum((study.sprite(datum) == 3).any() for datum in study.data)
    assert 0 < with_3 <= len(study.data)
    assert counted_by(lambda: c.exclude(3)) == with_3
    assert counted_by(lambda: c.undo()) == 0
    assert counted_by(lambda: c.redo()) == 0
    assert counted_by(lambda: c.include(3)) == 0
    assert counted_by(lambda: c.merge([0, 1], into=0)) == 0
    assert counted_by(lambda: c.pin(2, 0.0)) == 0
    assert counted_by(lambda: c.relabel("s0.png", 0)) == 0
    assert counted_by(lambda: c.reassign("s1.png", [0, 1], 2)) == 1
    assert counted_by(lambda: c.annotate("s2.png", [4, 5], "ignore")) == 1
    assert counted_by(lambda: c.annotate("s3.png", [4, 5], "for")) == 1
    assert counted_by(lambda: [c.undo() for _ in range(3)]) == 0
    preview = study.preview(lambda c: c.split(4))
    assert 0 < len(calls) <= len(study.data)
    calls.clear()
    assert counted_by(lambda: c.split(4)) == 0  # the preview's counts serve
    assert study.view.coef.tobytes() == preview.after.coef.tobytes()
    monkeypatch.undo()
    calls = counted(monkeypatch)
    Study.open(study.path).refit()
    assert calls == []  # kept on disk, too


def test_arrays_in_memory_are_bounded_and_results_do_not_depend_on_it(tmp_path):
    study = make_study(tmp_path, fit={"radius": 2})
    tight = Study.open(study.path)
    tight.memory.max_bytes = 12_000
    for one in (study, tight):
        one.preview(lambda c: (c.split(0), c.exclude(2)))
        for datum in one.data:
            one.prospect(datum)
    assert tight.memory.nbytes <= 12_000 < study.memory.nbytes
    fits = [one.preview(lambda c: (c.split(0), c.exclude(2))).after for one in (study, tight)]
    assert fits[0].coef.tobytes() == fits[1].coef.tobytes()
    for datum in study.data:
        assert study.prospect(datum, fits[0]).tobytes() == tight.prospect(datum, fits[1]).tobytes()


def test_merging_counts_drops_what_does_not_occur():
    counts = np.array([5, 0, 2, 9, 0, 4, 0, 0, 3])
    assert merge_counts(counts, [0, -1, 1], 3, 1).tolist() == [5, 2, 9, 4, 3]
