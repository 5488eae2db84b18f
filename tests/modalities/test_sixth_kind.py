"""A sixth kind of data: the time series of docs/extending.md, installed as a package beside Prospector.

Nothing of Prospector is changed for it: commands, answers of ``study.kind`` and exports come by themselves.
"""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from prospector_core import Study
from prospector_core.errors import BadInputError, CurationError, StudyVersionError
from prospector_core.exporters import export, format_names
from prospector_core.modalities import modality_names, modality_of

ROOT = Path(__file__).resolve().parents[2]
WINDOW, WINDOWS = 16, 12
POINTS = """[prospector.modalities]
series = time_series:Series
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder with a package of the kind, as pip leaves it, and data: in half of them a burst of noise."""
    folder = tmp_path_factory.mktemp("series")
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(# time_series\.py\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    site = folder / "site"
    (site / "time_series-1.0.dist-info").mkdir(parents=True)
    (site / "time_series.py").write_text(code, encoding="utf-8")
    (site / "time_series-1.0.dist-info" / "METADATA").write_text("Name: time-series\nVersion: 1.0\n")
    (site / "time_series-1.0.dist-info" / "entry_points.txt").write_text(POINTS)
    (folder / "data").mkdir()
    random, rows, truth = np.random.default_rng(7), ["file,label"], ["datum,token,truth"]
    for number in range(16):
        samples = random.normal(0, 0.1, WINDOW * WINDOWS)
        burst = 3 + number % 6
        if number % 2:
            samples[burst * WINDOW : (burst + 3) * WINDOW] += random.normal(0, 3, 3 * WINDOW)
        np.savetxt(folder / "data" / f"r{number:02d}.csv", samples)
        rows.append(f"r{number:02d}.csv,{'burst' if number % 2 else 'quiet'}")
        inside = range(burst, burst + 3) if number % 2 else ()
        truth += [f"r{number:02d}.csv,{token},{int(token in inside)}" for token in range(WINDOWS)]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    (folder / "truth.csv").write_text("\n".join(truth) + "\n")
    return folder


def run(folder, *arguments, code=0):
    """A command in a new process: (stdout, stderr)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "prospector_core", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def made(installed):
    """The study, made, embedded and fitted on the command line."""
    new = "new", "study", "--series", "data", "--labels", "labels.csv", "--positive", "burst"
    said, _ = run(installed, *new, "--window", WINDOW)
    assert "study: 16 data on 16 files; 8 “burst”, 8 “quiet”" in said and "next: prospector embed" in said
    run(installed, "embed", "study")
    run(installed, "fit", "study", "--concepts", 4, "--radius", 1)
    return installed


@pytest.fixture
def study(made, monkeypatch):
    monkeypatch.syspath_prepend(made / "site")
    modality_of.cache_clear()
    yield Study.open(made / "study")
    modality_of.cache_clear()


def test_its_options_are_those_of_the_command_line(installed):
    said, _ = run(installed, "new", "--help")
    assert "--series" in said and "--window" in said and "samples a window" in said
    new = "new", "s", "--labels", "labels.csv"
    _, said = run(installed, *new, "--series", "data", "--mpp", "1", code=2)
    assert "--mpp is not for a study of series" in said
    _, said = run(installed, *new, "--slides", "data", "--window", "8", code=2)
    assert "--window is not for a study of slides" in said
    _, said = run(installed, *new, "--series", "data", "--window", "1", code=2)
    assert "has no trend" in said and not (installed / "s").exists()
    _, said = run(installed, "new", "s", "--series", "data", code=2)
    assert "say where the labels are" in said
    _, said = run(installed, *new, "--series", "data", "--encoder", "ears", code=2)
    assert "no encoder of windows named 'ears'" in said and "moments" in said


def test_every_command_knows_it(made):
    about = json.loads(run(made, "info", "study", "--json")[0])["studies"][0]
    assert (about["kind"], about["data"], about["classes"]) == ("series", 16, ["quiet", "burst"])
    run(made, "prospect", "study")
    run(made, "evaluate", "study", "--truth", "truth.csv", "--shuffles", 0)
    assert list((made / "study" / "evaluation").glob("*.json"))
    run(made, "export", "study", "--format", "csv", "--out", "tables", "--names")
    rows = list(csv.DictReader((made / "tables" / "r01.csv.csv").read_text().splitlines()))
    assert [row["start"] for row in rows] == [str(WINDOW * at) for at in range(WINDOWS)]
    _, said = run(made, "export", "study", "--format", "geojson", code=2)
    assert "geojson is not a format for recordings: choose one of csv, parquet" in said
    run(made, "check", "study")


def test_its_kind_answers_by_itself(study, tmp_path):
    kind = study.kind
    assert kind.words.count(2) == "2 windows" and "series" in modality_names() and "csv" in format_names()
    assert kind.place(study, study.data[0], 2) == {"start": 2 * WINDOW, "end": 3 * WINDOW}
    assert kind.note(study) == "" and kind.given_concepts(study) is None and study.given_concepts() is None
    assert study.under(study.data[0]) is None and not kind.planar and not kind.tiled
    with pytest.raises(BadInputError, match="recordings have no grid"):
        study.grid(study.data[0])
    with pytest.raises(CurationError, match="name the windows by their numbers"):
        study.tokens_inside(study.data[0], [(0, 0), (1, 0), (1, 1)])
    datum, burst = study.datum("r01.csv"), range(4, 7)
    scores = study.prospect(datum)
    assert set(np.argsort(scores)[-3:].tolist()) <= set(range(3, 8)) and scores[list(burst)].mean() > 0
    assert study.regions(datum, scores, 0.0)[0].unit == "tokens"
    assert len(study.atlas(n=20)) == 20
    study.curation.reassign(datum, [0, 1], 2)
    study.refit()
    assert study.concepts_of(datum)[:2].tolist() == [2, 2]
    study.curation.undo()
    (path,) = export(study, "parquet", tmp_path, [datum]).values()
    assert pyarrow.parquet.read_table(path).column("end").to_pylist()[:2] == [WINDOW, 2 * WINDOW]


def test_without_its_package_the_study_says_so(made):
    modality_of.cache_clear()
    with pytest.raises(StudyVersionError, match="study of series.*does not know"):
        Study.open(made / "study")
