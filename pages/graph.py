"""Graph page: the tokens of a datum as points where they lie, with their prospect map.

Concepts or features; click and lasso.
"""

import numpy as np
import streamlit as st

from pages import mask, points, preview, shared
from pages.edits import above
from pages.graph_files import save_box
from pages.napari_command import napari_command
from pages.on_show import datum_on_show
from pages.overlays import in_both
from pages.slide_panel import about_datum, about_hot_spots, about_token, no_token
from pages.slide_reassign import marking, move_drawn, move_target
from pages.slide_regions import drawn_regions, mark, region_list, step_history
from pages.slide_strip import strip
from pages.under import under_of
from pages.words import class_of, plain, signed
from prospector_core.palette import hex_of
from prospector_core.study.change import last_change
from prospector_core.study.explanations import neighbours
from viewers.graph_viewer import graph_viewer
from viewers.overlays import diverging_colours

study = shared.require_fit()
fit = mask.shown_fit(study)
embedded = study.embedded()
state, words = st.session_state, study.kind.words
STRIP_HEIGHT = 120  # CSS px of the filmstrip and its margin, which the viewer leaves it
MOST_NEIGHBOURS = 400  # ringed; of a larger receptive field those that add most

# The datum on show is "at_datum", its selected token "at_token".
datum = datum_on_show(study)


def chose(uid=None):
    """Another datum, no token."""
    state["at_datum"] = uid or state["shown_graph"]
    for name in ("at_token", "at_glass"):
        state.pop(name, None)


def picked(viewer):
    """A point was clicked, or a place without one."""
    pick = state[viewer].pick
    if pick:
        state.pop("at_token", None)
        state["at_glass"] = pick["token"] is None
        if pick["token"] is not None:
            state["at_token"] = int(pick["token"])


def go_to(uid, token):
    """Select a token and fly there."""
    state["at_datum"], state["at_token"], state["at_focus"] = uid, int(token), True
    state.pop("at_glass", None)


def chose_region(uid, rect):
    """A marked region of the list: fly to the token nearest to its middle."""
    x, y, width, height = rect
    far = ((study.positions(study.datum(uid))[:, :2] - (x + width / 2, y + height / 2)) ** 2).sum(axis=1)
    go_to(uid, np.argmin(far))


def header():
    """The question, and what is on show and beside it. Returns (filmstrip?, what is beside or "")."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"### Where is {plain(points.ends(study)[1])}?")
        if len(embedded) > 1:
            state["shown_graph"] = datum.uid
            names = {d.uid: f"{d.name} · {class_of(study, d)}" for d in embedded}
            st.selectbox(
                words.datum.capitalize(),
                list(names),
                key="shown_graph",
                on_change=chose,
                format_func=names.get,
                width=230,
            )
        own = {"": "nothing", **_states()}
        beside = [*own, *(d.uid for d in embedded if d.uid != datum.uid)]
        if state.get("shown_beside") not in beside:
            state["shown_beside"] = ""
        named = {**{d.uid: d.name for d in embedded}, **own}
        second = st.selectbox("Beside it", beside, key="shown_beside", width=230, format_func=named.get)
        filmed = len(embedded) > 1 and st.toggle("Filmstrip", value=True, key="shown_strip")
    return filmed, second


def _states():
    """Other states of the datum: {choice: its name}."""
    this = f"this {words.datum}"
    found = {"@concepts": f"{this}, its concepts"}
    if tried is not None:
        found |= {
            "@after": f"{this} after the edit on trial",
            "@change": f"{this}, what the edit would change",
        }
    elif changed is not None:
        found |= {
            "@before": f"{this} before the last refit",
            "@change": f"{this}, what the last refit changed",
        }
    return found


def around(shown, token, shown_fit):
    """Tokens that a token's score comes from, for the viewer."""
    near = neighbours(study, shown, token, shown_fit)
    added = near.contributions[1:]
    if not added.size:
        return []
    most = np.argsort(-np.abs(added), kind="stable")[:MOST_NEIGHBOURS]
    colours = diverging_colours(added, float(np.abs(added).max()) or 1.0)
    return [{"token": int(near.tokens[1:][at]), "colour": hex_of(colours[at])} for at in most]


