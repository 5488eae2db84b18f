"""A page with nothing but the slide viewer, for the browser test. The first argument is the slide file."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from viewers import tile_server

app = st.App("viewer_page.py", routes=tile_server.routes(), lifespan=tile_server.lifespan)
