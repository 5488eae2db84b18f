"""The queue of embedding jobs on the Study page.

How far it is, and buttons to pause, go on, reorder and take off.
"""

import streamlit as st

from pages.people import locked
from prospector_core import worker
from prospector_core.errors import ProspectorError
from prospector_core.study.queue import seconds_left
from prospector_core.wording import datum_words
from viewers.access import session as access
from viewers.words import plain, time_left

__all__ = ["embed", "panel"]

SHOWN = 8  # rows of the list; the rest is behind a fold
_STATES = {  # icon, words
    "running": (":material/play_circle:", "embedding"),
    "waiting": (":material/schedule:", "waiting"),
    "paused": (":material/pause_circle:", "paused"),
    "interrupted": (":material/sync_problem:", "interrupted"),
    "failed": (":material/error:", "failed"),
}


def embed(study, uids):
    """Put data on the queue and have them embedded in the background."""
    access.require_editor(study.path)
    study.queue.add(uids)
    access.note("queued", study, f"{len(uids)} to embed")
    _start(study)


def _go_on(study, *uids):
    access.require_editor(study.path)
    study.queue.go_on(*uids)
    _start(study)


def _start(study):
    person = access.person_here()
    worker.start(study.path, author=person.name if person else None)


def _do(action, *what):
    """What a button of the list does, in its callback."""
    try:
        action(*what)
    except ProspectorError as error:
        st.toast(plain(error), icon=":material/error:")


def panel(study):
    """Everything about the queue: nothing where there is nothing to do.

    Refreshes itself while a process is at work.
    """
    if study.queue.at_work():
        _live(study)
    else:
        _draw(study, study.queue.jobs(), at_work=False)


@st.fragment(run_every=1.0)
def _live(study):
    if not access.may_open(study.path):
        st.rerun()  # the login has ended: the page says so
    jobs, at_work = study.queue.jobs(), study.queue.at_work()
    finished = sum(job.state == "done" for job in jobs)
    if not at_work or finished != st.session_state.setdefault(f"shown_finished_{study.path}", finished):
        st.session_state.pop(f"shown_finished_{study.path}", None)
        st.rerun()  # the table and the numbers of the page have changed, too
    _draw(study, jobs, at_work=True)


def _draw(study, jobs, at_work):
    names = {datum.uid: datum.name for datum in study.data}
    left = [job for job in jobs if job.state in ("running", "waiting", "paused", "interrupted")]
    failed = [job for job in jobs if job.state == "failed" and not study.store.has(job.uid)]
    state, message, _ = study.queue.worker()
    if not at_work and (state == "failed" or (state == "not fitted" and study.view is None)):
        st.error(plain(message), icon=":material/error:")
    if at_work or left:
        with st.container(border=True, key="jobs"):
            _head(study, jobs, left, at_work, state)
            soonest = next((job.uid for job in left if job.state == "waiting"), None)
            _rows(study, left[:SHOWN], names, at_work, soonest)
            if len(left) > SHOWN:
                with st.expander(f"{len(left) - SHOWN} more"):
                    _rows(study, left[SHOWN:], names, at_work, soonest)
    if failed:
        _failures(study, failed, names)
    for note in sorted({job.message for job in jobs if job.state == "done" and job.message}):
        st.warning(plain(note), icon=":material/warning:")
    _not_queued(study, jobs)


