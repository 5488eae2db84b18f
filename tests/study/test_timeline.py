"""Following a journal entry by entry gives what a replay of all of it gives.

And costs the same however long it is.
"""

import base64

import numpy as np
import pytest

from prospector_core.errors import StudyError
from prospector_core.study import Study, timeline
from prospector_core.study.journal import Entry, replay, standing
from prospector_core.study.timeline import Timeline
from tests.support.study_files import make_study

CONCEPTS = 6


def random_entry(random, id):
    """One entry of any kind, undo and redo among them often; what it says need not make sense."""
    concept, other = (int(each) for each in random.choice(CONCEPTS, 2, replace=False))
    datum, tokens = f"d{random.integers(3)}", [int(each) for each in random.choice(50, 3, replace=False)]
    centroids = base64.b64encode(random.normal(size=(2, 3)).astype(np.float32).tobytes()).decode()
    payloads = {
        "undo": {},
        "redo": {},
        "fit": {},
        "rename": {"concept": concept, "name": f"name {id}"},
        "recolour": {"concept": concept, "colour": "#123456"},
        "merge": (
            {"concepts": sorted([concept, other]), "into": concept}
            if concept > other
            else {"concepts": [other], "into": other}
        ),
        "exclude": {"concept": concept, "reason": "ink"},
        "include": {"concept": concept},
        "pin": {
            "concepts": [concept, other][: random.integers(1, 3)],
            "weight": [None, 1.5][random.integers(2)],
            **({"target": int(random.integers(3))} if random.random() < 0.5 else {}),
        },
        "reassign": {"datum": datum, "tokens": tokens, "concept": concept},
        "split": {"concept": concept, "ids": [concept, CONCEPTS + id], "centroids": centroids},
        "annotate": {
            "parts": [{"datum": datum, "tokens": tokens}],
            "polygon": None,
            "evidence": "for",
            "weight": 1.0,
        },
        "withdraw": {"entry": int(random.integers(1, id + 1))},
        "family": {"composition": {str(concept): 0.5}, "name": ["", f"family {id}"][random.integers(2)]},
        "relabel": {"datum": datum, "label": [None, 0, 1][random.integers(3)]},
    }
    odds = {"undo": 6, "redo": 4, "fit": 0.03}
    weights = np.array([odds.get(action, 1) for action in payloads], float)
    action = str(random.choice(list(payloads), p=weights / weights.sum()))
    return Entry(id, "", action, payloads[action])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("step", [2, 128])
def test_it_is_at_any_moment_what_a_replay_gives(seed, step, monkeypatch):
    monkeypatch.setattr(
        timeline, "_STEP", step
    )  # with steps of 2 what was kept is dropped, and made again, often
    random, followed, entries = np.random.default_rng(seed), Timeline(), []
    for id in range(1, 160):
        entries.append(random_entry(random, id))
        followed.add(entries[-1])
        if random.random() < 0.7:  # not asked after every entry
            assert followed.state == replay(entries)
        assert (followed.standing, followed.undone) == standing(entries)
    assert followed.state == replay(entries)


def test_undoing_far_back_and_going_on_elsewhere_is_exact():
    followed, entries = Timeline(), []

    def add(action, **payload):
        entries.append(Entry(len(entries) + 1, "", action, payload))
        followed.add(entries[-1])

    for number in range(700):
        add("rename", concept=number % CONCEPTS, name=f"name {number}")
    for _ in range(600):
        add("undo")
        assert followed.state.names == {
            k: f"name {max(range(k, len(followed.standing), 6))}" for k in range(6)
        }
    for _ in range(50):
        add("redo")
    add("exclude", concept=2, reason="")
    assert followed.state == replay(entries)
    assert len(followed._states) < 400


def test_a_state_that_was_given_does_not_change_with_later_edits():
    followed = Timeline()
    for id, target in enumerate((None, 1, 2, None), start=1):
        followed.add(Entry(id, "", "pin", {"concepts": [id], "weight": 1.0, "target": target}))
        if id == 3:
            before, told = followed.state, repr(followed.state)
    assert repr(before) == told and followed.state != before


def test_a_fork_goes_its_own_way():
    followed = Timeline()
    followed.add(Entry(1, "", "rename", {"concept": 0, "name": "one"}))
    other = followed.fork()
    other.add(Entry(2, "", "rename", {"concept": 0, "name": "two"}))
    assert (followed.state.names, other.state.names, followed.last, other.last) == (
        {0: "one"},
        {0: "two"},
        1,
        2,
    )


def test_undo_reads_and_applies_no_more_however_long_the_journal_is(tmp_path, monkeypatch):
    """Not the time is measured but the work: entries read, and edits applied."""
    study = make_study(tmp_path, fit={})
    curation, work = study.curation, []
    read, apply = study.database.read, timeline.apply
    monkeypatch.setattr(
        study.database, "read", lambda *query: work.append(len(found := read(*query))) or found
    )
    monkeypatch.setattr(timeline, "apply", lambda *edit: work.append(1) or apply(*edit))
    curation.rename(0, "first")

    def cost():
        del work[:]
        curation.undo()
        assert 0 not in curation.state.names
        curation.redo()
        assert curation.state.names[0] == "first"
        assert curation.can_undo().action == "rename" and curation.can_redo() is None
        return sum(work)

    first = cost()
    for _ in range(200):
        curation.undo()
        curation.redo()
    assert cost() <= first


def test_an_edit_whose_transaction_failed_is_not_followed(tmp_path):
    study = make_study(tmp_path, fit={})
    curation = study.curation
    with pytest.raises(StudyError), study.log.recording() as record:
        record("rename", {"concept": 0, "name": "never kept"})
        assert curation.state.names == {0: "never kept"}  # this thread sees it already
        raise StudyError("the disk went away")
    assert curation.state.names == {}
    curation.rename(1, "kept")
    assert curation.state.names == {1: "kept"}
    with pytest.raises(StudyError), study.log.recording() as record:
        record("rename", {"concept": 0, "name": "never kept"})
        assert len(curation.history()) == 3
        raise StudyError("the disk went away")
    Study.open(study.path).curation.rename(2, "of another program")  # takes the number of what was never kept
    assert curation.state.names == {1: "kept", 2: "of another program"}


def test_names_in_the_history_are_those_of_their_time(tmp_path):
    study = make_study(tmp_path, fit={})
    curation = study.curation
    curation.rename(0, "one")
    curation.rename(0, "two")
    curation.undo()
    curation.exclude(0)
    curation.undo()
    curation.undo()
    curation.exclude(0)
    told = [event.text for event in curation.chronicle()][-7:]
    assert told == [
        "rename concept 0 to “one”",
        "rename one to “two”",
        "undo 3: rename one to “two”",
        "exclude one",
        "undo 5: exclude one",
        "undo 2: rename concept 0 to “one”",
        "exclude concept 0",
    ]
