"""What a study is of: slides, structures, documents, cells, graphs, and what other packages add.

A folder each; all else works on tokens and their graph. See `base`.
"""

from .base import Modality
from .options import Option, Question, option
from .parts import Embedder, Export, NewStudy, Words
from .registry import MODALITIES, modalities, modality_names, modality_of

__all__ = [
    "MODALITIES",
    "Embedder",
    "Export",
    "Modality",
    "NewStudy",
    "Option",
    "Question",
    "Words",
    "modalities",
    "modality_names",
    "modality_of",
    "option",
]