def _head(study, jobs, left, at_work, state):
    """One line for the whole, and the buttons that are about all of it."""
    done = len(study.embedded())
    running = next((job for job in left if job.state in ("running", "interrupted")), None)
    part = running.done / running.total if running and running.total else 0.0
    active = [job for job in left if job.state in ("running", "waiting")]
    if not at_work:
        interrupted = any(job.state in ("interrupted", "waiting") for job in left)
        words = "interrupted" if interrupted else "paused"
    elif active and any(job.asked for job in active):
        words = "stopping…"
    elif any(job.state == "running" for job in left):
        words = time_left(seconds_left(jobs)) or "embedding"
    else:
        words = "finding concepts" if state == "fitting" else "starting…"
    text, buttons = st.columns([4, 1], vertical_alignment="bottom")
    text.progress(
        min(1.0, (done + part) / max(len(study.data), 1)),
        f"{done} of {len(study.data)} {datum_words(study)[1]} embedded · {words}",
    )
    if active and at_work:
        buttons.button(
            "Pause",
            key="pause_all",
            icon=":material/pause:",
            width="stretch",
            on_click=_do,
            args=(study.queue.pause,),
            disabled=locked(study),
            help="What is finished is kept. The rest goes on when you say so",
        )
    elif left and not at_work:
        buttons.button(
            "Go on",
            key="go_on_all",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=_do,
            args=(_go_on, study),
            disabled=locked(study),
        )
    if at_work:
        said = "It continues in the background when you close this page or the app."
    elif words == "interrupted":
        said = (
            ":orange[:material/sync_problem: The work was interrupted: its program ended, or the machine was"
            " switched off.] What was finished is kept."
        )
    else:
        said = "What is finished is kept."
    st.caption(said)


def _rows(study, jobs, names, at_work, soonest):
    fixed = locked(study)
    for job in jobs:
        icon, words = _STATES[job.state]
        name, progress, buttons = st.columns([3, 4, 2], vertical_alignment="center", gap="small")
        buttons = buttons.container(horizontal=True, horizontal_alignment="right", gap="medium")
        name.markdown(f"{icon} {plain(names[job.uid])}")
        if job.total and (job.done or job.state in ("running", "interrupted")):
            later = time_left(job.seconds_left) if job.state == "running" else words
            text = f"{job.done:,} of {study.kind.words.count(job.total)}" + (f" · {later}" if later else "")
            progress.progress(min(1.0, job.done / job.total), text)
        else:
            progress.caption("looking for tissue" if job.state == "running" else words)
        if job.state == "waiting" and job.uid != soonest:
            what = (study.queue.first, job.uid)
            _icon(buttons, f"first_{job.uid}", "vertical_align_top", "Make it the next one", what, fixed)
        if job.state in ("running", "waiting") and at_work:
            what, asked = (study.queue.pause, [job.uid]), bool(job.asked)
            _icon(
                buttons,
                f"pause_{job.uid}",
                "pause",
                "Pause this one; the others continue",
                what,
                fixed or asked,
            )
        if job.state in ("paused", "interrupted"):
            what = (_go_on, study, [job.uid])
            _icon(buttons, f"go_on_{job.uid}", "play_arrow", "Go on with this one", what, fixed)
        _icon(
            buttons,
            f"off_{job.uid}",
            "close",
            "Take it off the list and remove its unfinished part. What is embedded already stays",
            (study.queue.cancel, job.uid),
            fixed or job.asked == "cancel",
        )


def _icon(place, key, icon, help, what, disabled):
    """A button without words; ``what``: the action, and what it is called with."""
    place.button(
        "",
        key=key,
        type="tertiary",
        icon=f":material/{icon}:",
        help=help,
        on_click=_do,
        args=what,
        disabled=disabled,
    )


def _failures(study, failed, names):
    for job in failed:
        said, buttons = st.columns([7, 2], vertical_alignment="center", gap="small")
        buttons = buttons.container(horizontal=True, horizontal_alignment="right", gap="medium")
        said.warning(
            plain(job.message if names[job.uid] in job.message else f"{names[job.uid]}: {job.message}"),
            icon=":material/warning:",
        )
        fixed = locked(study)
        _icon(buttons, f"again_{job.uid}", "refresh", "Try again", (embed, study, [job.uid]), fixed)
        _icon(buttons, f"off_{job.uid}", "close", "Leave it out", (study.queue.cancel, job.uid), fixed)


def _not_queued(study, jobs):
    """Data that nobody has asked to embed, or that were taken off the list."""
    if study.embedding.get("imported"):
        return
    known = {job.uid for job in jobs if job.state != "done"}
    there = set(study.store.uids())
    missing = [datum.uid for datum in study.data if datum.uid not in there and datum.uid not in known]
    if not missing:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.info(
        f"{len(missing)} of {len(study.data)} {datum_words(study)[1]} are not embedded yet.",
        icon=":material/hourglass_empty:",
    )
    right.button(
        "Embed them",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_do,
        args=(embed, study, missing),
        disabled=locked(study),
    )
