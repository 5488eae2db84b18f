"""Real servers and a real Chromium, one way for all tests and for the pictures of the guide.

Each app asks for the token that it was started with. The browsers of :func:`chromium` are let into every app
of :func:`serve` as if their first address had held it; others use :func:`with_token`, programs
:func:`token_header`.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import weakref
from pathlib import Path
from urllib.parse import urlsplit

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
    "token_header",
    "with_token",
]

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No network but the app, and drawing without a graphics card.
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
    "--use-gl=angle",
    "--use-angle=swiftshader",
]
_TOKEN = secrets.token_urlsafe(32)  # of all apps that these tests start
_addresses, _contexts = set(), weakref.WeakSet()  # of the apps that run; of the windows
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
        browser.new_context, browser.new_page = _let_in(browser.new_context), _let_in(browser.new_page)
        try:
            yield browser
        finally:
            browser.close()


def with_token(address):
    """The address of an app of :func:`serve`, as `prospector app` prints it."""
    return f"{address}{'&' if '?' in address else '?'}token={_TOKEN}"


def token_header():
    """The header by which a program is let into an app of :func:`serve`."""
    return {"Authorization": f"Bearer {_TOKEN}"}


def _let_in(make):
    def made(**options):
        opened = make(**options)
        context = getattr(opened, "context", opened)
        _contexts.add(context)
        _give_cookies([context])
        return opened

    return made


def _give_cookies(contexts):
    cookies = [
        {
            "name": f"prospector-{urlsplit(each).port}",
            "value": _TOKEN,
            "url": each,
            "httpOnly": True,
            "sameSite": "Strict",
        }
        for each in _addresses
    ]
    for context in contexts:
        with contextlib.suppress(Exception):  # its browser was closed
            context.add_cookies(cookies)


@contextlib.contextmanager
def serve(script, log, environment=None, path="", **options):
    """`streamlit run` as a person says it, with the settings of this folder.

    Yields the address, without a last slash.

    Parameters: script, from the root of the repository; log, file for all that it prints: no traceback may
    stand there in the end; environment, variables beside those of this process; path, part of the address
    after the port; options, Streamlit's, "server_headless" for --server.headless.
    """
    options = {"server_port": free_port(), **options}
    flags = [f"--{name.replace('_', '.', 1)}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *flags]
    environment = {**os.environ, "PROSPECTOR_TOKEN": _TOKEN, **(environment or {})}
    address = f"http://localhost:{options['server_port']}{path}"
    own = {"Authorization": f"Bearer {environment['PROSPECTOR_TOKEN']}"}
    health = urllib.request.Request(f"{address}/_stcore/health", headers=own)
    with (
        open(log, "wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out) as app,
    ):
        try:
            for _ in range(900):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(health, timeout=2).close()
                    break
                if app.poll() is not None:
                    raise RuntimeError("the app ended: " + Path(log).read_text()[-1000:])
                time.sleep(0.1)
            else:
                raise RuntimeError("the app did not start: " + Path(log).read_text()[-1000:])
            _addresses.add(address)
            _give_cookies(list(_contexts))
            yield address
        finally:
            _addresses.discard(address)
            app.terminate()
    wrong = tracebacks(Path(log).read_text())
    assert not wrong, wrong[-1][-2000:]


def tracebacks(said):
    """The tracebacks in what an app printed.

    But those of Streamlit's server when a window closes while it is written to.
    """
    found = re.split(r"^Traceback \(most recent call last\):\n", said, flags=re.MULTILINE)[1:]
    ends = [re.search(r"^\S.*", each, flags=re.MULTILINE) for each in found]
    gone = ("starlette.websockets.WebSocketDisconnect", "uvicorn.protocols.utils.ClientDisconnected")
    return [each for each, end in zip(found, ends) if not (end and end[0].startswith(gone))]


def serve_study(folder):
    """The app, opened on a study as a person opens it; the folder of studies is the one the study is in."""
    folder = Path(folder)
    return serve(
        "app.py",
        folder.parent / "log.txt",
        {"PROSPECTOR_STUDY": str(folder), "PROSPECTOR_STUDIES": str(folder.parent)},
    )
