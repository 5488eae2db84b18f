"""What a journal amounts to, action by action, and which edits of several people meet: on entries alone."""

import base64

import numpy as np
import pytest

from prospector_core.errors import CurationConflictError, StudyDamagedError
from prospector_core.study.editors import Editor, check_conflict, default_author, moment, touched_concepts
from prospector_core.study.journal import CurationState, Entry, Region, Split, replay, standing, undone_by


def entries(*said):
    """Entries of (action, payload), numbered from 1."""
    return [
        Entry(at, f"2026-05-04T14:{at:02}:09+00:00", action, payload, "Ada")
        for at, (action, payload) in enumerate(said, 1)
    ]


def state_of(*said):
    return replay(entries(*said))


def pin(*concepts, weight, **more):
    return "pin", {"concepts": list(concepts), "weight": weight, **more}


def mark(evidence="for", datum="d", tokens=(1, 2), **more):
    return "annotate", {
        "datum": datum,
        "tokens": list(tokens),
        "polygon": None,
        "evidence": evidence,
        "weight": 1.0,
        **more,
    }


def cut(concept, *ids):
    centroids = np.arange(2.0 * len(ids), dtype=np.float32)
    return "split", {
        "concept": concept,
        "ids": list(ids),
        "centroids": base64.b64encode(centroids.tobytes()).decode(),
    }


def test_names_and_colours_are_the_last_said():
    state = state_of(
        ("rename", {"concept": 1, "name": "a"}),
        ("rename", {"concept": 1, "name": "b"}),
        ("recolour", {"concept": 2, "colour": "#010203"}),
    )
    assert state.names == {1: "b"} and state.colours == {2: "#010203"}
    assert state.layer_two() == CurationState().layer_two()  # a kernel does not depend on them


def test_a_merged_concept_is_found_at_the_end_of_the_way_and_is_excluded_no_more():
    state = state_of(
        ("exclude", {"concept": 1, "reason": "ink"}),
        ("exclude", {"concept": 4}),
        ("merge", {"concepts": [1, 2], "into": 2}),
        ("merge", {"concepts": [2, 3], "into": 3}),
    )
    assert state.merged == {1: 2, 2: 3} and state.excluded == {4: ""}
    assert [state.home(k) for k in range(5)] == [0, 3, 3, 3, 4]
    assert (
        state.members(3, 5) == {1, 2, 3} and state.members(0, 5) == {0} and state.members(1, 5) == frozenset()
    )
    assert state.active(6) == [0, 3, 5]
    assert (
        state_of(
            ("exclude", {"concept": 1}), ("include", {"concept": 1}), ("include", {"concept": 2})
        ).excluded
        == {}
    )


def test_pins_of_all_kernels_and_of_one():
    state = state_of(
        pin(1, weight=0.5), pin(3, 0, weight=-1.5), pin(1, weight=2.0, target=2), pin(4, weight=1.0)
    )
    assert state.pins == {1: 0.5, (0, 3): -1.5, 4: 1.0}
    assert state.class_pins == {
        2: {1: 2.0, (0, 3): -1.5, 4: 1.0}
    }  # begun as all others are; what is for all is for it too
    assert state.pins_of(2)[1] == 2.0 and state.pins_of(0) is state.pins
    gone = state_of(
        pin(1, weight=0.5), pin(1, weight=2.0, target=2), pin(1, weight=None, target=2), pin(3, weight=None)
    )
    assert gone.pins == {1: 0.5} and gone.class_pins == {2: {}}


def test_splits_add_concepts_and_know_what_they_cut():
    state = state_of(("merge", {"concepts": [0, 2], "into": 0}), cut(0, 0, 5, 6), cut(5, 5, 7))
    first, second = state.steps
    assert (
        isinstance(first, Split)
        and first.members == {0, 2}
        and first.ids == (0, 5, 6)
        and first.leaves is None
    )
    assert first.centroids.tolist() == [[0, 1], [2, 3], [4, 5]] and first.centroids.dtype == np.float32
    assert second.members == {5} and state.n_extra == 3
    other = state_of(
        ("merge", {"concepts": [0, 2], "into": 0}),
        cut(0, 0, 5, 6),
        ("split", {**cut(5, 5, 7)[1], "leaves": [[1, 2], [3]]}),
    )
    assert other.steps[1].leaves == ((1, 2), (3,)) and other.steps[0] == first


