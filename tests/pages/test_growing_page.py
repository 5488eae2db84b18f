"""The Study page where a study grows: the difference is shown first, then applied."""

import json
import shutil

import pytest

from prospector_core.study import Study
from tests.pages.app import App
from tests.support.text_studies import make_text_study, texts


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    study = make_text_study(tmp_path_factory.mktemp("texts"))
    study.database.close()
    return study.path


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "study")
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(tmp_path / "study"))
    monkeypatch.setattr("pages.jobs.worker.start", lambda *path, **author: None)
    return Study.open(tmp_path / "study")


LINES = "\n".join(
    json.dumps({"id": f"new {n}", "text": texts()[n], "label": ("no", "yes")[n]}) for n in range(2)
)


def changes(app):
    """What is shown of the difference: list of (what, name, now, then)."""
    tables = [each.value for each in app.at.dataframe if list(each.value.columns)[:1] == ["what"]]
    return [tuple(row) for table in tables for row in table.values.tolist()]


def test_a_file_is_looked_at_then_added_and_queued(study, tmp_path):
    (tmp_path / "more.jsonl").write_text(LINES)
    app = App("study").sound()
    next(each for each in app.at.text_input if each.label.startswith("File or folder of new")).set_value(
        str(tmp_path / "more.jsonl")
    )
    app.press("Look")
    assert changes(app) == [("new", "new 0", "", "no"), ("new", "new 1", "", "yes")]
    assert len(study.data) == 8 and not app.errors
    app.press("grow_apply")
    assert [datum.name for datum in study.data][8:] == ["new 0", "new 1"] and not changes(app)
    assert {job.uid for job in study.queue.jobs()} >= {datum.uid for datum in study.data[8:]}
    assert not app.errors and study.curation.can_undo().action == "add"


def test_dropped_files_are_kept_beside_the_study_and_never_written_over(study, tmp_path):
    app = App("study")
    app.at.file_uploader(key="grow_files").upload("more.jsonl", LINES.encode(), "application/json")
    app.press("Look")
    kept = tmp_path / "study-files" / "more.jsonl"
    assert len(changes(app)) == 2 and kept.read_text() == LINES
    kept.write_text("another")
    app.press("Look")
    assert "is there already, with other content" in app.errors[0] and kept.read_text() == "another"


def test_a_table_is_compared_and_applied_with_undo(study):
    rows = [f"case {n},{('no', 'yes')[n % 2]}" for n in range(1, 8)]
    table = "\n".join(["id,label", *rows]).replace("case 1,yes", "case 1,no")
    app = App("study")
    app.at.file_uploader(key="grow_table").upload("now.csv", table.encode(), "text/csv")
    app.press("Look")
    assert changes(app) == [("corrected", "case 1", "yes", "no"), ("gone", "case 0", "no", "")]
    app.press("grow_apply")
    assert study.datum("case 1").label == 0 and len(study.data) == 7
    study.curation.undo()
    study.curation.undo()
    assert study.datum("case 1").label == 1 and len(study.data) == 8


def test_what_is_wrong_is_one_line(study):
    app = App("study")
    app.press("Look")
    assert any("Name a folder" in each.value for each in app.at.warning)
    app.at.file_uploader(key="grow_table").upload("now.csv", b"id,label\ncase 1,perhaps\n", "text/csv")
    app.press("Look")
    assert len(app.errors) == 1 and "perhaps" in app.errors[0] and len(study.data) == 8
