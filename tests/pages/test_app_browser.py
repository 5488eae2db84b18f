"""The whole app in a real browser, as a person goes through it once: slide, concepts, refit, kernel, and back."""

import io

import numpy as np
import pytest
from PIL import Image

from prospector_core.study import Study
from tests.browsers import IN_A_BROWSER, serve_study
from tests.pages.conftest import copy_study
from tests.pages.screen import Screen, differ

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
    for _ in range(100):  # a busy machine is late with the wheel
        if screen.place() != by_key:
            break
        page.wait_for_timeout(100)
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
    assert study.current_fit.id == 2 and study.concept_name(other.id) == "collagen & co"
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
    page.mouse.click(square["x"] + square["width"] * 0.5 / count, square["y"] + square["height"] * 1.5 / count)
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
    """From the top of the page the Tab key comes to the navigation, the layers, the slide and the edits; focus is seen."""
    screen.open()
    screen.on_slide()
    page = screen.page
    reached = []
    for _ in range(36):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(
            """() => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
            return e.getAttribute('aria-label') || e.innerText || e.tagName }"""))  # fmt: skip
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
    box = page.locator(".pv-view").bounding_box()
    k = min(box["width"] / 2220, box["height"] / 2967)
    left, top = box["x"] + box["width"] / 2 + (x - 1110) * k, box["y"] + box["height"] / 2 + (y - 1483.5) * k
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
    assert region.datum == study.datum("field C3").uid and region.evidence == "ignore" and 1 <= len(region.tokens) <= 9
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
        "() => [...document.querySelectorAll('*')].flatMap(e => [...(e.shadowRoot?.querySelectorAll('.fs-item img') ?? [])])"
        ".slice(0, 3).every(image => image.naturalWidth > 20)"
    )
    items.nth(len(data) - 1).click()
    screen.on_slide()
    assert study.datum(shown[-1]).name in page.locator(".st-key-split").inner_text()
    assert items.nth(len(data) - 1).get_attribute("aria-current") == "true"

    page.get_by_role("combobox", name="Beside it").click()
    page.get_by_role("option", name="this slide, another layer").click()
    views = page.locator(".pv-view")
    views.nth(1).wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].filter(e => e.shadowRoot?.querySelector('.pv-mag')?.textContent).length == 2"
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
        np.asarray(Image.open(io.BytesIO(views.nth(i).screenshot())).convert("RGB")).astype(int) for i in (0, 1)
    ]
    assert pictures[0].shape == pictures[1].shape
    assert differ(*(picture[60:-60, 60:-160] for picture in pictures)) < 0.1
    # let go, they move alone
    page.get_by_role("button", name="Move both views together").first.click()
    views.nth(0).locator(".openseadragon-canvas").first.focus()
    screen.press("+")
    screen.idle()
    assert magnified.nth(0).inner_text() != magnified.nth(1).inner_text()


def test_curation_from_merge_to_redo(screen, study):
    """Merge two cards, split one, pin a pair, correct a label, undo twice, redo once; the difference is on the slide."""
    page, edits = screen.page, study.curation
    screen.open("concepts")
    page.get_by_role("heading", name="Concepts").wait_for()
    screen.idle()
    open_ones = [c for c in study.concepts() if not c.excluded]
    big, *_, small, least = sorted(open_ones, key=lambda c: -c.tokens)
    for concept in (small, least):
        page.locator(f".st-key-choose_{concept.id} label").click()
        screen.idle()
    page.locator(".st-key-merge_chosen button").first.click()
    page.get_by_text(f"goes into {small.name} at the next refit").wait_for()
    assert edits.state.merged == {least.id: small.id}

    # tried first: what it would give is said, and nothing is kept
    page.locator(f".st-key-cut_{big.id}_box button").first.click()
    page.locator(f".st-key-cut_{big.id}_try button").first.click()
    page.get_by_test_id("stSidebar").get_by_text(f"Preview: split {big.name} into 2").wait_for()
    screen.idle()
    assert not edits.state.steps
    page.locator(f".st-key-cut_{big.id} button").first.click()
    page.locator(f".st-key-cut_{big.id} button").first.wait_for(state="detached")
    page.locator(".st-key-refit_here button").first.click()
    page.get_by_text(f"new: split off {big.name}").wait_for()
    screen.idle()
    fit = study.current_fit
    assert fit.state.merged == {least.id: small.id} and fit.n_concepts == 7

    # a tile of a card leads to the slide
    page.get_by_role("group", name=f"The most typical tiles of {big.name}").get_by_role("button").first.click()
    screen.on_slide()
    page.get_by_text("The largest parts").wait_for()
    assert f"Is {big.name} right?" in page.locator(".st-key-split").inner_text()

    # what the refit changed, as a layer
    before = screen.view()
    changed = screen.layer("Change")
    screen.idle()
    changed = screen.view()
    assert differ(before, changed) > 0.01 and "change of score" in page.locator(".pv-legend").inner_text()
    assert differ(changed, screen.layer("Tissue")) > 0.005
    screen.layer("Map")

    # a pair is pinned on the kernel page, a label corrected in the table
    screen.go("Kernel")
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for(state="attached")
    screen.idle()
    square, count = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box(), 7
    page.mouse.click(square["x"] + square["width"] * 0.5 / count, square["y"] + square["height"] * 1.5 / count)
    page.locator("h4").wait_for()
    screen.idle()
    screen.in_popover("cell_pin", weight="-3")
    (pair,) = edits.state.pins
    assert len(pair) == 2 and edits.state.pins[pair] == -3
    screen.go("Study")
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()
    screen.idle()
    box = table.bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + 36 + 36)
    datum = study.data[0]
    screen.idle()
    page.locator(f".st-key-relabel_{datum.uid}_box button").first.click()
    page.locator(f".st-key-relabel_{datum.uid}_label").get_by_text("not known").click()
    page.locator(f".st-key-relabel_{datum.uid} button").first.click()
    page.get_by_text(f"Relabelled {datum.name} as not known").first.wait_for()
    screen.idle()
    assert edits.state.labels == {datum.uid: None}

    # undo twice, redo once
    for _ in range(2):
        page.locator(".st-key-undo_here button").first.click()
        screen.idle()
        if not edits.pending():
            break
    assert not edits.state.labels and not edits.state.pins and not edits.pending()
    page.get_by_test_id("stSidebar").get_by_role("button", name="Redo").click()
    screen.idle()
    assert edits.state.pins == {pair: -3} and not edits.state.labels
    page.locator(".st-key-refit_here button").first.click()
    page.get_by_text("What the refit changed").wait_for()
    screen.idle()
    assert study.current_fit.pair_weight(*pair) == -3


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
    assert entry.payload == {"concepts": [2], "weight": 1.5, "target": 1} and entry.note == "seen under the microscope"
    assert page.locator("[class*='st-key-note_1'] input").input_value() == ""
    screen.go("Kernel")
    page.get_by_text("negative against edge").wait_for()
    screen.go("Slide")
    page.get_by_text("Where is edge?").wait_for()
    screen.on_slide()
    page.locator(".pv-layers").get_by_text("Map", exact=True).click()
