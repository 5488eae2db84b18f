"""Every action of the journal, rule by rule.

What is accepted, what is refused on the limit, how it is told, what it is about.
"""

import base64

import numpy as np
import pytest

from prospector_core.errors import StudyDamagedError
from prospector_core.study import timeline
from prospector_core.study.action import MOST_CONCEPTS, Region, Split, Touched
from prospector_core.study.actions import ACTIONS, read_action
from prospector_core.study.journal import CurationState, Entry, check_state, replay
from prospector_core.study.timeline import Timeline, _copied


def row(*numbers):
    """Centroids of a split as they are kept."""
    return base64.b64encode(np.array(numbers, np.float32).tobytes()).decode()


def refused(action, payload, says=""):
    with pytest.raises(StudyDamagedError, match=r"^entry 7 of the journal \(") as caught:
        read_action(action, payload, 7)
    assert says in str(caught.value) and str(caught.value).endswith(": restore study.sqlite from a backup")


def taken(action, payload):
    return read_action(action, payload, 7)


MARK = {"datum": "d", "tokens": [0], "polygon": None, "evidence": "for", "weight": 1.0}
SPLIT = {"concept": 4, "ids": [4, 9, 10], "centroids": row(0, 1, 2)}


@pytest.mark.parametrize(
    ("action", "good", "bad"),
    [
        ("rename", {"concept": MOST_CONCEPTS - 1, "name": "x" * 100_000}, {"concept": MOST_CONCEPTS}),
        ("rename", {"concept": 0, "name": ""}, {"concept": -1}),
        ("rename", {"concept": 0, "name": ""}, {"name": "x" * 100_001}),
        ("merge", {"concepts": [1], "into": 1}, {"concepts": []}),
        ("merge", {"concepts": [0], "into": MOST_CONCEPTS - 1}, {"into": MOST_CONCEPTS}),
        ("pin", {"concepts": [1, 2], "weight": None}, {"concepts": [1, 2, 3]}),
        ("pin", {"concepts": [1], "weight": None}, {"concepts": []}),
        ("pin", {"concepts": [1], "weight": 999_999.9}, {"weight": 1e6}),
        ("pin", {"concepts": [1], "weight": -999_999.9}, {"weight": -1e6}),
        ("pin", {"concepts": [1], "weight": 0.0, "target": 999}, {"target": 1000}),
        ("pin", {"concepts": [1], "weight": 0.0, "target": 0}, {"target": -1}),
        ("reassign", {"datum": "d", "tokens": [2**31 - 1], "concept": 0}, {"tokens": [2**31]}),
        ("reassign", {"datum": "d", "tokens": [0], "concept": 0}, {"tokens": [-1]}),
        ("reassign", {"datum": "d", "tokens": [], "concept": 0}, {"tokens": None}),
        ("reassign", {"datum": "d", "tokens": [1], "concept": 0}, {"datum": None}),
        ("reassign", {"parts": [{"datum": "d", "tokens": [1]}], "concept": 0}, {"parts": []}),
        ("split", SPLIT, {"ids": [4, 9, 11]}),
        ("split", SPLIT, {"ids": [9, 4, 5]}),
        ("split", SPLIT, {"ids": [4], "centroids": row(0)}),
        (
            "split",
            {"concept": 0, "ids": list(range(20)), "centroids": row(*range(20))},
            {"ids": list(range(21)), "centroids": row(*range(21))},
        ),
        ("split", SPLIT, {"centroids": row(0, 1, 2, 3)}),
        ("split", SPLIT, {"centroids": ""}),
        ("split", SPLIT, {"centroids": "*" + row(0, 1, 2)}),
        ("split", SPLIT, {"centroids": row(0, 1, np.inf)}),
        ("split", {**SPLIT, "leaves": [[0], [1], [2**16 - 1]]}, {"leaves": [[0], [1], [2**16]]}),
        ("split", {**SPLIT, "leaves": [[0], [1], [2]]}, {"leaves": [[0], [1]]}),
        ("split", {**SPLIT, "leaves": [[0], [1], [2]]}, {"leaves": [[0], [1], [-1]]}),
        ("annotate", MARK, {"evidence": "perhaps"}),
        ("annotate", MARK, {"weight": 0.0}),
        ("annotate", {**MARK, "weight": 999_999.9}, {"weight": 1e6}),
        ("annotate", {**MARK, "polygon": [[0, 1.5]]}, {"polygon": [[0.0, 1.0, 2.0]]}),
        ("annotate", {**MARK, "polygon": []}, {"polygon": [[0.0]]}),
        ("withdraw", {"entry": 0}, {"entry": -1}),
        ("family", {"composition": {"99999": 0.5}, "name": ""}, {"composition": {"100000": 0.5}}),
        ("relabel", {"datum": "d", "label": None}, {"label": 1000}),
        ("relabel", {"datum": "d", "label": 999}, {"label": "1"}),
        ("fit", {"concepts": MOST_CONCEPTS, "radius": 64, "alpha": 3}, {"concepts": MOST_CONCEPTS + 1}),
        ("fit", {"concepts": 1, "radius": 0}, {"concepts": 0}),
        ("fit", {}, {"radius": 65}),
        ("fit", {}, {"radius": -1}),
    ],
)
def test_limits(action, good, bad):
    """What is on the limit is taken, what is beyond it is not; so is a field that is not known."""
    assert type(taken(action, good)) is ACTIONS[action]
    refused(action, {**good, **bad})
    if action != "fit":
        refused(action, {**good, "more": 1})


