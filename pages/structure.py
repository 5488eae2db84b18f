"""Structure page: a chain in 3D with its prospect map or concepts, its sequence and contacts.

And what a residue says.
"""

import numpy as np
import streamlit as st

from pages import chains, mask, preview, shared
from pages.edits import above
from pages.on_show import beside_words, datum_on_show
from pages.overlays import change_limit, in_both, limit_of
from pages.slide_change import states_beside
from pages.slide_panel import about_datum, about_hot_spots, about_token, no_token
from pages.slide_strip import strip
from pages.structure_files import save_box
from pages.structure_marks import mark_box, mark_list
from pages.words import class_of, plain
from prospector_core.palette import hex_of
from prospector_core.study.change import last_change
from prospector_core.study.explanations import neighbours
from viewers.overlays import diverging_colours
from viewers.structure_viewer import structure_viewer

study = shared.require_fit()
fit = mask.shown_fit(study)
embedded = study.embedded()
state = st.session_state
STRIP_HEIGHT = 120  # CSS px of the gallery and its margin, which the viewer leaves it

# The datum on show is "at_datum", its selected token "at_token".
datum = datum_on_show(study)


def chose(uid=None):
    """Another chain, no residue."""
    state["at_datum"] = uid or state["shown_chain"]
    for name in ("at_token", "at_frame"):
        state.pop(name, None)


def picked(viewer):
    """A residue was clicked, in the structure, the sequence or a map."""
    pick = state[viewer].pick
    if pick:
        state["at_token"] = int(pick["token"])
        state["at_frame"] = chains.residue_of(study, datum, pick["token"])[0]


def went_to(viewer):
    """Another frame: the residue stays, its score is that of the frame."""
    where = state[viewer].frame
    if where:
        state["at_frame"] = int(where["frame"])
        if "at_token" in state:
            _, residue = chains.residue_of(study, datum, state["at_token"])
            state["at_token"] = state["at_frame"] * chains.n_residues(study, datum) + residue


def chose_spot(uid, spot):
    """A hot spot of the list: select its strongest residue and fly there."""
    state["at_datum"], state["at_token"], state["at_focus"] = uid, int(spot.peak_token), True


def chose_residue(token):
    """A residue of a list."""
    state["at_token"], state["at_focus"] = int(token), True
    state["at_frame"] = chains.residue_of(study, datum, token)[0]


def header():
    """The question, and which chain and companion are on show. Returns (gallery?, what is beside or "")."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"### Residues for *{plain(study.classes[fit.target])}*")
        if len(embedded) > 1:
            state["shown_chain"] = datum.uid
            names = {d.uid: f"{d.name} · {class_of(study, d)}" for d in embedded}
            st.selectbox(
                "Chain", list(names), key="shown_chain", on_change=chose, format_func=names.get, width=230
            )
        beside = beside_words(
            study, states_beside(tried, changed), [d for d in embedded if d.uid != datum.uid]
        )
        if state.get("shown_beside") not in beside:
            state["shown_beside"] = ""
        second = ""
        if len(beside) > 1:
            second = st.selectbox(
                "Beside it", list(beside), key="shown_beside", width=190, format_func=beside.get
            )
        filmed = len(embedded) > 1 and st.toggle(
            "Gallery", value=True, key="shown_strip", help="All chains of the study"
        )
    return filmed, second


def around(shown, token, shown_fit):
    """Residues that a residue's score comes from, for the viewer."""
    n = chains.n_residues(study, shown)
    near = neighbours(study, shown, token, shown_fit)
    added = near.contributions[1:]
    if not added.size:
        return []
    colours = diverging_colours(added, float(np.abs(added).max()) or 1.0)
    return [{"token": int(at) % n, "colour": hex_of(colour)} for at, colour in zip(near.tokens[1:], colours)]


