"""What Streamlit keeps for a window that was closed is given back at once, but for what a reconnection needs.

Streamlit (seen with 1.67) makes an event loop for every window, three open files each, and keeps it for as
long as a window that lost its connection may come back: two minutes, and until another window is closed after
that; of 128 windows at most. A laboratory that looks often would meet the system's limit of open files (1,024
as a rule). The rest of the session stays: a window that comes back is as it was, with another loop.
"""

import asyncio
import functools

from streamlit.runtime import app_session
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

__all__ = ["close_with_window"]

_AGAIN = 1.0  # seconds until it is looked again whether a script that was still running has ended


@functools.cache
def close_with_window():
    """Let Streamlit close the event loop of a window with the window, in this process from now on."""
    needed = ("_create_scriptrunner",), ("disconnect_session",)
    if not all(
        hasattr(one, name)
        for one, names in zip((app_session.AppSession, WebsocketSessionManager), needed)
        for name in names
    ):
        return  # private to Streamlit: where it is gone, files stay open longer, no more
    disconnect, create = (
        WebsocketSessionManager.disconnect_session,
        app_session.AppSession._create_scriptrunner,
    )

    def disconnect_and_close(self, session_id):
        known = self._active_session_info_by_id.get(session_id)
        disconnect(self, session_id)
        if known is not None:
            _close(self, session_id, known.session)

    def create_anew(self, initial_rerun_data):
        if self._script_event_loop.is_closed():
            self._script_event_loop = asyncio.new_event_loop()
        return create(self, initial_rerun_data)

    WebsocketSessionManager.disconnect_session = disconnect_and_close
    app_session.AppSession._create_scriptrunner = create_anew


def _close(manager, session_id, session):
    if session_id in manager._active_session_info_by_id:  # it came back meanwhile
        return
    if session._scriptrunner is None:
        app_session._close_script_event_loop(session._script_event_loop)
        return
    try:
        asyncio.get_running_loop().call_later(_AGAIN, _close, manager, session_id, session)
    except RuntimeError:  # the server has ended
        return
