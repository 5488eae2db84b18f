"""How the components of this package are declared.

Each is a folder with one style sheet, one script and what calls them.
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

__all__ = ["component"]


def component(file: str, html: str) -> Callable:
    """The Streamlit component of the folder that ``file`` is in, called after the folder.

    ``html``: what its script fills.
    """
    folder = Path(file).parent
    (style,), (script,) = folder.glob("*.css"), folder.glob("*.js")
    return st.components.v2.component(
        f"prospector_{folder.name}",
        html=html,
        css=style.read_text(encoding="utf-8"),
        js=script.read_text(encoding="utf-8"),
    )