def pane(viewer, shown, room, shown_fit=None, selected=True, difference=None):
    """One chain. ``difference``: Change whose difference of maps is shown in place of the map."""
    shown_fit = shown_fit or fit
    chain, pair_limit = chains.shown_chain(study, shown, shown_fit)
    limit, unit = limit_of(study), f"{fit.unit}{mask.legend(shown_fit)}"
    low, high = study.classes[0] if len(study.classes) == 2 else "the rest", study.classes[fit.target]
    if difference is not None:
        limit, unit = change_limit(study, difference), f"change, {fit.unit}"
        moved = difference.of_map(shown).reshape(-1, len(chain["letters"]))
        plain_rows = [[None if value != value else round(float(value), 4) for value in row] for row in moved]
        chain = {**chain, "fit": f"change {difference.after.key}"}
        if "frames" in chain:
            chain["frames"] = {**chain["frames"], "scores": plain_rows}
        else:
            chain["scores"] = plain_rows[0]
    token = state.get("at_token") if selected else None
    frame, residue = (
        chains.residue_of(study, shown, token) if token is not None else (state.get("at_frame", 0), None)
    )
    concepts = sorted(study.concepts(shown_fit), key=lambda c: -c.weight)
    structure_viewer(
        {**chain, "id": f"{chain['id']} {viewer}"},
        key=viewer,
        concepts=[{"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded} for c in concepts],
        classes=(low, high),
        limit=limit,
        pair_limit=pair_limit,
        unit=unit,
        selected=residue,
        frame=frame,
        focus=bool(state.pop("at_focus", False)) if selected else False,
        neighbours=around(shown, token, shown_fit) if token is not None and difference is None else [],
        height=900,
        above=room,
        on_pick=lambda: picked(viewer) if selected else None,
        on_frame=lambda: went_to(viewer) if selected else None,
    )


def over_time():
    """Of a trajectory: the residues whose attribution changes most."""
    numbers = chains.frames_of(study, datum)
    if len(numbers) < 2:
        return
    changing = chains.most_changing(study, datum)
    with st.expander(
        f"Changes most over {len(numbers)} frames", icon=":material/animation:", expanded=token is None
    ):
        st.caption(
            "Standard deviation of a residue's score from frame to frame. The class is predicted from counts"
            " averaged over all frames."
        )
        labels, at = chains.labels_of(study, datum), state.get("at_frame", 0)
        rows = st.container(gap=None)
        for residue, spread in changing:
            rows.button(
                f"{plain(labels[residue])} · ± {spread:.2f}",
                key=f"changing_{residue}",
                type="tertiary",
                on_click=chose_residue,
                args=(at * len(labels) + residue,),
            )
        if not changing:
            st.caption("No score changes.")
        if token is not None:
            _, residue = chains.residue_of(study, datum, token)
            scores = np.asarray(study.prospect(datum)).reshape(len(numbers), -1)[:, residue]
            st.line_chart({"frame": numbers, "score": scores}, x="frame", y="score", height=160)


tried = preview.current(study)
changed = tried or last_change(study)
filmed, second = header()
if filmed:
    strip(study, datum.uid, chose)
token = state.get("at_token")
room = 176 + (STRIP_HEIGHT if filmed else 0)
with st.container(key="split"):
    picture, panel = st.columns([5, 2])
    with picture, st.spinner("Drawing the chain…"):
        if not second:
            pane("structure", datum, room)
        else:
            left, right = st.columns(2)
            with left:
                st.caption("This chain now" if second.startswith("@") else plain(datum.name))
                pane("structure", datum, room + 24)
            with right:
                other = datum if second.startswith("@") else study.datum(second)
                st.caption(plain(beside_words(study, states_beside(tried, changed), [other])[second]))
                before, after = (changed.before, changed.after) if second.startswith("@") else (None, None)
                there = second != "@change" or in_both(changed, datum)
                if there:
                    pane(
                        f"beside{second if second.startswith('@') else ''}",
                        other,
                        room + 24,
                        before if second == "@before" else after if second == "@after" else None,
                        False,
                        changed if second == "@change" else None,
                    )
    with panel:
        above(study)
        about_datum(study, datum)
        note = study.kind.note(study)
        if note:
            st.caption(f":material/info: {plain(note)}")
        mask.mask_box(study)
        if token is None:
            no_token(study, False)
        with shared.errors_said():
            about_hot_spots(study, [datum], token is None, chose_spot, fit)
        over_time()
        mark_list(study, datum, chose_residue)
        mark_box(study, datum, token)
        save_box(study, datum)
        if token is not None:
            with shared.errors_said():
                about_token(study, datum, token, fit)
