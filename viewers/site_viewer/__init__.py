"""Superposed sites: a Streamlit component that lays the residues of several sites over each other in 3D."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from viewers.component import component

__all__ = ["site_viewer"]

_RENDER = component(__file__, "st-sites")


def site_viewer(
    atoms: str,
    colours: Mapping[str, Sequence[str]],
    names: Sequence[str],
    *,
    key: str,
    label: str,
    on_pick: Callable[[], None] | None = None,
) -> Any:
    """Show sites over each other.

    Parameters
    ----------
    atoms : str
        Address of mmCIF text: a chain a site, named "0", "1", ..., its residues numbered from 1; ligands in
        chains "L0", ...
    colours : mapping
        Chain -> "#rrggbb" of each of its residues.
    names : list of str
        What each site is.
    key : str
        Fixed for the place in the app.
    label : str
        What is shown, for screen readers.
    on_pick : callable, optional
        Called before the rerun that a click causes; ``st.session_state[key].pick`` is then ``{"site",
        "residue"}``.
    """
    data = {
        "atoms": atoms,
        "colours": {chain: list(each) for chain, each in colours.items()},
        "names": list(names),
        "label": label,
    }
    return _RENDER(key=key, data=data, on_pick_change=on_pick or (lambda: None))
