"""What a person asks for while the page is still being drawn is done all the same.

Every edit, once, in the order asked.

Streamlit ends a run of the script where a new request comes in, and loses requests in doing so (seen with
1.67):

- a widget's callback ends at its first word to the session, before it has made its edit;
- of requests that wait, the newest stands for all: what only an older one holds (a field of the page that was
  left, a
  second click on the same button) is forgotten, and what is left is done in another order;
- what still waits when the browser's window is closed is forgotten;
- the page is drawn in the wrong place after a fragment (sidebar.py has one that looks at the journal every
  few seconds).

``nothing_lost`` mends these in this process. It needs ``runner.fastReruns = false`` (.streamlit/config.toml):
else two runs of one session may be under way at once. Where a widget's value is read in the script itself, as
of ``if st.button(...)``, a newer request still ends the older: edits belong into callbacks.
tests/pages/test_asked.py tells if another Streamlit does otherwise.
"""

import contextlib
import dataclasses
import functools

import streamlit as st
from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.scriptrunner_utils.script_requests import (
    ScriptRequest,
    ScriptRequests,
    ScriptRequestType,
)
from streamlit.runtime.state.safe_session_state import SafeSessionState

__all__ = ["field_key", "nothing_lost", "typed", "undisturbed"]


@contextlib.contextmanager
def undisturbed():
    """No new request ends what is done in this block; it is served as soon as the block is done."""
    requests = _requests()
    if requests is None or "on_scriptrunner_yield" in vars(
        requests
    ):  # without an app, or inside such a block
        yield
        return
    requests.on_scriptrunner_yield = lambda: None
    try:
        yield
    finally:
        del requests.on_scriptrunner_yield


def field_key(key, value):
    """The key of a widget whose value is kept in the journal.

    Another one as soon as the widget holds something else.

    If the widget were given its value each time that it is drawn, what is being typed in it would be lost;
    and where the value changed otherwise (undo), a click made before the browser knows would bring the old
    one back as if it were typed anew.
    """
    versions = st.session_state.setdefault("field_versions", {})
    now = _version(key, versions)
    if st.session_state.get(now, value) != value:
        st.session_state.setdefault("fields_before", {})[now] = st.session_state[now]
        versions[key] = versions.get(key, 0) + 1
    return _version(key, versions)


def typed(key):
    """What was typed in the field of that key, in its callback.

    None where the browser only repeats what a field held that another one has replaced, which it had not been
    told yet.
    """
    value = st.session_state[key]
    return None if st.session_state.get("fields_before", {}).get(key) == value else value


def _version(key, versions):
    return f"{key}_{versions[key]}" if key in versions else key


@functools.cache
def nothing_lost():
    """Let Streamlit lose no request, in this process from now on."""
    callbacks, ask = SafeSessionState.on_script_will_rerun, ScriptRequests._request_rerun_locked
    stop, ready = ScriptRequests.request_stop, ScriptRequests.on_scriptrunner_ready

    def ask_after(self, data):
        """A request that comes while another waits: the script is to see what was clicked of both."""
        older = self._rerun_data.widget_states if self._state is ScriptRequestType.RERUN else None
        if older is not None and data.widget_states is not None:
            replayed = script_requests._coalesce_replay_trigger_states(older, data.replay_trigger_states)
            data = dataclasses.replace(data, replay_trigger_states=replayed)
        return ask(self, data)

    def each_in_turn(self, states, **options):
        """Callbacks of all requests that became this run, and none of them cut short."""
        with undisturbed():
            for older in _older.pop(id(states), (None, ()))[1]:
                callbacks(self, older)
            callbacks(self, states, **options)

    def stop_after(self):
        """Stop, but not before the request that waits has been heard."""
        waiting = self._rerun_data if self._state is ScriptRequestType.RERUN else None
        stop(self)
        vars(self)["waiting"] = waiting

    def ready_or_waiting(self):
        context_dg_stack.set(
            get_default_dg_stack_value()
        )  # else the page is drawn where the fragment before it was
        waiting = vars(self).pop("waiting", None)
        return ready(self) if waiting is None else ScriptRequest(ScriptRequestType.RERUN, waiting)

    SafeSessionState.on_script_will_rerun = each_in_turn
    ScriptRequests._request_rerun_locked = ask_after
    ScriptRequests.request_stop, ScriptRequests.on_scriptrunner_ready = stop_after, ready_or_waiting
    script_requests._coalesce_widget_states = _newest


def _requests():
    """What was asked of the session that this thread draws, or None."""
    context = get_script_run_ctx(suppress_warning=True)
    return context and context.script_requests


# Of requests that became one: {id(its widgets): (its widgets, those of the older ones, oldest first)}.
_older = {}


def _newest(old, new):
    """The newest values of all widgets: WidgetStates.

    Clicks of older requests are named, lest their callbacks be forgotten, but not done again.
    """
    if not old or not new:
        return new or old
    both, known = WidgetStates(), {each.id for each in new.widgets}
    _older[id(both)] = both, [*_older.pop(id(old), (None, ()))[1], old]
    both.widgets.extend(new.widgets)
    for each in old.widgets:
        if each.id not in known:
            both.widgets.append(_not_clicked(each))
    return both


def _not_clicked(state):
    """The value of a widget, but that of a button or of what a component triggered as if it had not been."""
    kind, without = state.WhichOneof("value"), WidgetState(id=state.id)
    if kind not in script_requests._TRIGGER_PROTO_FIELDS:
        return state
    if kind in ("trigger_value", "json_trigger_value"):
        setattr(without, kind, type(getattr(state, kind))())  # False or ""
    else:
        getattr(without, kind).SetInParent()
    return without
