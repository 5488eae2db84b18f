"""The slide viewer in a real browser: what a person does, and what they then see."""

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.support.browsers import IN_A_BROWSER, serve
from tests.support.fake_slide import shrink, smooth_pixels

pytestmark = IN_A_BROWSER

WIDTH, HEIGHT = 2400, 1600
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("viewer"), "viewer_page.py") as url:
        yield url


@contextlib.contextmanager
def served(folder, page):
    """A slide of smooth colours, and the address of a page that shows it."""
    pixels = smooth_pixels(WIDTH, HEIGHT)
    with tifffile.TiffWriter(folder / "slide.tif") as tiff:
        options = {"tile": (256, 256), "photometric": "rgb", "resolutionunit": 3}
        tiff.write(pixels, subifds=1, resolution=(20000, 20000), **options)  # 0.5 um/px
        tiff.write(shrink(pixels, 4), subfiletype=1, resolution=(5000, 5000), **options)
    environment = {"PROSPECTOR_TEST_PAGE": page, "PROSPECTOR_TEST_SLIDE": str(folder / "slide.tif")}
    options = {"server_fileWatcherType": "none", "server_baseUrlPath": "lab/slides"}
    with serve(HERE / "viewer_app.py", folder / "log.txt", environment, "/lab/slides", **options) as url:
        yield f"{url}/"


