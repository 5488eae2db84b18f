"""Where to look: hot spots of the map, and where a concept or a pair of concepts lies."""

import numpy as np
import streamlit as st

from prospector_core.study import Study
from prospector_core.study.explanations import pair_tokens
from viewers.colour_limits import score_limit
from viewers.study_key import study_key

__all__ = ["hot_spots_of", "pairs_of"]


@st.cache_data(show_spinner=False, max_entries=64)
def _pairs(study_key, fit_id, i, j, _study):
    found = []
    for datum in _study.embedded():
        if j is None:
            there = _study.sprite(datum) == i
            counts = there.astype(int)
            # of its tiles the one with the strongest score
            place = int(np.argmax(np.where(there, np.abs(np.nan_to_num(_study.prospect(datum))), -1)))
        else:
            counts = pair_tokens(_study, datum, i, j)
            if i == j:
                counts = np.maximum(counts - 1, 0)  # a tile beside itself is no pair to look at
            place = int(np.argmax(counts))
        total = int(counts.sum()) // (1 if j is None else 2)
        if total:
            found.append((total, datum.uid, place))
    return sorted(found, key=lambda each: -each[0])


def pairs_of(study: Study, i: int, j: int | None = None) -> list[tuple[int, str, int]]:
    """Where concepts i and j lie within the radius of each other, or (j None) where i lies at all.

    Returns list of (how often, datum uid, the token with most of it), most first.
    """
    return _pairs(study_key(study), study.view.key, i, j, study)


@st.cache_data(show_spinner=False, max_entries=256)
def _hot_spots(study_key, fit_key, uids, threshold, _study, _fit):
    found = [
        (spot, uid) for uid in uids for spot in _study.regions(uid, _study.prospect(uid, _fit), threshold)
    ]
    return sorted(found, key=lambda each: -each[0].total)


def hot_spots_of(study: Study, data, fit, most: int = 8) -> tuple[float, int, list]:
    """Regions of the data that speak most for the class: (threshold, how many, list of (HotSpot, datum uid)).

    The threshold is half the score of the strongest colour, so that the list is what looks hot on the map.
    """
    threshold = score_limit(study) / 2
    found = _hot_spots(study_key(study), fit.key, tuple(d.uid for d in data), threshold, study, fit)
    return threshold, len(found), found[:most]
