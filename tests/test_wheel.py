"""What a wheel holds, built without network from a copy of the tree."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = {
    "prospector_core": "prospector_core",
    "viewers": "viewers",
    "pages": "prospector_app/pages",
    "sample_data": "prospector_app/sample_data",
}
NOT_SHIPPED = {".sh"}  # the script that fetches vendored files


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Names of the files in the wheel."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("needs setuptools 77: pip install -U setuptools")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for folder in (*SHIPPED, "benchmarks", "tests/golden"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("app.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree / file)
    command = [
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--quiet",
        "-w",
        out,
        tree,
    ]
    done = subprocess.run([sys.executable, "-m", "pip", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        yield set(archive.namelist())


def test_what_a_wheel_puts_beside_packages_of_others(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "prospector_core",
        "viewers",
        "prospector_app",
    }


@pytest.mark.parametrize("folder", SHIPPED)
def test_a_wheel_has_every_file_of_ours(folder, names):
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and path.suffix not in NOT_SHIPPED and "__pycache__" not in path.parts:
            assert f"{SHIPPED[folder]}/{path.relative_to(ROOT / folder).as_posix()}" in names


def test_a_wheel_has_the_app_and_no_benchmarks(names):
    assert "prospector_app/app.py" in names and "prospector_app/setup.py" not in names
    assert not any("benchmarks" in name or "tests" in name for name in names)
