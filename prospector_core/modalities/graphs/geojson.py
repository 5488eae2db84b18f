"""Tokens that are points, as GeoJSON: one point per token, and the regions that an expert marked as drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInputError
from ...palette import rgb_of
from ..geojson_names import mark_name, score_name

if TYPE_CHECKING:
    from ...study import Datum, Study

__all__ = ["points_geojson"]

_MARK_COLOURS = {"for": (204, 76, 2), "against": (33, 113, 181), "ignore": (140, 140, 140)}


def points_geojson(
    study: Study,
    datum: Datum,
    what: tuple[str, str, str] = ("tiles", "marks"),
    threshold: object | None = None,
) -> bytes:
    """A datum of points as GeoJSON bytes, in the unit of its coordinates (QuPath counts pixels).

    Parameters: what, any of "tiles" (here: one point per token, with concept and score) and "marks";
    threshold, only tokens that score at least so much. Raises BadInputError.
    """
    what = {"regions": "tiles"}.get(what, what) if isinstance(what, str) else what
    chosen = {"tiles" if each == "regions" else each for each in ([what] if isinstance(what, str) else what)}
    if not chosen <= {"tiles", "concepts", "marks"}:
        raise BadInputError(f"geojson of {study.kind.words.tokens} holds tiles (a point each) and marks")
    datum = study.datum(datum)
    points = _points(study, datum, threshold)  # of marks alone too: a study without a fit has no export
    features = points if "tiles" in chosen else []
    if "marks" in chosen:
        features += _marks(study, datum)
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()


def _points(study: Study, datum: Datum, threshold: object | None) -> list[dict]:
    """Return a feature per token that scores at least the threshold, with its concept and its scores."""
    positions, concepts, views = study.positions(datum), study.concepts_of(datum), study.class_views()
    names_of = {view.target: score_name(study, view) for view in views}
    every = np.stack([view.prospect(datum) for view in views], axis=1)
    scores = study.prospect(datum)
    names, colours = {each.id: each.name for each in study.concepts()}, study.colours()
    ids = study.attrs(datum).get("ids") or range(len(positions))
    features = []
    kinds = {
        concept: {
            "objectType": "detection",
            "classification": {"name": name, "color": list(rgb_of(colours[concept]))},
        }
        for concept, name in names.items()
    }
    rows = zip(np.round(positions, 4).tolist(), scores.tolist(), concepts.tolist(), ids, every.tolist())
    for place, score, concept, own, each in rows:
        known = np.isfinite(score)
        if threshold is not None and not (known and score >= threshold):
            continue
        more = (
            {"measurements": {name: round(value, 6) for name, value in zip(names_of.values(), each)}}
            if known
            else {"metadata": {"excluded": "true"}}
        )
        properties = {**kinds[concept], "name": str(own), **more}
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": place},
                "properties": properties,
            }
        )
    return features


def _marks(study: Study, datum: Datum) -> list[dict]:
    """Return a feature per region that was marked on a datum."""
    features = []
    for region in study.curation.state.regions:
        if region.datum == datum.uid and region.polygon:
            ring = [*map(list, region.polygon), list(region.polygon[0])]
            name = mark_name(region, study.classes)
            properties = {
                "objectType": "annotation",
                "name": name,
                "classification": {"name": name, "color": list(_MARK_COLOURS[region.evidence])},
                "metadata": {"evidence": region.evidence},
                "measurements": {"weight": region.weight, study.kind.words.tokens: len(region.tokens)},
            }
            features.append(
                {
                    "type": "Feature",
                    "geometry": {"type": "Polygon", "coordinates": [ring]},
                    "properties": properties,
                }
            )
    return features
