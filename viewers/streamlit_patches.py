"""What Streamlit does otherwise in this process: each patch says what it is for, and since which version.

The patches use what is private to Streamlit. They were tried with the versions in ``TRIED``. With another
version the app runs with a warning in the log, and without the patches that do not fit.

Three patches are about requests. Streamlit ends a run of the script when a new request comes in, and may lose
requests. Where a widget's value is read in the script itself (``if st.button(...)``), a newer request still
ends the older one: edits belong into callbacks. The patches need ``runner.fastReruns = false``
(.streamlit/config.toml), else two runs of one session may be under way at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import inspect
import logging
import re
import socket
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

__all__ = ["TRIED", "PatchError", "apply_patch", "apply_patches", "send_at_once", "undisturbed"]

TRIED = ((1, 67),)
"""Versions of Streamlit, major and minor, that the patches were tried with."""

log = logging.getLogger(__name__)

_AGAIN = 1.0  # seconds until the loop of a closed window is looked at again, while its script still runs


class PatchError(Exception):
    """What a patch would change is not as the patch knows it."""


@functools.cache
def apply_patches() -> tuple[str, ...]:
    """Apply the patches that pages need to this process, once.

    Returns
    -------
    tuple of str
        Names of those that were applied.
    """
    version = metadata.version("streamlit")
    if _release(version) not in TRIED:
        tried = ", ".join(".".join(map(str, release)) for release in TRIED)
        log.warning(
            "Streamlit %s is not known (tried: %s): patches that do not fit are left out", version, tried
        )
    return tuple(patch.__name__ for patch in _PATCHES if apply_patch(patch))


def apply_patch(patch: Callable[[], None]) -> bool:
    """Apply one patch; where it does not fit, warn in the log and change nothing.

    Returns
    -------
    bool
        Whether it was applied.
    """
    version = metadata.version("streamlit")
    if _release(version) < patch.since:
        return False
    try:
        patch()
    except (AttributeError, ImportError, PatchError) as error:
        log.warning("Streamlit %s runs without the patch %s (%s)", version, patch.__name__, error)
        return False
    return True


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _since(*release: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Note the version of Streamlit from which on a patch is needed."""

    def noted(patch: Callable[[], None]) -> Callable[[], None]:
        patch.since = release
        return patch

    return noted


def _check_parameters(function: Callable, *names: str) -> None:
    """Raise PatchError unless these are a function's parameters by position."""
    parameters = inspect.signature(function).parameters.values()
    found = tuple(each.name for each in parameters if each.kind is not each.KEYWORD_ONLY)
    if found != names:
        raise PatchError(f"{function.__qualname__} takes {', '.join(found) or 'nothing'}")


def _check_fields(kind: type, *names: str) -> None:
    """Raise PatchError unless objects of a class begin with these fields."""
    missing = set(names) - set(kind.__init__.__code__.co_names)
    if missing:
        raise PatchError(f"{kind.__name__} has no {', '.join(sorted(missing))}")


# ---- requests of a session


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No new request ends what is done in this block; it is served as soon as the block is done."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx(suppress_warning=True)
    requests = context and getattr(context, "script_requests", None)
    if requests is None or "on_scriptrunner_yield" in vars(requests):  # no app, or inside such a block
        yield
        return
    requests.on_scriptrunner_yield = lambda: None
    try:
        yield
    finally:
        del requests.on_scriptrunner_yield


@_since(1, 67)
def whole_requests() -> None:
    """Every request that comes in while another waits is done, in order, and no callback is cut short.

    Without it, a widget's callback ends when it first uses the session, before it has made its edit. And of
    the requests that wait only the newest counts: what only an older one holds (a field of the page that was
    left, a second click on the same button) is lost.
    """
    from streamlit.runtime.scriptrunner_utils import script_requests
    from streamlit.runtime.state.safe_session_state import SafeSessionState

    requests, rerun = script_requests.ScriptRequests, script_requests.ScriptRequestType.RERUN
    callbacks, request = SafeSessionState.on_script_will_rerun, requests._request_rerun_locked
    join_replayed = script_requests._coalesce_replay_trigger_states
    triggers = script_requests._TRIGGER_PROTO_FIELDS
    _check_parameters(callbacks, "self", "fresh_widget_states")
    _check_parameters(request, "self", "new_data")
    _check_parameters(script_requests._coalesce_widget_states, "old_states", "new_states")
    _check_parameters(join_replayed, "old_states", "new_states")
    _check_fields(requests, "_state", "_rerun_data")
    joined: dict[int, tuple] = {}  # {id of the widgets: (widgets, those of the older requests, oldest first)}

    def request_after(self: Any, data: Any) -> bool:
        """A request that comes while another waits: the script is to see what was clicked of both."""
        older = self._rerun_data.widget_states if self._state is rerun else None
        if older is not None and data.widget_states is not None:
            replayed = join_replayed(older, data.replay_trigger_states)
            data = dataclasses.replace(data, replay_trigger_states=replayed)
        return request(self, data)

    def callbacks_in_turn(self: Any, states: Any, **options: Any) -> None:
        """Callbacks of all requests that became this run."""
        with undisturbed():
            for older in joined.pop(id(states), (None, ()))[1]:
                callbacks(self, older)
            callbacks(self, states, **options)

    def join(old: Any, new: Any) -> Any:
        """The newest values of all widgets; older clicks are noted for their callbacks, not done again."""
        if not old or not new:
            return new or old
        both, known = type(new)(), {state.id for state in new.widgets}
        joined[id(both)] = both, [*joined.pop(id(old), (None, ()))[1], old]
        both.widgets.extend(new.widgets)
        both.widgets.extend(_not_clicked(state, triggers) for state in old.widgets if state.id not in known)
        return both

    SafeSessionState.on_script_will_rerun = callbacks_in_turn
    requests._request_rerun_locked = request_after
    script_requests._coalesce_widget_states = join


