"""GeoJSON that QuPath reads: tiles, outlines and marked regions.

Tiles have their measurements; outlines are of concepts and of high scores.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ...errors import BadInputError
from ...palette import class_palette
from ..geojson_names import mark_name, score_name

if TYPE_CHECKING:
    from types import SimpleNamespace
    from typing import Any

    from shapely.geometry import MultiPolygon, Polygon

    from ...study import Datum, Study
    from ...study.actions import Region

__all__ = ["geojson"]

_WHAT = ("tiles", "concepts", "regions", "marks")
_MARK_COLOURS = {"for": (204, 76, 2), "against": (33, 113, 181), "ignore": (140, 140, 140)}


def geojson(
    study: SimpleNamespace | Study,
    datum: Datum | SimpleNamespace,
    what: list[str] | str | tuple[str, str, str] = ("tiles", "concepts", "marks"),
    threshold: float | None = None,
) -> bytes:
    """A datum as GeoJSON bytes, coordinates in level-0 pixels as QuPath counts them.

    Where a slide states bounds of what was scanned (MIRAX, Leica), QuPath's origin is their corner, not the
    slide's.

    Parameters: what, any of "tiles" (one square per token: score, concept), "concepts" (dissolved outline of
    each concept), "regions" (dissolved outline where the score is at least ``threshold``, default 0), "marks"
    (regions that the expert marked, as drawn, with their evidence). Classification and colour are set as
    QuPath expects them. Of several classes, if the study is seen from none of them, tiles have a score a
    class and the one they speak for most, and there are regions of each class. Raises BadInputError.
    """
    what = [what] if isinstance(what, str) else list(what)
    if not set(what) <= set(_WHAT):
        raise BadInputError(
            f"geojson holds {', '.join(_WHAT)}, not {', '.join(sorted(set(what) - set(_WHAT)))}"
        )
    grid = study.grid(datum)
    views, concepts = study.class_views(), study.concepts_of(datum)
    scores = {score_name(study, view): view.prospect(datum) for view in views}
    names = {concept.id: concept.name for concept in study.concepts()}
    colours = {concept: _rgb(colour) for concept, colour in enumerate(study.colours())}
    bounds = np.array((study.sources[study.datum(datum).source].info.get("bounds") or (0, 0))[:2])
    low = np.array(grid["origin"]) - bounds + grid["positions"][:, ::-1] * grid["pitch"]
    high = low + grid["pitch"]
    features = []  # JSON texts: a whole slide has a hundred thousand
    if "tiles" in what:
        strongest = None
        if len(views) > 1:
            strongest = [study.classes[each] for each in study.strongest_class(datum).classes.tolist()]
        features += _tiles(low, high, scores, concepts, names, colours, strongest)
    if "concepts" in what:
        for concept in np.unique(concepts):
            area = _dissolved(low, high, concepts == concept, grid["pitch"])
            features.append(_feature(area, names[int(concept)], colours[int(concept)], "annotation"))
    if "regions" in what:
        level = 0.0 if threshold is None else float(threshold)
        for view, values in zip(views, scores.values()):
            area = _dissolved(low, high, np.nan_to_num(values, nan=-np.inf) >= level, grid["pitch"])
            if not area.is_empty:
                colour = (204, 76, 2) if len(views) == 1 else _rgb(class_palette(len(views))[view.target])
                name = f"{study.classes[view.target]}: score {level:+g} and above"
                features.append(_feature(area, name, colour, "annotation"))
    if "marks" in what:
        uid = study.datum(datum).uid
        for region in study.curation.state.regions:
            if region.datum == uid:
                chosen = np.isin(np.arange(len(low)), region.tokens)
                drawn = _drawn(region.polygon, bounds)
                features.append(
                    _mark(region, drawn or _dissolved(low, high, chosen, grid["pitch"]), study.classes)
                )
    return ('{"type":"FeatureCollection","features":[' + ",".join(features) + "]}").encode()


def _tiles(
    low: np.ndarray,
    high: np.ndarray,
    all_scores: dict[str, np.ndarray],
    concepts: np.ndarray,
    names: dict[int, str],
    colours: dict[int, list[int]],
    strongest: object | None = None,
) -> list[str]:
    """One square per token, as JSON texts.

    ``all_scores``: {name: (n,)}; ``strongest``: names of classes, where there are several.
    """
    x0, y0, x1, y1 = (np.round(each, 2).tolist() for each in (*low.T, *high.T))
    known = np.isfinite(np.stack(list(all_scores.values()))).all(axis=0).tolist()
    scores = np.round(np.stack(list(all_scores.values()), axis=1), 6).tolist()
    labels = [_json(name) for name in all_scores]
    more_of = (
        [f',"metadata":{{"strongest class":{_json(name)}}}' for name in strongest] if strongest else None
    )
    start = '{"type":"Feature","geometry":{"type":"Polygon","coordinates":'
    kinds = {
        concept: (
            '"properties":{"objectType":"detection",'
            f'"classification":{_json({"name": name, "color": colours[concept]})},'
        )
        for concept, name in names.items()
    }
    features = []
    for i, (a, b, c, d, own, sure, concept) in enumerate(
        zip(x0, y0, x1, y1, scores, known, concepts.tolist())
    ):
        if sure:
            measured = ",".join(f"{label}:{score}" for label, score in zip(labels, own))
            more = f'"measurements":{{{measured}}}{more_of[i] if more_of else ""}'
        else:
            more = '"metadata":{"excluded":"true"}'
        ring = f"[[[{a},{b}],[{c},{b}],[{c},{d}],[{a},{d}],[{a},{b}]]]"
        features.append(f"{start}{ring}}},{kinds[concept]}{more}}}}}")
    return features


def _dissolved(low: np.ndarray, high: np.ndarray, chosen: np.ndarray, pitch: float) -> MultiPolygon | Polygon:
    """Tiles joined to one outline. Joined on whole numbers first.

    Rounded corners would leave slivers between tiles.
    """
    if not chosen.any():
        return shapely.Polygon()
    origin = low.min(axis=0)
    cells = np.rint((low[chosen] - origin) / pitch)
    joined = shapely.coverage_union_all(shapely.box(*cells.T, *(cells + 1).T))
    return shapely.transform(joined, lambda points: points * pitch + origin)


def _drawn(
    polygon: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]] | None,
    bounds: np.ndarray,
) -> MultiPolygon | Polygon | None:
    """A region as the expert drew it; None if it has no outline, or one without an area."""
    if polygon is None:
        return None
    valid = shapely.make_valid(shapely.Polygon(np.array(polygon) - bounds))  # a line may have crossed itself
    parts = [part for part in shapely.get_parts(shapely.get_parts(valid)) if part.geom_type == "Polygon"]
    return (parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)) if parts else None


def _mark(region: Region, area: MultiPolygon | Polygon, classes: tuple[str, str]) -> str:
    """A marked region as an annotation that says what it speaks for and with what weight."""
    name = mark_name(region, classes)
    properties = {
        "objectType": "annotation",
        "name": name,
        "isLocked": True,
        "classification": {"name": name, "color": _MARK_COLOURS[region.evidence]},
        "metadata": {"evidence": region.evidence},
        "measurements": {"weight": region.weight, "tiles": len(region.tokens)},
    }
    return f'{{"type":"Feature","geometry":{shapely.to_geojson(area)},"properties":{_json(properties)}}}'


def _feature(
    area: MultiPolygon | Polygon, name: str, colour: list[int] | tuple[int, int, int], kind: str
) -> str:
    properties = {"objectType": kind, "classification": {"name": name, "color": colour}, "isLocked": True}
    return f'{{"type":"Feature","geometry":{shapely.to_geojson(area)},"properties":{_json(properties)}}}'


def _json(value: dict[str, Any] | str) -> str:
    return json.dumps(value, separators=(",", ":"))


def _rgb(colour: str) -> list[int]:
    return [int(colour[index : index + 2], 16) for index in (1, 3, 5)]
