"""The doors of a server: what each believes, and for how long."""

import time

import pytest

from prospector_core.server import OpenId, read_settings
from viewers.access import openid
from viewers.access.openid import OpenIdDoor
from viewers.access.proxy import ProxyDoor

NAME = "anna@example.org"


def scope(path="/", client="10.0.0.1", **headers):
    found = [(key.replace("_", "-").lower().encode(), value.encode()) for key, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "client": (client, 1), "headers": found}


@pytest.fixture
def door(monkeypatch, tmp_path):
    """A door, and the claims that stand in a cookie with a good signature."""
    claims = {"email": NAME, "iat": time.time() - 60, "groups": ["b", "a", "a", ""], "is_logged_in": True}
    monkeypatch.setattr(openid, "read_identity", lambda cookies: claims if cookies else None)
    return OpenIdDoor(OpenId(tmp_path / "secrets.toml", hours=1), "lab"), claims


COOKIE = {"cookie": "_streamlit_user=signed"}


def test_a_login_is_known_by_name_and_groups_until_its_hours_are_over(door):
    door, claims = door
    person = door(scope(**COOKIE))
    assert (person.name, person.groups, person.how) == (NAME, ("a", "b"), "openid") and door.still(person)
    assert door(scope()) is None
    claims["iat"] = time.time() - 3601
    assert door(scope(**COOKIE)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": ""},
        {"email": None},
        {"email": ["x"]},
        {"email": "a\nb"},
        {"email": "x" * 300},
        {"email_verified": False},
        {"iat": None},
        {"iat": "1"},
        {"iat": True},
    ],
)
def test_claims_that_name_nobody_let_nobody_in(door, wrong):
    door, claims = door
    claims.update(wrong)
    assert door(scope(**COOKIE)) is None


@pytest.mark.parametrize("groups", [None, 7, {"a": 1}, [["a"]], [None]])
def test_groups_that_are_none_give_none(door, groups):
    door, claims = door
    claims["groups"] = groups
    assert door(scope(**COOKIE)).groups == ()


def test_a_login_that_was_ended_is_worth_nothing_and_another_of_the_same_person_is(door):
    door, _ = door
    person = door(scope(**COOKIE))
    assert not door.leaving(scope("/auth/logout", **COOKIE)) and door.leaving(
        scope("/lab/auth/logout", **COOKIE)
    )
    assert door(scope(**COOKIE)) is None and not door.still(person)
    assert door(scope(cookie="_streamlit_user=another")).name == NAME


PROXY = """
address = "https://prospector.example.org"
studies = ["."]
[proxy]
addresses = ["10.0.0.1", "10.9.0.0/16"]
user_header = "X-Remote-User"
groups_header = "X-Remote-Groups"
"""


@pytest.fixture
def proxy(tmp_path):
    (tmp_path / "server.toml").write_text(PROXY)
    return ProxyDoor(read_settings(tmp_path / "server.toml").proxy)


@pytest.mark.parametrize("client", ["10.0.0.1", "10.9.3.4", "::ffff:10.0.0.1"])
def test_the_named_proxy_is_believed(proxy, client):
    person = proxy(
        scope(client=client, X_Remote_User="Zoë".encode().decode("utf-8"), X_Remote_Groups="b, a,,")
    )
    assert (person.name, person.groups) == ("Zoë", ("a", "b"))


@pytest.mark.parametrize("client", ["10.0.0.2", "10.8.0.1", "127.0.0.1", "::1", "", "unix", "10.0.0.1.evil"])
def test_nobody_else_is(proxy, client):
    asked = scope(client=client, X_Remote_User="anna", X_Forwarded_For="10.0.0.1")
    assert proxy(asked) is None and proxy.pretends(asked) and proxy.from_where(asked) == client


def test_a_request_without_a_peer_or_with_two_names_lets_nobody_in(proxy):
    asked = scope(X_Remote_User="anna")
    assert proxy({**asked, "client": None}) is None
    assert proxy({**asked, "headers": asked["headers"] * 2}) is None
    assert proxy({**asked, "headers": [(b"x-remote-user", b"\xff\xfe")]}) is None


def test_the_address_is_the_one_that_the_proxy_saw(proxy):
    asked = scope(X_Remote_User="anna", X_Forwarded_For="1.2.3.4, 10.7.7.7")
    assert proxy.from_where(asked) == "10.7.7.7"
    assert proxy.from_where(scope(X_Forwarded_For="<script>")) == "10.0.0.1"


def test_headers_of_the_proxy_reach_nothing_behind_the_gate(proxy):
    asked = scope(
        X_Remote_User="anna",
        X_Remote_Groups="a",
        X_Prospector_Proxy="s",
        X_Forwarded_Host="evil",
        Accept="*/*",
    )
    assert proxy.without(asked) == [(b"accept", b"*/*")]
