"""Who gets into the app: routes, WebSocket, cookies, hosts and origins.

Asked by programs and by a browser.
"""

import http.client
import json
import os
import stat
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from tests.support.browsers import ROOT, free_port, in_a_browser, serve, token_header, with_token

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The app without a study."""
    scratch = tmp_path_factory.mktemp("gate")
    with serve("app.py", scratch / "log.txt", {"PROSPECTOR_STUDIES": str(scratch / "studies")}) as url:
        yield url


@pytest.fixture(scope="module")
def cookie(address):
    """The cookie that the printed address gives: "name=value"."""
    given = ask(address, with_token("/"))
    assert given.status == 303 and given.headers["location"] == "/"
    said = given.headers["set-cookie"]
    assert "HttpOnly" in said and "SameSite=Strict" in said and "Path=/;" in said
    assert str(urlsplit(address).port) in said.partition("=")[0]
    assert given.headers["referrer-policy"] == "no-referrer" and given.headers["cache-control"] == "no-store"
    return said.partition(";")[0]


class Answer:
    """What came back: status, headers, text."""

    def __init__(self, response):
        self.status, self.headers = (
            response.status,
            {key.lower(): value for key, value in response.getheaders()},
        )
        self.text = response.read().decode("utf-8", "replace")


def ask(address, path="/", method="GET", body=None, **headers):
    """One request, nothing added to it but what is said here; ``Host`` is the app's own unless given."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def stream(address, path="/_stcore/stream", **headers):
    """Ask for the WebSocket: the status of the handshake."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13", **headers}
    headers["Sec_WebSocket_Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def every_route():
    """(method, path) of all that the app answers, taken from the app itself."""
    asked = (
        "import json, app; from starlette.routing import Mount\n"
        "def flat(routes, before=''):\n"
        "    for route in routes:\n"
        "        path = before + getattr(route, 'path', '')\n"
        "        if isinstance(route, Mount) and route.routes:\n"
        "            yield from flat(route.routes, path)\n"
        "        else:\n"
        "            yield sorted(getattr(route, 'methods', None) or ['GET']), path\n"
        "print(json.dumps(list(flat(app.app._build_starlette_app().routes))))\n"
    )
    ran = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    return [(method, path) for methods, path in found for method in methods]


def test_without_the_token_every_route_is_refused(address):
    """Also routes that are added later: they are taken from the app."""
    routes = every_route()
    paths = {path for _, path in routes}
    assert {"/_stcore/health", "/_stcore/stream"} <= paths and any("upload_file" in path for path in paths), (
        paths
    )
    assert any("/media/" in path for path in paths) and any("{rest:path}" in path for path in paths), paths
    for method, path in routes:
        path = path.replace("{base:path}/", "").replace("{", "").replace("}", "").replace(":path", "")
        for origin in ({}, {"Origin": address}):
            assert ask(address, path, method, **origin).status == 403, (method, path)
    for path in ("/", "/study", "/static/", "//", "/../..", "/_stcore/../", "*"):
        assert ask(address, path).status == 403, path
    assert stream(address, Origin=address) == stream(address) == 403
    said = ask(address).text
    assert "prospector app --list" in said and "<script" not in said


def test_with_the_cookie_all_is_as_before(address, cookie):
    assert ask(address, Cookie=cookie).status == 200
    assert ask(address, "/_stcore/health", Cookie=cookie).text == "ok"
    assert stream(address, Origin=address, Cookie=f"theme=dark; {cookie}") == 101
    put = ask(address, "/_stcore/upload_file/a/b", "PUT", b"", Cookie=cookie, Origin=address)
    assert put.status != 403 or "prospector app" not in put.text  # what refuses now is Streamlit's own check


@pytest.mark.parametrize(
    "wrong",
    [
        {"Cookie": "prospector-80={value}"},
        {"Cookie": "{name}={value}x"},
        {"Cookie": "{name}="},
        {"Cookie": "{name}={short}"},
        {"Cookie": "{name}={value}", "Host": "evil.example"},
        {"Cookie": "{name}={value}", "Host": "localhost.evil.example:8501"},
        {"Cookie": "{name}={value}", "Host": ""},
        {"Cookie": "{name}={value}", "Host": "localhost@evil.example"},
        {"Cookie": "{name}={value}", "Origin": "http://localhost:1"},
        {"Cookie": "{name}={value}", "Origin": "http://evil.example"},
        {"Cookie": "{name}={value}", "Origin": "null"},
        {"Cookie": "{name}={value}", "Origin": ""},
        {"Cookie": "{name}={value}", "Origin": "http://[", "Sec_Fetch_Site": "same-origin"},
        {"Authorization": "Bearer {short}"},
        {"Authorization": "Basic {value}"},
    ],
)
def test_what_is_not_quite_the_owner_is_refused(address, cookie, wrong):
    """Another cookie, another host (DNS rebinding), another page's origin: pages and WebSocket alike."""
    name, _, value = cookie.partition("=")
    headers = {key: text.format(name=name, value=value, short=value[:-1]) for key, text in wrong.items()}
    assert ask(address, "/_stcore/health", **headers).status in (400, 403)
    assert stream(address, **{"Origin": address, **headers}) in (400, 403)


