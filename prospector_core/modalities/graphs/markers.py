"""What concepts of cells are: their markers, of the features that cells came with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...method.markers import Markers, markers_of_concepts

if TYPE_CHECKING:
    from ...study import Datum, Study

__all__ = ["features_of", "has_features", "markers_of"]


def has_features(study: Study) -> bool:
    """Return whether the features that tokens came with can be read back from what was embedded."""
    return study.embedding["encoder"] in ("standardised", "as-given") and not study.embedding.get("vectors")


def features_of(study: Study, datum: Datum) -> np.ndarray:
    """Return the features that tokens came with, after the transform: (n, f) float64."""
    settings = study.embedding
    vectors = np.asarray(study.store.vectors(study.datum(datum).uid)[:], np.float64)
    if settings["encoder"] != "standardised":
        return vectors
    return vectors * np.array(settings["scale"]) + np.array(settings["mean"])


def markers_of(study: Study) -> Markers | None:
    """Return the markers of the concepts of the present fit, over all embedded data.

    None where features cannot be read back.
    """
    if not has_features(study):
        return None
    data, view = study.embedded(), study.view
    concepts = [study.concepts_of(datum) for datum in data]

    def compute() -> Markers:
        names = study.embedding["features"]
        scale = np.array(study.embedding["scale"])
        blocks = ((_rounded(features_of(study, datum), scale), own) for datum, own in zip(data, concepts))
        return markers_of_concepts(blocks, names, view.n_concepts)

    homes = tuple(view.state.home(k) for k in range(view.n_concepts))
    return study.memory.make(("markers", view.id, homes, study.content(data)), compute)


def _rounded(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What was embedded is float32: a count of 0 comes back as nearly 0, and is made 0 again."""
    return np.where(np.abs(values) < 1e-5 * scale, 0.0, values)
