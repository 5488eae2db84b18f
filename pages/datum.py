"""The page of a datum: its map, one or two at a time, and what the clicked token says.

The same for every kind of data; what differs are the hooks of ``viewers.kinds``.
"""

import streamlit as st

from pages import shared
from pages.panels import preview
from pages.panels.chance import map_box, shown_fit
from pages.panels.change import states_beside
from pages.panels.edits import above
from pages.panels.hotspots import hot_spots
from pages.panels.marks import drawn_regions, mark, mark_form, mark_list
from pages.panels.move import marking, move_drawn, move_target
from pages.panels.napari import napari_command
from pages.panels.refit import step_history
from pages.panels.save import save_box
from pages.panels.strip import strip
from pages.panels.token import about_datum, about_token, no_token
from prospector_core.study.change import last_change
from viewers.colour_limits import in_both
from viewers.kinds import view_of
from viewers.kinds.parts import Pane
from viewers.words import plain

study = shared.require_fit()
view, fit = view_of(study), shown_fit(study)
embedded = study.embedded()
unfinished = view.unfinished(study)  # being embedded; a map of them is there already
on_show = [*embedded, *unfinished]
state, words = st.session_state, study.kind.words
ROOM = 176  # CSS px of the page above and below the viewer
STRIP_HEIGHT = 120  # of the strip and its margin, which the viewer leaves it
NOW, BESIDE = (
    "",
    "_beside",
)  # the sides of two viewers that have a selection each: ends of keys of the session


def datum_on_show():
    """The Datum that was chosen on any page, at first what speaks most for the class.

    It is "at_datum" of the session, its selected tokens are "at_token" to "at_last", the frame "at_frame".
    """
    if state.get("at_datum") not in {datum.uid for datum in on_show}:
        state.pop("at_token", None)
        predicted = study.view.summary["predictions"]
        state["at_datum"] = max(
            embedded, key=lambda d: (d.label == study.target, predicted.get(d.uid, 0))
        ).uid
    datum = study.datum(state["at_datum"])
    if not 0 <= state.get("at_token", -1) < (study.n_tokens(datum) if study.is_embedded(datum) else 0):
        state.pop("at_token", None)
    return datum


def forget_click():
    """No token is selected, and no place without one was clicked."""
    for name in ("at_token", "at_last", "at_frame", "at_glass", "at_token_beside", "at_side"):
        state.pop(name, None)


def select(chosen, side=NOW):
    """Select what was clicked on a viewer; ``chosen``: Selection."""
    forget_click()
    state["at_side"], state[f"at_datum{side}"] = side, chosen.datum
    if chosen.token is not None:
        state[f"at_token{side}"] = chosen.token
    state["at_last"], state["at_frame"] = chosen.last, chosen.frame
    state["at_glass"] = chosen.nothing_there


def choose(uid, flies=view.wide_pair):
    """Another datum, no token; ``flies``: go there, as it may lie on the picture that is on show."""
    forget_click()
    state["at_datum"] = uid
    if flies:
        state["at_focus"] = True


def go_to(uid, goal):
    """Go where a button of a list leads; ``goal``: Goal."""
    side = state.get("at_side", NOW) if view.picture_of(study.datum(uid)) != picture else NOW
    forget_click()
    state["at_side"], state[f"at_datum{side}"] = side, uid
    if goal.view is not None:
        state[f"at_view{side}"] = goal.view
        state["at_view_count"] = state.get("at_view_count", 0) + 1
    else:
        state["at_token"], state["at_last"], state["at_focus"] = goal.token, goal.last, True


def go_to_token(uid, token):
    """Select a token and go there."""
    forget_click()
    state["at_datum"], state["at_token"], state["at_focus"] = uid, int(token), True


