"""Patches of Streamlit: with the versions that were tried, with older ones, with those that nobody knows."""

import logging
from importlib import metadata

import pytest
from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from viewers import streamlit_patches
from viewers.streamlit_patches import PatchError, apply_patch, apply_patches

REQUESTS = script_requests.ScriptRequests
CHANGED = (
    (SafeSessionState, "on_script_will_rerun"),
    (REQUESTS, "_request_rerun_locked"),
    (REQUESTS, "request_stop"),
    (REQUESTS, "on_scriptrunner_ready"),
    (script_requests, "_coalesce_widget_states"),
    (WebsocketSessionManager, "disconnect_session"),
    (app_session.AppSession, "_create_scriptrunner"),
)
ALL = ("whole_requests", "last_requests", "page_in_its_place", "loops_closed_with_windows")


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """What the patches change is put back after each test; no test finds them applied."""
    for owner, name in CHANGED:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    apply_patches.cache_clear()
    yield
    apply_patches.cache_clear()


def use_version(monkeypatch, version):
    monkeypatch.setattr(metadata, "version", {"streamlit": version}.__getitem__)


def changed(before):
    return [
        name
        for (owner, name), value in zip(CHANGED, before, strict=True)
        if getattr(owner, name) is not value
    ]


def values():
    return [getattr(owner, name) for owner, name in CHANGED]


def test_all_are_applied_once_to_a_version_that_was_tried(monkeypatch, caplog):
    use_version(monkeypatch, "1.67.2")
    before = values()
    with caplog.at_level(logging.WARNING):
        assert apply_patches() == ALL
    after = values()
    assert len(changed(before)) == len(CHANGED) and not caplog.records
    assert apply_patches() == ALL and not changed(after)


def test_an_unknown_version_is_warned_of_and_gets_what_fits(monkeypatch, caplog):
    use_version(monkeypatch, "2.3.0")
    monkeypatch.delattr(app_session.AppSession, "_create_scriptrunner")
    monkeypatch.setattr(REQUESTS, "request_stop", lambda self, why: None)
    before = [getattr(owner, name, None) for owner, name in CHANGED[:-1]]
    with caplog.at_level(logging.WARNING):
        assert apply_patches() == ("whole_requests", "page_in_its_place")
    texts = [record.getMessage() for record in caplog.records]
    assert "Streamlit 2.3.0 is not known (tried: 1.67)" in texts[0] and len(texts) == 3
    assert "without the patch last_requests (" in texts[1] and "takes self, why" in texts[1]
    assert "loops_closed_with_windows" in texts[2] and "_create_scriptrunner" in texts[2]
    assert REQUESTS.request_stop is before[2] and WebsocketSessionManager.disconnect_session is before[5]


def test_a_field_that_is_gone_is_noticed(monkeypatch):
    monkeypatch.setattr(REQUESTS, "__init__", lambda self: setattr(self, "_state", None))
    with pytest.raises(PatchError, match="ScriptRequests has no _rerun_data, _state"):
        streamlit_patches.whole_requests()


def test_a_version_from_before_the_need_is_left_alone(monkeypatch):
    use_version(monkeypatch, "1.66.1")
    before = values()
    assert not any(apply_patch(getattr(streamlit_patches, name)) for name in ALL) and not changed(before)


def test_each_says_what_it_is_for():
    for name in (*ALL, "send_at_once"):
        patch = getattr(streamlit_patches, name)
        assert patch.__doc__ and patch.since in streamlit_patches.TRIED