def test_what_a_split_says_when_it_is_wrong():
    refused("split", {**SPLIT, "ids": [4, 9, 11]}, "its ids are not those of a split")
    refused("split", {**SPLIT, "leaves": [[0], [1]]}, "its branches are not as many as its parts")
    refused("split", {**SPLIT, "centroids": "***"}, "its centroids are not base64")
    refused("split", {**SPLIT, "centroids": row(1, 2)}, "its centroids are not one row per part")
    refused("split", {**SPLIT, "centroids": row(0, 1, np.nan)}, "its centroids are not finite")
    refused("reassign", {"concept": 1}, "it names no tokens")


@pytest.mark.parametrize("name", [None, 3, [], {"a": 1}, "paint", "RENAME"])
def test_actions_that_are_not_known(name):
    said = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
    with pytest.raises(StudyDamagedError) as caught:
        read_action(name, {}, 3)
    assert (
        str(caught.value)
        == f"entry 3 of the journal has the action {said}, which this Prospector does not know: update"
        " Prospector, or restore study.sqlite from a backup"
    )


def test_undo_and_redo_may_say_anything():
    assert taken("undo", {"more": 1}).tell(None) == "undo" and taken("redo", {}).tell(None) == "redo"
    assert (
        taken("fit", {"alpha": 1.0, "concepts": 5, "radius": 2, "kernel": "linear"}).tell(None)
        == "new fit: 5 concepts, radius 2, linear kernel"
    )


def entries(*said):
    return [Entry(at, "", action, payload) for at, (action, payload) in enumerate(said, 1)]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (
            [("merge", {"concepts": [1], "into": 2}), ("merge", {"concepts": [2], "into": 1})],
            (
                "entry 2 of the journal (merge) contradicts those before it: it merges concept 2 into 1,"
                " which was merged into 2; "
            ),
        ),
        (
            [("fit", {"concepts": 5}), ("split", {"concept": 0, "ids": [0, 6], "centroids": row(0, 1)})],
            "entry 2 of the journal (split) contradicts those before it: its new concepts begin with 6; ",
        ),
        (
            [("fit", {"concepts": 5}), ("rename", {"concept": 5, "name": "x"})],
            "the journal names concept 5, but there are 5: ",
        ),
        (
            [("fit", {"concepts": 5}), ("family", {"composition": {"7": 0.5}, "name": "x"})],
            "names concept 7, but there are 5",
        ),
        ([("fit", {"concepts": 5}), ("merge", {"concepts": [1], "into": 8})], "names concept 8"),
        ([("fit", {"concepts": 5}), ("recolour", {"concept": 8, "colour": "#010203"})], "names concept 8"),
        ([("fit", {"concepts": 5}), ("merge", {"concepts": [8], "into": 1})], "names concept 8"),
        ([("fit", {"concepts": 5}), ("exclude", {"concept": 8})], "names concept 8"),
        ([("fit", {"concepts": 5}), ("pin", {"concepts": [8], "weight": 1.0})], "names concept 8"),
        (
            [("fit", {"concepts": 5}), ("pin", {"concepts": [1, 8], "weight": 1.0, "target": 2})],
            "names concept 8",
        ),
        (
            [("fit", {"concepts": 5}), ("reassign", {"datum": "d", "tokens": [1], "concept": 8})],
            "names concept 8",
        ),
        (
            [("fit", {"concepts": 5}), ("split", {"concept": 8, "ids": [8, 5], "centroids": row(0, 1)})],
            "names concept 8",
        ),
    ],
)
def test_edits_that_contradict_those_before(said, says):
    with pytest.raises(StudyDamagedError) as caught:
        replay(entries(*said))
    assert says in str(caught.value)


