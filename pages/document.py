"""Document page: a text to read, tinted by its prospect map or concepts.

And what the clicked sentence says.
"""

import streamlit as st

from pages import mask, preview, shared, texts
from pages.document_files import save_box
from pages.document_marks import mark_box, mark_list, marks_of
from pages.edits import above
from pages.on_show import beside_words, datum_on_show
from pages.overlays import change_limit, in_both, limit_of
from pages.slide_change import states_beside
from pages.slide_panel import about_datum, about_hot_spots, about_token, no_token
from pages.slide_strip import strip
from pages.words import class_of, plain
from prospector_core.study.change import last_change
from prospector_core.study.explanations import neighbours
from viewers.document_viewer import document_viewer

study = shared.require_fit()
fit = mask.shown_fit(study)
embedded = study.embedded()
state, words = st.session_state, study.kind.words
STRIP_HEIGHT = 120  # CSS px of the filmstrip and its margin, which the viewer leaves it

# The datum on show is "at_datum", its selected token "at_token"; with Shift, tokens to "at_last".
datum = datum_on_show(study)


def chose(uid=None):
    """Another document, no sentence."""
    state["at_datum"] = uid or state["shown_document"]
    for name in ("at_token", "at_last"):
        state.pop(name, None)


def picked():
    """A sentence was clicked or stepped to; or several; or none any more."""
    pick = state["document"].pick
    if not pick:
        return
    for name in ("at_token", "at_last"):
        state.pop(name, None)
    if pick["first"] is not None:
        state["at_token"], state["at_last"] = int(pick["first"]), int(pick["last"])


def go_to(uid, token, last=None):
    """Select a sentence and go there."""
    state["at_datum"], state["at_token"], state["at_last"] = (
        uid,
        int(token),
        int(token if last is None else last),
    )
    state["at_focus"] = True


def header():
    """The question, and which document and companion are on show.

    Returns (filmstrip?, what is beside or "").
    """
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"### {words.tokens.capitalize()} for *{plain(study.classes[fit.target])}*")
        if len(embedded) > 1:
            state["shown_document"] = datum.uid
            names = {d.uid: f"{d.name} · {class_of(study, d)}" for d in embedded}
            st.selectbox(
                "Document",
                list(names),
                key="shown_document",
                on_change=chose,
                format_func=names.get,
                width=230,
            )
        if state.get("shown_beside") not in beside:
            state["shown_beside"] = ""
        second = ""
        if len(beside) > 1:
            second = st.selectbox(
                "Beside it", list(beside), key="shown_beside", width=190, format_func=beside.get
            )
        filmed = len(embedded) > 1 and st.toggle(
            "Filmstrip", value=True, key="shown_strip", help="All documents of the study"
        )
    return filmed, second


def page(key, datum, shown, tokens, room, on_pick=None):
    """The text of a document. ``shown``.

    Which map of it, "" for the present one, else as ``states_beside`` calls it.
    """
    limit, unit, shown_fit = limit_of(study), f"{fit.unit}{mask.legend(fit)}", fit
    if shown == "@change" and in_both(changed, datum):
        scores, limit, unit = changed.of_map(datum), change_limit(study, changed), f"change, {fit.unit}"
    else:
        shown_fit = {"@before": changed and changed.before, "@after": changed and changed.after}.get(
            shown
        ) or fit
        scores = study.prospect(datum, shown_fit)
    near = []
    if len(tokens) == 1 and not shown:
        around = neighbours(study, datum, tokens[0], fit)
        if around.contributions[1:].size:
            colours = texts.neighbour_colours(around.contributions[1:])
            near = [{"token": int(at), "colour": colour} for at, colour in zip(around.tokens[1:], colours)]
    concepts = sorted(study.concepts(shown_fit), key=lambda c: -c.weight)
    several = len(study.classes) > 2
    document_viewer(
        texts.shown_document(study, datum, scores, study.concepts_of(datum, shown_fit)),
        key=key,
        concepts=[{"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded} for c in concepts],
        classes=("the rest" if several else study.classes[0], study.classes[fit.target]),
        limit=limit,
        unit=unit,
        words={"token": words.token, "tokens": words.tokens},
        selected=tokens,
        focus=state.get("at_focus_count", 0) if on_pick else 0,
        neighbours=near,
        marks=marks_of(study, datum),
        height=1100,
        above=room,
        on_pick=on_pick,
    )


def about_alike(token):
    """The most similar sentences elsewhere, each with a way there."""
    with st.expander("Most similar elsewhere", icon=":material/compare_arrows:", expanded=True):
        found = texts.alike(study, datum, token)
        if not found:
            st.caption("There is no other document.")
        rows = st.container(key="sentences_alike", gap="xsmall")
        for at, (likeness, other, place, text) in enumerate(found):
            rows.button(
                f"{plain(text[:160])}{'…' if len(text) > 160 else ''} **{likeness:.2f}**",
                key=f"alike_{at}",
                type="tertiary",
                on_click=go_to,
                args=(other.uid, place),
                help=f"{plain(other.name)}, labelled {plain(class_of(study, other))}: go there",
            )


tried = preview.current(study)
changed = tried or last_change(study)
beside = beside_words(study, states_beside(tried, changed), [d for d in embedded if d.uid != datum.uid])
filmed, second = header()
if filmed:
    strip(study, datum.uid, chose)
if state.pop("at_focus", False):
    state["at_focus_count"] = state.get("at_focus_count", 0) + 1
token = state.get("at_token")
tokens = (
    []
    if token is None
    else list(range(token, min(max(state.get("at_last", token), token) + 1, study.n_tokens(datum))))
)
with st.container(key="split"):
    text, panel = st.columns([5, 2])
    room = 176 + (STRIP_HEIGHT if filmed else 0)
    with text:
        if not second:
            page("document", datum, "", tokens, room, picked)
        else:
            itself = second.startswith("@")
            left, right = st.columns(2)
            with left:
                st.caption("This document now" if itself else plain(datum.name))
                page("document", datum, "", tokens, room + 90, picked)
            with right:
                st.caption(plain(beside[second]))
                page(
                    "document_beside",
                    datum if itself else study.datum(second),
                    second if itself else "",
                    [],
                    room + 90,
                )
    with panel:
        above(study)
        about_datum(study, datum)
        mask.mask_box(study)
        if token is None:
            no_token(study, False)
        with shared.errors_said():
            about_hot_spots(study, [datum], token is None, lambda uid, spot: go_to(uid, spot.peak_token), fit)
        mark_list(study, datum, go_to)
        with st.container(horizontal=True, gap="xsmall"):
            if tokens:
                mark_box(study, datum, tokens)
            save_box(study, datum)
        if len(tokens) > 1:
            st.caption(f"{words.count(len(tokens))} are selected; of the first:")
        if token is not None:
            with shared.errors_said():
                about_token(study, datum, token, fit)
                about_alike(token)
