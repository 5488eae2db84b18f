"""Several people at one study: who did what and why, edits from an old state.

And the journal in plain words.
"""

import sqlite3

import pytest

from prospector_core import Study
from prospector_core.errors import CurationConflictError, CurationError
from prospector_core.study import Editor
from tests.support.study_files import make_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_AUTHOR", "Ann  Mason")
    return make_study(tmp_path, fit={})


@pytest.fixture
def two(study):
    """The same study opened twice, as by two programs: Ann's and Ben's curation."""
    ann, ben = study.curation, Study.open(study.path).curation
    ann.author, ben.author = "Ann", "Ben"
    return ann, ben


def last(curation):
    return curation.history()[-1]


def test_author_and_note_are_kept(study, monkeypatch):
    c = study.curation
    c.rename(0, "ink", note="green  pen\nmarks")
    assert (last(c).author, last(c).note) == ("Ann Mason", "green pen marks")
    c.author = "Ben"
    c.exclude(0)
    assert (last(c).author, last(c).note) == ("Ben", "")
    with c.by(Editor("Cleo"), note="by mistake"):
        c.undo()
        c.redo(note="no mistake")
    assert [(e.author, e.note) for e in c.history()[-2:]] == [("Cleo", "by mistake"), ("Cleo", "no mistake")]
    c.author = None
    monkeypatch.delenv("PROSPECTOR_AUTHOR")
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(OSError("no user")))
    assert c.author == "unknown"
    study.refit()
    authors = study.database.read("SELECT author FROM fits ORDER BY id")
    assert authors[-1] == ("unknown",)


def test_an_edit_that_is_refused_does_not_leave_its_note_behind(study):
    c = study.curation
    with pytest.raises(CurationError):
        c.include(0, note="never kept")
    c.exclude(0)
    assert last(c).note == ""


def test_a_study_of_an_earlier_version_opens_and_keeps_what_it_has(study):
    study.curation.rename(0, "kept")
    study.database.close()
    connection = sqlite3.connect(study.path / "study.sqlite")
    for table, column in (("journal", "author"), ("journal", "note"), ("fits", "author"), ("fits", "digest")):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.close()
    old = Study.open(study.path)
    assert [(e.action, e.author, e.note) for e in old.curation.history()] == [
        ("fit", "", ""),
        ("rename", "", ""),
    ]
    old.curation.exclude(1, note="why")
    assert last(old.curation).note == "why" and old.refit().after.journal == last(old.curation).id
    with (
        pytest.raises(sqlite3.IntegrityError, match="append only"),
        sqlite3.connect(study.path / "study.sqlite") as db,
    ):
        db.execute("UPDATE journal SET author = 'someone else'")
    db.close()


# ---- edits from an old state


def marked(c, tokens, datum="s0.png"):
    return c.annotate(datum, tokens, "for")


@pytest.mark.parametrize(
    ("first", "then", "collide"),
    [
        (
            lambda c: c.exclude(1),
            lambda c, **k: c.rename(1, "x", **k),
            None,
        ),  # refused in any case: it is gone
        (lambda c: c.rename(1, "y"), lambda c, **k: c.rename(1, "x", **k), True),
        (lambda c: c.rename(1, "y"), lambda c, **k: c.exclude(1, **k), True),
        (lambda c: c.rename(1, "y"), lambda c, **k: c.exclude(2, **k), False),
        (lambda c: c.merge([1, 2], into=2), lambda c, **k: c.recolour(2, "#123456", **k), True),
        (lambda c: c.merge([1, 2], into=2), lambda c, **k: c.split(0, **k), False),
        (lambda c: c.split(0), lambda c, **k: c.pin((0, 3), 1.0, **k), True),
        (lambda c: c.pin((0, 3), 1.0), lambda c, **k: c.pin((1, 2), 1.0, **k), False),
        (lambda c: c.relabel("s0.png", 0), lambda c, **k: c.relabel("s0.png", None, **k), True),
        (lambda c: c.relabel("s0.png", 0), lambda c, **k: c.relabel("s1.png", 0, **k), False),
        (lambda c: c.relabel("s0.png", 0), lambda c, **k: c.annotate("s0.png", [1], "for", **k), True),
        (lambda c: c.relabel("s0.png", 0), lambda c, **k: c.exclude(1, **k), False),
        (lambda c: marked(c, [1, 2]), lambda c, **k: c.annotate("s0.png", [2, 3], "against", **k), True),
        (lambda c: marked(c, [1, 2]), lambda c, **k: c.annotate("s0.png", [3, 4], "against", **k), False),
        (lambda c: marked(c, [1, 2]), lambda c, **k: c.annotate("s1.png", [1, 2], "against", **k), False),
        (lambda c: c.withdraw(marked(c, [1, 2])), lambda c, **k: c.reassign("s0.png", [2], 0, **k), True),
        (lambda c: (c.exclude(1), c.undo()), lambda c, **k: c.rename(1, "x", **k), True),
        (lambda c: (c.exclude(1), c.undo()), lambda c, **k: c.rename(2, "x", **k), False),
        (lambda c: c._study.fit(concepts=4), lambda c, **k: c.rename(1, "x", **k), True),
        (lambda c: c._study.fit(concepts=4), lambda c, **k: c.relabel("s0.png", 0, **k), False),
    ],
)
def test_an_edit_from_an_old_state(two, first, then, collide):
    ann, ben = two
    seen = ben.seen
    first(ann)
    before = ben.history()
    if collide is False:
        then(ben, expected=seen)
        assert len(ben.history()) == len(before) + 1
        return
    with pytest.raises(CurationError) as caught:
        then(ben, expected=seen)
    assert ben.history() == before and "\n" not in str(caught.value)
    if collide:
        error = caught.value
        assert isinstance(error, CurationConflictError) and error.entries[-1].author == "Ann"
        assert all(word in str(error) for word in ("Ann", f"edit {before[-1].id}", "UTC", "look at it"))
        then(ben, expected=ben.seen)  # having looked at it
        assert last(ben).author == "Ben"


