"""Slide page: the slide with its prospect map or concepts, and why the clicked tile scores as it does."""

import html

import streamlit as st

from pages import provisional, shared
from prospector_core.errors import ProspectorError
from prospector_core.tiling import Rect
from viewers import tile_server
from viewers.slide_viewer import slide_viewer

study = shared.require_fit()
fit = study.current_fit
embedded = study.embedded()
coming = provisional.data(study)  # being embedded; a map of them is there already
there = {d.source for d in [*embedded, *coming]}
slides = {source.uid: source for source in study.sources.values() if source.uid in there}
state = st.session_state

if state.get("at_datum") not in {datum.uid for datum in [*embedded, *coming]}:
    state.pop("at_token", None)
    state["at_datum"] = max(embedded, key=lambda d: (d.label == 1, fit.summary["predictions"].get(d.uid, 0))).uid
datum = study.datum(state["at_datum"])


def forget_click():
    """No token is selected, and no place without one was clicked."""
    state.pop("at_token", None)
    state.pop("at_glass", None)


def clicked():
    """Select the token under the click; the datum with it."""
    click = state["viewer"].click
    if not click:
        return
    state.pop("at_glass", None)
    here = [d for d in embedded if d.source == datum.source]
    for candidate in here:
        token = study.token_at(candidate, click["x"], click["y"])
        if token is not None:
            state["at_datum"], state["at_token"] = candidate.uid, token
            return
    state.pop("at_token", None)
    state["at_glass"] = True


def chose_slide():
    """Another slide: its most telling datum, no token."""
    there = [d for d in [*embedded, *coming] if d.source == state["shown_slide"]]
    state["at_datum"] = max(there, key=lambda d: fit.summary["predictions"].get(d.uid, 0)).uid
    forget_click()


def chose_datum():
    """Another datum of the slide: fly there."""
    state["at_datum"] = state["shown_datum"]
    forget_click()
    state["at_focus"] = True


def chose_spot(uid, rect):
    """A hot spot of the list: fly there, with some of its surroundings."""
    x, y, width, height = rect
    margin = max(width, height) / 2
    state["at_datum"] = uid
    state["at_view"] = (x - margin, y - margin, width + 2 * margin, height + 2 * margin)
    state["at_view_count"] = state.get("at_view_count", 0) + 1
    forget_click()


here = [d for d in embedded if d.source == datum.source]
half_made = [d for d in coming if d.source == datum.source]
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    st.markdown(f"### Where is {shared.plain(study.classes[1])}?")
    if len(slides) > 1:
        state["shown_slide"] = datum.source
        st.selectbox(
            "Slide",
            list(slides),
            format_func=lambda uid: slides[uid].name,
            key="shown_slide",
            on_change=chose_slide,
            width=260,
        )
    if len(here) + len(half_made) > 1:
        state["shown_datum"] = datum.uid
        names = {d.uid: f"{d.name} · {shared.class_of(study, d)}" for d in [*here, *half_made]}
        st.selectbox("Field", list(names), key="shown_datum", on_change=chose_datum, format_func=names.get, width=260)
token = state.get("at_token")
source = study.sources[datum.source]
try:
    slide = tile_server.slide_source(tile_server.register_slide(study.slide_path(datum)), source.name)
except ProspectorError as error:
    shared.say_error(error)
    st.stop()
slide["mpp"] = source.info["mpp"]
edits = study.curation.state
if state.pop("at_focus", False):
    if token is not None:
        x, y, width, height = study.token_rect(datum, token)
        state["at_view"] = (x - 5 * width, y - 5 * height, 11 * width, 11 * height)
    else:
        frame = datum.field or Rect(0, 0, slide["width"], slide["height"])
        state["at_view"] = (frame.x, frame.y, frame.width, frame.height)
    state["at_view_count"] = state.get("at_view_count", 0) + 1
fields = [
    {"x": d.field.x, "y": d.field.y, "width": d.field.width, "height": d.field.height,
     "label": f"{d.name} · {shared.class_of(study, d)}", "selected": d.uid == datum.uid}
    for d in [*here, *half_made] if d.field
]  # fmt: skip
with st.spinner("Drawing the map…"):
    overlays, limit, concepts = shared.overlays_of(study, here), shared.limit_of(study), study.concepts()
    overlays += provisional.overlays_of(study, half_made, limit)

with st.container(key="split"):
    picture, panel = st.columns([5, 2])