def pane(viewer, shown, room, layer="map", shown_fit=None, main=True):
    """One datum. ``main``: it is the one that is clicked and drawn on."""
    shown_fit = shown_fit or fit
    change = changed if changed is not None and in_both(changed, shown) else None
    layers = points.layers_of(study, shown, shown_fit, change)
    token = state.get("at_token") if shown.uid == datum.uid else None
    concepts = sorted(study.concepts(shown_fit), key=lambda c: -c.weight)
    graph_viewer(
        points.graph_of(study, shown),
        layers,
        key=viewer,
        layer=layer if any(each["id"] == layer for each in layers) else "map",
        concepts=[{"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded} for c in concepts],
        words={"token": words.token, "tokens": words.tokens},
        selected=token,
        neighbours=around(shown, token, shown_fit) if token is not None else [],
        regions=drawn_regions(study, [shown]),
        marking=marking(study) if main else None,
        focus=token,
        focus_count=state.get("at_focus_count", 0),
        height=900,
        above=room,
        under=under_of(study, shown),
        on_pick=lambda: picked(viewer) if shown.uid == datum.uid else None,
        on_mark=lambda drawn: (move_drawn if drawn["evidence"] == "reassign" else mark)(
            study, [shown], drawn
        ),
        on_step=lambda step: step_history(study, step),
    )


def about_features(token):
    """The features of the clicked token beside what is usual."""
    if not points.features_known(study):
        return
    kept = study.embedding
    values = points.features_of(study, datum)[token]
    away = (values - np.array(kept["mean"])) / np.array(kept["scale"])
    order = np.argsort(-np.abs(away), kind="stable")[: points.MOST_FEATURES]
    with st.expander(f"Features ({len(values)})", icon=":material/bar_chart:"):
        st.dataframe(
            [
                {
                    "feature": kept["features"][at],
                    "value": float(values[at]),
                    "from the mean": signed(float(away[at])),
                }
                for at in order
            ],
            hide_index=True,
            height=min(38 + 35 * len(order), 300),
            column_config={
                "value": st.column_config.NumberColumn(format="%.3g"),
                "from the mean": st.column_config.TextColumn(
                    help="In standard deviations of all data that were fitted on"
                ),
            },
        )


tried = preview.current(study)
changed = tried or last_change(study)
filmed, second = header()
if filmed:
    strip(study, datum.uid, chose)
if state.pop("at_focus", False):
    state["at_focus_count"] = state.get("at_focus_count", 0) + 1
token = state.get("at_token")
room = 176 + (STRIP_HEIGHT if filmed else 0)
with st.container(key="split"):
    picture, panel = st.columns([5, 2])
    with picture, st.spinner("Drawing the map…"):
        if not second:
            pane("graph", datum, room)
        else:
            left, right = st.columns(2)
            with left:
                st.caption(f"This {words.datum} now" if second.startswith("@") else plain(datum.name))
                pane("graph", datum, room + 24)
            with right:
                other = datum if second.startswith("@") else study.datum(second)
                st.caption(plain(_states().get(second, other.name)))
                fits = {"@before": changed and changed.before, "@after": changed and changed.after}
                layer = {"@concepts": "concepts", "@change": "change"}.get(second, "map")
                pane(
                    f"beside{second if second.startswith('@') else ''}",
                    other,
                    room + 24,
                    layer,
                    fits.get(second),
                    False,
                )
    with panel:
        above(study)
        about_datum(study, datum)
        mask.mask_box(study)
        if token is None:
            no_token(study, state.get("at_glass"))
        with shared.errors_said():
            about_hot_spots(study, [datum], token is None, lambda uid, spot: go_to(uid, spot.peak_token), fit)
        region_list(study, [datum], chose_region)
        move_target(study)
        with st.container(horizontal=True, gap="small"):
            save_box(study, datum)
            napari_command(study, datum)
        if token is not None:
            with shared.errors_said():
                about_token(study, datum, token, fit)
                about_features(token)
