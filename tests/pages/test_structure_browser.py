"""The zinc sample in a real browser.

A residue is clicked in 3D, in the sequence and without WebGL; a concept is excluded.
"""

import pytest

from prospector_core.study import Study
from tests.pages.screen import Screen
from tests.support.browsers import IN_A_BROWSER, WAIT, serve_study
from tests.support.samples import sample_study

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return sample_study("zinc", tmp_path_factory.mktemp("proteins") / "studies" / "zinc")


@pytest.fixture(scope="module")
def address(study):
    with serve_study(study.path) as url:
        yield url


@pytest.fixture
def screen(window, address):
    screen = Screen(window(1300, 860), address)
    yield screen
    screen.page.close()
    assert not screen.trouble, screen.trouble


def on_screen(page, token):
    """Where the C-alpha of a residue is drawn: x, y in the page."""
    page.wait_for_function("() => window.__prospectorShown?.loaded")
    return page.evaluate(
        """(token) => {
          const shown = window.__prospectorShown, resi = shown.data.resi[token];
          const atom = shown.gl.selectedAtoms({ chain: "P", resi, atom: "CA" })[0];
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
    page.wait_for_function(
        "() => __prospectorShown.data.neighbours.length > 0"
    )  # Python's answer has come back
    shown = page.evaluate("() => ({ selected: __prospectorShown.data.selected })")
    # what is nearest to the eye at that point may be the residue before or behind it
    assert abs(shown["selected"] - token) <= 1
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
        "const real = HTMLCanvasElement.prototype.getContext;HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...more) { return /webgl/.test(kind) ? null : real.call(this, kind, ...more); };"
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


def test_the_tools_of_the_3d_view(screen, study):
    screen.open()
    page = screen.page
    page.locator(".sv-model canvas").first.wait_for()
    page.wait_for_function("() => window.__prospectorShown?.loaded")
    screen.idle()
    # go to a residue: it is chosen, the camera goes there, and its neighbours are sticks
    before = page.evaluate("() => __prospectorShown.viewer.getView()")
    number = page.evaluate("() => __prospectorShown.data.numbers[7]")
    box = page.get_by_role("textbox", name="Go to residue")
    box.fill("no residue")
    box.press("Enter")
    page.wait_for_function("() => __prospectorShown.tools.goTo.getAttribute('aria-invalid') === 'true'")
    box.fill(number)
    box.press("Enter")
    page.wait_for_function(
        "() => __prospectorShown.data.selected === 7 && __prospectorShown.data.neighbours.length > 0"
    )
    page.wait_for_function(
        "(was) => __prospectorShown.viewer.getView()[3] !== was", arg=before[3]
    )  # nearer than before
    screen.idle()
    assert page.evaluate(
        """() => { const shown = __prospectorShown;
          return shown.neighbours().every(({ token }) => {
            const atom = shown.gl.selectedAtoms({ chain: "P", resi: shown.data.resi[token], atom: "CA" })[0];
            return atom.style.stick !== undefined;
          }); }"""
    )
    # names of residues do not cover each other
    spots = page.evaluate("() => __prospectorShown.labelled")
    assert spots
    for at, (x, y) in enumerate(spots):
        assert all(abs(x - left) > 46 or abs(y - top) > 20 for left, top in spots[at + 1 :])
    # the distance between two atoms
    page.get_by_role("button", name="Measure").click()
    page.evaluate(
        """() => { const shown = __prospectorShown;
          for (const token of [7, 8]) {
            const atom = shown.gl.selectedAtoms({ chain: "P", resi: shown.data.resi[token], atom: "CA" })[0];
            shown.tools.take(atom);
          } }"""
    )
    assert 2.5 < page.evaluate("() => __prospectorShown.tools.distance") < 4.5
    page.get_by_role("button", name="Measure").click()
    # it spins, and stands still again
    page.get_by_role("button", name="Spin").click()
    page.wait_for_function(
        "() => { const now = __prospectorShown.viewer.getView().slice(4).join();"
        " window.__was ??= now; return now !== window.__was; }"
    )
    page.get_by_role("button", name="Spin").click()
    page.wait_for_function("() => !__prospectorShown.viewer.isAnimated()")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Picture").click()
    assert saved.value.path().read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("() => __prospectorShown.node.matches(':fullscreen')")
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("() => !__prospectorShown.node.matches(':fullscreen')")
