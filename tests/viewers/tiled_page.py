"""The slide viewer over a grid of 3200 x 4800 places, half a pixel each.

That holds tokens in its middle only.
"""

import os

import numpy as np
import streamlit as st

from prospector_core.palette import concept_palette
from viewers import tile_server
from viewers.slide_viewer import slide_viewer
from viewers.token_blocks import TokenBlocks
from viewers.token_tiles import (
    ConceptTiles,
    NumberTiles,
    ScoreTiles,
    above_table,
    doubt_numbers,
    encode_summary,
    token_numbers,
)
from viewers.viewing import Layer, Room

ROWS, COLUMNS, PITCH = 3200, 4800, 0.5
HIGH, WIDE = 600, 800  # of the part with tokens

state = st.session_state
state.setdefault("version", 0)
st.set_page_config(layout="wide")
if st.sidebar.button("Refit"):
    state.version += 1

positions = (np.argwhere(np.ones((HIGH, WIDE), bool)) + [(ROWS - HIGH) // 2, (COLUMNS - WIDE) // 2]).astype(
    np.int32
)
left, upper = positions[:, 1] < COLUMNS // 2, positions[:, 0] < ROWS // 2
scores = np.where(left, 1.0, 0.25) * (1 if state.version % 2 == 0 else -1)
concepts = np.where(upper, 0, 1)
error = np.where(upper, 0.1, 0.5)
colours = concept_palette(2)
blocks = TokenBlocks("page", positions, (ROWS, COLUMNS))
numbers = token_numbers(lambda: scores, lambda: concepts)
doubts = doubt_numbers(lambda: error, lambda: ~upper, lambda: 0.5)
drawn = {
    "map": ScoreTiles(("map", state.version), blocks, lambda: scores, lambda: 1.0, unsure=lambda: ~upper),
    "sprite": ConceptTiles("sprite", blocks, lambda: concepts, colours),
    "error": ScoreTiles("error", blocks, lambda: error, lambda: 0.5, signed=False),
    "tokens": NumberTiles("tokens", blocks, numbers),
    "doubt": NumberTiles("doubt", blocks, doubts),
}
urls = {
    kind: tile_server.register_tiles("d", tiles, version=state.version, kind=kind)
    for kind, tiles in drawn.items()
}
place = {"x": 0, "y": 0, "width": COLUMNS * PITCH, "height": ROWS * PITCH}
overlays = [
    {"id": kind, "kind": kind, "tiles": urls[kind], "levels": blocks.top, "shape": [ROWS, COLUMNS], **place}
    for kind in ("map", "sprite", "error")
]
summary = tile_server.register_image("d", encode_summary(~upper, 0.5), kind="doubt")
overlays[0] |= {
    "numbers": urls["tokens"],
    "doubts": urls["doubt"],
    "above": above_table(scores, 1.0),
    "summary": summary,
}
slide_viewer(
    tile_server.slide_source(tile_server.register_slide(os.environ["PROSPECTOR_TEST_SLIDE"]), name="test"),
    overlays,
    key="slide",
    room=Room(height=560),
    layer=Layer(
        opacity=1.0,
        legend={"limit": 1.0, "label": "prospect score", "high": "supports tumour", "low": "supports normal"},
        concepts=[
            {"id": i, "name": f"kind {i}", "colour": colour, "excluded": False}
            for i, colour in enumerate(colours)
        ],
    ),
)
st.text(f"version={state.version};")
