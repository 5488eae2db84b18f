"""Settings for all tests: property tests try the same examples every time."""

import subprocess
import time
from contextlib import suppress

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=40, database=None)
settings.load_profile("fixed")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB: its folder, and a function that fills it to the last byte. Skips where mounting is not allowed."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: needs root")

    def fill():
        for _ in range(3):  # pages that were given back may be counted as free a moment later
            with suppress(OSError), open(folder / "filler", "ab", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            time.sleep(0.1)

    try:
        yield folder, fill
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
