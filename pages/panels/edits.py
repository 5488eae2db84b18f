"""How pages make edits: a form offers one, and one line says that it is made.

What waits for a refit can be undone there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from pages.editing import edit_quietly
from pages.panels import preview
from pages.panels.refit import newer_here, refit_here
from pages.people import locked
from viewers.words import plain

__all__ = [
    "Edit",
    "popover",
    "offer",
    "offer_in_form",
    "offer_trial",
    "trial_here",
    "above",
    "said",
    "waiting_for_refit",
]

_DONE = {
    "rename": "Renamed",
    "recolour": "Recoloured",
    "merge": "Merged",
    "split": "Split",
    "exclude": "Excluded",
    "include": "Included",
    "pin": "Pinned",
    "unpin": "Unpinned",
    "move": "Moved",
    "mark": "Marked",
    "ignore": "Ignored",
    "relabel": "Relabelled",
    "take": "Took",
}


@dataclass(frozen=True)
class Edit:
    """An edit that is not made yet.

    The name of a method of ``study.curation``, and what it is called with.
    """

    name: str
    args: tuple
    options: dict = field(default_factory=dict)

    def __call__(self, curation):
        """Make it, or try it on a draft."""
        return getattr(curation, self.name)(*self.args, **self.options)


def said(study, entry):
    """An entry of the journal as what was done: "Excluded ink (green)"."""
    first, _, rest = study.curation.describe(entry).partition(" ")
    return f"{_DONE.get(first, first.capitalize())} {rest}".strip()


def popover(label, key, **look):
    """A popover whose content is drawn only while it is open: ``if box.open`` inside.

    An edit made in it closes it.
    """
    look["disabled"] = look.get("disabled", False) or locked()
    return st.popover(label, key=key, on_change="rerun", **look)


def make(study, read, closes=()):
    """Make the edit that ``read()`` returns, and say so; for a widget's callback.

    Returns whether it was made.

    ``closes``: keys of popovers to close, or of ticks to take away, once it is made.
    """
    made = edit_quietly(lambda: read()(study.curation))
    if made:
        preview.discard()  # what was on trial is made, or another was preferred
        st.toast(f"{plain(said(study, study.curation.can_undo()))}. Refit to see the effect.")
        for key in closes:
            st.session_state[key] = False
    return made


def offer(study, read: Callable[[], Edit], label, key, closes=(), **look):
    """A button that makes an edit; ``closes`` as ``make``."""
    look = {**look, "disabled": look.get("disabled", False) or locked(study)}
    st.button(label, key=key, on_click=make, args=(study, read, closes), **look)


def offer_trial(study, read, key, closes=(), in_form=False):
    """The button that tries an edit instead; not before the first fit, which it would be compared with."""
    if study.view is None or locked(study):
        return
    # beside a slide an open popover would cover what is to be seen
    closes = closes if key.startswith("this_") else ()
    place = st.form_submit_button if in_form else st.button
    place(
        "Preview",
        key=f"{key}_try",
        icon=":material/preview:",
        on_click=preview.begin,
        args=(study, read, closes),
        help="What would a refit give? Nothing is kept",
    )


def offer_in_form(study, read: Callable[[], Edit], label, key, closes=(), **look):
    """The same at the end of a form, and beside it a preview.

    ``read`` is called after the form's values are there.
    """
    look = {**look, "disabled": look.get("disabled", False) or locked(study)}
    with st.container(horizontal=True, gap="xsmall"):
        st.form_submit_button(
            label, key=key, type="primary", on_click=make, args=(study, read, closes), **look
        )
        offer_trial(study, read, key, closes, in_form=True)


def trial_here(study, names, where):
    """In an open popover: what the edit on trial would do, if it is one of this popover's."""
    tried = st.session_state.get("preview", (None, None))[1]
    if tried is not None and (tried.name, tried.args[0]) in names:
        preview.box(study, where)


def above(study):
    """On top of a page: the edit on trial, what waits for a refit, and embeddings newer than the fit.

    Always one container, so that what follows keeps its place.
    """
    with st.container():
        preview.line(study)
        refit_here(study, waiting_for_refit(study))
        newer_here(study)


def waiting_for_refit(study):
    """Edits that stand and that the current fit does not know yet, in words, oldest first: list of str."""
    fit, edits = study.view, study.curation
    return [
        said(study, entry)
        for entry in edits.standing()
        if entry.id > fit.journal and entry.action not in ("rename", "recolour", "family")
    ]
