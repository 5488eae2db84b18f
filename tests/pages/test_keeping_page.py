"""The Study page says when the last backup was, and asks before an address is used that the study brought."""

from prospector_core.study import Study
from prospector_core.study.backup import back_up
from tests.pages.app import App
from tests.pages.conftest import change


def test_the_last_backup_is_said(folder, tmp_path):
    app = App("study")
    assert "No backup yet" in app.text and "prospector backup" in app.text
    study = Study.open(folder)
    back_up(study, tmp_path / "backup")
    assert "Last backup: " in app.run().text and "no edits since" in app.text
    study.curation.rename(0, "stroma")
    assert "1 edit since" in app.run().text and "list of names" not in app.text
    change(folder, "DELETE FROM meta WHERE key = 'secret'")
    assert "list of names" in app.run().text


def test_an_address_that_the_study_brought_is_asked_about(folder, tmp_path, monkeypatch):
    """The page stands, shows the address, and nothing is asked of it before the button."""
    opened = []
    monkeypatch.setenv("PROSPECTOR_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setattr(
        "prospector_core.study.embeddings_address.open_store",
        lambda *where: opened.append(where) or local_store(where[0]),
    )
    change(folder, "INSERT INTO meta VALUES ('store', ?)", '"s3://bucket-of-others/x"')
    app = App("study")
    assert not opened and not app.errors and app.at.code[0].value == "s3://bucket-of-others/x"
    assert len(app.at.dataframe[0].value) == 11 and "The app has not connected to that place" in app.text
    app.go("datum")
    assert not opened and any("prospector trust" in said for said in app.errors)
    app.go("study").press("allow_address")
    assert opened and opened[0][1] == "s3://bucket-of-others/x" and not app.has_button("allow_address")
    assert not app.go("datum").errors and app.viewer()


def test_a_kind_of_address_that_is_not_used_has_no_button(folder):
    change(folder, "INSERT INTO meta VALUES ('store', ?)", '"http://127.0.0.1:1/x"')
    app = App("study")
    assert any("not used here" in said for said in app.errors) and not app.has_button("allow_address")
    assert len(app.at.dataframe[0].value) == 11


def local_store(folder):
    from prospector_core.store.embeddings import EmbeddingStore

    return EmbeddingStore(folder)
