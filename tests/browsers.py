"""Real servers and a real Chromium, one way for all tests and for the pictures of the guide."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

__all__ = [
    "CHROMIUM",
    "FLAGS",
    "IN_A_BROWSER",
    "ROOT",
    "WAIT",
    "chromium",
    "free_port",
    "in_a_browser",
    "serve",
    "serve_study",
]

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No network but the app, and drawing without a graphics card.
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader",
]  # fmt: skip
WAIT = 90_000  # ms; machines that run tests are slow, and nothing here depends on the time
# `pytestmark = IN_A_BROWSER` for a file, `@in_a_browser` for one test.
IN_A_BROWSER = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser: apt-get install chromium"),
]


def in_a_browser(test):
    """The marks of one test that drives a browser."""
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def chromium(*flags):
    """A browser without windows; needs playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def serve(script, log, environment=None, path="", **options):
    """`streamlit run` as a person says it, with the settings of this folder: yields the address, without a last slash.

    Parameters: script, from the root of the repository; log, file for all that it prints: no traceback may stand there in
    the end; environment, variables beside those of this process; path, part of the address after the port; options,
    Streamlit's, "server_headless" for --server.headless.
    """
    port = free_port()
    options = {"server_port": port, **options}
    flags = [f"--{name.replace('_', '.', 1)}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *flags]
    environment = {**os.environ, **(environment or {})}
    with open(log, "wb") as out, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out) as app:
        try:
            for _ in range(900):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://localhost:{port}{path}/_stcore/health", timeout=2).close()
                    break
                if app.poll() is not None:
                    raise RuntimeError("the app ended: " + Path(log).read_text()[-1000:])
                time.sleep(0.1)
            else:
                raise RuntimeError("the app did not start: " + Path(log).read_text()[-1000:])
            yield f"http://localhost:{port}{path}"
        finally:
            app.terminate()
    wrong = tracebacks(Path(log).read_text())
    assert not wrong, wrong[-1][-2000:]


def tracebacks(said):
    """The tracebacks in what an app printed, but those of Streamlit's server when a window closes while it is written to."""
    found = re.split(r"^Traceback \(most recent call last\):\n", said, flags=re.MULTILINE)[1:]
    ends = [re.search(r"^\S.*", each, flags=re.MULTILINE) for each in found]
    gone = ("starlette.websockets.WebSocketDisconnect", "uvicorn.protocols.utils.ClientDisconnected")
    return [each for each, end in zip(found, ends) if not (end and end[0].startswith(gone))]


def serve_study(folder):
    """The app, opened on a study as a person opens it; the folder of studies is the one the study lies in."""
    folder = Path(folder)
    return serve(
        "app.py", folder.parent / "log.txt", {"PROSPECTOR_STUDY": str(folder), "PROSPECTOR_STUDIES": str(folder.parent)}
    )
