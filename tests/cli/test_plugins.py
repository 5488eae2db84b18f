"""The package of docs/extending.md, really installed by pip.

And found by the command line in new processes; beside it one that is broken.
"""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import FitError

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BROKEN = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "prospector-broken"
version = "0.3"
[tool.setuptools]
py-modules = ["broken_plugin"]
[project.entry-points."prospector.readers"]
away = "broken_plugin:not_there"
[project.entry-points."prospector.feature_encoders"]
odd = "broken_plugin.deeper:Odd"
[project.entry-points."prospector.quantizers"]
crooked = "broken_plugin:Crooked"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder with both packages, and an environment in which they are installed."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("needs setuptools 77: pip install -U setuptools")
    folder = tmp_path_factory.mktemp("plugins")
    good, bad = folder / "extra", folder / "broken"
    for each in (good, bad):
        each.mkdir()
    for kind, block in FENCE.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8")):
        name = "pyproject.toml" if kind == "toml" else re.match(r"# (\w+\.py)\n", block)[1]
        (good / name).write_text(block, encoding="utf-8")
    (bad / "pyproject.toml").write_text(BROKEN)
    (bad / "broken_plugin.py").write_text("Crooked = 7  # no maker\n")
    command = [
        "install",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *command, "--target", folder / "site", good, bad],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT)])}


def run(installed, *arguments, code=0):
    """A command in a new process: (stdout, stderr)."""
    folder, environment = installed
    done = subprocess.run(
        [sys.executable, "-m", "prospector_core", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout, done.stderr


def test_encoder_reader_and_quantizer_of_a_package_make_a_study_and_a_broken_one_is_a_line(installed):
    folder, _ = installed
    rng = np.random.default_rng(1)
    spots = {
        f"s{n}": np.c_[rng.uniform(0, 99, (40, 2)), rng.normal(n % 2 * 2, 1, (40, 4))].tolist()
        for n in range(6)
    }
    (folder / "cells").mkdir()
    (folder / "cells" / "all.spots").write_text(json.dumps(spots))
    (folder / "labels.csv").write_text("sample,label\n" + "".join(f"s{n},{'ab'[n % 2]}\n" for n in range(6)))
    _, said = run(
        installed, "new", "study", "--cells", "cells", "--labels", "labels.csv", "--encoder", "ranks"
    )
    (warning,) = [line for line in said.splitlines() if "warning" in line]
    assert (
        "prospector-broken 0.3" in warning
        and "entry point away (prospector.readers)" in warning
        and "not_there" in warning
    )
    run(installed, "embed", "study")
    run(installed, "fit", "study", "--concepts", 4, "--quantizer", "farthest")
    _, said = run(installed, "fit", "study", "--quantizer", "crooked", code=2)
    assert len(said.splitlines()) == 1 and "crooked" in said
    _, said = run(
        installed, "new", "other", "--cells", "cells", "--labels", "labels.csv", "--encoder", "odd", code=2
    )
    (line,) = [line for line in said.splitlines() if "warning" not in line]
    assert (
        "prospector-broken 0.3" in line
        and "odd (prospector.feature_encoders)" in line
        and not (folder / "other").exists()
    )
    # without the package the study is read, and says what a new fit needs
    study = Study.open(folder / "study")
    assert (study.store.vectors(study.data[0].uid).shape, study.prospect("s1").shape) == ((40, 3), (40,))
    assert study.settings.quantizer == "farthest" and study.embedding["encoder"] == "ranks"
    with pytest.raises(FitError, match="no quantizer 'farthest'"):
        study.fit(study.settings)


def test_slides_and_tiles_of_a_package(installed):
    folder, environment = installed
    pixels = np.random.default_rng(0).integers(0, 200, (300, 400, 3), dtype=np.uint8)
    np.save(folder / "slide.npy", pixels)
    code = (
        "import json\nfrom prospector_core.modalities.slides.encoders import Encoder, get_encoder,"
        " list_encoders\nfrom prospector_core.modalities.slides.readers import open_slide\nslide, encoder ="
        " open_slide('slide.npy'), get_encoder('mean-colour', threads=2)\ntile = slide.read_scaled(0, 0, 64,"
        " 64, encoder.input_size, encoder.input_size)\nvectors ="
        " encoder.encode(tile[None])\nprint(json.dumps([isinstance(encoder, Encoder), 'mean-colour' in"
        " list_encoders(), slide.width, vectors.shape,\n                  str(vectors.dtype),"
        " encoder.record()['name'], slide.read_region(390, 5, 20, 1)[0, :, 0].tolist()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "PluginWarning" in done.stderr and "prospector-broken 0.3" in done.stderr
    *rest, row = json.loads(done.stdout)
    assert rest == [True, True, 400, [1, 3], "float32", "mean-colour"]
    assert row == [*pixels[5, 390:, 0].tolist(), *[255] * 10]  # white outside the slide
