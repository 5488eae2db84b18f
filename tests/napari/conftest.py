"""napari tests: small studies, a viewer without windows, and (with a display, or Xvfb) the real one."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

pytest.importorskip("napari", reason="napari is not installed: pip install -r requirements-napari.txt")
os.environ["NAPARI_CONFIG"] = ""  # settings of whoever runs the tests are neither read nor written

import numpy as np
from PIL import Image

from prospector_core import Study
from tests.support.study_files import PITCH, make_study, write_labels

FIELDS = [("top", 0, 0), ("left", 0, 40), ("right", 40, 40)]  # name, x, y; 40 pixels per side


@pytest.fixture
def study(tmp_path):
    """Eight slides, one datum each, fitted."""
    return make_study(tmp_path, fit={"radius": 1})


@pytest.fixture(scope="session")
def fields_folder(tmp_path_factory):
    """A study of three fields of one slide of 80 x 80 pixels, 0.5 um each, tiles of 8; fitted."""
    folder = tmp_path_factory.mktemp("fields")
    Image.new("RGB", (80, 80), (200, 120, 160)).save(folder / "slide.png", dpi=(50800, 50800))
    rows = [("slide.png", name, x, y, 40, 40, label) for (name, x, y), label in zip(FIELDS, ("a", "b", "b"))]
    table = write_labels(folder / "labels.csv", rows, ("slide", "name", "x", "y", "width", "height", "label"))
    made = Study.create(
        folder / "study", slides=[folder / "slide.png"], labels=table, encoder="colour-texture", tile=PITCH
    )
    random = np.random.default_rng(0)
    for datum in made.data:
        positions = np.argwhere(np.ones((5, 5), bool)).astype(np.int32)
        cluster = (positions[:, 1] + (datum.label == 1)) % 3
        vectors = (10 * np.eye(3, 6)[cluster] + random.normal(0, 0.3, (25, 6))).astype(np.float32)
        attrs = {
            "origin": [float(datum.field.x), float(datum.field.y)],
            "pitch": 8.0,
            "shape": [5, 5],
            "tile": 8,
            "mpp": 0.5,
        }
        made.store.write(datum.uid, vectors, positions, attrs)
    made.fit(concepts=3, radius=1)
    made.database.close()
    return folder


@pytest.fixture
def fields(fields_folder, tmp_path):
    """One's own copy of the study of fields."""
    shutil.copytree(fields_folder, tmp_path / "fields")
    return Study.open(tmp_path / "fields" / "study")


@pytest.fixture
def model():
    """A viewer without a window."""
    from napari.components import ViewerModel

    return ViewerModel()


# ---- the real viewer


@pytest.fixture(scope="session")
def display():
    """A display that windows may be opened on: the one there is, else one of our own by Xvfb."""
    if not sys.platform.startswith("linux"):
        yield
        return
    if shutil.which("Xvfb") is None:
        if os.environ.get("DISPLAY"):
            yield
            return
        pytest.skip("no display, and Xvfb is not installed: apt-get install xvfb")
    number, ready = os.pipe()
    with tempfile.TemporaryFile() as log:
        command = ["Xvfb", "-displayfd", str(ready), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
        server = subprocess.Popen(command, pass_fds=[ready], stdout=log, stderr=log)
        os.close(ready)
        try:
            found = os.read(number, 16).decode().strip()  # a free display, once it answers
            if not found:
                pytest.skip("Xvfb does not start here")
            os.environ.update(DISPLAY=f":{found}", QT_QPA_PLATFORM="xcb", LIBGL_ALWAYS_SOFTWARE="1")
            yield
        finally:
            server.terminate()
            server.wait()


@pytest.fixture(scope="session")
def qt(display):
    """The Qt application. Asked for in another process first.

    Qt ends a process whose libraries are missing.
    """
    pytest.importorskip(
        "qtpy.QtWidgets",
        reason="Qt is not installed: pip install -r requirements-napari.txt",
        exc_type=ImportError,
    )
    probe = [sys.executable, "-c", "from qtpy.QtWidgets import QApplication; QApplication([])"]
    if subprocess.run(probe, capture_output=True, timeout=120).returncode:
        pytest.skip("Qt opens no window here: libraries are missing, see .ci/run")
    from napari.qt import get_qapp

    return get_qapp()


@pytest.fixture
def viewer(qt):
    """A napari window."""
    import napari

    opened = napari.Viewer(show=True)
    opened.window._qt_window.resize(1400, 880)
    qt.processEvents()
    yield opened
    opened.close()
    qt.processEvents()
