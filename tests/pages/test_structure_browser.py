"""The zinc sample in a real browser: a residue is clicked in 3D, in the sequence and without WebGL; a concept is excluded."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from prospector_core.study import Study
from sample_data import build_sample
from tests.pages.conftest import ROOT
from tests.pages.test_app_browser import CHROMIUM, FLAGS, WAIT, Screen, playwright

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return build_sample("zinc", tmp_path_factory.mktemp("proteins") / "studies" / "zinc")


@pytest.fixture(scope="module")
def address(study):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    environment = {**os.environ, "PROSPECTOR_STUDY": str(study.path), "PROSPECTOR_STUDIES": str(study.path.parent)}
    log = study.path.parent / "log.txt"
    with open(log, "wb") as out, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out) as app:
        url = f"http://localhost:{port}"
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                    break
                time.sleep(0.25)
            else:
                pytest.fail("the app did not start: " + log.read_text()[-500:])
            yield url
        finally:
            app.terminate()
    assert "Traceback" not in log.read_text(), log.read_text()[-2000:]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def screen(browser, address):
    context = browser.new_context(viewport={"width": 1300, "height": 860}, reduced_motion="reduce")
    context.set_default_timeout(WAIT)
    screen = Screen(context.new_page(), address)
    yield screen
    context.close()
    assert not screen.trouble, screen.trouble


def on_screen(page, token):
    """Where the C-alpha of a residue is drawn: x, y in the page."""
    page.wait_for_function("() => window.__prospectorShown?.loaded")
    return page.evaluate(
        """(token) => {
          const shown = window.__prospectorShown, atom = shown.gl.selectedAtoms({ chain: "P", resi: shown.data.resi[token], atom: "CA" })[0];
          const spot = shown.viewer.modelToScreen(atom);
          return [spot.x, spot.y];
        }""",
        token,
    )


def test_a_residue_is_clicked_in_3d_and_its_concept_excluded(screen, study):
    screen.open()
    page = screen.page
    page.locator(".sv-model canvas").first.wait_for()
    screen.idle()
    datum = max(study.data, key=lambda d: (d.label == 1, study.predictions()[d.uid]))
    token = int(study.prospect(datum).argmax())
    x, y = on_screen(page, token)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    page.get_by_text("Prospect score").first.wait_for()
    screen.idle()
    shown = page.evaluate(
        "() => ({ selected: __prospectorShown.data.selected, near: __prospectorShown.data.neighbours.length })"
    )
    # what is nearest to the eye at that point may be the residue before or behind it
    assert abs(shown["selected"] - token) <= 1 and shown["near"] >= 1
    # the sequence shows the same residue, and chooses another
    strip = page.locator(".sv-cells")
    assert str(shown["selected"] + 1) == strip.get_attribute("aria-valuenow")
    strip.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("(was) => __prospectorShown.data.selected === was + 1", arg=shown["selected"])
    screen.idle()
    # exclude the concept of the residue on show
    token = page.evaluate("() => __prospectorShown.data.selected")
    concept = study.concept_name(int(study.concepts_of(datum)[token]))
    page.locator(".st-key-actions").get_by_role("button", name="Exclude").click()
    page.get_by_role("textbox", name="Reason").fill("a test")
    page.get_by_test_id("stForm").get_by_role("button", name="Exclude").click()
    page.get_by_text("Waiting for a refit").wait_for()
    screen.idle()
    page.locator(".st-key-refit_here").get_by_role("button").click()
    page.wait_for_function("(token) => __prospectorShown.data.scores[token] === null", arg=token)
    assert concept in [study.concept_name(k) for k in Study.open(study.path).curation.state.excluded]
    # maps need no WebGL
    page.get_by_role("button", name="Contact map").click()
    page.get_by_role("img", name="Contact map").wait_for()


def test_without_webgl_sequence_and_maps_work(browser, address, study):
    context = browser.new_context(viewport={"width": 900, "height": 860})
    context.set_default_timeout(WAIT)
    context.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return /webgl/.test(kind) ? null : real.call(this, kind, ...more); };"
    )
    screen = Screen(context.new_page(), address)
    screen.open()
    page = screen.page
    page.get_by_text("This browser shows no 3D").wait_for()
    assert page.get_by_role("button", name="3D", exact=True).is_disabled()
    page.get_by_role("img", name="Contact graph").wait_for()
    box = page.locator(".sv-cells").bounding_box()
    page.mouse.click(box["x"] + 6, box["y"] + 60)
    page.get_by_text("Prospect score").first.wait_for()
    context.close()
    assert not screen.trouble, screen.trouble
