"""What a study is of: slides, structures, documents or graphs.

One module each; all else works on tokens and their graph.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import StudyVersionError
from .base import Embedder, Modality, Words

if TYPE_CHECKING:
    from typing import Any

__all__ = ["MODALITIES", "Embedder", "Modality", "Words", "modality_of"]

# By the name that study.sqlite has; made when first asked for, as each brings its own libraries.
MODALITIES = {
    "slides": (".slides.kind", "Slides"),
    "structures": (".structures.kind", "Structures"),
    "documents": (".documents.kind", "Documents"),
    "cells": (".graphs.kind", "Cells"),
    "graphs": (".graphs.kind", "Graphs"),
}

_made = {}


def modality_of(name: str) -> Any:
    """The Modality of that name. Raises StudyVersionError for one that this version does not know."""
    if name not in MODALITIES:
        raise StudyVersionError(
            f"this is a study of {name}, which this Prospector does not know (it knows"
            f" {', '.join(MODALITIES)}): update Prospector"
        )
    if name not in _made:
        module, maker = MODALITIES[name]
        _made[name] = getattr(import_module(module, __package__), maker)()
    return _made[name]
