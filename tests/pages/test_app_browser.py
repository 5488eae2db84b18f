"""The whole app in a real browser, as a person goes through it once.

Slide, concepts, refit, kernel, and back.
"""

import io
import re

import numpy as np
import pytest
from PIL import Image

from prospector_core.study import Study
from tests.pages.conftest import copy_study
from tests.pages.screen import Screen, differ
from tests.support.browsers import IN_A_BROWSER, serve_study
from tests.support.samples import sample_study

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def study(pristine, tmp_path_factory):
    return Study.open(copy_study(pristine, tmp_path_factory.mktemp("browser") / "studies" / "skin"))


@pytest.fixture(scope="module")
def address(study):
    with serve_study(study.path) as url:
        yield url


@pytest.fixture
def screen(window, address):
    screen = Screen(window(1200, 760), address)
    yield screen
    screen.page.close()
    assert not screen.trouble, screen.trouble


def test_from_the_slide_to_a_refit_and_back(screen, study):
    screen.open()
    screen.on_slide()
    page = screen.page
    assert screen.tiles and page.get_by_alt_text("Logo").count() == 1
    whole = screen.place()

    # a tile: its concept, its score, where the score comes from
    x, y, width, _ = study.token_rect("field C3", 20)
    token = study.token_at("field C3", x + width / 2, y + width / 2)
    explanation = study.explain("field C3", token)
    screen.click_level0(x + width / 2, y + width / 2)
    page.get_by_text("The largest parts").wait_for()
    screen.idle()
    panel = page.locator(".st-key-split").inner_text()
    assert "field C3" in panel and study.concept_name(explanation.concept) in panel
    assert f"{explanation.score:+.2f}".replace("-", "−") in panel and " each)" in panel
    assert screen.place() == whole  # the click keeps the zoom

    # layers differ, and switching asks nobody
    page.mouse.move(5, 5)
    images = {name: screen.layer(name) for name in ("Map", "Concepts", "Tissue")}
    assert differ(images["Map"], images["Tissue"]) > 0.02 and differ(images["Concepts"], images["Map"]) > 0.02
    screen.layer("Map")

    # zoom by keyboard and by wheel, then click again: the view stays
    page.locator(".openseadragon-canvas").first.focus()
    screen.press("+", "+")
    screen.on_slide()
    by_key = screen.place()
    box = page.locator(".pv-view").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -240)
    for _ in range(20):  # a busy machine is late with the wheel
        if screen.place() != by_key:
            break
    screen.on_slide()
    zoomed = screen.place()
    assert zoomed != whole
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    screen.idle()
    assert screen.place() == zoomed
    before = screen.view()

    # rename one concept, exclude another, refit
    largest = max((c for c in study.concepts() if c.weight > 0), key=lambda c: c.tokens)
    other = next(c for c in study.concepts() if c.id != largest.id)
    screen.go("Concepts")
    field = page.get_by_label(f"Name of concept {other.id}")
    field.fill("collagen & co")
    field.press("Enter")
    screen.idle()
    screen.in_popover(f"exclude_{largest.id}")
    page.locator(".st-key-refit_here button").first.click()
    page.get_by_text("What the refit changed").wait_for()
    screen.idle()
    assert study.view.id == 2 and study.concept_name(other.id) == "collagen & co"
    assert f"excluded: {largest.name}" in page.get_by_test_id("stSidebar").inner_text()

    # back on the slide: another map at the same place, the new name in the legend
    screen.go("Slide")
    screen.on_slide()
    assert screen.place() == zoomed
    assert differ(before, screen.view()) > 0.01
    tissue_kept = screen.layer("Tissue")
    screen.layer("Concepts")
    assert "collagen & co" in page.locator(".pv-legend").inner_text()
    assert f"{largest.name} (excluded)" in page.locator(".pv-legend").inner_text()
    assert tissue_kept.shape == before.shape

    # the browser's own back and forward
    page.go_back()
    page.get_by_role("heading", name="Concepts").wait_for()
    page.go_forward()
    page.get_by_role("heading", name="Where is epidermis?").wait_for()


