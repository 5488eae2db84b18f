"""What draws a figure for print, by what a study is of."""

from importlib import import_module
from inspect import signature

from prospector_core.errors import BadInputError

__all__ = ["figure_maker"]

_MAKERS = {
    "slides": ("slide_figure", "slide_figure"),
    "structures": ("structure_figure", "structure_figure"),
    "documents": ("document_figure", "document_figure"),
    "cells": ("graph_figure", "graph_figure"),
    "graphs": ("graph_figure", "graph_figure"),
}


def figure_maker(modality):
    """(function(study, datum, **options) -> PNG bytes, names of its options).

    Raises BadInputError where there is none.
    """
    if modality not in _MAKERS:
        raise BadInputError(f"there are no figures of {modality}: choose another format")
    module, name = _MAKERS[modality]
    made = getattr(import_module(f".{module}", __package__), name)
    return made, set(signature(made).parameters) - {"study", "datum"}
