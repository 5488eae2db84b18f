"""Nothing that a person asks for is lost or done twice.

However busy the app is with what was asked before.
"""

import pytest

from tests.support.browsers import IN_A_BROWSER, serve

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The file that says what was done."""
    return tmp_path_factory.mktemp("asked") / "done.txt"


@pytest.fixture(scope="module")
def address(done):
    with serve("tests/pages/requests_app.py", done.with_name("log.txt"), {"DONE": str(done)}) as url:
        yield url


@pytest.fixture
def page(window, address, done):
    done.write_text("")
    page = window(900, 700)
    page.goto(address)
    page.get_by_text("end").wait_for()
    idle(page)
    yield page
    page.close()


def idle(page):
    """Wait until the app has nothing more to do."""
    page.wait_for_timeout(400)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
    )


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_timeout(60)


def type_in(page, field, text):
    page.get_by_label(field, exact=True).fill(text)
    page.get_by_label(field, exact=True).press("Enter")
    page.wait_for_timeout(60)


def assert_done(page, done, *lines):
    """Exactly this was done, once the app has had the time for it."""
    for _ in range(200):
        idle(page)
        if len(done.read_text().splitlines()) >= len(lines):
            break
    idle(page)
    assert done.read_text().splitlines() == list(lines)


def test_everything_is_done_once_and_in_order(page, done):
    type_in(page, "a", "1")  # its callback is under way when the next comes
    type_in(page, "b", "2")
    press(page, "press")
    press(page, "press")
    type_in(page, "a", "3")
    press(page, "press")
    type_in(page, "b", "4")
    assert_done(page, done, "a 1", "b 2", "press 1", "press 1", "a 3", "press 3", "b 4")
    assert page.get_by_label("a", exact=True).input_value() == "3"


def test_also_where_the_page_is_left_or_the_window_closed_at_once(page, done, window, address):
    press(page, "busy")
    type_in(page, "a", "1")
    press(page, "press")
    page.get_by_role("link", name="Two").click()
    page.get_by_text("the other page").wait_for()
    assert_done(page, done, "a 1", "press 1")
    other = window(900, 700)
    other.goto(address)
    other.get_by_text("end").wait_for()
    idle(other)
    press(other, "busy")
    type_in(other, "a", "5")
    other.close()
    assert_done(page, done, "a 1", "press 1", "a 5")


def test_the_page_stays_where_it_is_while_a_fragment_is_drawn(page, done):
    for _ in range(8):  # at any time of the fragment's
        press(page, "press")
        page.wait_for_timeout(130)
    assert_done(page, done, *["press first"] * 8)
    assert page.get_by_test_id("stMain").get_by_role("button", name="press", exact=True).count() == 1
    assert page.get_by_test_id("stSidebar").get_by_role("button", name="press", exact=True).count() == 0


def test_what_is_typed_meanwhile_stays_and_what_was_taken_back_does_not_return(page, done):
    type_in(page, "a", "1")
    page.get_by_label("b", exact=True).fill("half a wo")  # not entered yet, while the name of a is drawn
    idle(page)
    assert page.get_by_label("b", exact=True).input_value() == "half a wo"
    page.get_by_label("b", exact=True).press("Enter")
    idle(page)
    press(page, "back")  # the field still says 1 where the next button is pressed
    press(page, "press")
    assert_done(page, done, "a 1", "b half a wo", "back", "press first")
    assert page.get_by_label("a", exact=True).input_value() == "first"
