"""One study in two windows: each is told of the other's edits.

And none is taken back or overwritten unseen.
"""

import pytest

from prospector_core.study import Study
from tests.pages.app import App


@pytest.fixture
def other(folder):
    """What another program does with the study that the app shows."""
    study = Study.open(folder)
    study.curation.author = "Ben"
    return study


def entries(study):
    return [(entry.action, entry.author) for entry in study.curation.history()][1:]


def toasts(app):
    return " ".join(toast.value for toast in app.at.toast).replace("\\", "")  # as it reads, without escapes


def test_an_edit_of_what_another_has_just_edited_is_told(other):
    app = App("concepts")
    app.at.session_state["author"] = "Ann"
    app.run()
    other.curation.rename(2, "dermis")
    app.field("name_2").set_value("epidermis").run()  # typed over what was shown before
    app.sound()
    assert "not done: Ben has edited since (edit 2," in toasts(app) and "look at it" in toasts(app)
    assert entries(other) == [("rename", "Ben")]
    assert app.field("name_2").value == "dermis"
    app.field("name_2").set_value("epidermis").run()  # now that it was seen
    assert other.concept_name(2) == "epidermis" and entries(other)[-1] == ("rename", "Ann")


def test_an_edit_of_something_else_passes_and_one_hears_of_the_other(other):
    app = App("concepts").open("exclude_4")
    other.curation.rename(2, "dermis")
    app.press("exclude_4")
    assert 4 in other.curation.state.excluded and other.concept_name(2) == "dermis"
    assert "An edit was made elsewhere: rename concept 2" in toasts(app)
    app.press("include_4")
    app.open("exclude_4").press("exclude_4")  # one's own edits are no one else's
    assert "elsewhere" not in toasts(app)


def test_undo_does_not_take_back_what_was_not_seen(other):
    app = App("concepts").open("exclude_4").press("exclude_4")
    other.curation.rename(2, "dermis")
    app.press("undo")
    assert "undo would now be of" in toasts(app) and other.concept_name(2) == "dermis"
    assert "(made by Ben)" in app.at.button(key="undo").help
    app.press("undo")
    assert other.concept_name(2) == "concept 2" and 4 in other.curation.state.excluded


def test_a_window_says_that_another_one_edited_or_refitted(other):
    app = App("kernel")
    assert not app.has_button("reload")
    seen = app.at.session_state["drawing"]
    other.curation.rename(2, "dermis")
    other.curation.exclude(3)
    from pages import editing as session

    assert [entry.id for entry in other.curation.since(session.Editor(seen=seen[0]))] == [2, 3]
    told = session._told(other, other.curation.history()[1:])
    assert told == "2 edits were made elsewhere, the last: exclude concept 3 (Ben)."
    app.run()
    assert told in toasts(app) and app.at.session_state["drawing"][0] == 3
    other.refit()
    assert session._fit_id(other) != app.at.session_state["drawing"][1]
