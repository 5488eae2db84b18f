"""Tokens that are points, as GeoJSON: a point a token, and the regions that an expert marked as drawn."""

import json

import numpy as np

from ..errors import BadInputError
from ..palette import rgb_of

__all__ = ["points_geojson"]

_MARK_COLOURS = {"for": (204, 76, 2), "against": (33, 113, 181), "ignore": (140, 140, 140)}


def points_geojson(study, datum, what=("tiles", "marks"), threshold=None):
    """A datum of points as GeoJSON bytes, in the unit of its coordinates (QuPath counts pixels).

    Parameters: what, any of "tiles" (here: a point a token, with concept and score) and "marks"; threshold, only tokens that
    score at least so much. Raises BadInputError.
    """
    what = {"regions": "tiles"}.get(what, what) if isinstance(what, str) else what
    chosen = {"tiles" if each == "regions" else each for each in ([what] if isinstance(what, str) else what)}
    if not chosen <= {"tiles", "concepts", "marks"}:
        raise BadInputError(f"geojson of {study.kind.words.tokens} holds tiles (a point each) and marks")
    datum = study.datum(datum)
    positions, scores, concepts = study.positions(datum), study.prospect(datum), study.concepts_of(datum)
    names, colours = {each.id: each.name for each in study.concepts()}, study.colours()
    ids = study.attrs(datum).get("ids") or range(len(positions))
    features = []
    if "tiles" in chosen:
        kinds = {
            concept: {
                "objectType": "detection",
                "classification": {"name": name, "color": list(rgb_of(colours[concept]))},
            }
            for concept, name in names.items()
        }
        for place, score, concept, own in zip(np.round(positions, 4).tolist(), scores.tolist(), concepts.tolist(), ids):
            known = np.isfinite(score)
            if threshold is not None and not (known and score >= threshold):
                continue
            more = (
                {"measurements": {"prospect score": round(score, 6)}} if known else {"metadata": {"excluded": "true"}}
            )
            properties = {**kinds[concept], "name": str(own), **more}
            features.append(
                {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": properties}
            )
    for region in study.curation.state.regions if "marks" in chosen else ():
        if region.datum == datum.uid and region.polygon:
            ring = [*map(list, region.polygon), list(region.polygon[0])]
            name = (
                "ignored"
                if region.evidence == "ignore"
                else f"evidence for {study.classes[int(region.evidence == 'for')]}"
            )
            properties = {
                "objectType": "annotation", "name": name,
                "classification": {"name": name, "color": list(_MARK_COLOURS[region.evidence])},
                "metadata": {"evidence": region.evidence},
                "measurements": {"weight": region.weight, study.kind.words.tokens: len(region.tokens)},
            }  # fmt: skip
            features.append(
                {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}
            )
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()
