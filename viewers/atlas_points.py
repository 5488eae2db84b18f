"""The points of the atlas under a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from prospector_core.study import Study
from viewers.study_key import study_key

__all__ = ["atlas_points", "some_of"]


def atlas_points(study: Study, fit, atlas) -> dict[str, list[Any]]:
    """What is drawn of each point: ``x, y, concept, score`` (None: none), ``label, name`` of its datum."""
    labels = tuple(datum.label for datum in study.data)
    return _points(study_key(study), fit.key, labels, len(study.embedded()), study, atlas)


@st.cache_data(show_spinner=False, max_entries=4)
def _points(key, fit_key, labels, n_embedded, _study, _atlas):
    concept, score, label, name = (np.empty(len(_atlas), object) for _ in range(4))
    for index, uid in enumerate(_atlas.uids):
        rows, datum = _atlas.datum == index, _study.datum(uid)
        tokens = _atlas.token[rows]
        concept[rows] = _study.concepts_of(datum)[tokens].tolist()
        score[rows] = [
            None if np.isnan(value) else round(float(value), 4) for value in _study.prospect(datum)[tokens]
        ]
        label[rows], name[rows] = datum.label, datum.name
    x, y = _atlas.place.astype(float).round(4).T.tolist()
    return {
        "x": x,
        "y": y,
        "concept": concept.tolist(),
        "score": score.tolist(),
        "label": label.tolist(),
        "name": name.tolist(),
    }


def some_of(points: list[int], most: int) -> list[int]:
    """At most ``most`` of these points, spread over all of them."""
    ranked = sorted(points)
    at = np.linspace(0, len(ranked) - 1, min(most, len(ranked))).astype(int)
    return [ranked[index] for index in at]
