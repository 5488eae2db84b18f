"""`prospector napari`: what is wrong is said in one line, and what is right is handed on."""

import pytest

from prospector_core.cli import main
from tests.support.study_files import make_study


@pytest.fixture
def opened(monkeypatch):
    """What windows would be opened with."""
    from viewers.napari_plugin import start

    found = []
    monkeypatch.setattr(start, "run", lambda study, datum: found.append((study, datum)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    return found


def test_a_study_is_opened_at_a_datum(tmp_path, opened):
    study = make_study(tmp_path, fit={"radius": 1})
    main(["napari", str(study.path), "s3.png"])
    main(["napari"])
    assert opened == [(study.path, study.datum("s3.png").uid), (None, None)]


@pytest.mark.parametrize("what", ["study", "datum", "napari"])
def test_what_is_wrong_is_one_line(what, tmp_path, opened, monkeypatch, capsys):
    study = make_study(tmp_path, fit={"radius": 1})
    arguments = {"study": [str(tmp_path / "none")], "datum": [str(study.path), "s99.png"], "napari": []}[what]
    if what == "napari":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main(["napari", *arguments])
    assert ended.value.code == 2 and not opened
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert {"study": "there is no study", "datum": "no datum 's99.png'", "napari": "requirements-napari.txt"}[
        what
    ] in said