with picture:
    slide_viewer(
        slide,
        overlays,
        key="viewer",
        height=900,
        legend={
            "limit": limit,
            "label": f"prospect score ({fit.unit}, summed)",
            "high": f"speaks for {study.classes[1]}",
            "low": f"speaks for {study.classes[0]}",
            "excluded": bool(fit.state.excluded),
            "error_label": f"standard error of the score, from {shared.resamples_of(fit)} resamples of the data",
        },
        concepts=[
            {"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded}
            for c in sorted(concepts, key=lambda c: -c.weight)
        ],
        fields=fields,
        selected=study.token_rect(datum, token) if token is not None else None,
        focus=state.get("at_view"),
        focus_count=state.get("at_view_count", 0),
        on_click=clicked,
    )


def part(term, name):
    """One term of a score in plain words."""
    if term.neighbour is None:
        return f"for being *{shared.plain(name)}*"
    what = (
        f"{term.count:g} × its own kind, itself included"
        if term.neighbour == concept
        else f"{term.count:g} × *{shared.plain(study.concept_name(term.neighbour))}*"
    )
    return f"{what}, within {fit.radius} hop{'s' if fit.radius > 1 else ''} ({shared.signed(term.weight)} each)"


with panel:
    shared.refit_here(study)  # beside the slide, which must not jump
    probability = fit.summary["predictions"].get(datum.uid)
    st.markdown(f"**{shared.plain(datum.name)}** · labelled *{shared.plain(shared.class_of(study, datum))}*")
    provisional.note(study, half_made)
    if datum in half_made:
        st.stop()
    if probability is not None:
        unseen = datum.split == "test" or datum.label not in (0, 1)
        how = (
            "not used for the fit"
            if unseen
            else "by a kernel fitted without it"
            if fit.summary["held_out_folds"]
            else "it was used for the fit"
        )
        st.caption(
            f"Predicted {shared.plain(study.classes[int(probability >= 0.5)])}, P({shared.plain(study.classes[1])}) = {probability:.2f}; {how}"
        )
    threshold, n_spots, spots = shared.hot_spots_of(study, here)
    # open until a tile is chosen: what the panel then says needs the room
    with st.expander(f"Hot spots ({n_spots})", icon=":material/local_fire_department:", expanded=token is None):
        if not spots:
            st.caption(f"No tile scores {shared.signed(threshold)} or more.")
        else:
            st.caption(
                f"Connected tiles that score {shared.signed(threshold)} or more, by summed score"
                + (f"; the first {len(spots)}" if n_spots > len(spots) else "")
            )
        rows = st.container(gap=None)
        for rank, (spot, uid) in enumerate(spots, start=1):
            rows.button(
                f"{rank} · {shared.area_text(spot.area, spot.unit)} · mean {shared.signed(spot.mean)}",
                key=f"spot_{rank}",
                type="tertiary",
                help=f"Go there. {shared.plain(study.datum(uid).name)}: {len(spot.tokens)} tiles, sum {shared.signed(spot.total)}, "
                f"highest {shared.signed(spot.peak)}",
                on_click=chose_spot,
                args=(uid, spot.rect),
            )
    if token is None:
        if state.get("at_glass"):
            st.info(
                "No tile lies there: it is glass, or outside of the fields. Click on tissue.",
                icon=":material/not_listed_location:",
            )
        else:
            st.info(
                "Click a tile: its concept, its score and where the score comes from appear here.",
                icon=":material/touch_app:",
            )
        st.stop()
    explanation = study.explain(datum, token)
    concept = int(study.concepts_of(datum)[token])
    colour, name = study.colours()[concept], study.concept_name(concept)
    row, column = study.grid(datum)["positions"][token]
    with st.container(horizontal=True):
        st.image(
            shared.token_picture(study, datum, token, 280, 3.0), width=120,
            alt=f"Tile of {name} in row {row}, column {column}, in the middle of its surroundings",
        )  # fmt: skip
        with st.container(width=130):
            st.html(
                f'<span style="display:inline-block;width:.9em;height:.9em;border-radius:3px;background:{colour}"></span> <b>{html.escape(name)}</b>'
            )
            if explanation.concept >= 0:
                st.metric(
                    "Prospect score",
                    shared.signed(explanation.score),
                    help=f"Row {row}, column {column}. Unit: {fit.unit}, summed over neighbours.",
                )
    st.caption("The tile is in the middle, with its surroundings.")
    if explanation.concept < 0:
        st.warning("This concept is excluded: its tiles are not counted and have no score.", icon=":material/block:")
    else:
        score = explanation.score
        verdict = f"**for {shared.plain(study.classes[int(score > 0)])}**" if score else "**neither way**"
        try:
            with st.spinner("Refitting on resamples of the data…"):
                doubt = shared.doubt_of(study, datum)
        except ProspectorError as error:
            shared.say_error(error)
        else:
            sure = "" if not doubt.unsure[token] else "; **sign not certain**"
            st.caption(
                f"± {doubt.error[token]:.2f}{sure}",
                help=f"Standard error over {shared.resamples_of(fit)} resamples of the data. The sign is certain where "
                f"at least 95 % of them agree with it; here {doubt.agreement[token]:.0%} do.",
            )
        st.markdown(f"It speaks {verdict}. The largest parts:")
        lines = [f"- **{shared.signed(term.value)}** {part(term, name)}" for term in explanation.terms[:5]]
        rest = explanation.terms[5:]
        if rest:
            lines.append(f"- {shared.signed(sum(term.value for term in rest))} in {len(rest)} smaller parts")
        st.markdown("\n".join(lines))
    if concept not in edits.excluded:
        if st.button(
            "Exclude this concept",
            key="exclude_this",
            icon=":material/block:",
            help="Its tiles leave the graph at the next refit. Undo is in the sidebar.",
        ):
            shared.edit(
                lambda: study.curation.exclude(concept), f"Excluded {shared.plain(name)}: refit to see the effect"
            )
    elif explanation.concept >= 0:
        st.caption(":material/block: Excluded; its tiles leave the map at the next refit.")