def test_a_split_begins_where_concepts_end():
    first = ("split", {"concept": 0, "ids": [0, 5, 6], "centroids": row(0, 1, 2)})
    second = ("split", {"concept": 5, "ids": [5, 7], "centroids": row(0, 1)})
    state = replay(entries(("fit", {"concepts": 5}), first, second))
    assert state.fitted == 5 and state.n_extra == 3
    check_state(replay(entries(("fit", {"concepts": 5}), first, ("rename", {"concept": 6, "name": "x"}))))
    with pytest.raises(StudyDamagedError, match="names concept 7, but there are 7"):
        replay(entries(("fit", {"concepts": 5}), first, ("rename", {"concept": 7, "name": "x"})))
    assert check_state(CurationState(names={10_000: "x"})) is None  # it does not say how many there are


def test_a_split_is_known_by_the_beginning_of_its_centroids():
    long = np.arange(48, dtype=np.float32)
    one, other = long.copy(), long.copy()
    one[-1], other[0] = 99, 98

    def split(numbers):
        said = {"concept": 0, "ids": [0, 5], "centroids": base64.b64encode(numbers.tobytes()).decode()}
        return replay(entries(("split", said))).steps[0]

    assert "leaves" not in repr(split(long)) and "centroids" not in repr(
        split(long)
    )  # previews are kept by it
    assert len(split(long).digest) == 64 and split(long).centroids.shape == (2, 24)
    assert split(long) == split(one) and split(long) != split(other)


class Told:
    """What a `Teller` answers, in a form that shows what was asked."""

    class study:
        several = False

        class kind:
            class words:
                @staticmethod
                def count(n):
                    return f"{n} tiles"

    def before(self, concept):
        return f"old {concept}"

    def name(self, concept):
        return f"c{concept}"

    def class_name(self, label):
        return f"class {label}"

    def datum_name(self, uid):
        return f"<{uid}>"

    def entry(self, id):
        return {3: Entry(3, "", "annotate", MARK), 4: Entry(4, "", "exclude", {"concept": 1})}.get(id)

    def of(self, entry):
        return entry.edit.tell(self)


class ToldOfSeveral(Told):
    class study(Told.study):
        several = True


PARTS = {"parts": [{"datum": "d", "tokens": [1, 2]}, {"datum": "e", "tokens": [3]}]}


