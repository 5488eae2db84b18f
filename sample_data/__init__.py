"""Sample studies: fields of one real slide of skin, and protein chains.

Fields are labelled by whether they hold epidermis, chains by whether they bind zinc.
"""

from importlib import import_module

from .folders import sample_folder

# Loaded on first use: the app asks where the sample lies before anything heavy is there.
_HOMES = {"build": "skin", "load_polygon": "fields", "sample_fields": "fields", "tile_truth": "fields"}

# By the name of their folder: the module here whose ``build(folder, progress, anew)`` makes the study.
SAMPLES = {
    "sample": "skin",
    "zinc": "zinc_chains",
    "reports": "pathology",
    "cells": "cells",
}

__all__ = ["SAMPLES", "build", "build_sample", "load_polygon", "sample_fields", "sample_folder", "tile_truth"]


def build_sample(name, folder=None, progress=None, anew=False):
    """Make a sample study, or what is missing of it.

    Parameters: name, of ``SAMPLES``; others as ``build``. Returns Study.
    """
    return import_module(f".{SAMPLES[name]}", __name__).build(folder or sample_folder(name), progress, anew)


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
