"""Slide page: slides with their prospect map or concepts, one or two at a time.

And what the clicked tile says.
"""

import streamlit as st

from pages import mask, preview, provisional, shared
from pages.edits import above
from pages.figures import figure_button
from pages.napari_command import napari_command
from pages.on_show import datum_on_show
from pages.overlays import limit_of, overlays_of
from pages.slide_change import change_legend, class_legend, states_beside
from pages.slide_panel import about_datum, about_hot_spots, about_token, no_token
from pages.slide_reassign import marking, move_drawn, move_target
from pages.slide_regions import drawn_regions, mark, region_list, step_history
from pages.slide_strip import strip
from pages.slide_whatif import drawn_neighbours
from pages.words import class_of, plain
from prospector_core.errors import ProspectorError
from prospector_core.modalities.slides.tiling import Rect
from prospector_core.study.change import last_change
from viewers import tile_server
from viewers.limits import resamples_of
from viewers.slide_viewer import slide_viewer

study = shared.require_fit()
fit = mask.shown_fit(study)
embedded = study.embedded()
coming = provisional.data(study)  # being embedded; a map of them is there already
on_show = [*embedded, *coming]
used = {each.source for each in on_show}
slides = {uid: source for uid, source in study.sources.items() if uid in used}
state = st.session_state
STRIP_HEIGHT = 120  # CSS px of the filmstrip and its margin, which the viewer leaves it

# The datum on show is "at_datum", its selected token "at_token"; those of a second slide beside it end in
# "_beside".
datum = datum_on_show(study, on_show)


def most_telling(source):
    """The datum of a slide that is predicted most strongly."""
    there = [d for d in on_show if d.source == source]
    return max(there, key=lambda d: fit.summary["predictions"].get(d.uid, 0)).uid


def forget_click():
    """No token is selected, and no place without one was clicked."""
    for name in ("at_token", "at_glass", "at_token_beside", "at_side"):
        state.pop(name, None)


def clicked(viewer, side):
    """Select the token under the click; the datum with it. ``side``: "" or "_beside"."""
    click = state[viewer].click
    if not click:
        return
    forget_click()
    state["at_side"] = side
    here = [d for d in embedded if d.source == study.datum(state[f"at_datum{side}"]).source]
    for candidate in here:
        token = study.token_at(candidate, click["x"], click["y"])
        if token is not None:
            state[f"at_datum{side}"], state[f"at_token{side}"] = candidate.uid, token
            return
    state["at_glass"] = True


def chose_slide():
    """Another slide: its most telling datum, no token."""
    state["at_datum"] = most_telling(state["shown_slide"])
    forget_click()


def chose_datum(uid=None):
    """Another datum, on this slide or another: go there."""
    state["at_datum"] = uid or state["shown_datum"]
    forget_click()
    state["at_focus"] = True


def chose_spot(uid, rect):
    """A hot spot or region of a list: fly there, with some of its surroundings."""
    x, y, width, height = rect
    margin = max(width, height) / 2
    side = state.get("at_side", "") if study.datum(uid).source != datum.source else ""
    forget_click()
    state["at_side"] = side
    state[f"at_datum{side}"] = uid
    state[f"at_view{side}"] = (x - margin, y - margin, width + 2 * margin, height + 2 * margin)
    state["at_view_count"] = state.get("at_view_count", 0) + 1


def header():
    """The question, and which slide, field and companion are on show.

    Returns (filmstrip?, uid of a second slide or "").
    """
    here = [d for d in on_show if d.source == datum.source]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"### Where is {plain(study.classes[study.target])}?")
        if len(slides) > 1:
            state["shown_slide"] = datum.source
            st.selectbox(
                "Slide",
                list(slides),
                format_func=lambda uid: slides[uid].name,
                key="shown_slide",
                on_change=chose_slide,
                width=230,
            )
        if len(here) > 1:
            state["shown_datum"] = datum.uid
            names = {d.uid: f"{d.name} · {class_of(study, d)}" for d in here}
            st.selectbox(
                "Field",
                list(names),
                key="shown_datum",
                on_change=chose_datum,
                format_func=names.get,
                width=230,
            )
        beside = [
            "",
            datum.source,
            *states_beside(tried, changed),
            *(uid for uid in slides if uid != datum.source),
        ]
        if state.get("shown_beside") not in beside:
            state["shown_beside"] = ""
        words = {"": "nothing", datum.source: "this slide, another layer", **states_beside(tried, changed)}
        second = st.selectbox(
            "Beside it",
            beside,
            key="shown_beside",
            width=230,
            format_func=lambda uid: words.get(uid) or slides[uid].name,
            help="A second view that moves with the first; the chain on it lets go",
        )
        filmed = len(embedded) > 1 and st.toggle("Filmstrip", value=True, key="shown_strip")
    return filmed, second


def focus():
    """Where the view is to go, if it was asked to."""
    if state.pop("at_focus", False):
        token = state.get("at_token")
        if token is not None:
            x, y, width, height = study.token_rect(datum, token)
            state["at_view"] = (x - 5 * width, y - 5 * height, 11 * width, 11 * height)
        else:
            info = study.sources[datum.source].info
            frame = datum.field or Rect(0, 0, info["width"], info["height"])
            state["at_view"] = (frame.x, frame.y, frame.width, frame.height)
        state["at_view_count"] = state.get("at_view_count", 0) + 1


