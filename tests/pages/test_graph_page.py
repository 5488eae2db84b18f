"""Cells in the app: the page without a browser, and the whole loop in a real one.

Coordinates are made, not measured.
"""

import shutil

import numpy as np
import pytest

from prospector_core.study import FitSettings, Study
from sample_data.cells import make_sample
from tests.pages.app import App
from tests.pages.screen import Screen
from tests.support.browsers import WAIT, in_a_browser, serve_study
from tests.support.cell_files import write_cell_images
from viewers.graph_figure import graph_figure
from viewers.graph_viewer import encode_edges, encode_numbers, encode_positions
from viewers.kinds.graphs.markers import heatmap_of_markers


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Eight made samples of 200 cells as multiplexed images, embedded and fitted."""
    folder = tmp_path_factory.mktemp("cells") / "studies" / "cells"
    write_cell_images(folder.parent.parent / "images", 8, prefix="sample ", cells=200)
    study = Study.create(
        folder,
        cells=folder.parent.parent / "images",
        labels=folder.parent.parent / "labels.csv",
        positive="in",
        edges="delaunay:120",
        transform="arcsinh",
        name="Cells",
    )
    assert not study.embed()
    study.fit(FitSettings(concepts=6, radius=1))
    study.database.close()
    return folder


@pytest.fixture
def study(pristine, tmp_path, monkeypatch):
    target = shutil.copytree(pristine, tmp_path / "studies" / "cells")
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(target.parent))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(target))
    return Study.open(target)


def viewer_of(app):
    return next(data for data in app._components() if "graph" in data)


def test_the_page_shows_a_sample_and_what_a_cell_says(study):
    app = App("datum").sound()
    shown = viewer_of(app)
    assert [layer["id"] for layer in shown["layers"][:3]] == ["map", "concepts", "uncertainty"]
    assert shown["layers"][0]["unit"].startswith("prospect score") and shown["graph"]["unit"] == "µm"
    assert {layer["label"] for layer in shown["layers"] if layer.get("group")} >= {"PanCK", "CD8"}
    assert list(shown["marking"]) == ["for", "against", "ignore", "reassign"]
    app.pick(study, "sample 1", 7)
    assert "Prospect score" in app.text and viewer_of(app)["selected"] == 7 and viewer_of(app)["neighbours"]
    assert "tile" not in app.text.lower() and "slide" not in app.text.lower()
    for page in ("study", "concepts", "kernel"):
        assert "tile" not in app.go(page).text.lower().replace("tiles_", ""), page


def test_concepts_say_what_they_are_by_their_markers(study):
    markers = study.kind.markers(study)
    best = max(range(6), key=lambda concept: np.nanmax(markers.difference[concept]))
    text = App("concepts").sound().text
    name = markers.names[markers.top(best)[0]]
    assert name in text and f"{markers.difference[best].max():+.2f}"[:4] in text
    assert "in standard deviations of all cells" in text
    figure = heatmap_of_markers(markers, study.concepts())
    assert figure.data[0].z.shape[0] == len(study.concepts()) and name in figure.layout.xaxis.ticktext
    assert "standard deviations" in figure.data[0].colorbar.title.text


def test_features_beyond_the_list_of_layers_are_searched(study, monkeypatch):
    from viewers.kinds.graphs import features

    monkeypatch.setattr(features, "_MOST", 2)
    names, app = study.embedding["features"], App("datum").sound()
    labels = [layer["label"] for layer in viewer_of(app)["layers"] if layer.get("group") == "Features"]
    assert labels == names[:2]
    found = [one for one in app.at.multiselect if one.key == "shown_more_features"][0]
    assert list(found.options) == names[2:]


def test_what_lies_under_the_cells_is_offered(study):
    app = App("datum").sound()
    under = viewer_of(app)["under"]
    image, borders = under["images"]
    assert (
        image["channels"][:2] == ["PanCK", "Ki67"]
        and set(image["urls"]) == set(under["contrasts"])
        and borders["borders"]
    )
    datum = next(d for d in study.data if d.uid == viewer_of(app)["graph"]["id"].split()[0])
    (a, b, c, d, e, f), middle = image["matrix"], viewer_of(app)["graph"]["middle"]
    assert (a, b, c, d) == (2, 0, 0, 2) and (e, f) == (-middle[0], -middle[1])
    assert under["outlines"] is None
    study.sources[datum.source].path.rename(study.path / "elsewhere.tif")
    try:
        assert viewer_of(App("datum").sound())["under"] is None
    finally:
        (study.path / "elsewhere.tif").rename(study.sources[datum.source].path)


def test_bytes_of_the_viewer():
    places = np.array([[0.0, 10.0], [4.0, 20.0]])
    assert np.frombuffer(encode_positions(places), "<f4").tolist() == [-2, -5, 0, 2, 5, 0]
    assert np.frombuffer(encode_numbers([1.5, np.nan], 3.0), "<f4")[:2].tolist() == [3.0, 1.5]
    assert np.frombuffer(encode_edges([[0, 1]]), "<u4").tolist() == [0, 1]


@pytest.mark.parametrize("layer", ["map", "concepts"])
def test_a_figure_has_the_cells_and_a_legend(study, layer):
    import io

    from PIL import Image

    image = np.asarray(
        Image.open(io.BytesIO(graph_figure(study, "sample 1", layer=layer, width=800, title="One")))
    )
    assert (
        image.shape[1] == 800 and image.shape[0] > 800 and len(np.unique(image.reshape(-1, 3), axis=0)) > 20
    )
    assert (image[-20:] == 255).all()


class Cells(Screen):
    """The page of cells as a person sees it."""

    def ready(self, layer="map"):
        self.page.wait_for_function(
            "layer => [...document.querySelectorAll('*')].some(e =>"
            " e.shadowRoot?.querySelector('.gv')?.dataset.painted?.endsWith(' ' + layer) || (e.matches('.gv')"
            " && e.dataset.painted?.endsWith(' ' + layer)))",
            arg=layer,
        )
        self.idle()

    def drawn_under(self):
        """Wait until all that is under the points is drawn."""
        self.page.wait_for_timeout(200)
        self.until(
            lambda: (self.page.locator(".gv").first.get_attribute("data-under") or "").startswith("drawn ")
        )

    def pixels(self):
        """The canvas under the points: (h, w, 4) uint8; nothing where it is hidden."""
        found = self.page.locator(".gv-view canvas").first.evaluate(
            "c => c.hidden ? [0, 0, []] : [c.height, c.width, [...c.getContext('2d').getImageData(0, 0,"
            " c.width, c.height).data]]"
        )
        return np.array(found[2], np.uint8).reshape(*found[:2], 4)

    def red(self):
        """How many of its pixels are red and nothing else."""
        pixels = self.pixels().astype(int)
        return int(((pixels[..., 0] > 120) & (pixels[..., 1:3] < 60).all(axis=-1)).sum())

    def at(self, study, datum, token):
        """Where a cell is on the screen, as the viewer draws it when it shows all."""
        box, xy = self.page.locator(".gv-over").bounding_box(), study.positions(study.datum(datum))
        low, high = xy.min(axis=0), xy.max(axis=0)
        unit = min(
            (box["width"] / 2 - 14) / (high - low)[0] * 2, (box["height"] / 2 - 14) / (high - low)[1] * 2
        )
        x, y = (xy[token] - (low + high) / 2) * unit
        return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y


@pytest.fixture(scope="module")
def running(pristine, tmp_path_factory):
    """(Study, address of the app that shows it)."""
    target = shutil.copytree(pristine, tmp_path_factory.mktemp("running") / "studies" / "cells")
    with serve_study(target) as address:
        yield Study.open(target), address


@in_a_browser
def test_the_whole_loop_in_a_browser(running, browser):
    """Open, click a cell, lasso, exclude, refit, undo; the same page without WebGL."""
    study, address = running
    context = browser.new_context(viewport={"width": 1200, "height": 760}, reduced_motion="reduce")
    context.set_default_timeout(WAIT)
    cells = Cells(context.new_page(), address)
    page = cells.page
    cells.open()
    cells.ready()
    assert page.locator(".gv").get_attribute("data-pen") == "WebGL2"
    likely = study.view.summary["predictions"]
    name = max(study.embedded(), key=lambda datum: (datum.label == 1, likely[datum.uid])).name
    assert page.get_by_text(name).first.is_visible()
    # click a cell: the panel says why it scores so
    token = int(np.nanargmax(study.prospect(study.datum(name))))
    page.mouse.click(*cells.at(study, name, token))
    page.get_by_text("The largest parts").wait_for()
    concept = study.concept_name(int(study.concepts_of(study.datum(name))[token]))
    assert page.get_by_text(concept).first.is_visible()
    # the image under the cells: channels, then cells in their borders where it is near
    page.get_by_role("button", name="Image", exact=True).click()
    cells.drawn_under()
    before = cells.pixels()
    page.get_by_role("checkbox", name="PanCK", exact=True).uncheck()
    page.get_by_role("checkbox", name="DNA", exact=True).check()
    page.get_by_label("Colour of DNA").fill("#ff0000")
    cells.drawn_under()
    cells.until(lambda: cells.red() > 500)
    assert not np.array_equal(before, cells.pixels())
    page.get_by_role("checkbox", name="Image", exact=True).uncheck()
    cells.until(lambda: cells.red() == 0)
    page.get_by_role("button", name="Image", exact=True).click()
    for _ in range(3):
        page.get_by_role("button", name="+", exact=True).click()
    cells.drawn_under()
    page.get_by_role("button", name="All", exact=True).click()
    # edges and concepts
    page.get_by_role("button", name="Edges", exact=True).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(e => (e.shadowRoot ??"
        " e).querySelector?.('.gv[data-edges]')?.dataset.edges > 100)"
    )
    page.get_by_role("button", name="Concepts", exact=True).first.click()
    cells.ready("concepts")
    # lasso around everything in the upper half, as evidence
    page.get_by_role("button", name="Lasso", exact=True).click()
    box = page.locator(".gv-over").bounding_box()
    left, top, right, middle = (
        box["x"] + 3,
        box["y"] + 3,
        box["x"] + box["width"] - 3,
        box["y"] + box["height"] / 2,
    )
    page.mouse.move(left, top)
    page.mouse.down()
    for place in ((right, top), (right, middle), (left, middle)):
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    page.locator(".gv-mark button").first.click()
    page.get_by_text("Waiting for a refit").first.wait_for()
    (region,) = study.curation.state.regions
    assert region.evidence == "for" and region.datum == study.datum(name).uid
    upper = study.positions(study.datum(name))[:, 1]
    inside = np.isin(np.arange(len(upper)), region.tokens)
    assert 0.3 < inside.mean() < 0.7 and upper[inside].max() < upper[~inside].min() + 40
    # exclude the concept of the clicked cell, refit: it has no score any more
    page.get_by_role("button", name="Exclude", exact=True).click()
    page.get_by_test_id("stPopoverBody").get_by_role("button", name="Exclude", exact=True).click()
    cells.idle()
    page.get_by_test_id("stSidebar").get_by_role("button", name="Refit").click()
    page.get_by_text("What the refit changed").wait_for()
    cells.idle()
    assert study.view.id == 2 and np.isnan(study.prospect(study.datum(name))[token])
    page.get_by_text("has no score").or_(page.get_by_text("have no score")).first.wait_for()
    # undo brings it back
    page.get_by_test_id("stSidebar").get_by_role("button", name="Undo").click()
    cells.idle()
    page.get_by_test_id("stSidebar").get_by_role("button", name="Refit").click()
    page.wait_for_function(
        "() => !document.body.innerText.includes('has no score') && !document.body.innerText.includes('have"
        " no score')"
    )
    cells.idle()
    assert study.view.id == 3 and np.isfinite(study.prospect(study.datum(name))[token])
    assert not cells.trouble, cells.trouble
    # without WebGL a plain canvas draws the same
    context.add_init_script(
        "HTMLCanvasElement.prototype.getContext = (own => function (kind, ...more) { return kind === 'webgl2'"
        " ? null : own.call(this, kind, ...more); })(HTMLCanvasElement.prototype.getContext)"
    )
    plain = Cells(context.new_page(), address)
    plain.open()
    plain.ready()
    assert plain.page.locator(".gv").get_attribute("data-pen") == "canvas"
    plain.page.locator(".gv-over").focus()
    plain.page.keyboard.press("ArrowRight")
    plain.page.keyboard.press("ArrowRight")
    plain.page.keyboard.press("Enter")
    plain.page.get_by_text("The largest parts").wait_for()
    assert not plain.trouble, plain.trouble
    context.close()


def test_a_study_of_cells_is_made_on_the_page(study, monkeypatch, tmp_path):
    from pages import jobs

    monkeypatch.setattr(jobs, "embed", lambda made, uids: made.embed())
    samples = {name: make_sample(name == "b", 3, cells=40)[0] for name in "ab"}
    (tmp_path / "data").mkdir()
    for name, each in samples.items():
        np.savez(tmp_path / "data" / f"{name}.npz", **{key: np.array(value) for key, value in each.items()})
    app = App("study")
    app.at.session_state["shown_make"] = "cells"
    app.run()
    for label, value in (("Name", "Small cells"), ("File or folder of cells", str(tmp_path / "data"))):
        next(
            each for each in app.at.text_input if each.label == label and each.form_id == "new_cells"
        ).set_value(value)
    (box,) = [each for each in app.at.file_uploader if each.form_id == "new_cells"]
    box.set_value(("labels.csv", b"sample,label\na,out\nb,in\n", "text/csv"))
    next(
        each for each in app.at.button if each.label == "Make the study" and each.form_id == "new_cells"
    ).click().run()
    app.sound()
    made = Study.open(study.path.parent / "small-cells")
    assert made.modality == "cells" and len(made.embedded()) == 2