def test_one_s_own_edits_never_collide(two):
    ann, ben = two
    seen = ann.seen
    ann.rename(1, "one")
    ann.exclude(1, expected=seen)
    ann.include(1, expected=seen)
    window = Editor("Cleo", seen)
    with (
        ann.by(window),
        pytest.raises(CurationConflictError),
    ):  # another window of the same program is another editor
        ann.recolour(1, "#123456")
    with ann.by(window):
        ann.pin(2, 1.0)
        ann.pin(2, 2.0)
        ann.pin(2, 3.0, expected=seen)
    ben.rename(1, "uno")
    with pytest.raises(CurationConflictError, match="Ben"):
        ann.recolour(1, "#123456", expected=seen)
    assert window.behind(ann.seen) == len(ann.since(window)) == 4


def test_undo_takes_back_only_what_was_seen(two):
    ann, ben = two
    ann.rename(0, "mine")
    window = Editor("Ben", ben.seen)
    ann.exclude(1)
    with ben.by(window):
        with pytest.raises(CurationConflictError, match="undo would now be of “exclude concept 1”"):
            ben.undo()
        assert [e.action for e in ben.history()] == ["fit", "rename", "exclude"]
        ben.pin(2, 1.0)  # touches nothing of Ann's, and is one's own to undo
        assert ben.undo().action == "pin"
        assert ben.redo().action == "pin"
        assert ben.undo().action == "pin"
        with pytest.raises(CurationConflictError):
            ben.undo()
    assert [e.author for e in ben.since(window)] == ["Ann"]
    window.seen = ben.seen
    with ben.by(window):
        assert ben.undo().author == "Ann"  # seen, and said by can_undo
    assert ben.since(window) == []
    ann.undo()
    with ben.by(window), pytest.raises(CurationConflictError, match="“undo: rename concept 0 to “mine””"):
        ben.redo()
    ann.rename(3, "other")
    with ben.by(window), pytest.raises(CurationError, match="nothing to redo"):
        ben.redo()


def test_the_state_of_one_is_that_of_the_other_at_once(two):
    ann, ben = two
    for number in range(3):
        ann.rename(number, f"a{number}")
        ben.pin(number, float(number))
        assert ann.state == ben.state
    assert ann.state.names == {0: "a0", 1: "a1", 2: "a2"} and ann.state.pins == {0: 0.0, 1: 1.0, 2: 2.0}


# ---- in plain words


def test_the_chronicle(two):
    ann, ben = two
    ann.rename(0, "ink", note="green")
    ann.exclude(0, reason="pen")
    ann.rename(0 + 1, "fat")
    ben.undo()
    ann.redo()
    ben.undo()
    ann.relabel("s0.png", 0)
    ann._study.fit(concepts=4)
    ann.rename(0, "new")
    events = ann.chronicle()
    assert [event.text for event in events] == [
        "new fit: 5 concepts, radius 1, fold-change kernel",
        "rename concept 0 to “ink”",
        "exclude ink (pen)",
        "rename concept 1 to “fat”",
        "undo 4: rename concept 1 to “fat”",
        "redo 4: rename concept 1 to “fat”",
        "undo 4: rename concept 1 to “fat”",
        "relabel s0.png as normal",
        "new fit: 4 concepts, radius 1, fold-change kernel",
        "rename concept 0 to “new”",
    ]
    assert [event.status for event in events] == [
        "",
        "ended",
        "ended",
        "undone",
        "",
        "",
        "",
        "stands",
        "",
        "stands",
    ]
    assert [event.about for event in events] == [None, None, None, None, 4, 4, 4, None, None, None]
    assert events[1].record()["note"] == "green" and events[3].record()["undone"] is True
    assert ann.describe(events[9].entry) == "rename concept 0 to “new”"
