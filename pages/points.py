"""What the pages show of cells and graphs.

Places, layers and features of their tokens, and pictures of them.
"""

import numpy as np
import streamlit as st

from pages.mask import legend
from pages.overlays import change_limit, doubt_of, error_limit_of, limit_of
from pages.shared import study_key
from prospector_core.palette import EXCLUDED_COLOUR, rgb_of
from viewers import tile_server
from viewers.graph_viewer import encode_edges, encode_numbers, encode_positions, middle_of
from viewers.limits import resamples_of
from viewers.overlays import diverging_colours
from viewers.point_pictures import paint_points, points_around, spacing_of

__all__ = ["ends", "features_of", "graph_of", "layers_of", "picture_of_datum", "picture_of_token"]

MOST_FEATURES = 60  # in the list of layers
_LIMIT_DATA = 20  # data that the ends of a feature's colours are taken from


def ends(study):
    """Names of what speaks against and for: (low, high)."""
    target = study.view.target
    return (study.classes[0] if len(study.classes) == 2 else "the rest"), study.classes[target]


def graph_of(study, datum):
    """Places and edges of a datum for the graph viewer; bytes are made when the browser asks for them."""
    positions, attrs = study.positions(datum), study.attrs(datum)
    key = (study_key(study), datum.uid)
    return {
        "id": f"{datum.uid} {study.stamp(datum)}",  # the viewer keeps places and edges while this is the same
        "n": len(positions),
        "dims": positions.shape[1],
        "middle": middle_of(positions).tolist(),
        "unit": attrs.get("unit") or study.embedding.get("unit") or "",
        "laid_out": bool(attrs.get("laid_out")),
        "positions": tile_server.register_image(
            key, lambda: encode_positions(positions), version="places", kind="points"
        ),
        "edges": tile_server.register_image(
            key, lambda: encode_edges(study.graph(datum).edges), version="edges", kind="points"
        ),
    }


def layers_of(study, datum, fit, change=None):
    """What points can be coloured by: list of layers of the graph viewer.

    ``change``: Change that a layer shows.
    """
    key, (low, high) = (study_key(study), datum.uid), ends(study)

    def url(name, version, make, top=lambda: None):
        return tile_server.register_image(
            key, lambda: encode_numbers(make(), top()), version=(name, version), kind="points"
        )

    summed = f"prospect score ({fit.unit}, summed{legend(fit)})"
    found = [
        {
            "id": "map",
            "label": "Map",
            "kind": "diverging",
            "limit": limit_of(study),
            "unit": summed,
            "low": f"for {low}",
            "high": f"for {high}",
            "url": url("map", fit.key, lambda: study.prospect(datum, fit)),
        },
        {
            "id": "concepts",
            "label": "Concepts",
            "kind": "concept",
            "unit": "",
            "url": url(
                "concepts", (fit.id, tuple(sorted(fit.state.excluded))), lambda: study.concepts_of(datum, fit)
            ),
        },
    ]
    if change is not None:
        found.append(
            {
                "id": "change",
                "label": "Change",
                "kind": "diverging",
                "limit": change_limit(study, change),
                "unit": f"change of score ({fit.unit})",
                "low": f"more for {low}",
                "high": f"more for {high}",
                "url": url("change", (change.before.key, change.after.key), lambda: change.of_map(datum)),
            }
        )
    if fit.id > 0 and study.n_tokens(datum) <= 50_000:  # hundreds of kernels on more take minutes
        found.append(
            {
                "id": "uncertainty",
                "label": "Uncertainty",
                "kind": "sequential",
                "low": 0.0,
                "high": None,
                "headed": True,
                "unit": f"standard error of the score, {resamples_of(fit)} resamples",
                "url": url(
                    "error",
                    fit.key,
                    lambda: doubt_of(study, datum, fit).error,
                    lambda: error_limit_of(study, fit.id),
                ),
            }
        )
    names, unit = study.embedding.get("features") or [], _feature_unit(study)
    if features_known(study):
        bounds = _feature_ends(study_key(study), study)
        for at, name in enumerate(names[:MOST_FEATURES]):
            bottom, top = bounds[at]
            found.append(
                {
                    "id": f"feature-{at}",
                    "label": name,
                    "group": "Features",
                    "kind": "sequential",
                    "low": bottom,
                    "high": top,
                    "unit": f"{name}{unit}",
                    "url": url(f"feature-{at}", "1", lambda at=at: features_of(study, datum)[:, at]),
                }
            )
    return found


def features_known(study):
    """Whether the features that tokens came with can be read back from what was embedded."""
    return study.embedding["encoder"] in ("standardised", "as-given") and not study.embedding.get("vectors")


def _feature_unit(study):
    return {"log1p": ", ln(1 + x)", "arcsinh": ", arcsinh(x / 5)"}.get(study.embedding.get("transform"), "")


def features_of(study, datum):
    """The features that tokens came with, after the transform: (n, f) float64."""
    kept, vectors = study.embedding, np.asarray(study.store.vectors(study.datum(datum).uid)[:], np.float64)
    return (
        vectors * np.array(kept["scale"]) + np.array(kept["mean"])
        if kept["encoder"] == "standardised"
        else vectors
    )


@st.cache_data(show_spinner=False, max_entries=8)
def _feature_ends(study_key, _study):
    """1st and 99th percentile of each feature: list of (low, high)."""
    rng, parts = np.random.default_rng(0), []
    for datum in _study.embedded()[:_LIMIT_DATA]:
        values = features_of(_study, datum)
        parts.append(values[rng.choice(len(values), min(len(values), 5000), replace=False)])
    return np.quantile(np.concatenate(parts), [0.01, 0.99], axis=0).T.tolist()


@st.cache_data(show_spinner=False, max_entries=2048)
def _picture(study_key, uid, fit_id, side, limit, _study):
    datum = _study.datum(uid)
    positions = _study.positions(datum)
    if fit_id is None:
        colours = np.tile(np.array([[90, 110, 130]], np.uint8), (len(positions), 1))
    else:
        scores = _study.prospect(datum)
        colours = diverging_colours(scores, limit)
        colours[np.isnan(scores)] = rgb_of(EXCLUDED_COLOUR)
        # near-white says "neither" on a map; at this size it must still be seen that there are cells
        colours = np.minimum(colours, 226)
    return paint_points(positions, colours, side)


def picture_of_datum(study, datum, side):
    """A datum at a glance, its map where there is one: (h, w, 3) uint8, the longer side ``side``."""
    fit = study.view
    return _picture(
        study_key(study), datum.uid, fit and fit.key, side, limit_of(study) if fit else None, study
    )


@st.cache_data(show_spinner=False, max_entries=4096)
def _around(study_key, uid, token, fit_id, colours, side, context, _study):
    datum = _study.datum(uid)
    positions = _study.positions(datum)
    near, tokens = _study.graph(datum).around(token, 4)
    own = positions[tokens]
    names = [colours[k] for k in _study.concepts_of(datum)[tokens].tolist()]
    middle, reach = np.searchsorted(tokens, token), spacing_of(positions) * context
    return points_around(own, near.edges, names, int(middle), side, reach)


def picture_of_token(study, datum, token, side, context=3.0):
    """A token ringed among those around it, in the colours of their concepts: (side, side, 3) uint8."""
    colours = tuple(study.colours())
    return _around(study_key(study), datum.uid, int(token), study.view.id, colours, side, context, study)