def test_tokens_are_moved_and_regions_marked_part_by_part():
    both = {"parts": [{"datum": "d", "tokens": [3, 1]}, {"datum": "e", "tokens": [0]}]}
    state = state_of(
        ("reassign", {**both, "concept": 2}),
        ("reassign", {"datum": "d", "tokens": [7], "concept": 0}),
        mark("ignore", tokens=[5, 2]),
        mark("ignore", tokens=[2, 9]),
        mark("ignore", datum="e"),
        mark("for", polygon=[[0, 1], [2, 3]], target=2),
    )
    assert state.steps == [("d", (3, 1), 2), ("e", (0,), 2), ("d", (7,), 0)] and state.n_extra == 0
    assert (
        state.ignored("d").tolist() == [2, 5, 9]
        and state.ignored("e").tolist() == [1, 2]
        and state.ignored("x").tolist() == []
    )
    assert (
        state.regions[-1] == Region("d", (1, 2), "for", 1.0, ((0, 1), (2, 3)), target=2)
        and state.regions[-1].entry == 6
    )
    assert entries(("reassign", {**both, "concept": 2}))[0].edit.where == [("d", [3, 1]), ("e", [0])]
    assert entries(mark())[0].edit.where == [("d", [1, 2])]
    assert len(state_of(mark(), mark("against"), ("withdraw", {"entry": 1})).regions) == 1


def test_a_familys_name_is_taken_back_by_an_empty_one():
    def named(name, **shares):
        return "family", {"composition": {key[1:]: share for key, share in shares.items()}, "name": name}

    state = state_of(named("one", c1=0.5, c2=0.5), named("two", c3=1.0))
    assert state.families == [({3: 1.0}, "two"), ({1: 0.5, 2: 0.5}, "one")]
    state = state_of(named("one", c1=1.0), named("two", c3=1.0), named("uno", c1=1.0), named("", c3=1.0))
    assert state.families == [({1: 1.0}, "uno")]


def test_what_a_kernel_depends_on():
    plain = state_of(
        pin(1, weight=1.0), pin(2, 3, weight=2.0), ("relabel", {"datum": "d", "label": 1})
    ).layer_two()
    turned = state_of(
        ("relabel", {"datum": "d", "label": 1}), pin(3, 2, weight=2.0), pin(1, weight=1.0)
    ).layer_two()
    assert plain == turned
    for more in (
        pin(1, weight=3.0),
        ("exclude", {"concept": 0}),
        mark(),
        pin(1, weight=1.0, target=0),
        ("relabel", {"datum": "d", "label": None}),
        ("merge", {"concepts": [0, 1], "into": 0}),
        ("reassign", {"datum": "d", "tokens": [1], "concept": 0}),
    ):
        assert (
            state_of(
                pin(1, weight=1.0), pin(2, 3, weight=2.0), ("relabel", {"datum": "d", "label": 1}), more
            ).layer_two()
            != plain
        )
    # a region that was marked again is the same region
    assert state_of(mark()).layer_two() == state_of(mark(), ("undo", {}), mark()).layer_two()


def test_undo_redo_and_a_new_fit():
    journal = entries(
        ("rename", {"concept": 0, "name": "a"}),
        ("relabel", {"datum": "d", "label": 1}),
        ("undo", {}),
        ("undo", {}),
        ("undo", {}),
        ("redo", {}),
        ("redo", {}),
        ("redo", {}),
        ("fit", {}),
        ("undo", {}),
        ("redo", {}),
        ("rename", {"concept": 0, "name": "b"}),
        ("redo", {}),
    )
    ids = [
        [[e.id for e in side] for side in standing(journal[:n])] for n in (2, 3, 5, 6, 8, 9, 10, 11, 12, 13)
    ]
    assert ids == [
        [[1, 2], []],
        [[1], [2]],
        [[], [2, 1]],
        [[1], [2]],
        [[1, 2], []],
        [[2], []],
        [[], [2]],
        [[2], []],
        [[2, 12], []],
        [[2, 12], []],
    ]
    assert {id: entry.id for id, entry in undone_by(journal).items()} == {
        3: 2,
        4: 1,
        6: 1,
        7: 2,
        10: 2,
        11: 2,
    }
    undone = entries(("rename", {"concept": 0, "name": "a"}), ("undo", {}), ("fit", {}))
    assert standing(undone) == ([], [])  # a new fit leaves nothing to redo
    with pytest.raises(StudyDamagedError, match="^entry 1 of the journal has the action 'paint', which"):
        state_of(("paint", {}))


# ---- several people


def test_what_an_editor_has_not_seen():
    journal = entries(*[("rename", {"concept": 0, "name": "a"})] * 5)
    editor = Editor("Ada", seen=2, own={1, 4})
    assert (
        [entry.id for entry in editor.unseen(journal)] == [3, 5]
        and editor.behind(5) == 2
        and editor.behind(2) == 0
    )
    assert Editor().unseen(journal) == [] and Editor().behind(5) == 0
    assert moment("2026-05-04T14:02:09+00:00") == "2026-05-04 14:02 UTC"


