"""A server behind nginx, which encrypts, logs people in and keeps a sub-path.

The site is the one of docs/deployment.md.
"""

import re
import socket
import urllib.parse
from contextlib import contextmanager

import pytest

from prospector_core.server import read_record
from prospector_core.study import Study
from tests.pages.conftest import copy_study
from tests.support.browsers import IN_A_BROWSER, ROOT, WAIT, chromium, free_port
from tests.support.servers import NGINX, answers, certificate, nginx, serve_people

SECRET = "secret-of-this-test-0123456789"
DOCUMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SETTINGS = re.search(r"```toml\n(# /etc/prospector/server.toml\n[^`]*user_header[^`]*)```", DOCUMENT)[1]
SITE = re.search(r"```nginx\n(.*?)```", DOCUMENT, re.DOTALL)[1]


def replaced(text, pairs):
    for old, new in pairs.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@pytest.fixture(scope="module")
def server(pristine, tmp_path_factory):
    """The running server: (its address, its port behind nginx, its folder)."""
    if NGINX is None:
        pytest.fail("needs nginx: apt-get install nginx-light")
    folder, port, behind = tmp_path_factory.mktemp("proxy"), free_port(), free_port()
    copy_study(pristine, folder / "studies" / "skin")
    address = f"https://localhost:{port}/prospector-app"
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    settings = replaced(
        SETTINGS,
        {
            "https://prospector.example.org/prospector-app": address,
            "/srv/prospector/studies": folder / "studies",
            "/etc/prospector/proxy-secret": folder / "secret",
        },
    )
    (folder / "server.toml").write_text(f"port = {behind}\n" + settings)
    (folder / "secret.conf").write_text(f'proxy_set_header X-Prospector-Proxy "{SECRET}";\n')
    (folder / "people").write_text("anna:{PLAIN}right\nben:{PLAIN}right\n")
    chain, key = certificate(folder)
    site = replaced(
        SITE,
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "prospector.example.org": "localhost",
            "127.0.0.1:8501": f"127.0.0.1:{behind}",
            "/etc/ssl/certs/prospector.pem": chain,
            "/etc/ssl/private/prospector.key": key,
            "/etc/nginx/prospector-people": folder / "people",
            "/etc/nginx/prospector-secret.conf": folder / "secret.conf",
        },
    )
    with (
        serve_people(folder / "studies" / "skin", folder / "server.toml", behind),
        nginx(site, folder / "nginx", port),
    ):
        yield address, behind, folder


@contextmanager
def window(name, address):
    """A page of a browser that logs in at nginx."""
    with chromium() as browser:
        context = browser.new_context(
            ignore_https_errors=True, http_credentials={"username": name, "password": "right"}
        )
        context.set_default_timeout(WAIT)
        page = context.new_page()
        page.goto(address)
        page.locator(".st-key-who").filter(has_text=name).wait_for()
        yield page


def browser_marks(test):
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


@browser_marks
def test_pages_tiles_and_edits_below_a_sub_path(server):
    """Everything goes through nginx and below the sub-path.

    Pages, WebSocket, viewers, tiles, deep links; then an edit.
    """
    address, _, folder = server
    study = Study.open(folder / "studies" / "skin")
    datum = study.datum("field C3")
    asked = []
    with window("anna", address + "/") as page:
        page.on("response", lambda answer: asked.append((answer.status, answer.url)))
        sockets = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"{address}/?datum={datum.uid}&token=7")
        page.get_by_text("field C3").first.wait_for()
        page.wait_for_function(
            "() => performance.getEntriesByType('resource').some(e => /\\/slide\\/.*jpg/.test(e.name))"
        )
        page.get_by_text("The largest parts").wait_for()  # of the token that the address names
        assert sockets == [f"{address.replace('https', 'wss')}/_stcore/stream"]
        page.goto(f"{address}/concepts")
        field = page.get_by_label("Name of concept 0", exact=True)
        field.fill("by Anna")
        field.press("Enter")
        page.get_by_role("button", name="Undo").and_(page.locator(":not([disabled])")).first.wait_for()
        page.goto(f"{address}/?datum={datum.uid}")
        page.get_by_text("Save figure").first.click()
        with page.expect_download() as saved:
            page.locator(".st-key-figure_save button").click()
        assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    here = urllib.parse.urlsplit(address)
    wrong = [
        (status, url)
        for status, url in asked
        if urllib.parse.urlsplit(url).netloc == here.netloc and status >= 400
    ]
    # Streamlit's page asks for its base below each part of the path, from the longest on
    assert [(status, url) for status, url in wrong if "/concepts/_stcore/" not in url] == []
    assert [url for _, url in asked if url.startswith("http") and not url.startswith(address)] == []
    entry = study.curation.history()[-1]
    assert (entry.author, entry.payload["name"]) == ("anna", "by Anna")
    lines = [
        (line.who, line.what, line.study, line.address)
        for line in read_record(folder / "studies" / "record.sqlite")
    ]
    for what in ("opened", "edited", "exported"):
        assert ("anna", what, "skin", "localhost") in lines or ("anna", what, "skin", "127.0.0.1") in lines, (
            what,
            lines,
        )


def test_only_the_proxy_says_who_asks(server):
    """The header from anywhere else lets nobody in, and is put on record.

    Without a login nginx lets nobody through.
    """
    address, behind, folder = server
    straight = f"http://127.0.0.1:{behind}/prospector-app/"
    host = {"Host": urllib.parse.urlsplit(address).netloc}
    assert answers(address + "/") == 401
    proof = {**host, "X-Prospector-Proxy": SECRET}
    assert answers(straight, **proof, **{"X-Remote-User": "anna"}) == 200
    for more in (
        {"X-Remote-User": "anna"},
        {"X-Remote-User": "anna", "X-Prospector-Proxy": "another secret, as long as that one"},
        {"X-Remote-User": "anna", "X-Forwarded-For": "127.0.0.1"},
        {"X-Prospector-Person": '{"name": "anna", "groups": [], "how": "proxy"}'},
    ):
        assert answers(straight, **host, **more) == 401, more
        assert answers(straight + "_stcore/health", **host, **more) == 401, more
    assert answers(straight, **proof) == 401  # the proxy, but nobody has logged in
    assert answers(straight, **proof, **{"X-Remote-User": "a" * 300}) == 401
    assert twice(behind, host["Host"]) == 401
    refused = [line for line in read_record(folder / "studies" / "record.sqlite") if line.what == "refused"]
    assert any("X-Remote-User" in line.detail and line.address == "127.0.0.1" for line in refused)


def twice(port, host):
    """Status of a request that names two people: the first of them might be the client's own word."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(
            f"GET /prospector-app/ HTTP/1.1\r\nHost: {host}\r\nX-Prospector-Proxy: {SECRET}\r\nX-Remote-User:"
            " anna\r\nX-Remote-User: ben\r\nConnection: close\r\n\r\n".encode()
        )
        return int(line.makefile("rb").readline().split()[1])