def test_from_a_cell_of_the_kernel_to_the_slide(screen, study):
    screen.open("kernel")  # a deep link
    page = screen.page
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for(state="attached")
    screen.idle()
    square = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    count = len(study.concepts())
    page.mouse.click(
        square["x"] + square["width"] * 0.5 / count, square["y"] + square["height"] * 1.5 / count
    )
    page.get_by_text("Show on slide").first.wait_for()
    screen.idle()
    ranked = sorted(study.concepts(), key=lambda c: (c.excluded, -c.weight))
    heading = page.locator("h4").inner_text()
    assert f"{ranked[1].name} near {ranked[0].name}" in heading
    assert page.locator(".st-key-split img").count() >= 1
    page.get_by_text("Show on slide").first.click()
    screen.on_slide()
    shown = screen.place()
    page.get_by_text("The largest parts").wait_for()
    page.locator(".openseadragon-canvas").first.focus()
    screen.press("r")
    screen.on_slide()
    assert screen.place() != shown  # it had gone to the place, not stayed at the whole slide


def test_by_keyboard_alone(screen):
    """From the top of the page the Tab key comes to the navigation, the layers, the slide and the edits.

    Focus is seen.
    """
    screen.open()
    screen.on_slide()
    page = screen.page
    reached = []
    for _ in range(36):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => { let e = document.activeElement;
            while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
            return e.getAttribute('aria-label') || e.innerText || e.tagName }"""
            )
        )
    said = " | ".join(reached)
    for stop in (
        "Study",
        "Order of the filmstrip",
        "labelled epidermis",
        "Mark a polygon",
        "Show the prospect map",
        "Show the concepts",
        "Opacity of the overlay",
        "Zoom in",
        "Slide ",
    ):
        assert stop in said, said


def test_mark_a_region_take_it_back_and_mark_it_again(screen, study):
    """Drawn on the slide, kept in the study; undone by key, redone by button, withdrawn from the list."""
    screen.open()
    screen.on_slide()
    page = screen.page
    regions = lambda: study.curation.state.regions
    before = len(regions())
    x, y, width, _ = study.token_rect("field C3", 0)
    left, top, k = screen.at_level0(x, y)
    page.get_by_role("button", name="Mark a rectangle").click()
    page.get_by_role("group", name="What the region is marked as").get_by_text("ignore", exact=True).click()
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 2 * width * k, top + 2 * width * k, steps=4)
    page.mouse.up()
    page.get_by_text("Marked regions (1)").wait_for()
    screen.idle()
    (region,) = regions()[before:]
    centres = study.grid("field C3")["positions"][list(region.tokens)]
    assert (
        region.datum == study.datum("field C3").uid
        and region.evidence == "ignore"
        and 1 <= len(region.tokens) <= 9
    )
    assert centres.max() <= 2
    screen.press("Escape", "Control+z")
    page.get_by_text("Marked regions (1)").wait_for(state="detached")
    assert len(regions()) == before
    page.get_by_test_id("stSidebar").get_by_role("button", name="Redo").click()
    page.get_by_text("Marked regions (1)").click()
    screen.idle()
    page.locator("[class*=st-key-withdraw_] button").first.click()
    page.get_by_text("Marked regions (1)").wait_for(state="detached")
    assert len(regions()) == before


def test_the_filmstrip_and_two_views_that_move_together(screen, study):
    screen.open()
    screen.on_slide()
    page = screen.page
    items = page.locator(".fs-item")
    data, predictions = study.embedded(), study.predictions()
    assert items.count() == len(data)
    shown = [items.nth(i).get_attribute("data-id") for i in range(len(data))]
    chances = [predictions[uid] for uid in shown]
    assert chances == sorted(chances, reverse=True)
    page.get_by_label("Order of the filmstrip").select_option("evidence")
    evidence = study.evidence()
    shown = [items.nth(i).get_attribute("data-id") for i in range(len(data))]
    assert [evidence[uid] for uid in shown] == sorted(evidence.values(), reverse=True)
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].flatMap(e => [...(e.shadowRoot?.querySelectorAll('.fs-item"
        " img') ?? [])]).slice(0, 3).every(image => image.naturalWidth > 20)"
    )
    items.nth(len(data) - 1).click()
    page.locator(".st-key-split").get_by_text(study.datum(shown[-1]).name).first.wait_for()
    screen.on_slide()
    assert study.datum(shown[-1]).name in page.locator(".st-key-split").inner_text()
    assert items.nth(len(data) - 1).get_attribute("aria-current") == "true"

    page.get_by_role("combobox", name="Beside it").click()
    page.get_by_role("option", name="this slide, another layer").click()
    views = page.locator(".pv-view")
    views.nth(1).wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].filter(e =>"
        " e.shadowRoot?.querySelector('.pv-mag')?.textContent).length == 2"
    )
    screen.idle()
    magnified = page.locator(".pv-mag")
    assert magnified.nth(0).inner_text() == magnified.nth(1).inner_text()
    pressed = page.locator(".pv-layers [aria-pressed=true]")
    assert [pressed.nth(i).inner_text() for i in range(2)] == ["Map", "Concepts"]
    first = magnified.nth(0).inner_text()
    views.nth(1).locator(".openseadragon-canvas").first.focus()
    screen.press("+", "ArrowRight")
    screen.idle()
    assert magnified.nth(0).inner_text() == magnified.nth(1).inner_text() != first
    # what one shows under a place, the other shows there too: the tissue alone is the same picture
    for i in range(2):
        page.locator(".pv-layers").nth(i).get_by_text("Tissue", exact=True).click()
    screen.idle()
    page.mouse.move(5, 5)
    pictures = [
        np.asarray(Image.open(io.BytesIO(views.nth(i).screenshot())).convert("RGB")).astype(int)
        for i in (0, 1)
    ]
    assert pictures[0].shape == pictures[1].shape
    assert differ(*(picture[60:-60, 60:-160] for picture in pictures)) < 0.1
    # let go, they move alone
    page.get_by_role("button", name="Move both views together").first.click()
    views.nth(0).locator(".openseadragon-canvas").first.focus()
    screen.press("+")
    screen.idle()
    assert magnified.nth(0).inner_text() != magnified.nth(1).inner_text()


@pytest.fixture(scope="module")
def sample(study):
    """The sample study, beside the other one."""
    return sample_study("sample", study.path.parent / "sample")


def greenness(study, concept):
    """The share of clearly green pixels in a concept's typical tiles."""
    found = []
    for datum, token in study.typical_tokens(concept.id):
        with study.open_source(datum) as slide:
            tile = slide.read_scaled(*study.token_rect(datum, token), 32, 32).astype(int)
        found.append((tile[..., 1] - tile[..., 0] > 15).mean())
    return float(np.mean(found))


