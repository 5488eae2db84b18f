"""`streamlit run app.py`: the pages and, from the same process and port, the tiles of the slides."""

import contextlib
import sys
import threading
from pathlib import Path

# A plain checkout works without installing it.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import streamlit as st
from starlette.middleware import Middleware

from viewers import tile_server
from viewers.access.entrance import Entrance
from viewers.access.headers import SafeHeaders
from viewers.streamlit_patches import apply_patches

apply_patches()
entrance = Entrance()


def warm_up():
    """Load the compiled loops while the browser opens, so that the first page need not wait for them."""
    from prospector_core import TokenGraph, count_concepts, prospect
    from prospector_core.method.explaining import explain

    graph = TokenGraph.from_grid([[0, 0], [0, 1]])
    count_concepts(graph, np.array([0, 1]), 2, 1)
    prospect(graph, np.array([0, 1]), np.zeros(5), 2, 1)
    explain(graph, np.array([0, 1]), np.zeros(5), 2, 1, 0)


@contextlib.asynccontextmanager
async def lifespan(app):
    """What lives as long as the app: tile routes without delay, and a warm core."""
    threading.Thread(target=warm_up, daemon=True, name="warm-up").start()
    with entrance.announced():
        async with tile_server.lifespan(app):
            yield


app = st.App(
    "pages/_start.py",
    routes=tile_server.routes(),
    lifespan=lifespan,
    # outermost, so that a refusal carries them too
    middleware=[Middleware(SafeHeaders), *entrance.middleware()],
)
