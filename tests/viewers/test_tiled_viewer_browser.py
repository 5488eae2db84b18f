"""Overlays of a grid too large for one picture, in a real browser."""

import re

import pytest

from tests.support.browsers import IN_A_BROWSER
from tests.viewers.test_slide_viewer_browser import Screen, is_blue, is_orange, served

pytestmark = IN_A_BROWSER
TOP = 5  # halvings of 4800 places to fit 256
LEFT, RIGHT = (-30, -20), (30, -20)  # places on screen within the part with tokens
UPPER, LOWER = (-30, -20), (-30, 20)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("tiled"), "tiled_page.py") as url:
        yield url


@pytest.fixture
def screen(window, address):
    screen = Screen(window(1300, 900))
    screen.open(address)
    yield screen
    screen.page.close()
    assert not screen.trouble


def eventually(screen, true):
    """Wait until something holds on screen."""
    for _ in range(100):
        if true():
            return
        screen.page.wait_for_timeout(150)
    raise AssertionError("it did not come true")


def levels(screen, kind="map"):
    """Levels of which tiles were asked for."""
    return {int(found[1]) for url in screen.requests if (found := re.search(rf"/{kind}/(\d+)/\d+_\d+", url))}


def zoom_in(screen):
    screen.page.locator(".openseadragon-canvas").first.focus()
    screen.press(*["+"] * 8)


def test_tiles_are_drawn_from_afar_and_from_near(screen):
    eventually(screen, lambda: is_orange(screen.colour(*LEFT)))
    afar = levels(screen)
    assert afar and max(afar) < TOP and 0 in afar
    assert screen.colour(*LEFT).sum() < screen.colour(*RIGHT).sum() - 60  # stronger scores are darker
    zoom_in(screen)
    eventually(screen, lambda: TOP in levels(screen) and is_orange(screen.colour(*LEFT)))
    tiles = [url for url in screen.requests if f"/map/{TOP}/" in url]
    assert 1 <= len(tiles) <= 12  # what is in view, of 247
    assert not [url for url in screen.requests if re.search(r"/(map|tokens|doubt)\.(png|bin)$", url)]
    screen.page.get_by_role("button", name="Refit").click()
    screen.until("version=1")
    eventually(screen, lambda: is_blue(screen.colour(*LEFT)))


def test_threshold_and_pointer_work_without_the_numbers_of_all(screen):
    eventually(screen, lambda: is_orange(screen.colour(*LEFT)))
    share, least = screen.page.locator(".pv-share"), screen.page.get_by_label("Least score shown")
    before = screen.colour(*LEFT), screen.colour(*RIGHT)
    screen.page.locator(".openseadragon-canvas").first.focus()
    screen.page.keyboard.press("0")
    tissue = screen.colour(*RIGHT)
    screen.page.keyboard.press("1")
    least.fill("50")
    assert share.inner_text() == "≥ 0.5: 50 % of tissue"
    eventually(screen, lambda: abs(screen.colour(*RIGHT) - tissue).max() <= 2)
    assert (screen.colour(*LEFT) == before[0]).all()
    least.fill("20")
    assert share.inner_text() == "≥ 0.2: 100 % of tissue"
    eventually(screen, lambda: (screen.colour(*RIGHT) == before[1]).all())
    token = screen.page.locator(".pv-token")
    screen.page.mouse.move(*screen.centre(*LEFT))
    screen.page.wait_for_timeout(500)
    assert not token.is_visible() and not levels(screen, "tokens")  # too small to point at
    zoom_in(screen)
    screen.page.mouse.move(*screen.centre(-31, -21))
    eventually(screen, lambda: token.is_visible() and token.inner_text() == "kind 0 · +1.00")
    screen.page.mouse.move(*screen.centre(30, 20))
    eventually(screen, lambda: token.inner_text() == "kind 1 · +0.25")
    asked = [url for url in screen.requests if "/tokens/" in url]
    assert 1 <= len(asked) <= 4 and all(f"/tokens/{TOP}/" in url for url in asked)


def test_highlight_hatch_and_uncertainty(screen):
    eventually(screen, lambda: is_orange(screen.colour(*LEFT)))
    screen.page.get_by_role("button", name="Show the concepts").click()
    eventually(screen, lambda: abs(screen.colour(*UPPER) - screen.colour(*LOWER)).sum() > 100)
    shown = screen.colour(*UPPER), screen.colour(*LOWER)
    screen.page.get_by_role("button", name="kind 1").click()
    eventually(screen, lambda: abs(screen.colour(*UPPER) - shown[0]).sum() > 60)
    assert (screen.colour(*LOWER) == shown[1]).all()
    screen.page.get_by_role("button", name="kind 1").click()
    eventually(screen, lambda: (screen.colour(*UPPER) == shown[0]).all())
    assert not [url for url in screen.requests if "doubt" in url or "/error/" in url]
    zoom_in(screen)
    screen.press("1", "u")
    legend = screen.page.locator(".pv-legend")
    eventually(screen, lambda: "sign not certain: 50 % of tissue" in legend.inner_text())
    spread = lambda y: {tuple(screen.colour(-40 + dx, y)) for dx in range(0, 40, 4)}
    eventually(screen, lambda: len(spread(22)) >= 3)  # both stripes, and the map between them
    assert len(spread(-22)) == 1
    screen.page.mouse.move(*screen.centre(-31, 21))
    token = screen.page.locator(".pv-token")
    eventually(screen, lambda: token.inner_text() == "kind 1 · +1.00 ± 0.50, sign not certain")
    screen.press("u", "3")
    eventually(screen, lambda: "± 0.5" in legend.inner_text())
    eventually(screen, lambda: screen.colour(*UPPER).sum() > screen.colour(*LOWER).sum() + 200)


def test_outlines_are_drawn_of_what_is_in_view(screen):
    eventually(screen, lambda: is_orange(screen.colour(*LEFT)))
    outlines = screen.page.get_by_role("button", name="Outlines of the concepts")
    outlines.click()
    screen.page.wait_for_timeout(400)
    assert not levels(screen, "tokens")  # from afar lines would cover what they outline
    zoom_in(screen)
    screen.press("+", "+", "+")
    eventually(screen, lambda: levels(screen, "tokens"))
    screen.page.wait_for_timeout(800)
    lined = screen.pixels()
    outlines.click()
    changed = (abs(lined - screen.pixels()).sum(axis=2) > 24).mean()
    assert 0.002 < changed < 0.3
    asked = [url for url in screen.requests if "/tokens/" in url]
    assert 1 <= len(asked) <= 9 and all(f"/tokens/{TOP}/" in url for url in asked)
