"""A study: the folder that holds one flow from data and labels to prospect maps.

Every edit that the expert made is in it.
"""

from .chronicle import Event
from .concepts import Concept
from .data import Datum
from .editors import Editor
from .fits import Fit, FitView
from .journal import CurationState, Entry
from .maps import StrongestClass
from .settings import FitSettings
from .study import Study

__all__ = [
    "Study",
    "Datum",
    "Concept",
    "StrongestClass",
    "Fit",
    "FitView",
    "FitSettings",
    "CurationState",
    "Entry",
    "Editor",
    "Event",
]