class Screen:
    """The page as a person sees it."""

    def __init__(self, page):
        self.page = page
        self.trouble = []
        self.requests = []
        page.on("console", lambda m: m.type == "error" and self.trouble.append(m.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, address):
        self.page.goto(address)
        self.ready()

    def ready(self):
        self.page.wait_for_selector(".pv-overlay", timeout=60_000, state="attached")
        self.page.wait_for_function(f"!!({ROOT_JS})?.querySelector('.pv-mag')?.textContent", timeout=60_000)
        self.still()

    def still(self):
        """Wait until zoom and position stay the same."""
        before, same = None, 0
        for _ in range(80):
            now = (self.magnification(), self.scale_width())
            same = same + 1 if now == before else 0
            if same >= 4:
                return
            before = now
            self.page.wait_for_timeout(150)

    def settled(self):
        """Magnification and scale once they no longer change, however late a busy machine is with a key."""
        for _ in range(30):
            self.still()
            seen = self.magnification(), self.scale_width()
            self.page.wait_for_timeout(800)
            self.still()
            if (self.magnification(), self.scale_width()) == seen:
                break
        return seen

    def magnification(self):
        return self.page.locator(".pv-mag").inner_text()

    def scale_width(self):
        return self.page.locator(".pv-scale i").evaluate("e => e.style.width")

    def box(self):
        return self.page.locator(".pv-view").bounding_box()

    def centre(self, dx=0, dy=0):
        box = self.box()
        return box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy

    def colour(self, dx=0, dy=0):
        """Screen colour at an offset from the centre of the view."""
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        return np.array(picture.getpixel(tuple(int(v) for v in self.centre(dx, dy))), int)

    def until(self, pattern):
        """Wait for the page's own line of text to match, and return the match."""
        for _ in range(100):
            texts = self.page.locator("[data-testid=stText]").all_inner_texts()
            found = re.search(pattern, " ".join(texts))
            if found:
                return found
            self.page.wait_for_timeout(150)
        raise AssertionError(f"{pattern} not in {texts}")

    def pixels(self):
        """The middle of the slide as shown, without tools and the ring of the focus: (h, w, 3) int."""
        self.page.mouse.move(5, 5)
        self.page.wait_for_timeout(300)
        picture = Image.open(io.BytesIO(self.page.locator(".pv-view").screenshot())).convert("RGB")
        return np.asarray(picture).astype(int)[60:-60, 60:-160]

    def click(self, dx=0, dy=0, count=1):
        self.page.mouse.click(*self.centre(dx, dy))
        found = self.until(rf"clicks={count} at=(\d+),(\d+);")
        return int(found[1]), int(found[2])

    def layer(self):
        return self.page.locator(".pv-layers [aria-pressed=true]").inner_text()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(200)
        self.still()


ROOT_JS = "[...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('.pv'))?.shadowRoot"


@pytest.fixture
def screen(window, address):
    screen = Screen(window(1300, 900))
    screen.open(address)
    yield screen
    screen.page.close()


def is_orange(colour):
    return colour[0] > colour[2] + 40


def is_blue(colour):
    return colour[2] > colour[0] + 40


def test_clicks_come_back_in_slide_pixels(screen):
    x, y = screen.click()
    assert abs(x - WIDTH / 2) <= 4 and abs(y - HEIGHT / 2) <= 4
    screen.press("+", "+", "+")
    k = float(re.search(r"[\d.]+", screen.magnification())[0]) / 20  # 20x is one screen pixel per slide pixel
    x2, y2 = screen.click(100, -60, count=2)
    assert abs(x2 - (WIDTH / 2 + 100 / k)) <= 12 and abs(y2 - (HEIGHT / 2 - 60 / k)) <= 12
    assert not screen.trouble


def test_zoom_survives_clicks_and_a_new_map(screen):
    screen.click()
    screen.press("+", "+", "+", "ArrowRight")
    zoomed = screen.magnification(), screen.scale_width()
    assert is_orange(screen.colour(-200, 100))
    screen.click(30, 30, count=2)
    assert (screen.magnification(), screen.scale_width()) == zoomed
    place = screen.click(120, 50, count=3)
    screen.page.get_by_role("button", name="Refit").click()
    screen.until("version=1")
    screen.page.wait_for_timeout(1500)
    assert is_blue(screen.colour(-200, 100))
    assert (screen.magnification(), screen.scale_width()) == zoomed
    assert screen.click(120, 50, count=4) == place


def test_layers_change_without_asking_python_or_the_server(screen):
    screen.page.wait_for_timeout(1000)  # the layer that is not shown comes second
    screen.requests.clear()
    with_map = screen.colour(50, 100)
    screen.page.mouse.move(*screen.centre())
    screen.page.get_by_role("button", name="Show the concepts").click()
    assert screen.layer() == "Concepts"
    with_sprite = screen.colour(50, 100)
    screen.page.keyboard.press("0")
    assert screen.layer() == "Tissue"
    tissue = screen.colour(50, 100)
    screen.page.keyboard.press("1")
    assert (screen.colour(50, 100) == with_map).all()
    assert np.abs(with_map - with_sprite).sum() > 40 and np.abs(with_map - tissue).sum() > 40
    for _ in range(12):
        screen.page.keyboard.press("[")
    assert (screen.colour(50, 100) == tissue).all()
    screen.page.keyboard.press("h")
    assert screen.layer() == "Tissue"
    assert not [url for url in screen.requests if "overlay" in url]


def test_keyboard_alone_is_enough(screen):
    screen.page.locator(".openseadragon-canvas").first.focus()
    home = screen.magnification()
    screen.press("+", "+", "ArrowLeft", "ArrowUp")
    assert screen.magnification() != home
    screen.page.keyboard.press("Enter")
    found = screen.until(r"clicks=1 at=(\d+),(\d+);")
    assert int(found[1]) < WIDTH / 2 and int(found[2]) < HEIGHT / 2
    screen.press("r")
    assert screen.magnification() == home
    # The page itself does not take r for its own "rerun".
    assert "clicks=1" in screen.until("clicks=1")[0]
    screen.press("f")
    assert screen.box()["height"] > 700
    screen.press("f")
    assert screen.box()["height"] < 560


def test_the_view_is_found_again_after_leaving_the_page(screen):
    screen.click()
    screen.press("+", "+", "ArrowDown", "2")
    kept = screen.settled()
    screen.page.get_by_text("elsewhere").first.click()
    screen.page.wait_for_selector(".pv-overlay", state="detached")
    screen.page.get_by_text("viewer", exact=True).first.click()
    screen.ready()
    assert screen.settled() == kept
    assert screen.layer() == "Concepts"
    assert not screen.trouble


def test_legends_name_both_ends_and_every_concept(screen):
    legend = screen.page.locator(".pv-legend")
    assert all(
        text in legend.inner_text() for text in ("supports tumour", "supports normal", "−1", "0", "+1")
    )
    screen.page.get_by_role("button", name="Show the concepts").click()
    assert "kind 0" in legend.inner_text() and "kind 3 (excluded)" in legend.inner_text()
    before = screen.colour(50, 100)  # kind 2
    screen.page.get_by_role("button", name="kind 0").click()
    assert np.abs(screen.colour(50, 100) - before).sum() > 60
    screen.page.get_by_role("button", name="kind 0").click()
    assert (screen.colour(50, 100) == before).all()


def test_the_threshold_hides_weak_scores_and_says_how_much_is_left(screen):
    screen.page.wait_for_timeout(1000)
    share, least = screen.page.locator(".pv-share"), screen.page.get_by_label("Least score shown")
    weak, strong = (230, 60), (60, 60)  # right quarter of the slide, and left of it
    before = {place: screen.colour(*place) for place in (weak, strong)}
    assert share.inner_text() == "all tissue"
    screen.requests.clear()
    least.fill("50")
    assert share.inner_text() == "≥ 0.5: 75 % of tissue"
    assert (screen.colour(*strong) == before[strong]).all()
    hidden = screen.colour(*weak)
    screen.page.keyboard.press("0")
    assert (screen.colour(*weak) == hidden).all()
    screen.page.keyboard.press("1")
    least.fill("20")
    assert share.inner_text() == "≥ 0.2: 100 % of tissue" and (screen.colour(*weak) == before[weak]).all()
    screen.page.keyboard.press(".")
    screen.page.keyboard.press(".")
    assert "75 %" in share.inner_text() and least.input_value() == "30"
    assert not [url for url in screen.requests if "overlay" in url]
    screen.page.get_by_role(
        "button", name="Refit"
    ).click()  # the scores change their sign, the threshold stays
    screen.until("version=1")
    screen.page.wait_for_timeout(1500)
    assert "75 %" in share.inner_text() and is_blue(screen.colour(*strong))
    assert (screen.colour(*weak) == hidden).all()
    assert not screen.trouble


def test_hovering_names_concept_and_score(screen):
    screen.page.wait_for_timeout(1000)
    token = screen.page.locator(".pv-token")
    screen.page.mouse.move(*screen.centre(50, 60))
    assert token.inner_text() == "kind 2 · +1.00"
    screen.page.mouse.move(*screen.centre(230, 60))
    assert token.inner_text() == "kind 3 · +0.25"
    screen.page.mouse.move(5, 5)
    assert not token.is_visible()


def test_uncertainty_is_fetched_when_looked_at(screen):
    screen.page.wait_for_timeout(1000)
    asked = lambda kind: [url for url in screen.requests if f"/{kind}." in url]
    assert asked("map") and asked("tokens") and not asked("doubt") and not asked("error")
    sure, unsure = (50, -60), (50, 60)
    with_map = screen.colour(*unsure)
    screen.page.keyboard.press("Tab")
    screen.page.locator(".openseadragon-canvas").first.focus()
    screen.page.keyboard.press("3")
    assert screen.layer() == "Uncertainty"
    legend = screen.page.locator(".pv-legend")
    screen.page.wait_for_function(f"{ROOT_JS}.querySelector('.pv-legend').innerText.includes('± 0.5')")
    screen.page.wait_for_timeout(500)
    assert asked("doubt") and asked("error") and "sure" in legend.inner_text()
    pale, dark = screen.colour(*sure), screen.colour(*unsure)
    assert pale.sum() > dark.sum() + 200 and dark[1] > dark[0] and dark[1] > dark[2]
    screen.page.mouse.move(*screen.centre(*unsure))
    assert screen.page.locator(".pv-token").inner_text() == "kind 2 · +1.00 ± 0.50, sign not certain"
    screen.page.keyboard.press("1")
    assert (screen.colour(*unsure) == with_map).all()
    screen.page.keyboard.press("u")
    screen.page.wait_for_timeout(300)
    assert "sign not certain: 50 % of tissue" in legend.inner_text()
    hatched = {tuple(screen.colour(50 + dx, 60)) for dx in range(0, 24, 3)}
    assert len(hatched) > 1 and len({tuple(screen.colour(50 + dx, -60)) for dx in range(0, 12, 3)}) <= 2
    screen.page.get_by_role("button", name="sign not certain").click()
    assert (screen.colour(*unsure) == with_map).all()
    assert not screen.trouble


def test_scale_and_place_are_in_real_units(screen):
    text = screen.page.locator(".pv-scale span").inner_text()
    number, unit = text.split()
    microns = float(number) * {"µm": 1, "mm": 1000}[unit]
    k = float(re.search(r"[\d.]+", screen.magnification())[0]) / 20
    assert abs(float(screen.scale_width()[:-2]) / k * 0.5 / microns - 1) < 0.05
    screen.page.mouse.move(*screen.centre())
    x, y = re.findall(r"[\d.]+", screen.page.locator(".pv-pointer").inner_text())
    assert abs(float(x) - WIDTH * 0.5e-3 / 2) < 0.01 and abs(float(y) - HEIGHT * 0.5e-3 / 2) < 0.01


def test_controls_are_named_and_nothing_leaves_the_machine(screen, address):
    for button in screen.page.locator(".pv-bar button").all():
        assert button.get_attribute("aria-label") and button.get_attribute("title")
    assert screen.page.get_by_label("Opacity of the overlay").count() == 1
    home = address.split("/")[2]
    assert not [url for url in screen.requests if url.startswith("http") and url.split("/")[2] != home]
    assert not [url for url in screen.requests if "slide.tif" in url]


def test_narrow_pages_cut_nothing_off(window, address):
    screen = Screen(window(480, 900))
    screen.open(address)
    frame = screen.page.locator(".pv").bounding_box()
    for part in screen.page.locator(".pv-bar button:visible, .pv-bar input, .pv-scale").all():
        box = part.bounding_box()
        assert box["x"] >= frame["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
    screen.page.close()


def marks(screen, number):
    """The regions that Python was told of, once there are so many."""
    found = []
    for _ in range(100):
        text = screen.page.get_by_text("marks=[").inner_text()
        found = json.loads(text.removeprefix("marks=").removesuffix(";"))
        if len(found) >= number:
            break
        screen.page.wait_for_timeout(100)
    assert len(found) == number, found
    return found


def slide_point(screen, dx, dy):
    """Level-0 pixels of a place given from the centre of the view, while the whole slide is in view."""
    box = screen.box()
    k = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    return WIDTH / 2 + dx / k, HEIGHT / 2 + dy / k


def drag(screen, *points):
    x, y = screen.centre()
    screen.page.mouse.move(x + points[0][0], y + points[0][1])
    screen.page.mouse.down()
    for dx, dy in points[1:]:
        screen.page.mouse.move(x + dx, y + dy, steps=4)
    screen.page.mouse.up()


def test_regions_are_drawn_in_slide_pixels(screen):
    page = screen.page
    page.get_by_role("button", name="Mark a rectangle").click()
    scale = screen.scale_width()
    drag(screen, (-60, -40), (20, 30))
    (rectangle,) = marks(screen, 1)
    assert (rectangle["tool"], rectangle["evidence"]) == ("rectangle", "for")
    np.testing.assert_allclose(rectangle["polygon"][0], slide_point(screen, -60, -40), atol=12)
    np.testing.assert_allclose(rectangle["polygon"][2], slide_point(screen, 20, 30), atol=12)
    assert screen.scale_width() == scale  # the slide did not move under the stroke
    # a polygon, its last corner taken back and set elsewhere, closed by a click on the last one
    screen.press("p", "e")
    x, y = screen.centre()
    for dx, dy in ((40, 20), (110, 30), (150, 150)):
        page.mouse.click(x + dx, y + dy)
        page.wait_for_timeout(450)
    screen.press("Control+z")
    for dx, dy in ((90, 100), (90, 100)):
        page.mouse.click(x + dx, y + dy)
        page.wait_for_timeout(450)
    polygon = marks(screen, 2)[1]
    assert (polygon["tool"], polygon["evidence"]) == ("polygon", "against") and len(polygon["polygon"]) == 3
    np.testing.assert_allclose(polygon["polygon"][2], slide_point(screen, 90, 100), atol=12)
    assert page.get_by_text("steps=;").count() == 1  # a corner was taken back, not an edit
    # freehand
    screen.press("d", "e")
    turn = [(80 * np.cos(a) - 120, 60 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40)]
    drag(screen, *turn)
    freehand = marks(screen, 3)[2]
    assert (freehand["tool"], freehand["evidence"]) == ("freehand", "ignore") and 10 < len(
        freehand["polygon"]
    ) <= 400
    k = (slide_point(screen, 1, 0)[0] - slide_point(screen, 0, 0)[0]) ** 2
    x, y = np.array(freehand["polygon"]).T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(np.pi * 80 * 60 * k, rel=0.04)
    # without a tool a stroke moves the slide and marks nothing; undo then is of edits
    screen.press("Escape")
    drag(screen, (0, 0), (60, 0))
    screen.press("Control+z", "Control+Shift+z")
    page.get_by_text("steps=undo,redo;").wait_for()
    marks(screen, 3)


def test_a_rectangle_by_keyboard_alone(screen):
    screen.page.locator(".openseadragon-canvas").first.focus()
    screen.press("+", "+", "b", "Enter", "ArrowRight", "ArrowDown")
    screen.still()
    screen.press("Enter")
    (rectangle,) = marks(screen, 1)
    (left, top), (right, bottom) = rectangle["polygon"][0], rectangle["polygon"][2]
    assert left == pytest.approx(WIDTH / 2, abs=8) and top == pytest.approx(HEIGHT / 2, abs=8)
    assert right > left + 50 and bottom > top + 50


def test_outlines_and_regions_are_switched_by_key(screen):
    screen.press("0")
    page = screen.page
    page.locator(".openseadragon-canvas").first.focus()
    screen.press("0")
    bare = screen.pixels()
    screen.press("o")
    lined = screen.pixels()
    # kinds are in four stripes: lines where they meet and around, nothing inside of a stripe
    assert page.get_by_role("button", name="Outlines of the concepts").get_attribute("aria-pressed") == "true"
    changed = (np.abs(lined - bare).sum(axis=2) > 24).mean()
    assert 0.002 < changed < 0.2
    screen.press("o")
    assert (np.abs(screen.pixels() - bare).sum(axis=2) > 24).mean() < 0.001
    screen.press("b")
    drag(screen, (-60, -40), (20, 30))
    marks(screen, 1)
    screen.press("Escape")
    page.wait_for_timeout(300)
    marked = screen.pixels()
    assert (np.abs(marked - bare).sum(axis=2) > 24).mean() > 0.005
    screen.press("g")
    assert (np.abs(screen.pixels() - bare).sum(axis=2) > 24).mean() < 0.002