def test_who_edits_by_default(monkeypatch):
    monkeypatch.setenv("PROSPECTOR_AUTHOR", "  Ada   Lovelace " + "x" * 80)
    assert default_author() == ("Ada Lovelace " + "x" * 80)[:60]
    monkeypatch.delenv("PROSPECTOR_AUTHOR")
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert default_author() == "ada"

    def nobody():
        raise KeyError("getpwuid")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert default_author() == "unknown"


RENAME, LABEL = ("rename", {"concept": 1, "name": "x"}), ("relabel", {"datum": "d", "label": 0})
MERGE, FIT, MOVE = (
    ("merge", {"concepts": [1, 2], "into": 2}),
    ("fit", {"concepts": 9}),
    ("reassign", {"datum": "d", "tokens": [1, 4], "concept": 3}),
)


@pytest.mark.parametrize(
    ("theirs", "mine", "meet"),
    [
        (RENAME, ("recolour", {"concept": 1, "colour": "#000000"}), True),
        (RENAME, ("recolour", {"concept": 2, "colour": "#000000"}), False),
        (RENAME, MERGE, True),
        (MERGE, ("exclude", {"concept": 2}), True),
        (pin(1, 4, weight=1.0), RENAME, True),
        (pin(4, weight=1.0), RENAME, False),
        (LABEL, LABEL, True),
        (LABEL, ("relabel", {"datum": "e", "label": 0}), False),
        (LABEL, RENAME, False),
        (LABEL, MOVE, True),
        (MOVE, LABEL, True),
        (MOVE, mark(tokens=[4]), True),
        (MOVE, mark(tokens=[2]), False),
        (mark(), mark(datum="e"), False),
        (FIT, RENAME, True),
        (FIT, FIT, True),
        (RENAME, FIT, True),
        (FIT, LABEL, False),
        (FIT, mark(), False),
        (LABEL, FIT, False),
    ],
)
def test_edits_of_the_same_thing_meet(theirs, mine, meet):
    journal = entries(RENAME, theirs)
    editor = Editor("Bob", seen=1)
    if meet:
        with pytest.raises(
            CurationConflictError,
            match=r"^not done: Ada has edited since \(edit 2, “what”, 2026-05-04 14:02 UTC\)",
        ):
            check_conflict(journal, editor, *mine, lambda entry: "what")
    else:
        check_conflict(journal, editor, *mine, lambda entry: "what")
    check_conflict(journal, Editor("Bob", seen=2), *mine, str)
    check_conflict(journal, Editor("Bob", seen=1, own={2}), *mine, str)


def test_an_undo_is_about_what_it_takes_back():
    journal = entries(RENAME, LABEL, ("undo", {}), ("undo", {}), mark(), ("withdraw", {"entry": 5}))
    with pytest.raises(CurationConflictError, match=r"edit 4, “undo: rename”, .* and it is about the same"):
        check_conflict(journal, Editor("Bob", seen=3), *RENAME, lambda entry: entry.action)
    check_conflict(journal[:4], Editor("Bob", seen=3), *LABEL, lambda entry: entry.action)
    with pytest.raises(
        CurationConflictError, match=r"edit 6, “withdraw”, 2026-05-04 14:06 UTC, the last of 2 edits\)"
    ):
        check_conflict(journal, Editor("Bob", seen=4), *mark(), lambda entry: entry.action)
    assert touched_concepts(journal[3], journal) == {1} and touched_concepts(
        entries(cut(0, 0, 5))[0], []
    ) == {0, 5}
    assert (
        touched_concepts(entries(MERGE)[0], []) == {1, 2} and touched_concepts(entries(FIT)[0], []) == set()
    )


def test_an_undo_of_another_edit_than_was_seen_is_refused():
    journal = entries(RENAME, LABEL)
    bob = Editor("Bob", seen=1)
    with pytest.raises(CurationConflictError, match="^not undone: .* undo would now be of “relabel”"):
        check_conflict(journal, bob, "undo", {}, lambda entry: entry.action)
    with pytest.raises(CurationConflictError, match="^not undone: .* there is nothing to undo now"):
        check_conflict(entries(RENAME, ("undo", {})), bob, "undo", {}, lambda entry: entry.action)
    check_conflict(entries(RENAME, LABEL, ("undo", {})), bob, "undo", {}, str)  # it is the same again
    with pytest.raises(CurationConflictError, match="^not redone: .* there is nothing to redo now"):
        check_conflict(
            entries(RENAME, ("undo", {}), LABEL),
            Editor("Bob", seen=2),
            "redo",
            {},
            lambda entry: entry.action,
        )
    check_conflict(
        entries(RENAME, ("undo", {}), ("redo", {}), ("undo", {})), Editor("Bob", seen=2), "redo", {}, str
    )