def test_the_story_of_a_curation(screen, sample):
    """Find the green ink, preview its exclusion, keep it.

    Split a mixed concept and name its parts; mark a region for the class, watch the difference, undo twice,
    redo once; export the report.
    """
    page, edits = screen.page, sample.curation
    screen.open("study")
    page.get_by_role("tab", name="Open a study").click()
    page.get_by_role("combobox", name="Studies on this machine").click()
    page.get_by_role("option", name="sample").click()
    page.locator(".st-key-open_known button").click()
    page.get_by_role("heading", name=sample.name).wait_for()
    screen.go("Concepts")
    page.get_by_role("heading", name="Concepts").wait_for()
    screen.idle()

    # the ink of the sample: torn edges with green on them; the next in green mixes clean edges with some that
    # have ink
    green = {concept.id: greenness(sample, concept) for concept in sample.concepts()}
    ink, mixed = sorted(sample.concepts(), key=lambda concept: -green[concept.id])[:2]
    assert green[ink.id] > 4 * np.median(list(green.values()))
    page.locator(f".st-key-exclude_{ink.id}_box button").first.click()
    page.locator(f".st-key-exclude_{ink.id}_reason input").first.fill("green ink")
    page.locator(f".st-key-exclude_{ink.id}_try button").first.click()
    box = page.get_by_test_id("stSidebar").locator(".st-key-side_preview")
    box.get_by_text(f"Preview: exclude {ink.name} (green ink)").wait_for()
    screen.idle()
    assert "predicted right" in box.inner_text() and not edits.state.excluded and sample.view.id == 1
    tried = sample.preview(lambda c: c.exclude(ink.id, reason="green ink")).after
    page.locator(f".st-key-exclude_{ink.id}_keep button").first.click()
    page.get_by_text("What the refit changed").wait_for()
    screen.idle()
    assert edits.state.excluded == {ink.id: "green ink"}
    assert sample.view.id == 2 and sample.view.digest() == tried.digest()

    # a mixed concept is split; its parts are named
    screen.in_popover(f"cut_{mixed.id}")
    page.locator(".st-key-refit_here button").first.click()
    page.get_by_text(f"new: split off {mixed.name}").wait_for()
    screen.idle()
    part = sample.view.n_concepts - 1
    for concept, name in ((mixed.id, "torn edge"), (part, "clean edge")):
        field = page.get_by_label(f"Name of concept {concept}", exact=True)
        field.fill(name)
        field.press("Enter")
        screen.until(lambda concept=concept, name=name: edits.state.names.get(concept) == name)
        screen.idle()
    assert edits.state.names == {mixed.id: "torn edge", part: "clean edge"}
    page.get_by_role("group", name="The most typical tiles of clean edge").wait_for()

    # a region of the epidermis is marked for the class
    screen.go("Slide")
    screen.on_slide()
    datum = max((d for d in sample.embedded() if d.label == 1), key=sample.n_tokens)
    positions = sample.grid(datum)["positions"]
    corner = next(at for at in range(len(positions)) if (positions - positions[at] == 1).all(axis=1).any())
    x, y, width, _ = sample.token_rect(datum, corner)
    left, top, k = screen.at_level0(x, y)
    page.get_by_role("button", name="Mark a rectangle").click()
    page.get_by_role("group", name="What the region is marked as").get_by_text(
        "epidermis", exact=True
    ).click()
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 2 * width * k, top + 2 * width * k, steps=4)
    page.mouse.up()
    page.get_by_text("Marked regions (1)").wait_for()
    screen.idle()
    (region,) = edits.state.regions
    assert region.evidence == "for" and region.datum == datum.uid
    before = screen.view()
    page.locator(".st-key-refit_here button").first.click()
    page.locator(".st-key-refit_here").wait_for(state="detached")
    screen.on_slide()

    # the difference, as a layer of its own
    screen.layer("Change")
    screen.idle()
    changed = screen.view()
    assert differ(before, changed) > 0.01 and "change of score" in page.locator(".pv-legend").inner_text()
    assert differ(changed, screen.layer("Tissue")) > 0.005
    screen.layer("Map")

    # undo twice (the region by key on the slide, the last name by button), redo once
    page.locator(".openseadragon-canvas").first.focus()
    screen.press("Escape", "Control+z")
    page.get_by_text("Marked regions (1)").wait_for(state="detached")
    screen.idle()
    page.get_by_test_id("stSidebar").get_by_role("button", name="Undo").click()
    page.get_by_text("Undone: rename").first.wait_for()
    screen.idle()
    assert not edits.state.regions and edits.state.names == {mixed.id: "torn edge"}
    page.get_by_test_id("stSidebar").get_by_role("button", name="Redo").click()
    page.get_by_text("Redone: rename").first.wait_for()
    screen.idle()
    assert edits.state.names == {mixed.id: "torn edge", part: "clean edge"} and not edits.state.regions
    page.locator(".st-key-refit_here button").first.click()
    page.locator(".st-key-refit_here").wait_for(state="detached")
    screen.idle()
    assert not edits.pending()

    # the report, saved from the history
    screen.go("Study")
    page.get_by_role("tab", name="History").click()
    report = screen.saved(page.get_by_role("button", name="Save report")).path().read_text()
    assert "exclude" in report and "green ink" in report and f"split {mixed.name} into 2" in report
    assert "evidence for" in report and "undo" in report and "redo" in report and "clean edge" in report
    assert report.count("data:image/") > 4 and "<script" not in report and "CMU-1" not in report
    assert all(f'id="fit{fit}"' in report for fit, *_ in sample.fits()) and len(sample.fits()) == 5


