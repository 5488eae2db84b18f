"""Prospector: where in a slide, a protein or a document a class lives, learned from labels of whole data only.

The flow: readers -> tokens and graph -> encoder -> embeddings -> concepts -> sprite -> counts -> kernel -> prospect map.
"""

from importlib import import_module

__version__ = "0.1.0"

# Loaded on first use: `import prospector_core` (and `prospector --help`) stay quick.
_HOMES = {
    "TokenGraph": "graphs",
    "count_concepts": "counting",
    "prospect": "prospecting",
    "explain": "prospecting",
    "FoldChangeKernel": "kernels",
    "LinearKernel": "kernels",
    "KMeansQuantizer": "quantizers",
    "MiniBatchKMeansQuantizer": "quantizers",
    "SphericalKMeansQuantizer": "quantizers",
    "GaussianMixtureQuantizer": "quantizers",
    "TreeQuantizer": "quantizers",
    "VQAutoencoderQuantizer": "quantizers",
    "ResidueQuantizer": "quantizers",
    "ProspectorHead": "head",
    "Study": "study",
}

__all__ = list(_HOMES)


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
