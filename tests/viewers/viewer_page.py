import json
import os

import numpy as np
import streamlit as st

from prospector_core.palette import concept_palette
from viewers import tile_server
from viewers.slide_viewer import slide_viewer
from viewers.token_pixels import render_error, render_map, render_sprite
from viewers.tokens import encode_doubt, encode_tokens
from viewers.viewing import Focus, Layer, Marking, Room

PITCH, ROWS, COLUMNS, CONCEPTS = 100, 16, 24, 4

state = st.session_state
state.setdefault("version", 0)
state.setdefault("clicks", [])
state.setdefault("marks", [])
state.setdefault("steps", [])
st.set_page_config(layout="wide")


def clicked():
    """Before the rerun that the click causes: the marker is then drawn in that same run."""
    state.clicks = [*state.clicks, state["slide"].click]


def marked(mark):
    state.marks = [*state.marks, mark]


def stepped(step):
    state.steps = [*state.steps, step]


page = st.sidebar.radio("Page", ["viewer", "elsewhere"])
if st.sidebar.button("Refit"):
    state.version += 1
if page == "elsewhere":
    st.write("elsewhere")
    st.stop()

slide = tile_server.slide_source(tile_server.register_slide(os.environ["PROSPECTOR_TEST_SLIDE"]), name="test")
positions = np.argwhere(np.ones((ROWS, COLUMNS), bool))
# One flat colour a version, so that a screenshot tells which one is shown.
scores = np.full(len(positions), 1.0 if state.version % 2 == 0 else -1.0)
concepts = positions[:, 1] * CONCEPTS // COLUMNS
colours = concept_palette(CONCEPTS)
place = {"id": "d", "x": 0, "y": 0, "width": COLUMNS * PITCH, "height": ROWS * PITCH}
shape = (ROWS, COLUMNS)
map_png = render_map(positions, scores, shape, 1.0)
sprite_png = render_sprite(positions, concepts, colours, {3}, shape)
# Seen through its numbers, the right quarter of the map is weak, and its lower half of uncertain sign.
numbers = scores * np.where(positions[:, 1] >= COLUMNS * 3 // 4, 0.25, 1.0)
error = np.where(positions[:, 0] >= ROWS // 2, 0.5, 0.0)
tokens = encode_tokens(positions, numbers, concepts)
doubt = encode_doubt(error, error > 0, 0.5)
error_png = render_error(positions, error, shape, 0.5)
selected = None
if state.clicks:
    selected = [state.clicks[-1][axis] // PITCH * PITCH for axis in "xy"] + [PITCH, PITCH]
slide_viewer(
    slide,
    [
        {
            **place,
            "kind": "map",
            "url": tile_server.register_image(("map", "d"), map_png, kind="map"),
            "tokens": tile_server.register_image("d", tokens, kind="tokens"),
            "doubt": tile_server.register_image("d", doubt, kind="doubt"),
            "shape": shape,
        },
        {**place, "kind": "error", "url": tile_server.register_image("d", error_png, kind="error")},
        {
            **place,
            "kind": "sprite",
            "url": tile_server.register_image(("sprite", "d"), sprite_png, kind="sprite"),
        },
    ],
    key="slide",
    room=Room(height=560),
    layer=Layer(
        opacity=1.0,
        legend={"limit": 1.0, "label": "prospect score", "high": "supports tumour", "low": "supports normal"},
        concepts=[
            {"id": i, "name": f"kind {i}", "colour": colour, "excluded": i == 3}
            for i, colour in enumerate(colours)
        ],
    ),
    fields=[{"x": 200, "y": 200, "width": 800, "height": 600, "label": "field A", "selected": True}],
    focus=Focus(selected=selected, on_pick=clicked),
    marking=Marking(
        regions=[
            {
                "rings": [mark["polygon"]],
                "evidence": mark["evidence"],
                "label": f"as {mark['evidence']}",
                "lit": False,
            }
            for mark in state.marks
        ],
        tools={
            evidence: {"label": evidence, "help": f"mark as {evidence}"}
            for evidence in ("for", "against", "ignore")
        },
        on_mark=marked,
        on_step=stepped,
    ),
)
last = state.clicks[-1] if state.clicks else {}
st.text(f"version={state.version} clicks={len(state.clicks)} at={last.get('x')},{last.get('y')};")
st.text(
    "marks="
    + json.dumps([{k: mark[k] for k in ("tool", "evidence", "polygon")} for mark in state.marks])
    + ";"
)
st.text(f"steps={','.join(state.steps)};")
