"""The features that cells or tokens of a graph came with: as layers, and those of the clicked token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from prospector_core.modalities.graphs.markers import features_of, has_features
from prospector_core.study import Study
from viewers.kinds.points import address
from viewers.study_key import study_key
from viewers.words import plain, signed

__all__ = ["about_features", "choose_more", "feature_layers"]

_MOST = 60  # in the list of layers
_LIMIT_DATA = 20  # data that the ends of a feature's colours are taken from


@st.cache_data(show_spinner=False, max_entries=8)
def _ends(key, _study):
    """1st and 99th percentile of each feature: list of (low, high)."""
    rng, parts = np.random.default_rng(0), []
    for datum in _study.embedded()[:_LIMIT_DATA]:
        values = features_of(_study, datum)
        parts.append(values[rng.choice(len(values), min(len(values), 5000), replace=False)])
    return np.quantile(np.concatenate(parts), [0.01, 0.99], axis=0).T.tolist()


def choose_more(study: Study) -> list[int]:
    """Offer those features that are not in the list of layers, to be searched by name; those chosen."""
    names = study.embedding.get("features") or []
    if len(names) <= _MOST or not has_features(study):
        return []
    return st.multiselect(
        "More features as layers",
        range(_MOST, len(names)),
        key="shown_more_features",
        format_func=lambda at: plain(names[at]),
        placeholder=f"Search {len(names) - _MOST:,} more features by name",
        help=f"The first {_MOST} of {len(names):,} are in the list of layers; those chosen come first",
        label_visibility="collapsed",
    )


def feature_layers(study: Study, datum, more: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Layers of the graph viewer, one a feature; none where features cannot be read back.

    ``more``: numbers of features beyond the usual list, which come first.
    """
    if not has_features(study):
        return []
    transform = {"log1p": ", ln(1 + x)", "arcsinh": ", arcsinh(x / 5)"}.get(
        study.embedding.get("transform"), ""
    )
    ends, found = _ends(study_key(study), study), []
    names = study.embedding.get("features") or []
    for at in [*more, *range(min(_MOST, len(names)))]:
        name = names[at]
        low, high = ends[at]
        found.append(
            {
                "id": f"feature-{at}",
                "label": name,
                "group": "Features",
                "kind": "sequential",
                "low": low,
                "high": high,
                "unit": f"{name}{transform}",
                "url": address(
                    study, datum, f"feature-{at}", "1", lambda at=at: features_of(study, datum)[:, at]
                ),
            }
        )
    return found


def about_features(study: Study, datum, token: int) -> None:
    """The features of the clicked token beside what is usual."""
    if not has_features(study):
        return
    settings, values = study.embedding, features_of(study, datum)[token]
    away = (values - np.array(settings["mean"])) / np.array(settings["scale"])
    order = np.argsort(-np.abs(away), kind="stable")[:_MOST]
    with st.expander(f"Features ({len(values)})", icon=":material/bar_chart:"):
        st.dataframe(
            [
                {
                    "feature": settings["features"][at],
                    "value": float(values[at]),
                    "from the mean": signed(float(away[at])),
                }
                for at in order
            ],
            hide_index=True,
            height=min(38 + 35 * len(order), 300),
            column_config={
                "value": st.column_config.NumberColumn(format="%.3g"),
                "from the mean": st.column_config.TextColumn(
                    help="In standard deviations of all data that were fitted on"
                ),
            },
        )
