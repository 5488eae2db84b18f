"""How the viewers of this package are declared as Streamlit components.

Each is a folder with a style sheet and a JavaScript module ``viewer.js``, which exports ``Viewer``. The
modules are served by :mod:`viewers.tile_server` and import what they share from ``web/kit.js``. What
Streamlit itself gets is ``web/mount.js``, the same for all of them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from viewers import tile_server

__all__ = ["component"]

_MOUNT = (Path(__file__).parent / "web" / "mount.js").read_text(encoding="utf-8")


def component(file: str, css_class: str) -> Callable[..., Any]:
    """Declare the Streamlit component of the folder that ``file`` is in, called after the folder.

    Parameters
    ----------
    file : str
        A file of the folder.
    css_class : str
        Class of the element that the viewer fills.

    Returns
    -------
    callable
        Shows the viewer: ``data`` for its module, and the other arguments of a Streamlit component.
    """
    folder = Path(file).parent
    (style,) = folder.glob("*.css")
    parts = [file.name for file in folder.glob("*.js") if not file.name.endswith(".min.js")]
    render = st.components.v2.component(
        f"prospector_{folder.name}",
        html=f'<div class="{css_class}" data-viewer></div>',
        css=style.read_text(encoding="utf-8"),
        js=_MOUNT,
    )

    def show(*, data: Mapping[str, Any], **options: Any) -> Any:
        module = tile_server.asset_url("viewer.js", folder.name)
        return render(data={**data, "module": module, "parts": ["../web/kit.js", *parts]}, **options)

    return show
