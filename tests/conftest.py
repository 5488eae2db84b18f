"""Settings for all tests: property tests try the same examples every time."""

import gc
import os
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=40, database=None)
settings.load_profile("fixed")

# Files that take longest, first begun: with several workers none is then left alone with one of them in the
# end. Seconds.
LONG = {
    "test_slide_viewer_browser.py": 110,
    "test_app_browser.py": 90,
    "test_commands.py": 60,
    "test_gate.py": 60,
    "test_graph_page.py": 50,
    "test_structure_browser.py": 40,
    "test_document_browser.py": 40,
    "test_tiled_viewer_browser.py": 40,
    "test_classes.py": 30,
    "test_study_fit.py": 24,
    "test_scheduling.py": 60,
    "test_atlas_page.py": 20,
    "test_curation_regions.py": 20,
    "test_edits.py": 20,
    "test_pages.py": 20,
    "test_queue.py": 18,
    "test_kill_journal.py": 16,
    "test_study.py": 15,
    "test_sample.py": 15,
}


_settings = tempfile.TemporaryDirectory(prefix="prospector-settings-")


def pytest_configure(config):
    """Side by side, files are begun in the order below, not by how many tests they hold.

    Settings are the tests' own.
    """
    os.environ["PROSPECTOR_CONFIG"] = _settings.name
    os.environ.pop("PROSPECTOR_STORES", None)
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """Long files first, others in their order."""
    items.sort(key=lambda item: -LONG.get(item.path.name, 0))


@pytest.fixture(scope="module")
def browser():
    """A Chromium, one per file of tests: of one a session other tests would see the driver's event loop."""
    pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    from tests.support.browsers import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def window(browser):
    """A function that opens a new window of this size: a page.

    What the browser has once fetched it need not again.
    """
    from tests.support.browsers import WAIT

    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(WAIT)

    def open_one(width=1300, height=900):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        return page

    yield open_one
    context.close()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB: its folder, and a function that fills it to the last byte.

    Skips where mounting is not allowed.
    """
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: needs root")

    def fill():
        # commands that ran in this process may still hold the study open, and give room back later
        gc.collect()
        for _ in range(3):  # pages that were given back may be counted as free a moment later
            with suppress(OSError), open(folder / "filler", "ab", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            time.sleep(0.1)

    try:
        yield folder, fill
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def s3():
    """Address of a bucket on a server of its own."""
    server = pytest.importorskip("moto.server", reason="needs moto[server], of requirements-test.txt")
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install 'prospector-heads[s3]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setattr("prospector_core.store.remote._FRESH", 0.0)
        # Another module's server has ended, but is still spoken to by what s3fs keeps, and its buckets are
        # kept by moto.
        s3fs.S3FileSystem.clear_instance_cache()
        urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
        s3fs.S3FileSystem().mkdir("slides")
        yield "s3://slides/a study"
    running.stop()
