"""A server where people log in with OpenID Connect: the provider on loopback, the people in real browsers."""

import json
import shutil
from contextlib import contextmanager

import pytest

from prospector_core.server import read_record
from prospector_core.study import Study
from tests.pages.conftest import copy_study
from tests.support.browsers import IN_A_BROWSER, WAIT, chromium, free_port
from tests.support.servers import answers, people_provider, serve_people

pytestmark = IN_A_BROWSER

ANNA, BEN, CARL = "anna@example.org", "ben@example.org", "carl@example.org"
SETTINGS = """
address = "http://localhost:{port}/lab/prospector"
port = {port}
studies = ["studies"]

[openid]
secrets = "secrets.toml"

[[study]]
folder = "skin"
viewers = ["ben@example.org"]
editors = ["group:pathology"]
"""
SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/lab/prospector/oauth2callback"
cookie_secret = "a secret for this test alone, of enough letters"
client_id = "prospector"
client_secret = "secret"
server_metadata_url = "{provider}/.well-known/openid-configuration"
client_kwargs = {{ timeout = 60 }}
"""


@pytest.fixture(scope="module")
def server(pristine, tmp_path_factory):
    """A running server and its folder: (address, folder)."""
    folder, port = tmp_path_factory.mktemp("login"), free_port()
    copy_study(pristine, folder / "studies" / "skin")
    shutil.copytree(folder / "studies" / "skin", folder / "studies" / "secret")
    people = {ANNA: {"groups": ["pathology"]}, BEN: {"groups": []}, CARL: {}}
    with people_provider(people) as provider:
        (folder / "server.toml").write_text(SETTINGS.format(port=port))
        (folder / "secrets.toml").write_text(SECRETS.format(port=port, provider=provider))
        (folder / "secrets.toml").chmod(0o600)
        with serve_people(folder / "studies" / "skin", folder / "server.toml", port):
            yield f"http://localhost:{port}/lab/prospector", folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


def shown(name):
    """A name as pages show it: nothing in it becomes a link."""
    return name.replace("@", "@\N{WORD JOINER}")


@contextmanager
def logged_in(browser, address, name):
    """A page of somebody who has just logged in."""
    context = browser.new_context(viewport={"width": 1300, "height": 800})
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(address + "/concepts")
    page.get_by_role("button", name="Log in").click()
    page.locator("input[name=sub]").fill(name)
    page.get_by_role("button", name="Authorize").click()
    page.get_by_text(shown(name)).wait_for()
    page.goto(address + "/concepts")  # a login ends on the first page
    page.get_by_text(shown(name)).wait_for()
    yield page
    context.close()


def test_who_logs_in_is_the_author_and_what_others_may_not_is_refused(server, browser):
    """One way through a server: a door, an editor, a viewer, somebody without a role, and out again."""
    address, folder = server
    tiles = []

    # nobody knows who asks: no page, no picture, no file
    for rest in (
        "/",
        "/_stcore/health",
        "/prospector/x/slide/x",
        "/static/none.js",
        "/_stcore/upload_file/a/b",
    ):
        assert answers(address + rest) == 401, rest
    forged = json.dumps({"name": ANNA, "groups": ["pathology"]})
    assert (
        answers(address + "/", **{"X-Prospector-Person": forged, "Cookie": f"_streamlit_user={forged}"})
        == 401
    )

    with logged_in(browser, address, ANNA) as anna:
        anna.on("request", lambda asked: tiles.append(asked.url) if "/slide/" in asked.url else None)
        field = anna.get_by_label("Name of concept 0", exact=True)
        field.fill("by Anna")
        field.press("Enter")
        anna.get_by_text("Undo").first.wait_for()
        anna.get_by_role("link", name="Slide").click()
        anna.wait_for_function(
            "() => performance.getEntriesByType('resource').some(e => /\\/slide\\/.*jpg/.test(e.name))"
        )
        tile = next(each for each in tiles if each.endswith(".jpg"))
        assert anna.request.get(tile).status == 200
        entry = Study.open(folder / "studies" / "skin").curation.history()[-1]
        assert (entry.author, entry.payload["name"]) == (ANNA, "by Anna")
        assert anna.get_by_label("Author").count() == 0  # nothing says otherwise

        with logged_in(browser, address, BEN) as ben:
            # he may look, at pictures of his own, and at none that were shown to others
            ben.get_by_text("You may look at this study, but not edit it.").wait_for()
            assert ben.get_by_label("Name of concept 0", exact=True).is_disabled()
            assert ben.get_by_role("button", name="Undo").is_disabled()
            assert ben.request.get(tile).status == 403
            seen = []
            ben.on("request", lambda asked: seen.append(asked.url) if asked.url.endswith(".jpg") else None)
            ben.get_by_role("link", name="Slide").click()
            ben.wait_for_function(
                "() => performance.getEntriesByType('resource').some(e => /\\/slide\\/.*jpg/.test(e.name))"
            )
            assert ben.request.get(seen[0]).status == 200
            with_his_key = tile.replace(key_of(tile), key_of(seen[0]))
            assert seen[0] == with_his_key or ben.request.get(with_his_key).status in (200, 403)
            assert anna.request.get(seen[0]).status == 403

        with logged_in(browser, address, CARL) as carl:
            # he is known, and has no role: no study in the list, none by its path, and no hint whether there
            # is one
            carl.get_by_test_id("stSidebarNav").get_by_role("link", name="Study").click()
            carl.get_by_text("Welcome to Prospector").wait_for()
            assert carl.get_by_text("Studies on this machine").count() == 0
            said = set()
            for path in (folder / "studies" / "skin", folder / "studies" / "none", "/etc"):
                carl.get_by_label("Folder of a study").fill(str(path))
                carl.get_by_role("button", name="Open this folder").click()
                carl.get_by_test_id("stAlert").filter(has_text="no such study").first.wait_for()
                said.add(carl.get_by_test_id("stAlert").first.inner_text())
            assert len(said) == 1
            assert carl.request.get(tile).status == 403

        # out: her cookie is worth nothing any more, wherever it was copied to, and her other window says so
        other = anna.context.new_page()
        other.goto(address + "/concepts")
        other.get_by_label("Name of concept 1", exact=True).wait_for()
        other.wait_for_function(
            "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
        )  # only a page that was drawn whole asks again by itself
        cookies = anna.context.cookies()
        kept = "; ".join(f"{each['name']}={each['value']}" for each in cookies)
        assert answers(tile, Cookie=kept) == 200
        anna.get_by_role("button", name="Log out").click()
        anna.wait_for_url("**/oauth2/end_session**")
        assert answers(tile, Cookie=kept) == 401
        # it asks every few seconds; nothing need be clicked
        other.get_by_text("Your login has ended").wait_for()
        assert other.get_by_label("Name of concept 1", exact=True).count() == 0

    # all of it is on record
    lines = [(line.who, line.what, line.study) for line in read_record(folder / "studies" / "record.sqlite")]
    expected = [
        (ANNA, "logged in", ""),
        (ANNA, "opened", "skin"),
        (ANNA, "edited", "skin"),
        (BEN, "logged in", ""),
        (BEN, "opened", "skin"),
        (CARL, "refused", "skin"),
        (ANNA, "logged out", ""),
    ]
    assert [each for each in expected if each not in lines] == []
    assert (BEN, "edited", "skin") not in lines and (CARL, "opened", "skin") not in lines


def key_of(address):
    """The part of a tile's address that fits one person."""
    return address.split("/prospector/")[-1].split("/")[0]