def test_a_lasso_on_the_atlas(screen, study):
    """Drawn with the pointer, or as a rectangle by keys.

    What is chosen is told, moved in one step, and undone by key.
    """
    page, edits = screen.page, study.curation
    steps = len(edits.state.steps)
    screen.open("atlas")
    canvas = page.locator(".at-view canvas")
    canvas.wait_for()
    screen.idle()
    box = canvas.bounding_box()
    ends = [(2, 2), (box["width"] - 2, 2), (box["width"] - 2, box["height"] - 2), (2, box["height"] - 2)]
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for x, y in ends:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    everything = sum(map(study.n_tokens, study.embedded()))
    page.locator(".st-key-split").get_by_text(f"{everything} tiles", exact=True).wait_for()
    screen.pictures_shown()
    canvas.focus()
    page.keyboard.press("Escape")
    page.get_by_text("Draw a lasso").wait_for()
    screen.idle()
    canvas.focus()
    screen.press("r", "ArrowRight", "ArrowDown", "Shift+ArrowLeft")
    few = int(re.search(r"(\d+) in the rectangle", page.locator(".at-count").inner_text())[1])
    screen.press("Enter")
    page.locator(".at-count", has_text=f"{few} chosen").wait_for()
    page.get_by_role("button", name="Choose none").wait_for()
    screen.pictures_shown()
    assert 0 < few < everything
    screen.in_popover("atlas_move")
    moved = edits.state.steps[steps:]
    assert sum(len(tokens) for _, tokens, _ in moved) == few
    canvas.focus()
    page.keyboard.press("Control+z")
    page.get_by_text("Undone: move").wait_for()
    assert len(edits.state.steps) == steps


