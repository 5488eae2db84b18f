"""The viewer of a slide on the page of a datum."""

from __future__ import annotations

import streamlit as st

from prospector_core.errors import ProspectorError
from prospector_core.palette import class_palette
from prospector_core.study import Study
from viewers import tile_server
from viewers.colour_limits import change_limit, resamples_of, score_limit
from viewers.kinds.legends import beyond_chance, concept_legend
from viewers.kinds.neighbours import coloured_neighbours
from viewers.kinds.parts import Pane, Selection
from viewers.slide_viewer import slide_viewer
from viewers.viewing import Focus, Layer, Marking, Room
from viewers.words import class_of, plain

from . import provisional
from .layers import overlays_of

__all__ = ["draw"]

_LAYERS = {"concepts": "sprite"}  # what the viewer calls them


def draw(study: Study, pane: Pane) -> bool:
    """Draw a slide with its layers, as ``KindView.draw`` says."""
    slide = _slide(study, pane.datum)
    if slide is None:
        return False
    with st.spinner("Drawing the map…"):
        overlays = overlays_of(study, pane.data, pane.fit, pane.change)
        overlays += provisional.overlays_of(study, pane.unfinished, score_limit(study))

    def clicked():
        click = st.session_state[pane.key].click
        if click:
            pane.select(_clicked(study, pane, click))

    slide_viewer(
        slide,
        overlays,
        key=pane.key,
        layer=Layer(
            name=_LAYERS.get(pane.layer, pane.layer),
            legend=_legend(study, pane),
            concepts=concept_legend(study, pane.fit),
        ),
        fields=[
            {
                "x": d.field.x,
                "y": d.field.y,
                "width": d.field.width,
                "height": d.field.height,
                "label": f"{d.name} · {class_of(study, d)}",
                "selected": d.uid == pane.datum.uid,
            }
            for d in [*pane.data, *pane.unfinished]
            if d.field
        ],
        focus=Focus(
            selected=None if pane.token is None else study.token_rect(pane.datum, pane.token),
            neighbours=[
                {**_named(study.token_rect(pane.datum, at)), "colour": colour}
                for at, colour in coloured_neighbours(study, pane.datum, pane.token, pane.fit)
            ],
            place=pane.view,
            count=pane.focus_count,
            on_pick=clicked,
        ),
        marking=Marking(regions=pane.regions, tools=pane.marking, on_mark=pane.mark, on_step=pane.step),
        room=Room(above=pane.above, link=pane.link, aligned=pane.aligned),
    )
    return True


def _slide(study, datum):
    """The slide for the viewer, blank where it is not at hand; None, which is said, if it cannot be read."""
    source = study.sources[datum.source]
    try:
        slide = tile_server.slide_source(tile_server.register_slide(study.source_path(datum)), source.name)
    except ProspectorError as error:
        state = study.files.state(source.uid)
        if state in ("there", "barred"):  # it cannot be read, and why is to be mended
            st.error(plain(error), icon=":material/error:")
        if state == "there":
            return None
        st.caption(
            f":material/hide_image: The slide {plain(source.name)} is not available: its map is on white."
        )
        blank = tile_server.register_blank(source.info["width"], source.info["height"])
        slide = tile_server.slide_source(blank, source.name)
    slide["mpp"] = source.info["mpp"]
    return slide


def _clicked(study, pane, click):
    """What lies under a click: a token of one of the data, or nothing."""
    for datum in pane.data:
        token = study.token_at(datum, click["x"], click["y"])
        if token is not None:
            return Selection(datum.uid, token)
    return Selection(pane.datum.uid, nothing_there=True)


def _legend(study, pane):
    """Ends, limits and units of the layers."""
    fit, (low, high) = pane.fit, study.sides
    legend = {
        "limit": score_limit(study),
        "label": f"prospect score ({fit.unit}, summed{beyond_chance(fit)})",
        "high": f"speaks {high}",
        "low": f"speaks {low}",
        "excluded": bool(fit.state.excluded),
        "error_label": f"standard error of the score, from {resamples_of(fit)} resamples of the data",
        "classes": [],
        "change": None,
    }
    if study.several:
        colours = class_palette(len(study.classes))
        legend["classes"] = [{"name": name, "colour": colour} for name, colour in zip(study.classes, colours)]
    if pane.change is not None:
        what = "after the edit on trial, less now" if pane.on_trial else "now, less before the last refit"
        legend["change"] = {
            "limit": change_limit(study, pane.change),
            "label": f"change of score ({what})",
            "high": f"more {high}",
            "low": f"more {low}",
        }
    return legend


def _named(rect):
    return dict(zip(("x", "y", "width", "height"), rect))
