"""`prospector app`: a first-time user's machine, with nobody to answer a question."""

import os
import platform
import socket
import stat
import subprocess
import sys
import time
import types
import urllib.request
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from prospector_core.launches import Launch, open_window

ROOT = Path(__file__).parents[2]
_TOKEN = "a-token-that-this-test-knows"


def start(home, *arguments):
    environment = {
        **os.environ,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PYTHONPATH": str(ROOT),
        "BROWSER": "true",
        "PROSPECTOR_STUDIES": str(home / "studies"),
        "PROSPECTOR_TOKEN": _TOKEN,
    }
    command = [sys.executable, "-m", "prospector_core", "app", *arguments]
    return subprocess.Popen(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_it_starts_for_someone_who_never_ran_it(tmp_path):
    """With its default, a browser window: no question is asked, and it listens on this machine only."""
    port = free_port()
    running = start(tmp_path, "--port", str(port))
    health = urllib.request.Request(
        f"http://localhost:{port}/_stcore/health", headers={"Authorization": f"Bearer {_TOKEN}"}
    )
    try:
        for _ in range(300):
            assert running.poll() is None, running.stdout.read()
            try:
                with urllib.request.urlopen(health, timeout=2) as answer:
                    assert answer.status == 200
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError("the app did not answer")
        with socket.socket() as probe:
            probe.settimeout(2)
            own = socket.gethostbyname(socket.gethostname())
            if not own.startswith("127."):
                assert probe.connect_ex((own, port)) != 0
    finally:
        running.terminate()
        said = running.communicate(timeout=30)[0]
    assert f"http://localhost:{port}/?token={_TOKEN}" in said and "mail" not in said.lower()


def test_a_port_in_use_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = start(tmp_path, "--port", str(taken.getsockname()[1]))
        said = running.communicate(timeout=60)[0]
    assert running.returncode == 2
    assert said.startswith("prospector: port ") and said.count("\n") == 1 and "--port" in said


@pytest.mark.parametrize(
    ("options", "token", "says"),
    [
        (["--data", "/etc"], _TOKEN, "a folder of the system"),
        (["--data", "nowhere"], _TOKEN, "no such folder"),
        ([], "short", "PROSPECTOR_TOKEN"),
        ([], "1234567890123456", "PROSPECTOR_TOKEN"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, options, token, says, monkeypatch):
    monkeypatch.setitem(globals(), "_TOKEN", token)
    running = start(tmp_path, "--no-browser", *options)
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 2
    assert said.startswith("prospector: ") and says in said and said.count("\n") == 1


def test_the_window_opens_without_the_token_on_a_command_line(tmp_path, monkeypatch):
    """The browser is given a page that only this account can read.

    And that leads to the address with the token.
    """
    opened = []
    for name, value in {
        "HOME": tmp_path,
        "XDG_STATE_HOME": tmp_path / "state",
        "XDG_DOWNLOAD_DIR": tmp_path / "none",
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(platform, "uname", lambda: types.SimpleNamespace(release="6.1"))
    open_window(Launch("http://localhost:1/", _TOKEN, 0, ""), "datum=ab&token=7")
    open_window(Launch("http://localhost:1/", "", 0, ""), "datum=ab")  # one whose token is not known
    page = Path(url2pathname(urlsplit(opened[0]).path))
    assert _TOKEN not in opened[0] and opened[1] == "http://localhost:1/?datum=ab"
    assert f'href="http://localhost:1/?datum=ab&amp;token=7&amp;token={_TOKEN}"' in page.read_text()
    assert os.name == "nt" or stat.S_IMODE(page.stat().st_mode) == 0o600