def test_other_pages_cannot_use_the_browser_of_the_owner(address, cookie):
    """A page on another port is the same site for cookies.

    Nothing of the app is shown or run in it, and nothing written.
    """
    port = urlsplit(address).port
    for site in ("cross-site", "same-site"):
        inside = {
            "Sec_Fetch_Site": site,
            "Sec_Fetch_Mode": "no-cors",
            "Sec_Fetch_Dest": "image",
            "Cookie": cookie,
        }
        assert ask(address, "/_stcore/health", **inside).status == 403
        frame = {**inside, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
        assert ask(address, **frame).status == 403
        link = {**frame, "Sec_Fetch_Dest": "document"}
        assert ask(address, **link).status == 200  # a link that is followed
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask(address, "/_stcore/upload_file/a/b", method, Cookie=cookie).status == 403
    assert stream(address, Cookie=cookie) == 403  # without an origin: no browser
    assert stream(address, Cookie=cookie, Host=f"127.0.0.1:{port}", Origin=address) == 403


def test_a_program_with_the_token_gets_in(address):
    assert ask(address, "/_stcore/health", **token_header()).text == "ok"
    assert stream(address, **token_header()) == 101
    assert stream(address, with_token("/_stcore/stream")) == 101
    assert stream(address, **token_header(), Origin="http://localhost:1") == 403


def test_the_address_loses_the_token_and_keeps_the_rest(address):
    """A deep link has the number of a token of its datum under the same name.

    No path leads to another host.
    """
    for path, left in {
        "/kernel?datum=ab&token=7": "/kernel?datum=ab&token=7",
        "/?view=1%2C2&x=": "/?view=1%2C2&x=",
        "//evil.example/": "/evil.example/",
        "/\\evil.example": "/evil.example",
    }.items():
        given = ask(address, with_token(path))
        assert given.status == 303 and given.headers["location"] == left, path
    secret = token_header()["Authorization"].split()[1]
    assert secret not in json.dumps({**given.headers, "set-cookie": ""})
    elsewhere = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    given = ask(
        address, with_token('/?a="><script>'.replace(" ", "")), **elsewhere
    )  # as from the page that opens windows
    assert (
        given.status == 200
        and "set-cookie" in given.headers
        and secret not in given.text
        and "<script" not in given.text
    )


def test_the_token_stands_in_no_log_and_on_no_command_line(tmp_path):
    log, environment = (
        tmp_path / "log.txt",
        {
            "PROSPECTOR_STUDIES": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path),
        },
    )
    with serve("app.py", log, environment) as url:
        secret = token_header()["Authorization"].split()[1]
        assert stream(url, with_token("/_stcore/stream")) == 101
        assert ask(url, with_token("/")).status == 303
        assert secret not in "".join(_command_lines())
        (kept,) = (tmp_path / "prospector" / "apps").iterdir()
        assert json.loads(kept.read_text())["token"] == secret
        assert (
            stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        )
    assert secret not in log.read_text() and not kept.exists()


