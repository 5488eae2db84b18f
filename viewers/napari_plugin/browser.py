"""The app in the browser, at the same place of the same study."""

import atexit
import os
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

from prospector_core.errors import ProspectorError
from prospector_core.launches import TOKEN, Launch, launch_token, open_window, running

__all__ = ["link_to", "open_in_browser"]

_PATIENCE = 60  # seconds
_apps = {}  # study path: (process, Launch)


def link_to(review, view=None):
    """What is added to the app's address.

    The token, or what is in sight (x, y, width, height), by opaque id.
    """
    asked = {"datum": review.datum.uid}
    if review.token is not None:
        asked["token"] = review.token
    elif view is not None:
        asked["view"] = ",".join(f"{value:.0f}" for value in view)
    return "?" + urlencode(asked)


def open_in_browser(review, view=None):
    """Open a browser window there; the app is started if this napari has not started one yet.

    Returns the address.

    PROSPECTOR_APP names the address of an app that runs already, such as http://localhost:8501, with or
    without its token. Raises ProspectorError.
    """
    given = os.environ.get("PROSPECTOR_APP")
    launch, link = _running(given) if given else _app(review.root.path), link_to(review, view)
    open_window(launch, link.removeprefix("?"))
    return f"{launch.url}{link}"


def _running(address):
    """The Launch of an app that was started elsewhere.

    Its token as given, or as this account finds it again; else "".
    """
    parts = urlsplit(address)
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"
    token = dict(parse_qsl(parts.query)).get("token") or next(
        (each.token for each in running() if each.url == url), ""
    )
    return Launch(url, token, 0, "")


def _app(path):
    """Launch of an app for a study; it ends with this process."""
    path = str(path.resolve())
    process, launch = _apps.get(path, (None, None))
    if process is not None and process.poll() is None:
        return launch
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prospector_core", "app", path, "--port", str(port), "--no-browser"]
    launch = Launch(f"http://localhost:{port}/", launch_token(), 0, "")
    process = subprocess.Popen(
        command, env={**os.environ, TOKEN: launch.token}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    atexit.register(process.terminate)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                _apps[path] = process, launch
                return launch
        time.sleep(0.1)
    process.terminate()
    raise ProspectorError(f"the app did not start: try `prospector app {path}`, which says why")
