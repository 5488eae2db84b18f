"""A study: the folder that holds one flow from data and labels to prospect maps.

With every edit the expert made.
"""

from .chronicle import Event
from .data import Datum
from .editors import Editor
from .findings import Concept, StrongestClass
from .fits import Fit, FitSettings
from .journal import CurationState, Entry
from .study import Study

__all__ = [
    "Study",
    "Datum",
    "Concept",
    "StrongestClass",
    "Fit",
    "FitSettings",
    "CurationState",
    "Entry",
    "Editor",
    "Event",
]
