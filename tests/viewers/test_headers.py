"""What every answer of the app tells the browser."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from viewers.access.headers import SafeHeaders, content_policy


def answer(app, **scope):
    """The messages that an ASGI app sends."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(
        app(
            {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", **scope},
            receive,
            send,
        )
    )
    return sent


@pytest.mark.parametrize("status", [200, 404, 500])
def test_every_answer_has_them_once(status):
    own = {
        "X-Content-Type-Options": "none",
        "Content-Security-Policy": "default-src *",
        "Cache-Control": "no-cache",
    }
    start, *_ = answer(SafeHeaders(PlainTextResponse("x", status, own)))
    headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
    said = dict(headers)
    assert start["status"] == status and len(said) == len(headers) and said["cache-control"] == "no-cache"
    assert said["content-security-policy"] == content_policy() and said["x-content-type-options"] == "nosniff"
    assert said["referrer-policy"] == "no-referrer" and said["x-frame-options"] == "DENY"


def test_a_websocket_is_let_through():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    assert answer(SafeHeaders(app), type="websocket") == [{"type": "websocket.accept"}]


def test_the_policy_names_no_other_place():
    policy = dict(part.split(" ", 1) for part in content_policy().split("; "))
    assert (
        policy["frame-ancestors"]
        == policy["default-src"]
        == policy["object-src"]
        == policy["frame-src"]
        == "'none'"
    )
    assert "'unsafe-inline'" not in policy["script-src"] and "'unsafe-eval'" not in policy["script-src"]
    allowed = {"'none'", "'self'", "blob:", "data:", "'unsafe-inline'"}
    for sources in policy.values():
        assert all(source in allowed or source.startswith("'sha256-") for source in sources.split())
