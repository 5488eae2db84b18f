"""A small real study for the pages: eleven fields of the sample slide, cheap embeddings.

Each test has its own copy.
"""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from prospector_core.study import FitSettings, Study
from sample_data.fields import SLIDE

ROOT = Path(__file__).parents[2]
FIELDS = """slide,name,x,y,width,height,label
{0},field A2,449,0,449,449,no epidermis
{0},field A3,898,0,449,449,no epidermis
{0},field B3,898,449,449,449,epidermis
{0},field B4,1347,449,449,449,epidermis
{0},field C1,0,898,449,449,no epidermis
{0},field C2,449,898,449,449,no epidermis
{0},field C3,898,898,449,449,epidermis
{0},field C4,1347,898,449,449,epidermis
{0},field D2,449,1347,449,449,no epidermis
{0},field D3,898,1347,449,449,epidermis
{0},field E5,1796,1796,424,448,no epidermis
"""


def create(folder, labels=FIELDS, **options):
    """A study of fields of the sample slide; not embedded."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    table = folder.parent / "fields.csv"
    table.write_text(labels.format(SLIDE.name))
    settings = {
        "encoder": "colour-texture",
        "tile": 64,
        "mpp": 0.5,
        "positive": "epidermis",
        "name": "Skin",
        "secret": b"the same numbers in each",
    }
    return Study.create(folder, slides=[SLIDE], labels=table, **{**settings, **options})


def change(folder, sql, *parameters):
    """Write into a study's database past the study."""
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as connection:
        connection.execute(sql, parameters)
        connection.commit()


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """The study that tests copy: embedded and fitted once."""
    folder = tmp_path_factory.mktemp("pristine") / "skin"
    study = create(folder)
    assert not study.embed()
    study.fit(FitSettings(concepts=6, radius=1))
    study.atlas(3000)  # kept in the study: copies need not lay it out again
    study.database.close()
    return folder


THREE = {
    "field A2": "edge",
    "field C1": "edge",
    "field E5": "edge",
}  # of those without epidermis; the others: dermis


@pytest.fixture(scope="session")
def pristine_classes(pristine, tmp_path_factory):
    """The same data in three classes, fitted once: dermis, edge, epidermis."""
    lines = [line.rsplit(",", 1) for line in FIELDS.strip().splitlines()]
    labels = [
        THREE.get(line.split(",")[1], "dermis") if label.startswith("no ") else label
        for line, label in lines[1:]
    ]
    table = "\n".join(
        [",".join(lines[0]), *(f"{line},{label}" for (line, _), label in zip(lines[1:], labels))]
    )
    study = create(
        tmp_path_factory.mktemp("classes") / "skin", table + "\n", positive=None, name="Skin in three"
    )
    shutil.copytree(pristine / "embeddings.zarr", study.path / "embeddings.zarr", dirs_exist_ok=True)
    study = Study.open(study.path)
    study.fit(FitSettings(concepts=6, radius=1))
    study.database.close()
    return study.path


@pytest.fixture
def classes_folder(pristine_classes, tmp_path, monkeypatch):
    """The folder of this test's own study of three classes, which the app opens."""
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    target = copy_study(pristine_classes, tmp_path / "studies" / "skin")
    monkeypatch.setenv("PROSPECTOR_STUDY", str(target))
    return target


def copy_study(source, target):
    """A copy that finds its slide wherever it is."""
    shutil.copytree(source, target)
    change(target, "UPDATE sources SET path = ?", str(SLIDE))
    return target


@pytest.fixture
def folder(pristine, tmp_path, monkeypatch):
    """The folder of this test's own study, which the app opens; its folder of studies holds nothing else."""
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    target = copy_study(pristine, tmp_path / "studies" / "skin")
    monkeypatch.setenv("PROSPECTOR_STUDY", str(target))
    return target


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """No study anywhere. Returns the folder that studies would be made in."""
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path / "studies"))
    monkeypatch.delenv("PROSPECTOR_STUDY", raising=False)
    return tmp_path / "studies"