@pytest.mark.parametrize(
    ("action", "payload", "said"),
    [
        ("rename", {"concept": 1, "name": "x"}, "rename old 1 to “x”"),
        ("recolour", {"concept": 1, "colour": "#010203"}, "recolour c1"),
        (
            "recolour",
            {"concept": 1, "colour": "url(x)"},
            "recolour c1 (what stands there is not a colour: it keeps its own)",
        ),
        ("merge", {"concepts": [1, 2, 3], "into": 2}, "merge c1, c3 into c2"),
        ("exclude", {"concept": 1}, "exclude c1"),
        ("exclude", {"concept": 1, "reason": "ink"}, "exclude c1 (ink)"),
        ("include", {"concept": 1}, "include c1"),
        ("pin", {"concepts": [1], "weight": 0.25}, "pin c1 at 0.25"),
        ("pin", {"concepts": [2, 1], "weight": None}, "unpin c2 + c1"),
        ("pin", {"concepts": [1], "weight": 0.25, "target": 2}, "pin c1 at 0.25 for class 2"),
        ("reassign", {"datum": "d", "tokens": [1, 2], "concept": 3}, "move 2 tiles to c3"),
        ("reassign", {**PARTS, "concept": 3}, "move 3 tiles of 2 data to c3"),
        ("split", SPLIT, "split c4 into 3"),
        ("annotate", MARK, "mark 1 tiles of <d> as evidence for class 1"),
        ("annotate", {**MARK, "evidence": "against"}, "mark 1 tiles of <d> as evidence for class 0"),
        ("annotate", {**MARK, "evidence": "ignore"}, "ignore 1 tiles of <d>"),
        (
            "annotate",
            {**MARK, "evidence": "against", "target": 2},
            "mark 1 tiles of <d> as evidence against class 2",
        ),
        (
            "annotate",
            {**PARTS, "polygon": None, "evidence": "ignore", "weight": 1.0},
            "ignore 3 tiles of 2 data",
        ),
        ("withdraw", {"entry": 3}, "take back: mark 1 tiles of <d> as evidence for class 1"),
        ("withdraw", {"entry": 4}, "take back a region"),
        ("withdraw", {"entry": 5}, "take back a region"),
        (
            "family",
            {"composition": {"1": 0.2, "2": 0.5, "3": 0.3}, "name": "x"},
            "name the family of c2 and c3 “x”",
        ),
        ("family", {"composition": {"1": 0.2}, "name": ""}, "take back the name of the family of c1"),
        ("relabel", {"datum": "d", "label": 1}, "relabel <d> as class 1"),
        ("relabel", {"datum": "d", "label": None}, "relabel <d> as not known"),
    ],
)
def test_what_is_told(action, payload, said):
    assert taken(action, payload).tell(Told()) == said
    if action == "pin" and "target" not in payload:
        assert taken(action, payload).tell(ToldOfSeveral()) == f"{said} in every class"


@pytest.mark.parametrize(
    ("action", "payload", "about"),
    [
        ("rename", {"concept": 1, "name": "x"}, Touched({1})),
        ("merge", {"concepts": [1], "into": 2}, Touched({1, 2})),
        ("pin", {"concepts": [3, 1], "weight": None}, Touched({1, 3})),
        (
            "reassign",
            {"parts": [*PARTS["parts"], {"datum": "d", "tokens": [9]}], "concept": 3},
            Touched({3}, tokens={"d": {1, 2, 9}, "e": {3}}),
        ),
        ("split", SPLIT, Touched({4})),
        ("annotate", MARK, Touched(tokens={"d": {0}})),
        ("withdraw", {"entry": 3}, Touched(tokens={"d": {0}})),
        ("withdraw", {"entry": 4}, Touched()),
        ("withdraw", {"entry": 5}, Touched()),
        ("family", {"composition": {"1": 0.5}, "name": ""}, Touched()),
        ("relabel", {"datum": "d", "label": 1}, Touched(data={"d"})),
        ("fit", {}, Touched(anew=True)),
        ("undo", {}, Touched()),
    ],
)
def test_what_an_edit_is_about(action, payload, about):
    by_id = {3: Entry(3, "", "annotate", MARK), 4: Entry(4, "", "exclude", {"concept": 1})}
    assert taken(action, payload).touched(by_id) == about


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (Touched(), Touched(), False),
        (Touched({1}), Touched({1, 2}), True),
        (Touched({1}), Touched({2}), False),
        (Touched(data={"d"}), Touched(data={"d"}), True),
        (Touched(data={"d"}), Touched(data={"e"}), False),
        (Touched(data={"d"}), Touched(tokens={"d": {1}}), True),
        (Touched(data={"d"}), Touched(tokens={"e": {1}}), False),
        (Touched(tokens={"d": {1, 2}}), Touched(tokens={"d": {2}}), True),
        (Touched(tokens={"d": {1}, "e": {5}}), Touched(tokens={"d": {2}, "e": {5}}), True),
        (Touched(tokens={"d": {1}}), Touched(tokens={"d": {2}}), False),
        (Touched(anew=True), Touched(anew=True), True),
        (Touched(anew=True), Touched({1}), True),
        (Touched(anew=True), Touched(data={"d"}), False),
        (Touched(anew=True), Touched(), False),
    ],
)
def test_edits_meet(one, other, meet):
    assert one.meets(other) is meet and other.meets(one) is meet


