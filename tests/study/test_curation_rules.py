"""Edits, rule by rule: what is still allowed, what no more, and what is written down. No refit: quick."""

import numpy as np
import pytest

from prospector_core.errors import CurationError
from prospector_core.study.views import class_index
from tests.support.study_files import PITCH, K, make_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("rules"), fit={})


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Of three classes."""
    return make_study(tmp_path_factory.mktemp("several"), labels=(0, 0, 0, 1, 1, 1, 2, 2, 2), fit={})


@pytest.fixture
def edit(made):
    """The curation of the study; what a test edits is undone after it."""
    before = made.curation.seen
    yield made.curation
    for _ in range(made.curation.seen - before):
        if made.curation.can_undo():
            made.curation.undo()
    assert not made.curation.state.layer_two()[0] and not made.curation.state.names


def last(curation):
    return curation.history()[-1]


def test_names_have_up_to_sixty_characters_and_are_each_concepts_own(edit):
    edit.rename(0, "x" * 60)
    assert last(edit).payload == {"concept": 0, "name": "x" * 60}
    edit.rename(0, "x" * 60)  # its own name again
    edit.rename(0, "Epidermis")
    with pytest.raises(CurationError, match="concept 0 is already called 'EPIDERMIS'"):
        edit.rename(1, "EPIDERMIS")
    edit.exclude(0)
    edit.rename(1, "epidermis")  # a name of what is excluded is free
    with pytest.raises(CurationError, match="concept 0 is excluded"):
        edit.rename(0, "other")


def test_merging_and_excluding(edit):
    with pytest.raises(CurationError, match="at least two"):
        edit.merge([], into=1)
    edit.merge([2], into=1)
    assert last(edit).payload == {"concepts": [1, 2], "into": 1}
    with pytest.raises(CurationError, match="concept 2 has been merged into 1"):
        edit.merge([0, 2], into=0)
    for concept in (0, 3):
        edit.exclude(concept, reason="ink")
    assert last(edit).payload == {"concept": 3, "reason": "ink"}
    edit.exclude(4)
    with pytest.raises(CurationError, match="concept 1 is the last one left"):
        edit.exclude(1)
    edit.include(3)
    with pytest.raises(CurationError, match="concept 3 is not excluded"):
        edit.include(3)


def test_weights_that_can_be_pinned(edit):
    for weight in (999_999.0, -999_999.0, 0, None):
        edit.pin(1, weight)
        assert last(edit).payload == {"concepts": [1], "weight": weight}
    edit.pin([3, 0], 1)
    assert last(edit).payload == {"concepts": [0, 3], "weight": 1.0}
    for weight in (1e6, -1e6, np.nan):
        with pytest.raises(CurationError, match="between -1000000 and 1000000"):
            edit.pin(1, weight)
    for concepts in ((), (0, 1, 2)):
        with pytest.raises(CurationError, match="one concept or a pair"):
            edit.pin(concepts, 1.0)
    with pytest.raises(CurationError, match=f"there is no concept {K}"):
        edit.pin((0, K), 1.0)


def test_colours_are_six_digits(edit):
    edit.recolour(1, "#ABCdef")
    assert last(edit).payload == {"concept": 1, "colour": "#abcdef"}
    for colour in ("#abcde", "#abcdeff", "abcdef", "#ghijkl", "url(http://x)", None):
        with pytest.raises(CurationError, match="write it as #rrggbb"):
            edit.recolour(1, colour)
    with pytest.raises(CurationError, match="no concept 9"):
        edit.recolour(9, "#000000")


def test_tokens_that_can_be_moved(made, edit):
    n = made.n_tokens(made.data[0])
    edit.reassign("s0.png", [n - 1, 0, 0], 1)
    assert last(edit).payload == {"datum": made.data[0].uid, "tokens": [0, n - 1], "concept": 1}
    for tokens in ([n], [-1], []):
        with pytest.raises(CurationError, match=f"s0.png has tokens 0..{n - 1}"):
            edit.reassign("s0.png", tokens, 1)


def test_regions_that_can_be_marked(made, edit):
    uid, n = made.data[0].uid, made.n_tokens(made.data[0])
    edit.annotate("s0.png", [3, 1, 3], "for")
    assert last(edit).payload == {
        "parts": [{"datum": uid, "tokens": [1, 3]}],
        "polygon": None,
        "evidence": "for",
        "weight": 1.0,
    }
    side = 4 * PITCH
    edit.annotate("s0.png", [(0, 0), (side, 0), (side, side), (0, side)], "against", weight=0.5)
    positions = made.grid(made.data[0])["positions"]
    inside = np.flatnonzero((positions < 4).all(axis=1)).tolist()
    payload = last(edit).payload
    assert payload["parts"] == [{"datum": uid, "tokens": inside}] and payload["weight"] == 0.5
    assert payload["polygon"] == [[0, 0], [side, 0], [side, side], [0, side]]
    for region in (
        [(0, 0), (side, side)],
        [0.5, 1.5],
        [],
        [[1, 2, 3]] * 3,
        [(0, 0), (9, np.nan), (9, 9)],
        [[[0, 0]]],
    ):
        with pytest.raises(CurationError, match="at least 3 points"):
            edit.annotate("s0.png", region, "for")
    for region in ([n], [-1], [(9000, 9000), (9001, 9000), (9001, 9001)]):
        with pytest.raises(CurationError, match="holds no token of s0.png"):
            edit.annotate("s0.png", region, "for")
    for weight in (0, -1, 1e6, np.nan):
        with pytest.raises(CurationError, match="must be a positive number"):
            edit.annotate("s0.png", [1], "for", weight=weight)
    with pytest.raises(CurationError, match="not \"perhaps\"|not 'perhaps'"):
        edit.annotate("s0.png", [1], "perhaps")
    with pytest.raises(CurationError, match="at least 3 points"):
        edit.annotate(["s0.png", "s1.png"], [1], "for")  # ids of tokens belong to one datum
    with pytest.raises(CurationError, match="there is one kernel"):
        edit.annotate("s0.png", [1], "for", target=0)
    entry = last(edit).id
    edit.withdraw(entry)
    with pytest.raises(CurationError, match=f"no region that was marked in entry {entry}"):
        edit.withdraw(entry)


def test_a_split_has_two_to_twenty_parts(edit):
    for into in (1, 21):
        with pytest.raises(CurationError, match=f"2 to 20 parts, not {into}"):
            edit.split(0, into)
    edit.split(0, into=3)
    payload = last(edit).payload
    assert payload["ids"] == [0, K, K + 1] and payload["concept"] == 0 and "leaves" not in payload
    edit.rename(K + 1, "part")
    with pytest.raises(CurationError, match=rf"no concept {K + 2}: concepts are 0..{K + 1}"):
        edit.rename(K + 2, "part")
    with pytest.raises(CurationError, match="not branches of a tree"):
        edit.merge_up(0)


def test_a_familys_composition_is_kept_to_four_digits(edit):
    edit.name_family([0.50004, 0.4993, 0.0004, 0.0005, 0], "  a   b ")
    assert last(edit).payload == {"composition": {"0": 0.5, "1": 0.4993, "3": 0.0005}, "name": "a b"}
    edit.name_family({2: 1.0}, "x" * 60)
    edit.name_family({2: 1.0}, "")
    assert [name for _, name in edit.state.families] == ["a b"]
    with pytest.raises(CurationError, match="no concept 7"):
        edit.name_family({7: 1.0}, "x")


def test_who_and_why_are_written_down_and_cut(edit):
    edit.author = "  Ada   " + "x" * 80
    edit.relabel("s0.png", 0, note=" because \n" + "y" * 3000)
    entry = last(edit)
    assert entry.author == ("Ada " + "x" * 80)[:60] and entry.note == ("because " + "y" * 3000)[:2000]
    with edit.by(note="the reason"):
        edit.relabel("s0.png", None)
        assert last(edit).note == "the reason"
        edit.relabel("s0.png", 1, note="another")
        assert last(edit).note == "another"
    edit.author = " "
    edit.relabel("s0.png", 1)
    assert last(edit).note == "" and last(edit).author not in ("", "Ada")
    for label in (2, -1, "x"):
        with pytest.raises(CurationError, match="a label is 0, 1 or None|a label is 0, 1"):
            edit.relabel("s0.png", label)


def test_what_can_be_undone_and_what_is_pending(made, edit):
    assert not edit.pending()
    edit.rename(0, "a")
    assert not edit.pending() and edit.can_undo().payload["name"] == "a" and edit.can_redo() is None
    edit.exclude(1)
    assert edit.pending() and edit.undo().action == "exclude" and not edit.pending()
    assert edit.can_redo().action == "exclude" and edit.redo().action == "exclude"
    with pytest.raises(CurationError, match="nothing to redo"):
        edit.redo()
    assert edit.seen == edit.history()[-1].id


def test_of_several_classes_an_edit_says_which(several):
    edit = several.curation
    edit.pin(1, 0.5)
    assert "target" not in last(edit).payload
    edit.pin(1, 0.5, target="ulcer")
    assert last(edit).payload["target"] == class_index(several, "ulcer")
    edit.annotate("s0.png", [1], "ignore")
    assert "target" not in last(edit).payload
    edit.annotate("s0.png", [1], "against", target=2)
    assert last(edit).payload["target"] == 2
    for label in (0, 1, 2, None):
        edit.relabel("s0.png", label)
    with pytest.raises(CurationError, match="0, 1, 2 or None"):
        edit.relabel("s0.png", 3)