def pane(viewer, side, shown, layer, room, link, aligned, fit=fit):
    """One slide with its layers. ``viewer``.

    Key of the component; ``shown``: a datum of the slide; ``fit``: of the map.
    """
    here = [d for d in embedded if d.source == shown.source]
    half_made = [d for d in coming if d.source == shown.source]
    source, token = study.sources[shown.source], state.get(f"at_token{side}")
    try:
        slide = tile_server.slide_source(tile_server.register_slide(study.source_path(shown)), source.name)
    except ProspectorError as error:
        state_of_file = study.files.state(source.uid)
        if state_of_file in ("there", "barred"):  # it cannot be read, and why is to be mended
            shared.say_error(error)
        if state_of_file == "there":
            return False
        st.caption(
            f":material/hide_image: The slide {plain(source.name)} is not at hand: its map lies on white."
        )
        blank = tile_server.register_blank(source.info["width"], source.info["height"])
        slide = tile_server.slide_source(blank, source.name)
    slide["mpp"] = source.info["mpp"]
    with st.spinner("Drawing the map…"):
        overlays, concepts = overlays_of(study, here, fit, changed), study.concepts(fit)
        overlays += provisional.overlays_of(study, half_made, limit_of(study))
    slide_viewer(
        slide,
        overlays,
        key=viewer,
        height=900,
        layer=layer,
        legend={
            "limit": limit_of(study),
            "label": f"prospect score ({fit.unit}, summed{mask.legend(fit)})",
            "high": f"speaks {study.sides[1]}",
            "low": f"speaks {study.sides[0]}",
            "excluded": bool(fit.state.excluded),
            "error_label": f"standard error of the score, from {resamples_of(fit)} resamples of the data",
            "classes": class_legend(study),
            "change": change_legend(study, changed, tried is not None),
        },
        concepts=[
            {"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded, "pinned": c.pinned}
            for c in sorted(concepts, key=lambda c: -c.weight)
        ],
        fields=[
            {
                "x": d.field.x,
                "y": d.field.y,
                "width": d.field.width,
                "height": d.field.height,
                "label": f"{d.name} · {class_of(study, d)}",
                "selected": d.uid == shown.uid,
            }
            for d in [*here, *half_made]
            if d.field
        ],
        selected=study.token_rect(shown, token) if token is not None else None,
        neighbours=drawn_neighbours(study, shown, token, fit) if token is not None else [],
        focus=None if aligned else state.get(f"at_view{side}"),
        focus_count=state.get("at_view_count", 0),
        regions=drawn_regions(study, here),
        marking=marking(study),
        link=link,
        aligned=aligned,
        above=room,
        on_click=lambda: clicked(viewer, side),
        on_mark=lambda drawn: (
            move_drawn(study, here, drawn) if drawn["evidence"] == "reassign" else mark(study, here, drawn)
        ),
        on_step=lambda step: step_history(study, step),
    )
    return True


tried = preview.current(study)
changed = tried or last_change(study)
filmed, second = header()
if filmed:
    strip(study, datum.uid, chose_datum)
focus()
room = 176 + (STRIP_HEIGHT if filmed else 0)
with st.container(key="split" if not second else "split_pair"):
    if not second:
        picture, panel = st.columns([5, 2])
        with picture:
            there = pane("viewer", "", datum, "map", room, None, False)
        upper = lower = panel
    else:
        states = states_beside(tried, changed)
        twin = second == datum.source or second in states
        if twin:
            state["at_datum_beside"] = datum.uid
        elif state.get("at_datum_beside") not in {d.uid for d in on_show if d.source == second}:
            state["at_datum_beside"] = most_telling(second)
            state.pop("at_token_beside", None)
        left, right = st.columns(2)
        with left:
            if second in states:
                st.caption("At the left: this slide now")
            there = pane("viewer", "", datum, "map", room, "pair", False)
        with right:
            if twin:
                state["at_token_beside"] = state.get("at_token")
            beside = study.datum(state["at_datum_beside"])
            layer = "change" if second == "@change" else "sprite" if second == datum.source else "map"
            other = changed.before if second == "@before" else changed.after if second == "@after" else fit
            if second in states:
                st.caption(f"At the right: {states[second]}")
            pane(
                f"beside{second if second in states else ''}",
                "" if twin else "_beside",
                beside,
                layer,
                room,
                "pair",
                twin,
                other,
            )
        upper, lower = st.columns(2)
if not there:
    st.stop()
side = "" if not second or twin else state.get("at_side", "")
told = study.datum(state[f"at_datum{side}"])
token = state.get(f"at_token{side}")
with upper:
    above(study)  # beside the slide, which must not jump
    about_datum(study, told)
    provisional.note(study, [d for d in coming if d.source == told.source])
    if told in coming:
        st.stop()
    mask.mask_box(study)
    if token is None:
        no_token(study, state.get("at_glass"))
    data = [d for d in embedded if d.source == told.source]
    # open until a tile is chosen: what the panel then says needs the room
    about_hot_spots(study, data, token is None, lambda uid, spot: chose_spot(uid, spot.rect), fit)
    region_list(study, data, chose_spot)
    move_target(study)
    with st.container(horizontal=True, gap="small"):
        figure_button(study, told)
        napari_command(study, told)
if token is not None:
    with lower:
        about_token(study, told, token, fit)