def _not_clicked(state: Any, triggers: frozenset[str]) -> Any:
    """The value of a widget; a button or a component's trigger as if it had not been clicked."""
    kind, without = state.WhichOneof("value"), type(state)(id=state.id)
    if kind not in triggers:
        return state
    if kind in ("trigger_value", "json_trigger_value"):
        setattr(without, kind, type(getattr(state, kind))())  # False or ""
    else:
        getattr(without, kind).SetInParent()
    return without


@_since(1, 67)
def last_requests() -> None:
    """What still waits when the browser's window is closed is done before the session ends."""
    from streamlit.runtime.scriptrunner_utils import script_requests

    requests, rerun = script_requests.ScriptRequests, script_requests.ScriptRequestType.RERUN
    stop, ready, request = (
        requests.request_stop,
        requests.on_scriptrunner_ready,
        script_requests.ScriptRequest,
    )
    _check_parameters(stop, "self")
    _check_parameters(ready, "self")
    _check_parameters(request, "type", "_rerun_data")
    _check_fields(requests, "_state", "_rerun_data")

    def stop_after(self: Any) -> None:
        waiting = self._rerun_data if self._state is rerun else None
        stop(self)
        vars(self)["waiting"] = waiting

    def ready_or_waiting(self: Any) -> Any:
        waiting = vars(self).pop("waiting", None)
        return ready(self) if waiting is None else request(rerun, waiting)

    requests.request_stop, requests.on_scriptrunner_ready = stop_after, ready_or_waiting


@_since(1, 67)
def page_in_its_place() -> None:
    """The page is drawn where it belongs after a fragment (the sidebar has one that looks at the journal)."""
    from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
    from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests

    ready = ScriptRequests.on_scriptrunner_ready
    _check_parameters(ready, "self")
    _check_parameters(get_default_dg_stack_value)

    def ready_at_the_top(self: Any) -> Any:
        context_dg_stack.set(get_default_dg_stack_value())
        return ready(self)

    ScriptRequests.on_scriptrunner_ready = ready_at_the_top


# ---- windows and sockets


@_since(1, 67)
def loops_closed_with_windows() -> None:
    """The event loop of a window is closed with the window: three open files each.

    Streamlit keeps the loop as long as a window that lost its connection may come back: two minutes, and
    until another window is closed after that, for up to 128 windows. A laboratory that opens many windows
    would reach the system's limit of open files (usually 1,024). The rest of the session stays: a window that
    comes back is as it was, with another loop.
    """
    from streamlit.runtime import app_session
    from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

    session_class, close_loop = app_session.AppSession, app_session._close_script_event_loop
    disconnect, create = WebsocketSessionManager.disconnect_session, session_class._create_scriptrunner
    _check_parameters(disconnect, "self", "session_id")
    _check_parameters(create, "self", "initial_rerun_data")
    _check_parameters(close_loop, "loop")
    _check_fields(WebsocketSessionManager, "_active_session_info_by_id")
    _check_fields(session_class, "_script_event_loop", "_scriptrunner")

    def disconnect_and_close(self: Any, session_id: str) -> None:
        known = self._active_session_info_by_id.get(session_id)
        disconnect(self, session_id)
        if known is not None:
            close(self, session_id, known.session)

    def close(manager: Any, session_id: str, session: Any) -> None:
        if session_id in manager._active_session_info_by_id:  # it came back meanwhile
            return
        if session._scriptrunner is None:
            close_loop(session._script_event_loop)
            return
        with contextlib.suppress(RuntimeError):  # the server has ended
            asyncio.get_running_loop().call_later(_AGAIN, close, manager, session_id, session)

    def create_with_loop(self: Any, initial_rerun_data: Any) -> None:
        if self._script_event_loop.is_closed():
            self._script_event_loop = asyncio.new_event_loop()
        create(self, initial_rerun_data)

    WebsocketSessionManager.disconnect_session = disconnect_and_close
    session_class._create_scriptrunner = create_with_loop


@_since(1, 67)
def send_at_once() -> None:
    """Small answers are sent at once (TCP_NODELAY): else each tile waits 40 ms.

    Streamlit binds its own socket, and asyncio then leaves Nagle's algorithm on.
    """
    if not hasattr(asyncio.base_events, "_set_nodelay"):
        raise PatchError("asyncio has no _set_nodelay")

    def set_nodelay(sock: socket.socket) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    asyncio.base_events._set_nodelay = set_nodelay


_PATCHES = (whole_requests, last_requests, page_in_its_place, loops_closed_with_windows)
