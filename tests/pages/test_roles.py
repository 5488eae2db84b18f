"""Roles on a server, below the pages.

What a viewer may not is refused wherever it is asked for, and what was done is on record.
"""

import pytest

from pages import jobs, shared
from prospector_core.errors import AccessError, ProspectorError
from prospector_core.server import read_record
from prospector_core.study import Study
from tests.pages.app import App
from viewers.access import session as access
from viewers.access.person import Person

SETTINGS = """
address = "https://prospector.example.org"
studies = ["studies"]

[proxy]
addresses = ["10.0.0.1"]
user_header = "X-Remote-User"

[[study]]
folder = "skin"
viewers = ["ben"]
editors = ["anna"]

[[study]]
folder = "anna-*"
editors = ["anna"]
"""


@pytest.fixture
def people(folder, monkeypatch):
    """A function that lets somebody sit at this session.

    Beside the study there is a second that nobody may open.
    """
    settings = folder.parents[1] / "server.toml"
    settings.write_text(SETTINGS)
    (folder.parent / "other").symlink_to(folder)
    monkeypatch.setenv("PROSPECTOR_SETTINGS", str(settings))
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(folder.parent))

    def sits(name):
        monkeypatch.setattr(access, "person_here", lambda: Person(name, how="proxy") if name else None)

    sits("anna")
    return sits


def record(folder):
    return [(line.who, line.what, line.study) for line in read_record(folder.parent / "record.sqlite")]


def refused_ways(study):
    """Every way by which a session writes to a study."""
    edits = study.curation
    yield lambda: edits.rename(0, "x")
    yield lambda: edits.recolour(0, "#112233")
    yield lambda: edits.exclude(1, reason="x")
    yield lambda: edits.merge([1, 2], into=1)
    yield lambda: edits.relabel(study.data[0].uid, 1)
    yield lambda: edits.pin(1, weight=0.5)
    yield edits.undo
    yield study.refit
    yield lambda: study.fit(study.settings)
    yield lambda: study.queue.add([study.data[0].uid])
    yield lambda: study.queue.pause()
    yield lambda: study.queue.cancel(study.data[0].uid)
    yield lambda: jobs.embed(study, [study.data[0].uid])
    yield lambda: study.database.write_meta("name", "x")


@pytest.mark.parametrize("name", ["ben", "carl", None])
def test_who_may_not_edit_changes_nothing_whatever_way_they_take(people, folder, name):
    before = sorted((folder / "fits").rglob("*")), (folder / "study.sqlite").stat().st_size
    Study.open(folder).curation.rename(0, "first")  # so that there is something to undo
    people("anna")
    study = shared.open_study(folder)
    last, fit = study.curation.seen, study.view.id
    people(name)
    for way in refused_ways(study):
        with pytest.raises(AccessError):
            way()
    people("anna")
    assert study.curation.seen == last and study.view.id == fit
    assert before[0] == [path for path in sorted((folder / "fits").rglob("*")) if path in before[0]]
    assert not {"edited", "fitted"} & {what for _, what, _ in record(folder)}
    assert (name or "", "refused", "skin") in record(folder)
    shared.open_study(folder).curation.rename(1, "by an editor")  # who may, can


def test_an_editors_edit_is_in_their_name_whatever_the_session_says(people, folder):
    app = App("concepts")
    app.at.session_state["author"] = "someone else"
    app.field("name_0").set_value("stratum").run()
    app.sound()
    entry = Study.open(folder).curation.history()[-1]
    assert (entry.author, entry.payload["name"]) == ("anna", "stratum")
    assert ("anna", "edited", "skin") in record(folder) and ("anna", "opened", "skin") in record(folder)


def test_a_viewer_sees_all_and_is_told_why_nothing_can_be_edited(people, folder):
    people("ben")
    app = App("concepts")
    assert "not edit it" in app.text
    assert app.field("name_0").disabled
    assert all(
        button.disabled for button in app.at.button if button.label in ("Undo", "Redo", "Refit", "Merge")
    )
    app.go("datum")
    assert app.viewer()["marking"] is None
    app.go("study")
    assert app.button("Find concepts and fit").disabled


def test_a_request_that_a_viewer_made_up_is_refused(people, folder):
    """A browser may send what its page does not offer.

    The widget of an editor's page, from a viewer's session.
    """
    app = App("concepts")
    people("ben")
    app.field("name_0").set_value("made up").run()
    app.sound()
    assert "not edit it" in app.text
    assert [entry.action for entry in Study.open(folder).curation.history()] == ["fit"]


def test_who_has_no_role_finds_no_study_by_any_way(people, folder):
    people("carl")
    app = App("study")
    assert "Welcome" in app.text and "**Skin**" not in app.text
    assert "Studies on this machine" not in [box.label for box in app.at.selectbox]
    said = set()
    for path in (
        folder,
        folder.parent / "none",
        folder.parent / "other",
        folder.parent / "x" / ".." / "skin",
        "/",
    ):
        with pytest.raises(AccessError) as error:
            shared.choose_study(path)
        said.add(str(error.value))
    assert len(said) == 1
    people("anna")
    assert "skin" in shared.known_studies()


def test_new_studies_are_made_under_names_that_a_rule_gives(people, folder, monkeypatch):
    from pages.making import make_study
    from viewers.kinds.parts import NewStudy

    made = []
    monkeypatch.setattr("pages.making.Study.create", lambda folder, **_: made.append(folder))
    monkeypatch.setattr("pages.making.shared.say_error", lambda error: made.append(str(error)))
    make_study(NewStudy("ben's", None, "making", {"documents": "x"}))
    assert len(made) == 1 and "not edit it" in made[0]


def test_a_record_that_cannot_be_written_is_said_and_loses_no_edit(people, folder):
    (folder.parent / "record.sqlite").mkdir()
    app = App("concepts")
    app.field("name_0").set_value("kept").run()
    app.sound()
    assert "record could not be written" in app.text
    assert Study.open(folder).curation.history()[-1].payload["name"] == "kept"


def test_what_is_saved_is_on_record_and_not_after_the_login_has_ended(people, folder, monkeypatch):
    study = Study.open(folder)
    make = access.exported(study, "figure", lambda: b"PNG")
    assert make() == b"PNG" and ("anna", "exported", "skin") in record(folder)
    monkeypatch.setattr("viewers.access.server.Server.still", lambda self, person: False)
    with pytest.raises(ProspectorError, match="log in again"):
        make()


def test_without_settings_the_owner_may_do_all_and_nothing_is_recorded(folder, monkeypatch):
    monkeypatch.delenv("PROSPECTOR_SETTINGS", raising=False)
    App("concepts").field("name_0").set_value("mine").run()
    assert Study.open(folder).curation.history()[-1].payload["name"] == "mine"
    assert not (folder.parent / "record.sqlite").exists()
