"""Edges of tokens that come with coordinates, and places of tokens that come with edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from ...errors import BadInputError, GraphError
from ...method.graphs import TokenGraph

if TYPE_CHECKING:
    from ..token_file import TokenTable

__all__ = ["build_graph", "laid_out", "parse_edges"]

_DEFAULT_EDGES = "neighbours:6"
_EDGE_KINDS = "neighbours:6, radius:30 or delaunay:50 (numbers are yours to choose), delaunay, or given"
_PIVOTS = 50
_REFINED, _ROUNDS = 1000, 60  # tokens of a part up to which all hops are looked at, and how often


def parse_edges(text: str) -> tuple[str, float | None]:
    """("neighbours", 6.0) of "neighbours:6"; None as the number where there is none. Raises BadInputError."""
    kind, _, number = str(text).strip().lower().partition(":")
    kind = {"knn": "neighbours", "nearest": "neighbours", "neighbors": "neighbours"}.get(kind, kind)
    try:
        value = float(number) if number else None
    except ValueError:
        value = np.nan
    if kind not in ("neighbours", "radius", "delaunay", "given") or (
        value is not None and not 0 < value < np.inf
    ):
        raise BadInputError(f"{text!r} says no edges: give {_EDGE_KINDS}")
    if kind == "radius" and value is None:
        raise BadInputError("say how far edges reach: radius:30, in the unit of the coordinates")
    if kind == "neighbours" and value is None:
        value = 6.0
    if kind == "neighbours" and value != int(value) or kind == "given" and value is not None:
        raise BadInputError(f"{text!r} says no edges: give {_EDGE_KINDS}")
    return kind, value


def build_graph(table: TokenTable, how: str | None = None) -> TokenGraph:
    """TokenGraph of a TokenTable. ``how``: see ``parse_edges``; None: given edges, else 6 nearest.

    Raises GraphError.
    """
    if how is None:
        how = "given" if table.edges is not None else _DEFAULT_EDGES
    kind, value = parse_edges(how)
    if kind == "given":
        if table.edges is None:
            raise GraphError(
                "there are no edges: put them beside the table, or say how to make them, such as neighbours:6"
            )
        return TokenGraph.from_edges(len(table), table.edges)
    if table.positions is None:
        raise GraphError(f"edges {how!r} need coordinates, and there are none: take those that are given")
    if kind == "neighbours" and value == 6 and (pitch := _hexagonal_pitch(table.positions)):
        return TokenGraph.from_radius(table.positions, 1.3 * pitch)  # at its border, not the next ring too
    if kind == "neighbours":
        return TokenGraph.from_neighbours(table.positions, int(value))
    return (
        TokenGraph.from_radius(table.positions, value)
        if kind == "radius"
        else TokenGraph.from_delaunay(table.positions, value)
    )


def _hexagonal_pitch(positions: np.ndarray) -> float:
    """Distance of neighbours on a hexagonal grid, such as the spots of Visium; 0 where there is no grid."""
    if len(positions) < 19 or positions.shape[1] != 2:
        return 0.0
    away = cKDTree(positions).query(positions, 7)[0][:, 1:]
    pitch = float(np.median(away[:, 0]))
    inside = (np.abs(away - pitch) < 0.1 * pitch).all(axis=1)
    alone = np.abs(away[:, 0] - pitch) >= 0.1 * pitch
    return pitch if inside.mean() > 0.5 and alone.mean() < 0.1 else 0.0


def laid_out(graph: TokenGraph) -> np.ndarray:
    """Places in the plane for tokens without coordinates, from the hops between them.

    (n, 2), the same every time.

    Each connected part by itself, the parts beside each other, the largest first; a hop is about 1 long.
    """
    links = csr_array((np.ones(len(graph.indices)), graph.indices, graph.indptr), shape=(graph.n, graph.n))
    part = connected_components(links, directed=False)[1]
    parts = np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1])
    parts.sort(key=lambda tokens: -len(tokens))
    places, drawn = np.zeros((graph.n, 2)), [_placed(links[tokens][:, tokens]) for tokens in parts]
    width = 1.5 * np.sqrt(sum(float((np.ptp(each, axis=0) + 2).prod()) for each in drawn))
    x = y = deepest = 0.0
    for tokens, own in zip(parts, drawn, strict=True):
        own = own - own.min(axis=0)
        if x and x + np.ptp(own[:, 0]) > width:
            x, y, deepest = 0.0, y + deepest + 2, 0.0
        places[tokens] = own + (x, y)
        x, deepest = x + np.ptp(own[:, 0]) + 2, max(deepest, np.ptp(own[:, 1]))
    return places


def _placed(links):
    """Places of the tokens of one connected part: (n, 2).

    They are found by hops to some of the tokens (pivot scaling), then, if the tokens are few, by hops to all.
    """
    n = links.shape[0]
    if n < 3:
        return np.stack([np.arange(n, dtype=float), np.zeros(n)], axis=1)
    far, nearest, pivot = [], np.full(n, np.inf), 0
    for _ in range(min(_PIVOTS, n)):  # each next one the farthest from those before it
        far.append(dijkstra(links, unweighted=True, indices=pivot))
        nearest = np.minimum(nearest, far[-1])
        pivot = int(np.argmax(nearest))
    squared = np.stack(far, axis=1) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1, keepdims=True) + squared.mean()
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    places = centred @ axes
    places = np.pad(places, [(0, 0), (0, 2 - places.shape[1])])
    hops = np.stack(far, axis=1).max()
    places *= hops / max(float(np.ptp(places, axis=0).max()), 1e-9)
    places += np.random.default_rng(0).normal(
        0, 1e-3, places.shape
    )  # tokens that are alike need not are on each other
    if n > _REFINED:
        return places
    apart = dijkstra(links, unweighted=True)
    weights = 1 / np.where(apart > 0, apart, np.inf) ** 2
    total = weights.sum(axis=1)
    for _ in range(_ROUNDS):  # stress majorisation: each goes where its hops to the others would have it
        away = places[:, None] - places[None]
        length = np.maximum(np.sqrt((away**2).sum(axis=2)), 1e-9)
        wanted = places[None] + away * (apart / length)[..., None]
        places = (places + (weights[..., None] * wanted).sum(axis=1) / total[:, None]) / 2
    return places
