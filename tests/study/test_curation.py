"""The journal of edits: never rewritten, undone by appending, kept by several programs at once."""

import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prospector_core import Study
from prospector_core.errors import BadInputError, CurationError
from prospector_core.study.journal import Entry, replay, standing
from tests.support.study_files import K, make_study

HERE = Path(__file__).parent


@pytest.fixture
def study(tmp_path):
    """A fitted study of eight slides."""
    return make_study(tmp_path, fit={})


def actions(study):
    return [entry.action for entry in study.curation.history()]


def test_every_edit_is_one_entry_on_disk(study):
    c, before = study.curation, len(study.curation.history())
    ids = [
        c.rename(0, "  epi\n dermis "),
        c.recolour(1, "#ABCDEF"),
        c.merge([1, 2], into=1),
        c.exclude(4, reason="ink"),
        c.include(4),
        c.pin(3, 0.5),
        c.pin((3, 0), -1.5),
        c.reassign("s0.png", [3, 1, 3], 0),
        c.relabel("s7.png", None),
    ]
    entries = Study.open(study.path).curation.history()[before:]
    assert [entry.id for entry in entries] == ids
    assert [entry.action for entry in entries] == [
        "rename",
        "recolour",
        "merge",
        "exclude",
        "include",
        "pin",
        "pin",
        "reassign",
        "relabel",
    ]
    state = c.state
    assert state.names == {0: "epi dermis"} and state.colours == {1: "#abcdef"}
    assert state.merged == {2: 1} and state.excluded == {} and state.pins == {3: 0.5, (0, 3): -1.5}
    assert state.labels[study.datum("s7.png").uid] is None
    assert all(c.describe(entry) for entry in entries)
    assert study.datum("s7.png").label is None


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda c: c.rename(K, "x"), f"there is no concept {K}"),
        (lambda c: c.rename(-1, "x"), "there is no concept -1"),
        (lambda c: c.rename(0, " "), "1 to 60 characters"),
        (lambda c: c.rename(0, "x" * 61), "1 to 60 characters"),
        (lambda c: c.rename(0, "Concept 1"), "concept 1 is already called"),
        (lambda c: c.recolour(0, "red"), "write it as #rrggbb"),
        (lambda c: c.merge([2], into=2), "at least two"),
        (lambda c: c.merge([2, 9], into=2), "there is no concept 9"),
        (lambda c: (c.merge([2, 3], into=2), c.exclude(3)), "concept 3 has been merged into 2"),
        (lambda c: (c.exclude(2), c.pin(2, 1)), "concept 2 is excluded"),
        (lambda c: [c.exclude(k) for k in range(K)], "is the last one left"),
        (lambda c: c.include(0), "concept 0 is not excluded"),
        (lambda c: c.pin((0, 1, 2), 1), "one concept or a pair"),
        (lambda c: c.pin(0, float("nan")), "a weight must be a number"),
        (lambda c: c.pin(0, float("inf")), "a weight must be a number"),
        (lambda c: c.reassign("s0.png", [], 0), "name at least one"),
        (lambda c: c.reassign("s0.png", [10**6], 0), "s0.png has tokens 0.."),
        (lambda c: c.reassign("s0.png", [0], 77), "there is no concept 77"),
        (lambda c: c.reassign("nobody", [0], 0), "no datum 'nobody'"),
        (lambda c: c.relabel("s0.png", 2), "0, 1 or None"),
    ],
)
def test_edits_that_make_no_sense_are_refused(study, edit, says):
    with pytest.raises((CurationError, BadInputError)) as caught:
        edit(study.curation)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    length = len(study.curation.history())
    with pytest.raises((CurationError, BadInputError)):
        edit(study.curation)
    # of an edit in several steps those before the refused one may stand; the refused one never does
    assert len(study.curation.history()) - length in (0, 1) or says == "is the last one left"


