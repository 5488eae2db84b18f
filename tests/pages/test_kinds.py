"""A kind that only the core knows is drawn by defaults; pages hold no kind's name and no mathematics."""

import ast
import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pages
from prospector_core.modalities import Words, registry
from prospector_core.modalities.graphs.kind import Graphs
from prospector_core.study import FitSettings, Study
from tests.pages.app import App
from tests.pages.conftest import change
from viewers.kinds import VIEWS, entry_of, view_of
from viewers.kinds.base import KindView
from viewers.napari_plugin.reader import elsewhere

FOLDER = Path(pages.__file__).parent
SHAPING = {"asarray", "array", "arange", "flatnonzero"}  # of numpy: no arithmetic


class Traces(Graphs):
    """Chains of windows of a signal, known to the core alone."""

    name = "traces"
    words = Words("trace", "traces", "window", "windows", "file")
    exports = property(lambda self: self.tables())


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Twelve made traces of 40 windows, some of which are higher in one class; embedded and fitted."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("traces")
    rows, labels = ["sample,x,y,mean,spread"], ["sample,label"]
    for trace in range(12):
        raised = trace % 2 * (np.arange(40) // 8 == 2) * 3
        values = random.normal(size=(40, 2)) * 0.3 + raised[:, None]
        rows += [f"trace {trace},{at},0,{mean:.4f},{spread:.4f}" for at, (mean, spread) in enumerate(values)]
        labels.append(f"trace {trace},{'event' if trace % 2 else 'quiet'}")
    (folder / "windows.csv").write_text("\n".join(rows) + "\n")
    (folder / "labels.csv").write_text("\n".join(labels) + "\n")
    study = Study.create(
        folder / "study",
        graphs=folder / "windows.csv",
        labels=folder / "labels.csv",
        positive="event",
        edges="radius:1.5",
        name="Traces",
    )
    assert not study.embed()
    study.fit(FitSettings(concepts=3, radius=1))
    study.database.close()
    return folder / "study"


@pytest.fixture
def study(pristine, tmp_path, monkeypatch):
    target = shutil.copytree(pristine, tmp_path / "studies" / "traces")
    change(target, "UPDATE meta SET value = ? WHERE key = 'modality'", '"traces"')
    monkeypatch.setitem(registry.MODALITIES, "traces", (__name__, "Traces"))
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(target.parent))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(target))
    return Study.open(target)


def viewer_of(app):
    return next(data for data in app._components() if "graph" in data)


def test_a_sixth_kind_has_the_page_of_a_datum(study):
    assert "traces" not in VIEWS and entry_of("traces").title == "Data" and type(view_of(study)) is KindView
    app = App().sound()
    assert "Where is event?" in app.text and "Click a window" in app.text
    shown = viewer_of(app)
    assert [layer["id"] for layer in shown["layers"]] == ["map", "concepts", "uncertainty"]
    assert shown["graph"]["n"] == 40 and shown["words"]["tokens"] == "windows"
    assert len(app.strip()["items"]) == 12
    app.pick(study, "trace 3", 18)
    assert "Prospect score" in app.text and viewer_of(app)["selected"] == 18
    app.at.selectbox(key="shown_beside").set_value("@concepts").run()
    assert len([data for data in app.sound()._components() if "graph" in data]) == 2
    for page in ("study", "concepts", "kernel", "atlas", "evaluate"):
        app.go(page)


def test_a_sixth_kind_is_drawn_in_the_order_of_its_tokens(study):
    view, datum = view_of(study), study.datum("trace 3")
    places = view.places(study, datum)
    assert len(places) == 40 and places[0].tolist() == [0, 0] and (np.diff(places[:12, 0]) == 1).all()
    assert view.picture(study, datum, 120).shape[2] == 3
    assert view.token_picture(study, datum, 18, 64).shape == (64, 64, 3)
    figure = view.figure()(study, datum, width=800, title="A trace")
    assert Image.open(io.BytesIO(figure)).width == 800
    assert view.save_form(study, datum).formats == {
        "png": "Figure (PNG)",
        "csv": "Table (CSV)",
        "parquet": "Table (Parquet)",
    }


def test_napari_says_in_one_line_what_it_shows(study):
    line = elsewhere(study)
    assert "a study of traces: napari shows slides, cells and graphs" in line and "\n" not in line


def test_what_draws_a_kind_loads_no_streamlit():
    code = (
        "import sys\nfrom viewers.kinds import VIEWS, view_named\n"
        "[view_named(name).figure() for name in VIEWS]\nassert 'streamlit' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("page", sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py")))
def test_a_page_names_no_kind_and_calculates_nothing(page):
    for node in ast.walk(ast.parse((FOLDER / page).read_text(encoding="utf-8"))):
        where = f"pages/{page}, line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Constant):
            assert node.value not in VIEWS, where
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "")]
            assert not any(str(name).split(".")[0] == "scipy" for name in names), where
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
            assert node.attr in SHAPING, f"{where}: np.{node.attr}"
        if isinstance(node, ast.BinOp):
            for call in (node.left, node.right):
                assert not _array(call), f"{where}: arithmetic on an array"


ARRAYS = {"prospect", "evidence", "sprite", "concepts_of", "positions", "vectors", "of_map"}


def _array(node):
    """Whether this is an array that a study gives."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ARRAYS
