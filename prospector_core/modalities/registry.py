"""The one table of kinds of data: those that come with Prospector, and those that other packages add.

A kind is loaded by its name when it is first asked for: nothing above this folder imports a kind's own.
"""

from functools import lru_cache
from importlib import import_module

from ..errors import StudyVersionError
from ..plugins import load_all, load_one, names_of
from .base import Modality

__all__ = ["GROUP", "MODALITIES", "modalities", "modality_names", "modality_of"]

GROUP = "prospector.modalities"
"""Entry point group under which packages add a kind: its name, and the class that derives from `Modality`."""

# By the name that study.sqlite has: module and class.
MODALITIES = {
    "slides": (".slides.kind", "Slides"),
    "structures": (".structures.kind", "Structures"),
    "documents": (".documents.kind", "Documents"),
    "cells": (".graphs.kind", "Cells"),
    "graphs": (".graphs.kind", "Graphs"),
}


def modality_names() -> list[str]:
    """Return the names of all kinds, those that come with Prospector first."""
    return [*MODALITIES, *(name for name in names_of(GROUP) if name not in MODALITIES)]


def modalities() -> list[Modality]:
    """Return all kinds, those that come with Prospector first; a broken one is a PluginWarning."""
    others = [name for name, _ in load_all(GROUP) if name not in MODALITIES]
    return [modality_of(name) for name in (*MODALITIES, *others)]


@lru_cache
def modality_of(name: str) -> Modality:
    """Return the kind of data of that name.

    Raises
    ------
    StudyVersionError
        This version does not know it, and no package that is installed adds it.
    PluginError
        The package that adds it cannot be loaded.
    """
    if name in MODALITIES:
        module, maker = MODALITIES[name]
        return getattr(import_module(module, __package__), maker)()
    kind = load_one(GROUP, name)
    if kind is None:
        raise StudyVersionError(
            f"this is a study of {name}, which this Prospector does not know (it knows"
            f" {', '.join(modality_names())}): update Prospector"
        )
    return kind()
