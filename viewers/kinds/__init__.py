"""What draws each kind of data: one folder a kind, one registry, keyed by the name that study.sqlite has.

A kind that is not in the registry is drawn by the defaults of :class:`viewers.kinds.base.KindView`.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module

__all__ = ["FIRST", "VIEWS", "Entry", "entry_of", "kinds_in_napari", "view_named", "view_of"]


@dataclass(frozen=True)
class Entry:
    """A kind of data as the frame of the app needs it, before the core is loaded.

    Attributes
    ----------
    module, view : str
        Where its :class:`viewers.kinds.base.KindView` is, relative to this package; its class.
    title, icon : str
        Of the page that shows a datum.
    pages : tuple of (file, title, icon)
        Pages that only this kind has.
    """

    module: str = ".base"
    view: str = "KindView"
    title: str = "Data"
    icon: str = ":material/linear_scale:"
    pages: tuple[tuple[str, str, str], ...] = ()


VIEWS = {
    "slides": Entry(".slides.view", "SlideView", "Slide", ":material/biotech:"),
    "structures": Entry(
        ".structures.view",
        "StructureView",
        "Structure",
        ":material/hub:",
        (("families.py", "Families", ":material/category:"),),
    ),
    "documents": Entry(".documents.view", "DocumentView", "Document", ":material/article:"),
    "cells": Entry(".graphs.view", "CellView", "Cells", ":material/bubble_chart:"),
    "graphs": Entry(".graphs.view", "GraphView", "Graph", ":material/bubble_chart:"),
}
FIRST = "slides"
"""The kind whose page and form stand where no study is open yet."""


def entry_of(name: str) -> Entry:
    """The registry's entry of a kind; that of the defaults for a kind that it does not have."""
    return VIEWS.get(name, Entry())


@cache
def view_named(name: str):
    """The :class:`viewers.kinds.base.KindView` of a kind, by its name."""
    entry = entry_of(name)
    return getattr(import_module(entry.module, __package__), entry.view)()


def view_of(study):
    """The :class:`viewers.kinds.base.KindView` that draws a study."""
    return view_named(study.modality)


def kinds_in_napari() -> str:
    """The kinds that napari shows, in words: "slides, cells and graphs"."""
    *most, last = [name for name in VIEWS if view_named(name).in_napari]
    return f"{', '.join(most)} and {last}"