def header():
    """The question, and the lists of what is on show and beside it: (strip?, what is beside or "")."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"### {view.heading(study, plain(study.classes[fit.target]))}")
        for chooser in view.choosers(study, datum, on_show):
            if len(chooser.options) > 1:
                state[chooser.key] = chooser.value
                st.selectbox(
                    chooser.label,
                    list(chooser.options),
                    format_func=chooser.options.get,
                    key=chooser.key,
                    on_change=lambda chooser=chooser: choose(
                        chooser.datum_of(state[chooser.key]), chooser.flies
                    ),
                    width=230,
                )
        if state.get("shown_beside") not in beside:
            state["shown_beside"] = ""
        second = ""
        if len(beside) > 1:
            second = st.selectbox(
                "Beside it",
                list(beside),
                key="shown_beside",
                width=view.beside_width,
                format_func=beside.get,
                help=view.beside_help,
            )
        filmed = len(embedded) > 1 and st.toggle(
            view.strip_label, value=True, key="shown_strip", help=view.strip_help
        )
    return filmed, second


def focus():
    """Whether the viewer is to go to the selection now; where that is, if the kind of data knows."""
    if not state.pop("at_focus", False):
        return False
    where = view.view_of_datum(study, datum, state.get("at_token"))
    if where is not None:
        state["at_view"] = where
    state["at_view_count"] = state.get("at_view_count", 0) + 1
    return True


def selected(shown, side):
    """Tokens of a datum that are selected: list of int."""
    token = state.get(f"at_token{side}")
    if token is None:
        return []
    last = max(token, (state.get("at_last") if side == NOW else None) or token)
    return list(range(token, min(last + 1, study.n_tokens(shown))))


def pane(key, shown, room, side=NOW, state_of="", link=None, clicked=True):
    """Draw a viewer; False where it cannot be shown.

    ``state_of``: which map of it, as ``beside`` calls it; ``clicked``: it is selected on.
    """
    here = view.picture_of(shown)
    data = [d for d in embedded if view.picture_of(d) == here]
    fits = {"@before": changed and changed.before, "@after": changed and changed.after}
    change = changed if changed and any(in_both(changed, d) for d in data) else None
    twin = state_of != "" and here == picture
    layer = "change" if state_of == "@change" and change else "concepts" if state_of in others else "map"
    main = key == view.main_key

    def marked(drawn):
        (move_drawn if drawn["evidence"] == "reassign" else mark)(study, data, drawn)

    return view.draw(
        study,
        Pane(
            key=key,
            datum=shown,
            data=data,
            unfinished=[d for d in unfinished if view.picture_of(d) == here],
            fit=fits.get(state_of) or fit,
            change=change,
            on_trial=tried is not None,
            layer=layer,
            tokens=selected(shown, side) if clicked else [],
            frame=(state.get("at_frame") or 0) if clicked else 0,
            regions=drawn_regions(study, data) if view.draws_regions else [],
            marking=marking(study) if main or view.wide_pair else None,
            above=room,
            focus=focused and main,
            focus_count=state.get("at_view_count", 0),
            view=None if twin else state.get(f"at_view{side}"),
            link=link,
            aligned=twin,
            main=main,
            select=lambda chosen: select(chosen, side) if clicked else None,
            mark=marked,
            step=lambda step: step_history(study, step),
        ),
    )


def narrow_pair():
    """A viewer, or two in its place; beside them the panel."""
    left, panel = st.columns([5, 2])
    with left:
        if not second:
            there = pane(view.main_key, datum, room)
        else:
            itself = second not in companions
            other = datum if itself else study.datum(second)
            left, right = st.columns(2)
            with left:
                st.caption(f"This {words.datum} now" if itself else plain(datum.name))
                there = pane(view.main_key, datum, room + view.pair_above)
            with right:
                st.caption(plain(beside[second]))
                key = f"beside{second if itself else ''}"
                state_of = second if itself else ""
                pane(
                    key,
                    other,
                    room + view.pair_above,
                    state_of=state_of,
                    clicked=itself and view.draws_regions,
                )
    return there, panel, panel, NOW


def wide_pair():
    """Two viewers over the width of the page, each with a selection of its own unless they show the same."""
    states = states_beside(study, tried, changed)
    twin = second not in companions
    if twin:
        state["at_datum_beside"] = datum.uid
    elif state.get("at_datum_beside") not in {d.uid for d in on_show if view.picture_of(d) == second}:
        predicted = study.view.summary["predictions"]
        there = [d for d in on_show if view.picture_of(d) == second]
        state["at_datum_beside"] = max(there, key=lambda d: predicted.get(d.uid, 0)).uid
        state.pop("at_token_beside", None)
    left, right = st.columns(2)
    with left:
        if second in states:
            st.caption(f"At the left: this {words.datum} now")
        there = pane(view.main_key, datum, room, link="pair")
    with right:
        if twin:
            state["at_token_beside"] = state.get("at_token")
        if second in states:
            st.caption(f"At the right: {states[second]}")
        pane(
            f"beside{second if second in states else ''}",
            study.datum(state["at_datum_beside"]),
            room,
            NOW if twin else BESIDE,
            second if twin else "",
            link="pair",
        )
    upper, lower = st.columns(2)
    return there, upper, lower, NOW if twin else state.get("at_side", NOW)


def about(told, token, data):
    """The panel about a datum, of data of the same picture."""
    above(study)  # beside the picture, which must not jump
    about_datum(study, told)
    view.note_unfinished(study, [d for d in unfinished if view.picture_of(d) == view.picture_of(told)])
    if told in unfinished:
        st.stop()
    if note := study.kind.note(study):
        st.caption(f":material/info: {plain(note)}")
    map_box(study)
    if token is None:
        no_token(study, state.get("at_glass"))
    with shared.errors_said():  # open until a token is chosen: what the panel then says needs the room
        hot_spots(
            study,
            data,
            token is None,
            lambda uid, spot: go_to(uid, view.goal_of_spot(study, study.datum(uid), spot)),
            fit,
        )
    frame = state.get("at_frame") or 0
    view.about_datum(study, told, token, frame, lambda at: go_to_token(told.uid, at))
    mark_list(study, data, go_to)
    if view.draws_regions:
        move_target(study)
    with st.container(horizontal=view.buttons_in_row, gap="small"):
        mark_form(study, told, tokens)
        save_box(study, told)
        if view.in_napari:
            napari_command(study, told)


datum = datum_on_show()
picture = view.picture_of(datum)
tried = preview.current(study)
changed = tried or last_change(study)
others = view.layers_beside(study, datum)
companions = view.companions(study, datum, on_show)
beside = {"": "nothing", **others, **states_beside(study, tried, changed), **companions}
filmed, second = header()
if filmed:
    strip(study, datum.uid, choose)
focused = focus()
room = ROOM + (STRIP_HEIGHT if filmed else 0)
pair = bool(second) and view.wide_pair
with st.container(key="split_pair" if pair else "split"):
    there, upper, lower, side = wide_pair() if pair else narrow_pair()
if not there:
    st.stop()
told = study.datum(state[f"at_datum{side}"])
tokens = selected(told, side)
token = tokens[0] if tokens else None
with upper:
    about(told, token, [d for d in embedded if view.picture_of(d) == view.picture_of(told)])
if token is not None:
    with lower:
        if len(tokens) > 1:
            st.caption(f"{words.count(len(tokens))} are selected; of the first:")
        with shared.errors_said():
            about_token(study, told, token, fit)
            view.about_token(study, told, token, go_to_token)
