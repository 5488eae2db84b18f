"""However often the app is opened and closed, it has no more files open."""

import os
import time
from pathlib import Path

import pytest

from tests.pages.conftest import copy_study
from tests.support.browsers import IN_A_BROWSER, serve_study

pytestmark = [
    *IN_A_BROWSER,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc"),
]

_FEW = 8  # of connections that are just being closed, and of the two scripts that may run at once


def process_at(address):
    """The number of the process that serves an address."""
    flag = f"--server.port={address.rsplit(':', 1)[1]}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if flag in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError(f"nobody serves {address}")


def open_files(process):
    return len(os.listdir(f"/proc/{process}/fd"))


def test_windows_that_were_closed_leave_no_file_open(pristine, tmp_path, browser):
    folder = copy_study(pristine, tmp_path / "studies" / "skin")
    with serve_study(folder) as address:
        process = process_at(address)

        def look():
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            page.get_by_text("Filmstrip").first.wait_for(timeout=90_000)
            context.close()

        for _ in range(3):  # what is opened once: the slide, connections of the threads that are used again
            look()
        first = settled(process)
        for _ in range(12):  # 3 more each, before it was mended
            look()
        for _ in range(450):  # a busy machine is late with closing
            if open_files(process) <= first + _FEW:
                break
            time.sleep(0.2)
        assert open_files(process) <= first + _FEW


def settled(process):
    """How many files are open once what is being closed is closed: the least of the last moments."""
    least = open_files(process)
    for _ in range(40):
        time.sleep(0.2)
        least = min(least, open_files(process))
    return least
