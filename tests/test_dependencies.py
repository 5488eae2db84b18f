"""What is imported is declared, what is declared is imported, and what is pinned is what is declared."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Extras that no test installs: large libraries of models, and stores at other hosts.
NOT_PINNED = {"adlfs", "gcsfs", "open-clip-torch", "timm", "torchvision"}


def declared():
    """{name: Requirement} of dependencies and extras, by canonical names."""
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def pinned(*files):
    """{name: Requirement} of requirements files, by canonical names."""
    lines = [line for file in files for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if re.match(r"\w", line)]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def version_of(requirement):
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", requirement
    return specifier.version


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    done = subprocess.run(
        [sys.executable, "-m", "deptry", "--no-ansi", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-napari.txt"])
def test_what_is_pinned_for_users_is_declared(file):
    for name, requirement in pinned(file).items():
        assert name in declared(), f"{file}: {name}"
        assert declared()[name].specifier.contains(version_of(requirement)), f"{file}: {name}"


def test_what_is_declared_is_pinned():
    files = ["requirements.txt", "requirements-napari.txt", "requirements-test.txt"]
    assert set(declared()) - set(pinned(*files)) == NOT_PINNED


def test_what_is_needed_to_run_stands_in_the_first_file():
    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert needed - set(pinned("requirements.txt")) == set()
