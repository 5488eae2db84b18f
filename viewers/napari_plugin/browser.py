"""The app in the browser, at the same place of the same study."""

import atexit
import os
import socket
import subprocess
import sys
import time
import webbrowser
from urllib.parse import urlencode

from prospector_core.errors import ProspectorError

__all__ = ["link_to", "open_in_browser"]

_PATIENCE = 60  # seconds
_apps = {}  # study path: (process, address)


def link_to(review, view=None):
    """What is added to the app's address: the token, or what is in sight (x, y, width, height), by opaque id."""
    asked = {"datum": review.datum.uid}
    if review.token is not None:
        asked["token"] = review.token
    elif view is not None:
        asked["view"] = ",".join(f"{value:.0f}" for value in view)
    return "?" + urlencode(asked)


def open_in_browser(review, view=None):
    """Open a browser window there; the app is started if this napari has not started one yet. Returns the address.

    PROSPECTOR_APP names the address of an app that runs already, such as http://localhost:8501. Raises ProspectorError.
    """
    address = os.environ.get("PROSPECTOR_APP") or _app(review.root.path)
    url = f"{address.rstrip('/')}/{link_to(review, view)}"
    webbrowser.open(url)
    return url


def _app(path):
    """Address of an app for a study; it ends with this process."""
    path = str(path.resolve())
    process, address = _apps.get(path, (None, None))
    if process is not None and process.poll() is None:
        return address
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prospector_core", "app", path, "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(process.terminate)
    address = f"http://localhost:{port}"
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                _apps[path] = process, address
                return address
        time.sleep(0.1)
    process.terminate()
    raise ProspectorError(f"the app did not start: try `prospector app {path}`, which says why")
