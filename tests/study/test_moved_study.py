"""A study whose folder was moved, removed or replaced while it is open.

One line says so, and nothing appears at its old place.
"""

import shutil

import pytest

from prospector_core.errors import StudyError
from prospector_core.exporters import export
from prospector_core.study import Study
from prospector_core.study.embed import work_on_queue
from tests.support.study_files import MeanColour, make_study

GONE = r"the study's folder is no longer at .*study: open it where it is now$"
ANOTHER = r"another study is at .*study now, in place of the one that was opened"

ACTIONS = {
    "refit": lambda study, _: study.refit(),
    "fit": lambda study, _: study.fit(concepts=3),
    "edit": lambda study, _: study.curation.rename(0, "ink"),
    "undo": lambda study, _: study.curation.undo(),
    "preview": lambda study, _: study.preview(lambda curation: curation.exclude(1)),
    "prospect": lambda study, _: study.prospect(study.datum("s1.png")),
    "explain": lambda study, _: study.explain("s1.png", 0),
    "save maps": lambda study, _: study.save_maps(),
    "export": lambda study, folder: export(study, "csv", folder),
    "embed": lambda study, _: study.embed(encoder=MeanColour(), anew=True),
    "work": lambda study, _: work_on_queue(study, encoder=MeanColour()),
    "queue": lambda study, _: study.queue.add(["d" + "0" * 14]),
    "at work": lambda study, _: study.queue.at_work(),
    "atlas": lambda study, _: study.atlas(50),
    "data": lambda study, _: study.embedded(),
    "store": lambda study, _: study.store.uids(),
    "write": lambda study, _: study.store.write("d" + "0" * 14, *_vectors()),
    "counts": lambda study, _: study.evidence(),
    "history": lambda study, _: study.curation.chronicle(),
    "split": lambda study, _: study.curation.split(0),
}


def _vectors():
    import numpy as np

    return np.ones((3, 6), np.float32), np.arange(6).reshape(3, 2)


def move(study):
    study.path.rename(study.path.with_name("elsewhere"))


def remove(study):
    shutil.rmtree(study.path)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("happens", [move, remove])
@pytest.mark.parametrize("known", [True, False], ids=["used before", "just opened"])
def test_every_action_says_that_the_folder_is_no_longer_there(tmp_path, action, happens, known):
    study = make_study(tmp_path, fit={})
    if known:
        study.curation.exclude(1)
        study.prospect(study.data[0])
        study.queue.jobs()
    happens(study)
    out = tmp_path / "out"
    with pytest.raises(StudyError, match=GONE):
        ACTIONS[action](study, out)
    assert not study.path.exists()


@pytest.mark.parametrize("action", [name for name in ACTIONS if name not in ("store", "write")])
def test_an_action_on_a_study_that_another_has_replaced_touches_neither(tmp_path, action):
    study = make_study(tmp_path / "one", fit={})
    study.curation.exclude(1)
    other = make_study(tmp_path / "two", fit={"radius": 0})
    other.database.close()
    shutil.rmtree(study.path)
    shutil.copytree(other.path, study.path)
    before = content(study.path)
    with pytest.raises(StudyError, match=ANOTHER):
        ACTIONS[action](study, tmp_path / "out")
    assert content(study.path) == before


def test_only_the_database_was_put_in_place_of_the_former(tmp_path):
    study = make_study(tmp_path, fit={})
    shutil.copy(study.path / "study.sqlite", tmp_path / "kept.sqlite")
    (tmp_path / "kept.sqlite").replace(study.path / "study.sqlite")
    with pytest.raises(StudyError, match=ANOTHER):
        study.curation.rename(0, "ink")
    assert Study.open(study.path).curation.history()[-1].action == "fit"


def test_the_folder_goes_while_counts_are_computed(tmp_path, monkeypatch):
    study = make_study(tmp_path, fit={})
    study.curation.exclude(1)
    from prospector_core.study import cached_counts as counts

    count = counts.count_concepts

    def move_and_count(*arguments):
        if study.path.exists():
            move(study)
        return count(*arguments)

    monkeypatch.setattr(counts, "count_concepts", move_and_count)
    monkeypatch.setattr(
        counts, "recount", lambda graph, sprite, k, radius, *rest: move_and_count(graph, sprite, k, radius)
    )
    with pytest.raises(StudyError, match=GONE):
        study.refit()
    assert not study.path.exists()
    moved = Study.open(tmp_path / "elsewhere")
    assert moved.curation.history()[-1].action == "exclude"
    assert moved.refit().after.id == 2


def content(folder):
    return {
        file: file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith("-shm")
    }
