"""The command line as a process of its own, and what it is given to read."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]

COMMAND = [sys.executable, "-m", "prospector_core"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def prospector(tmp_path, monkeypatch, capfd):
    """Run `prospector` in the test's folder, in this process (others take seconds to start).

    CompletedProcess.
    """
    from prospector_core.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capfd.readouterr()
        code = 0
        try:
            main(list(map(str, arguments)))
        except SystemExit as left:
            code = left.code or 0
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture
def process(tmp_path):
    """Run `prospector` as a process of its own in the test's folder: CompletedProcess."""

    def run(*arguments, **options):
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            **{"timeout": 120, **options},
        )

    return run


@pytest.fixture
def complaint(prospector):
    """Run what must be refused: exit code 2, nothing on stdout, one line on stderr. Returns that line."""

    def run(*arguments):
        done = prospector(*arguments)
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == ""
        assert (
            done.stderr.startswith("prospector: ")
            and done.stderr.endswith("\n")
            and done.stderr.count("\n") == 1
        ), done.stderr
        return done.stderr.strip()

    return run


def paint(path, seed, purple, side=160):
    """A picture of pink "tissue" with a share of purple patches, 16 pixels per patch."""
    random = np.random.default_rng(seed)
    patches = random.random((side // 16, side // 16)) < purple
    colour = np.where(patches[..., None], (110, 60, 150), (225, 160, 190)).repeat(16, 0).repeat(16, 1)
    Image.fromarray(np.clip(colour + random.normal(0, 8, colour.shape), 0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def slides(tmp_path):
    """Six pictures in `slides` and `labels.csv`.

    P0..p2 "tumour" (some purple), n0..n2 "normal" (hardly any).
    """
    (tmp_path / "slides").mkdir()
    rows = ["slide,label,split"]
    for number in range(3):
        paint(tmp_path / "slides" / f"p{number}.png", number, 0.3)
        paint(tmp_path / "slides" / f"n{number}.png", 10 + number, 0.02)
        rows += [f"p{number}.png,tumour,train", f"n{number}.png,normal,train"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path
