"""Layer I: from token embeddings to concepts.

A quantizer finds K centroids; a token's concept is the nearest.
"""

from .base import CentroidQuantizer
from .kmeans import KMeansQuantizer, MiniBatchKMeansQuantizer, StreamedKMeansQuantizer
from .mixture import GaussianMixtureQuantizer
from .nearest import assign_nearest
from .residues import RESIDUE_TYPES, ResidueQuantizer
from .spherical import SphericalKMeansQuantizer
from .tree import ConceptTree, TreeQuantizer
from .vq import VQAutoencoderQuantizer

__all__ = [
    "CentroidQuantizer",
    "ConceptTree",
    "GaussianMixtureQuantizer",
    "KMeansQuantizer",
    "MiniBatchKMeansQuantizer",
    "RESIDUE_TYPES",
    "ResidueQuantizer",
    "SphericalKMeansQuantizer",
    "StreamedKMeansQuantizer",
    "TreeQuantizer",
    "VQAutoencoderQuantizer",
    "assign_nearest",
]
