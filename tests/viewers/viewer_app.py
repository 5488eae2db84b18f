"""A page with nothing but the slide viewer, for the browser tests: the one that the environment names."""

import os
import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from viewers import tile_server

app = st.App(
    os.environ.get("PROSPECTOR_TEST_PAGE", "viewer_page.py"),
    routes=tile_server.routes(),
    lifespan=tile_server.lifespan,
)
