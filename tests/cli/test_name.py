"""`prospector name`: the table, --apply, and what it says where there is nothing to compare."""

import json

import pytest

from prospector_core import Study
from prospector_core.modalities.slides import encoders
from tests.support.prompting import TextSide, as_open_clip
from tests.support.study_files import make_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "get_encoder", lambda name: TextSide())
    return as_open_clip(make_study(tmp_path, fit={}))


def test_the_table_and_then_the_names(study, prospector):
    shown = prospector("name", study.path, "--phrases", "kind0, kind1")
    assert (
        shown.returncode == 0
        and "suggested" in shown.stdout
        and "kind1" in shown.stdout
        and "--apply" in shown.stdout
    )
    assert not Study.open(study.path).curation.state.names
    found = json.loads(
        prospector(
            "name", study.path, "--phrases", "kind0,kind1,kind2,kind3,kind4", "--apply", "--json"
        ).stdout
    )
    assert found["applied"] and len(found["concepts"]) == 5 and len(found["concepts"][0]["similarity"]) == 5
    names = Study.open(study.path).curation.state.names
    assert names == {each["concept"]: each["suggested"] for each in found["concepts"]}
    assert sorted(names.values()) == ["kind0", "kind1", "kind2", "kind3", "kind4"]


@pytest.mark.parametrize(
    "phrases, said", [(",", "2 to 60 phrases"), ("x" * 99, "too long")], ids=["none", "long"]
)
def test_phrases_that_cannot_be(study, prospector, phrases, said):
    done = prospector("name", study.path, "--phrases", phrases)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_studies_without_a_text_side_or_a_fit(tmp_path, prospector):
    plain = make_study(tmp_path / "a", fit={})
    done = prospector("name", plain.path)
    assert done.returncode == 2 and "no text side" in done.stderr
    unfitted = as_open_clip(make_study(tmp_path / "b"))
    done = prospector("name", unfitted.path)
    assert done.returncode == 2 and "prospector fit" in done.stderr