def test_tokens_of_several_data_are_moved_and_marked_in_one_step(study):
    c, uids = study.curation, {name: study.datum(name).uid for name in ("s0.png", "s1.png", "s4.png")}
    c.reassign({"s0.png": [3, 1, 3], "s4.png": [0]}, None, 2)
    assert c.state.steps == [(uids["s0.png"], (1, 3), 2), (uids["s4.png"], (0,), 2)]
    assert c.describe(c.can_undo()) == "move 3 tiles of 2 data to concept 2"
    change = study.refit()
    for name, tokens in (("s0.png", [1, 3]), ("s4.png", [0])):
        assert (study.sprite(name)[tokens] == 2).all()
        assert (study.sprite(name, change.before) != study.sprite(name)).sum() <= len(tokens)
    c.annotate({"s0.png": [5, 4], "s1.png": [7]}, None, "for")
    assert [(region.datum, region.tokens) for region in c.state.regions] == [
        (uids["s0.png"], (4, 5)),
        (uids["s1.png"], (7,)),
    ]
    assert c.describe(c.can_undo()) == f"mark 3 tiles of 2 data as evidence for {study.classes[1]}"
    for moved in ({}, {"s0.png": []}, {"s0.png": [0], "s1.png": [10**6]}):
        for edit in (lambda m=moved: c.reassign(m, None, 1), lambda m=moved: c.annotate(m, None, "ignore")):
            with pytest.raises(CurationError):
                edit()
    c.undo()
    c.undo()
    assert not c.state.steps and not c.state.regions


def test_pairs_cannot_be_pinned_where_none_are_counted(tmp_path):
    study = make_study(tmp_path, fit={"radius": 0})
    with pytest.raises(CurationError, match="counts no pairs"):
        study.curation.pin((0, 1), 1.0)
    study.curation.pin(0, 1.0)


def test_before_the_first_fit(tmp_path):
    study = make_study(tmp_path)
    with pytest.raises(CurationError, match="no concepts yet: fit it first"):
        study.curation.rename(0, "x")
    with pytest.raises(CurationError, match="nothing to undo"):
        study.curation.undo()
    study.curation.relabel("s0.png", 0)  # a label needs no concepts
    assert study.curation.undo().action == "relabel"


