"""Slide page: the slide with its prospect map or concepts, and why the clicked tile scores as it does."""

import streamlit as st

from pages import shared
from prospector_core.errors import ProspectorError
from viewers import tile_server
from viewers.slide_viewer import slide_viewer

study = shared.require_fit()
fit = study.current_fit
embedded = study.embedded()
slides = {source.uid: source for source in study.sources.values() if any(d.source == source.uid for d in embedded)}
state = st.session_state

if state.get("at_datum") not in {datum.uid for datum in embedded}:
    state.pop("at_token", None)
    state["at_datum"] = max(embedded, key=lambda d: (d.label == 1, fit.summary["predictions"].get(d.uid, 0))).uid
datum = study.datum(state["at_datum"])


def clicked():
    """Select the token under the click; the datum with it."""
    click = state["viewer"].click
    if not click:
        return
    here = [d for d in embedded if d.source == datum.source]
    for candidate in here:
        token = study.token_at(candidate, click["x"], click["y"])
        if token is not None:
            state["at_datum"], state["at_token"] = candidate.uid, token
            return
    state.pop("at_token", None)


def chose_slide():
    """Another slide: its most telling datum, no token."""
    there = [d for d in embedded if d.source == state["shown_slide"]]
    state["at_datum"] = max(there, key=lambda d: fit.summary["predictions"].get(d.uid, 0)).uid
    state.pop("at_token", None)


def chose_datum():
    """Another datum of the slide: fly there."""
    state["at_datum"] = state["shown_datum"]
    state.pop("at_token", None)
    state["at_focus"] = True


here = [d for d in embedded if d.source == datum.source]
title, chooser, field_chooser = st.columns([3, 2, 2], vertical_alignment="bottom")
title.markdown(f"### Where is {study.classes[1]}?")
if len(slides) > 1:
    state["shown_slide"] = datum.source
    chooser.selectbox("Slide", list(slides), format_func=lambda uid: slides[uid].name, key="shown_slide", on_change=chose_slide)
if len(here) > 1:
    state["shown_datum"] = datum.uid
    names = {d.uid: d for d in here}
    field_chooser.selectbox(
        "Field", list(names), key="shown_datum", on_change=chose_datum,
        format_func=lambda uid: f"{names[uid].name} · {study.classes[names[uid].label] if names[uid].label in (0, 1) else 'unlabelled'}",
    )  # fmt: skip

token = state.get("at_token")
source = study.sources[datum.source]
try:
    slide = tile_server.slide_source(tile_server.register_slide(source.path), source.name)
except ProspectorError as error:
    shared.say_error(error)
    st.stop()
slide["mpp"] = source.info["mpp"]
edits = study.curation.state
focus = None
if state.pop("at_focus", False):
    if token is not None:
        x, y, width, height = study.token_rect(datum, token)
        focus = (x - 5 * width, y - 5 * height, 11 * width, 11 * height)
    elif datum.field:
        focus = (datum.field.x, datum.field.y, datum.field.width, datum.field.height)
    state["at_view"] = focus
fields = [
    {"x": d.field.x, "y": d.field.y, "width": d.field.width, "height": d.field.height,
     "label": d.name, "selected": d.uid == datum.uid}
    for d in here if d.field
]  # fmt: skip

picture, panel = st.columns([3, 1])
with picture:
    slide_viewer(
        slide,
        shared.overlays_of(study, here),
        key="viewer",
        height=660,
        legend={
            "limit": shared.limit_of(study),
            "label": f"prospect score ({fit.unit}, summed)",
            "high": f"speaks for {study.classes[1]}",
            "low": f"speaks for {study.classes[0]}",
            "excluded": bool(fit.state.excluded),
        },
        concepts=[
            {"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded}
            for c in sorted(study.concepts(), key=lambda c: -c.weight)
        ],
        fields=fields,
        selected=study.token_rect(datum, token) if token is not None else None,
        focus=state.get("at_view"),
        on_click=clicked,
    )

with panel:
    probability = fit.summary["predictions"].get(datum.uid)
    label = study.classes[datum.label] if datum.label in (0, 1) else "unlabelled"
    kind = "held out" if fit.summary["held_out_folds"] and datum.label in (0, 1) and datum.split != "test" else "not fitted on"
    st.markdown(f"**{datum.name}** · labelled *{label}*")
    if probability is not None:
        st.caption(f"Predicted {study.classes[int(probability >= 0.5)]}: P = {probability:.2f} ({kind})")
    if token is None:
        st.info("Click a tile: its concept, its score and where the score comes from appear here.", icon=":material/touch_app:")
    else:
        explanation = study.explain(datum, token)
        original = int(study.concepts_of(datum)[token])
        colour, name = study.colours()[original], study.concept_name(original)
        row, column = study.grid(datum)["positions"][token]
        st.image(shared.token_picture(study, datum, token, 240, 3.0), caption="the tile (centre) and its surroundings", width="stretch")
        st.markdown(
            f'<span style="display:inline-block;width:.9em;height:.9em;border-radius:3px;background:{colour}"></span> **{name}**',
            unsafe_allow_html=True,
        )
        if explanation.concept < 0:
            st.warning("This concept is excluded: its tiles are not counted and have no score.", icon=":material/block:")
        else:
            side = study.classes[1] if explanation.score > 0 else study.classes[0]
            st.metric("Prospect score", f"{explanation.score:+.2f}", help=f"Row {row}, column {column}. Unit: {fit.unit}, summed over neighbours.")
            st.markdown(f"It speaks **for {side}**. The largest parts:")
            lines = []
            for term in explanation.terms[:5]:
                if term.neighbour is None:
                    lines.append(f"- **{term.value:+.2f}** being *{name}*")
                else:
                    other = study.concept_name(term.neighbour)
                    own = term.neighbour == original
                    count = f"{term.count:g}"
                    what = f"{count} of its own kind, itself included" if own else f"{count} × *{other}* within {fit.radius} hop{'s' if fit.radius > 1 else ''}"
                    lines.append(f"- **{term.value:+.2f}** {what} ({term.weight:+.2f} each)")
            rest = explanation.terms[5:]
            if rest:
                lines.append(f"- {sum(term.value for term in rest):+.2f} in {len(rest)} smaller parts")
            st.markdown("\n".join(lines))
            if original not in edits.excluded and st.button("Exclude this concept", icon=":material/block:", help="Its tiles leave the graph at the next refit. Undo is in the sidebar."):
                shared.edit(lambda: study.curation.exclude(original), f"Excluded {name}: refit to see the effect")
