"""How tokens of each modality look on the pages that all of them share.

Cards of concepts, the atlas, places in the kernel.
"""

from importlib import import_module

__all__ = ["look_of"]

_MODULES = {
    "slides": ".slides",
    "structures": ".structures",
    "documents": ".documents",
    "cells": ".graphs",
    "graphs": ".graphs",
}


def look_of(study):
    """The module that draws tokens of this study.

    ``token``, ``typical``, ``hover`` (see ``looks.slides``).
    """
    return import_module(_MODULES[study.modality], __package__)