def test_the_journal_is_append_only(study):
    study.curation.rename(0, "kept")
    before = study.curation.history()
    connection = sqlite3.connect(study.path / "study.sqlite", timeout=30)
    for statement in (
        "UPDATE journal SET action = 'x'",
        "DELETE FROM journal",
        "UPDATE journal SET id = 99 WHERE id = 1",
        "INSERT OR REPLACE INTO journal SELECT id, at, 'undo', payload, author, note FROM journal",
        "REPLACE INTO journal (id, at, action, payload) VALUES (1, 'now', 'undo', '{}')",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            connection.execute(statement)
    connection.execute("DROP TRIGGER journal_is_append_only_3")  # as a study of before, whose edits go on
    connection.close()
    assert study.curation.history() == before
    Study.open(study.path).curation.rename(0, "kept too")


# ---- undo, redo

STEPS = st.lists(st.one_of(st.integers(0, 30), st.just("undo"), st.just("redo")), max_size=40)


@given(STEPS)
def test_undo_and_redo_against_two_lists(steps):
    entries, done, undone = [], [], []
    for number, step in enumerate(steps, start=1):
        if step == "undo":
            if done:
                undone.append(done.pop())
        elif step == "redo":
            if undone:
                done.append(undone.pop())
        else:
            done.append(step)
            undone.clear()
        action, payload = (
            (step, {}) if isinstance(step, str) else ("rename", {"concept": step % 7, "name": str(step)})
        )
        entries.append(Entry(number, "", action, payload))
    stand, back = standing(entries)
    assert [int(entry.payload["name"]) for entry in stand] == done
    assert [int(entry.payload["name"]) for entry in back] == undone
    assert replay(entries).names == {step % 7: str(step) for step in done}
    # going on from any replayed point is the same as never having stopped: the journal alone is the state
    assert replay(entries) == replay([Entry(e.id, e.at, e.action, dict(e.payload)) for e in entries])


def test_undo_appends_and_redo_brings_back(study):
    c = study.curation
    before = len(c.history())
    c.rename(0, "one")
    c.exclude(2)
    assert c.can_undo().action == "exclude"
    assert c.undo().action == "exclude"
    assert c.state.excluded == {} and c.can_redo().action == "exclude"
    assert c.undo().action == "rename"
    assert c.state.names == {}
    assert c.redo().action == "rename"
    assert c.state.names == {0: "one"}
    c.pin(1, 2.0)
    assert c.can_redo() is None
    with pytest.raises(CurationError, match="nothing to redo"):
        c.redo()
    assert actions(study)[before:] == ["rename", "exclude", "undo", "undo", "redo", "pin"]


def test_a_new_fit_leaves_edits_of_old_concepts_behind_but_not_labels(study):
    c = study.curation
    c.rename(0, "old")
    c.relabel("s0.png", 0)
    c.exclude(1)
    study.fit(concepts=4)
    assert c.state.names == {} and c.state.excluded == {}
    assert study.datum("s0.png").label == 0
    assert c.can_redo() is None
    assert c.undo().action == "relabel" and study.datum("s0.png").label == 1
    with pytest.raises(CurationError, match="nothing to undo"):
        while True:
            c.undo()


def test_pending_until_refitted(study):
    c = study.curation
    assert not c.pending()
    c.rename(0, "a name needs no refit")
    assert not c.pending()
    c.exclude(0)
    assert c.pending()
    study.refit()
    assert not c.pending()
    c.undo()
    assert c.pending()
    c.redo()
    assert not c.pending()


# ---- several at once


def test_threads_edit_one_study_and_nothing_is_lost(study):
    before = len(study.curation.history())
    errors = []

    def edit(number):
        try:
            for turn in range(10):
                study.curation.pin(number, float(turn))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    study.refit()  # while they edit
    for thread in threads:
        thread.join()
    assert not errors
    entries = study.curation.history()[before:]
    assert len(entries) == 40 and [entry.id for entry in entries] == list(
        range(entries[0].id, entries[0].id + 40)
    )
    for number in range(4):
        weights = [entry.payload["weight"] for entry in entries if entry.payload["concepts"] == [number]]
        assert weights == [float(turn) for turn in range(10)]
    study.refit()
    assert [study.view.weight(number) for number in range(4)] == [9.0] * 4


@pytest.mark.slow
def test_two_programs_edit_one_study_and_nothing_is_lost(study):
    before = len(study.curation.history())
    script = """
        import sys
        from prospector_core import Study
        study = Study.open(sys.argv[1])
        for turn in range(15):
            study.curation.pin(int(sys.argv[2]), float(turn))
            if turn == 7:
                study.refit()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(study.path)]
    programs = [
        subprocess.Popen([*command, str(number)], cwd=HERE.parents[1], stderr=subprocess.PIPE)
        for number in (0, 1)
    ]
    for program in programs:
        assert program.wait() == 0, program.stderr.read().decode()
        program.stderr.close()
    entries = study.curation.history()[before:]
    assert len(entries) == 30
    for number in (0, 1):
        assert [e.payload["weight"] for e in entries if e.payload["concepts"] == [number]] == [
            float(turn) for turn in range(15)
        ]
    for id, *_ in study.fits()[-2:]:
        assert study.load_fit(id).id == id


def test_an_edit_made_while_a_fit_is_computed_is_not_swallowed(study, monkeypatch):
    import prospector_core.study.fitting as module

    original, calls = module.fit_kernel, []

    def slow(*arguments):
        result = original(*arguments)
        if not calls:
            Study.open(study.path).curation.exclude(1)  # another program
        calls.append(1)
        return result

    monkeypatch.setattr(module, "fit_kernel", slow)
    after = study.refit().after
    assert len(calls) == 2 and list(after.state.excluded) == [1]
    calls.clear()
    study.curation.include(1)
    fit = study.fit(concepts=K).after
    assert len(calls) == 2
    # the exclusion came before the new concepts, so it is about the old ones
    assert fit.state.excluded == {} and actions(study)[-2:] == ["exclude", "fit"]
    assert fit.journal == study.curation.history()[-1].id