def test_choosing_a_class(screen, study, pristine_classes):
    three = Study.open(copy_study(pristine_classes, study.path.parent / "three"))
    page = screen.page
    screen.open("study")
    page.get_by_role("tab", name="Open a study").click()
    page.get_by_label("Folder of a study").fill(str(three.path))
    page.get_by_role("button", name="Open this folder").click()
    page.get_by_text("Skin in three").first.wait_for()
    screen.go("Slide")
    page.get_by_text("Where is epidermis?").wait_for()
    screen.on_slide()
    epidermis = screen.view()
    page.locator(".st-key-class_shown input").click()
    page.get_by_role("option", name="edge").click()
    page.get_by_text("Where is edge?").wait_for()
    screen.on_slide()
    edge = screen.view()
    assert differ(epidermis, edge) > 0.02
    assert "speaks against edge" in page.locator(".pv-legend").inner_text()

    # every tile by its strongest class, whichever is chosen
    page.locator(".pv-layers").get_by_text("Classes", exact=True).click()
    page.wait_for_timeout(500)
    screen.on_slide()
    assert differ(edge, screen.view()) > 0.02
    assert [name in page.locator(".pv-legend").inner_text() for name in three.classes] == [True] * 3

    # it holds on every page, and an edit made there is about it
    screen.go("Concepts")
    page.get_by_text("for edge first").wait_for()
    screen.idle()
    page.locator("[class*='st-key-note_0'] input").fill("seen under the microscope")
    screen.in_popover("pin_2", weight_1="1.5")
    entry = three.curation.history()[-1]
    assert (
        entry.payload == {"concepts": [2], "weight": 1.5, "target": 1}
        and entry.note == "seen under the microscope"
    )
    assert page.locator("[class*='st-key-note_1'] input").input_value() == ""
    screen.go("Kernel")
    page.get_by_text("negative against edge").wait_for()
    screen.go("Slide")
    page.get_by_text("Where is edge?").wait_for()
    screen.on_slide()
    page.locator(".pv-layers").get_by_text("Map", exact=True).click()
