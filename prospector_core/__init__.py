"""Prospector: where in a slide, a protein or a document a class lives.

This is learned from labels of whole data only.

The flow: readers -> tokens and graph -> encoder -> embeddings -> concepts -> sprite -> counts -> kernel ->
prospect map.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__version__ = "0.1.0"

# Loaded on first use: `import prospector_core` (and `prospector --help`) stay quick.
_HOMES = {
    "TokenGraph": "method.graphs",
    "count_concepts": "method.counting",
    "prospect": "method.prospecting",
    "explain": "method.explaining",
    "FoldChangeKernel": "method.kernels",
    "LinearKernel": "method.kernels",
    "KMeansQuantizer": "method.quantizers",
    "MiniBatchKMeansQuantizer": "method.quantizers",
    "SphericalKMeansQuantizer": "method.quantizers",
    "GaussianMixtureQuantizer": "method.quantizers",
    "TreeQuantizer": "method.quantizers",
    "VQAutoencoderQuantizer": "method.quantizers",
    "ResidueQuantizer": "method.quantizers",
    "ProspectorHead": "method.head",
    "Study": "study",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Callable[..., Any] | type:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> Any:
    return sorted(__all__)
