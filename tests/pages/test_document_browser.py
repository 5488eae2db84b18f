"""The sample of reports in a real browser: read, click, find, keys, rename, exclude, refit, save."""

import json

import pytest

from prospector_core.study import Study
from tests.pages.screen import Screen
from tests.support.browsers import IN_A_BROWSER, serve_study
from tests.support.samples import sample_study

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return sample_study("reports", tmp_path_factory.mktemp("documents") / "studies" / "reports")


@pytest.fixture(scope="module")
def address(study):
    with serve_study(study.path) as url:
        yield url


@pytest.fixture
def screen(window, address):
    screen = Screen(window(1400, 900), address)
    yield screen
    screen.page.close()
    assert not screen.trouble, screen.trouble


def test_a_report_is_read_clicked_curated_and_saved(screen, study, tmp_path):
    screen.open()
    page = screen.page
    page.locator(".dv-s").first.wait_for()
    screen.idle()
    # the report reads as it was written
    shown = max(study.embedded(), key=lambda d: (d.label == 1, study.predictions()[d.uid]))
    text = study.attrs(shown)["text"]
    assert " ".join(page.locator(".dv-page").inner_text().split()) == " ".join(text.split())
    # keys: a step, the next hot spot, and letting go
    pane = page.locator(".dv-pane")
    pane.focus()
    page.keyboard.press("ArrowDown")
    page.locator(".dv-s.dv-on[data-token='0']").wait_for()
    page.keyboard.press("n")
    page.locator(".dv-s.dv-on").wait_for()
    page.get_by_text("Prospect score").first.wait_for()
    screen.idle()
    # find counts what it finds
    word = text.split()[0].strip(".,:").lower()
    page.get_by_label("Find in this text").fill(word)
    many = text.lower().count(word)
    page.get_by_text(f"1 of {many}", exact=True).wait_for()
    # a click explains, and names its concept
    page.locator(".dv-s").nth(1).click()
    page.get_by_text("Most similar elsewhere").wait_for()
    screen.idle()
    concept = int(study.concepts_of(shown)[1])
    page.get_by_role("button", name="Concepts", exact=True).click()
    assert page.locator(".dv-legend").inner_text().count("concept") >= 1
    page.locator(".st-key-actions").get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("the second sentence")
    page.get_by_test_id("stForm").get_by_role("button", name="Rename").click()
    page.locator(".dv-legend").get_by_text("the second sentence").wait_for()
    screen.idle()
    page.locator(".st-key-actions").get_by_role("button", name="Exclude").click()
    page.get_by_role("textbox", name="Reason").fill("a test")
    page.get_by_test_id("stForm").get_by_role("button", name="Exclude").click()
    page.get_by_text("Waiting for a refit").wait_for()
    screen.idle()
    page.locator(".st-key-refit_here").get_by_role("button").click()
    page.locator(".dv-s.dv-off[data-token='1']").wait_for()
    screen.idle()
    state = Study.open(study.path).curation.state
    assert state.names[concept] == "the second sentence" and concept in state.excluded
    # a file with spans leaves, with the new name
    page.get_by_role("button", name="Save").first.click()
    page.get_by_role("combobox", name="As").click()
    page.get_by_role("option", name="Spans (JSON lines)").click()
    button = page.get_by_test_id("stDownloadButton").get_by_role("button")
    screen.saved(button).save_as(tmp_path / "saved.jsonl")
    saved = json.loads((tmp_path / "saved.jsonl").read_text())
    assert saved["text"] == text and saved["spans"][1]["score"] is None
    assert saved["spans"][1]["label"] == "the second sentence"
    # another report, from the filmstrip
    other = page.locator(".fs-item[aria-current=false]").first
    name = other.locator(".fs-name").inner_text()
    other.click()
    page.get_by_text(name, exact=True).first.wait_for()