def test_a_stranger_s_colour_counts_for_nothing():
    state = replay(
        entries(
            ("recolour", {"concept": 1, "colour": "#010203"}), ("recolour", {"concept": 1, "colour": "red"})
        )
    )
    assert state.colours == {1: "#010203"}


def test_regions_have_their_entry_and_no_outline_of_nothing():
    state = replay(entries(("annotate", {**MARK, "polygon": [], "target": 3}), ("annotate", MARK)))
    assert state.regions == [
        Region("d", (0,), "for", 1.0, None, target=3),
        Region("d", (0,), "for", 1.0, None),
    ]
    assert [region.entry for region in state.regions] == [1, 2]
    assert (
        replay(entries(("annotate", MARK), ("annotate", MARK), ("withdraw", {"entry": 2}))).regions[0].entry
        == 1
    )


# ---- what is kept of a journal that is followed


def test_states_that_are_kept_are_those_of_the_last_steps_and_every_so_many_before(monkeypatch):
    monkeypatch.setattr(timeline, "_STEP", 4)
    followed = Timeline()
    assert followed.last == 0 and followed.state == CurationState()
    for id in range(1, 41):
        followed.add(Entry(id, "", "rename", {"concept": id, "name": "x"}))
        assert len(followed.state.names) == id == followed.last
        assert len(followed._states) <= 3 * 4 + id // 4 + 1
    assert set(followed._states) >= {0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 37, 38, 39, 40}
    once = Timeline()  # opened with a long journal: the way back is there at once
    for entry in followed.entries:
        once.add(entry)
    assert once.state == followed.state and sorted(once._states) == [0, *range(4, 37, 4), 37, 38, 39, 40]


def test_undo_and_a_fit_in_what_is_followed():
    followed = Timeline()
    followed.add(Entry(1, "", "undo", {}))
    followed.add(Entry(2, "", "redo", {}))
    assert followed.standing == followed.undone == []
    followed.add(Entry(3, "", "relabel", {"datum": "d", "label": 1}))
    followed.add(Entry(4, "", "rename", {"concept": 0, "name": "a"}))
    assert followed.state.names == {0: "a"}
    followed.add(Entry(5, "", "undo", {}))
    assert followed.state.names == {} and [each.id for each in followed.undone] == [4]
    followed.add(
        Entry(6, "", "rename", {"concept": 0, "name": "b"})
    )  # another edit than the one that was undone
    assert followed.state.names == {0: "b"} and followed.undone == []
    followed.add(Entry(7, "", "fit", {"concepts": 9}))
    assert [each.id for each in followed.standing] == [3] and followed.state.fitted == 9
    assert followed.state.labels == {"d": 1} and followed.state.names == {}


def test_what_stands_is_checked_where_it_was_read_all_at_once():
    followed = Timeline()
    for id, (action, payload) in enumerate(
        [("fit", {"concepts": 2}), ("exclude", {"concept": 0}), ("exclude", {"concept": 7})], 1
    ):
        followed.add(Entry(id, "", action, payload))
    with pytest.raises(StudyDamagedError, match="names concept 7"):
        followed.state  # noqa: B018


def test_a_copy_of_a_state_changes_alone():
    split = Split(0, frozenset({0}), (0, 5), np.zeros((2, 1), np.float32))
    state = CurationState(
        {0: "a"}, {0: "#000000"}, {1: 0}, {2: ""}, {3: 1.0}, {"d": 1}, [split], [], {2: {3: 2.0}}, [], 5
    )
    own = _copied(state)
    assert own == state and own.fitted == 5
    for name in (
        "names",
        "colours",
        "merged",
        "excluded",
        "pins",
        "labels",
        "steps",
        "regions",
        "class_pins",
        "families",
    ):
        assert getattr(own, name) is not getattr(state, name)
    own.class_pins[2][3] = 9.0
    assert state.class_pins == {2: {3: 2.0}}