def _command_lines():
    from pathlib import Path

    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield each.read_text()
        except OSError:
            continue


def test_below_a_base_path_the_cookie_is_sent_there_alone(tmp_path):
    with serve("app.py", tmp_path / "log.txt", path="/lab", server_baseUrlPath="lab") as url:
        given = ask(url, with_token("/lab/"))
        assert (
            given.status == 303
            and given.headers["location"] == "/lab/"
            and "Path=/lab;" in given.headers["set-cookie"]
        )
        assert ask(url, "/lab/_stcore/health").status == 403
        assert (
            ask(url, "/lab/_stcore/health", Cookie=given.headers["set-cookie"].partition(";")[0]).text == "ok"
        )


@in_a_browser
def test_a_browser_gets_in_by_the_printed_address_and_stays(browser, tmp_path):
    """The address loses its token; after a new start the old window asks seldom."""
    from tests.support.browsers import WAIT

    port, environment = free_port(), {"PROSPECTOR_STUDIES": str(tmp_path)}
    context = browser.new_context()
    context.clear_cookies()
    context.set_default_timeout(WAIT)
    page = context.new_page()
    with serve("app.py", tmp_path / "log.txt", environment, server_port=port) as url:
        context.clear_cookies()
        page.goto(f"{url}/study")
        page.get_by_text("prospector app --list").wait_for()
        page.goto(with_token(f"{url}/study"))
        page.get_by_text("Welcome to Prospector").wait_for()
        assert page.url == f"{url}/study"
        page.reload()
        page.get_by_text("Welcome to Prospector").wait_for()
        other = context.new_page()
        other.goto(f"{url}/study")
        other.get_by_text("Welcome to Prospector").wait_for()
        other.close()
    asked = []
    with serve(
        "app.py",
        tmp_path / "again.txt",
        {**environment, "PROSPECTOR_TOKEN": "another-token-of-this-test"},
        server_port=port,
    ) as url:
        page.on("response", lambda response: asked.append(response.status))
        page.on("websocket", lambda socket: asked.append(0))
        page.get_by_text("HTTP status: 403").wait_for()
        before = len(asked)
        page.wait_for_timeout(5000)
        assert len(asked) - before < 25, asked
        page.reload()
        page.get_by_text("prospector app --list").wait_for()
    context.close()


def test_it_is_found_again_and_named_once(tmp_path):
    """`prospector app` prints the address with the token; `--list` finds it; a killed app is forgotten."""
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path),
        "PROSPECTOR_STUDIES": str(tmp_path),
        "HOME": str(tmp_path),
    }
    environment.pop("PROSPECTOR_TOKEN", None)
    command = [sys.executable, "-m", "prospector_core", "app"]

    def listed():
        ran = subprocess.run(
            [*command, "--list"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert "no app of yours runs" in listed()
    running = subprocess.Popen(
        [*command, "--no-browser", "--port", str(free_port())],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = running.stdout.readline().split()[2]
        assert "?token=" in first
        until = time.monotonic() + 120
        while first not in listed():
            assert running.poll() is None and time.monotonic() < until
        address = first.partition("?")[0]
        assert ask(address, "/" + first.rpartition("/")[2]).status == 303
        (kept,) = (tmp_path / "prospector" / "apps").glob("*.json")
        os.kill(json.loads(kept.read_text())["pid"], 9)
        running.wait(timeout=60)
        assert "no app of yours runs" in listed() and not kept.exists()
    finally:
        running.kill()
        running.wait()
