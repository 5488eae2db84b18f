"""Token graphs that are in memory already: networkx graphs, PyTorch Geometric data, dicts.

Known by what they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import GraphError
from ..token_file import TokenTable

if TYPE_CHECKING:
    from types import SimpleNamespace
    from typing import Any

    from networkx import Graph

__all__ = ["is_graph_object", "label_of", "name_of", "table_of"]

_VECTORS = ("features", "feature", "x", "embedding")  # node attributes of networkx that hold a whole vector
_PLACES = ("pos", "position", "xy", "spatial")


def is_graph_object(value: Graph | SimpleNamespace | dict[str, Any]) -> bool:
    """Whether a value is a graph in memory, not a file."""
    return isinstance(value, (TokenTable, dict)) or _is_networkx(value) or hasattr(value, "edge_index")


def _is_networkx(value: Graph | SimpleNamespace) -> bool:
    return hasattr(value, "adj") and hasattr(value, "nodes") and hasattr(value, "edges")


def _about(value: Graph | SimpleNamespace | dict[str, Any], key: str) -> str | None:
    """What a graph says of itself as a whole, or None."""
    if isinstance(value, dict):
        return value.get(key)
    if _is_networkx(value):
        return value.graph.get(key)
    return getattr(value, key, None)


def name_of(value: Graph | SimpleNamespace | dict[str, Any], number: int) -> str:
    """Its name, else "graph 1"."""
    return str(_about(value, "name") or f"graph {number}")


def label_of(value: Graph | SimpleNamespace) -> str:
    """Its class as it says it itself (networkx: graph["label"]; PyTorch Geometric: y), or None."""
    found = _about(value, "label")
    if found is None and hasattr(value, "edge_index"):
        found = getattr(value, "y", None)
    if found is None:
        return None
    array = np.asarray(_array(found)).ravel()
    return str(array[0]) if array.size == 1 else None


def table_of(value: Graph | SimpleNamespace | dict[str, Any], name: str) -> TokenTable:
    """A graph as TokenTable. Raises GraphError naming the graph and what it lacks."""
    if isinstance(value, TokenTable):
        return value.checked(name)
    if isinstance(value, dict):
        return _of_dict(value, name).checked(name)
    if _is_networkx(value):
        return _of_networkx(value, name).checked(name)
    return _of_arrays(value, name).checked(name)


def _of_dict(value: dict[str, Any], name: str) -> TokenTable:
    known = {"features", "positions", "edges", "names", "ids", "unit", "name", "label"}
    if "features" not in value or set(value) - known:
        raise GraphError(
            f"{name}: a dict needs features, and positions or edges; it may have names, ids, unit, name,"
            f" label (it has {', '.join(map(str, value)) or 'nothing'})"
        )
    features = np.asarray(_array(value["features"]))
    width = features.shape[1] if features.ndim == 2 else 0
    return TokenTable(
        features,
        list(value.get("names") or [f"feature {i + 1}" for i in range(width)]),
        _array(value.get("positions")),
        _array(value.get("edges")),
        None if value.get("ids") is None else list(value["ids"]),
        str(value.get("unit") or ""),
    )


def _of_arrays(value: SimpleNamespace, name: str) -> TokenTable:
    """PyTorch Geometric: x, pos, edge_index."""
    if getattr(value, "x", None) is None:
        raise GraphError(f"{name} has no node features (x): one row of numbers per node is needed")
    features = np.asarray(_array(value.x))
    features = features[:, None] if features.ndim == 1 else features
    edges = np.asarray(_array(value.edge_index), np.int64).reshape(2, -1).T
    names = [f"feature {i + 1}" for i in range(features.shape[1])]
    return TokenTable(features, names, _array(getattr(value, "pos", None)), edges)


def _of_networkx(graph: Graph, name: str) -> TokenTable:
    nodes = list(graph.nodes)
    if not nodes:
        raise GraphError(f"{name} has no nodes")
    at = {node: index for index, node in enumerate(nodes)}
    rows = [graph.nodes[node] for node in nodes]
    first = rows[0]
    place = next((key for key in _PLACES if key in first), None)
    scalars = [key for key in ("x", "y", "z") if key in first and np.ndim(first[key]) == 0]
    scalars = scalars if "x" in scalars and "y" in scalars and place is None else []
    vector = next((key for key in _VECTORS if key in first and np.ndim(first[key]) == 1), None)
    if vector is not None:
        keys = [vector]
    else:
        keys = [key for key, value in first.items() if key not in (place, *scalars) and _is_number(value)]
    if not keys:
        raise GraphError(f"{name}: nodes have no numbers as attributes: features are needed")
    features, positions = [], []
    for node, row in zip(nodes, rows, strict=True):
        missing = next((key for key in (*keys, *([place] if place else scalars)) if key not in row), None)
        if missing is not None:
            raise GraphError(f"{name}: node {node!r} has no {missing!r}, which other nodes have")
        features.append(np.concatenate([np.ravel(_array(row[key])) for key in keys]))
        positions.append(np.ravel(_array(row[place])) if place else [row[key] for key in scalars])
    if len({len(each) for each in features}) > 1:
        raise GraphError(f"{name}: features of its nodes are of different lengths")
    if len({len(each) for each in positions}) > 1:
        raise GraphError(f"{name}: coordinates of its nodes are of different lengths")
    names = [f"{vector} {i + 1}" for i in range(len(features[0]))] if vector else [str(key) for key in keys]
    edges = np.array([(at[one], at[two]) for one, two, *_ in graph.edges], np.int64).reshape(-1, 2)
    return TokenTable(
        np.stack(features),
        names,
        np.stack(positions) if place or scalars else None,
        edges,
        [str(node) for node in nodes],
    )


def _is_number(value: float | str) -> bool:
    return np.ndim(value) == 0 and isinstance(value, (int, float, np.number))


def _array(value: float | np.ndarray | None) -> float | np.ndarray | None:
    """A tensor (on whatever device) as an array; all else as it is."""
    for step in ("detach", "cpu", "numpy"):
        value = (
            getattr(value, step)() if hasattr(value, step) and not isinstance(value, np.ndarray) else value
        )
    return value
