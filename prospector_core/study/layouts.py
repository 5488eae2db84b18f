"""Where the tokens of a datum lie: its graph, its grid, and the tokens inside an outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike

from ..errors import StudyDamagedError
from ..method.graphs import TokenGraph
from ..method.hotspots import HotSpot
from ..modalities.layouts import check_layout
from ..store.derived import unchanged
from .data import not_embedded

if TYPE_CHECKING:
    from .study import Study

__all__ = [
    "attrs",
    "graph",
    "graph_of",
    "grid",
    "n_tokens",
    "positions",
    "regions",
    "token_at",
    "token_rect",
    "tokens_inside",
    "under",
]

_TOKEN = 40  # bytes that a token of a graph takes, about


def graph(study: Study, datum: Any) -> TokenGraph:
    """A datum's TokenGraph."""
    return graph_of(study, study.datum(datum).uid)


def graph_of(study: Study, uid: str) -> TokenGraph:
    """As ``graph``, by the datum's uid."""
    return _layout(study, uid).graph


def positions(study: Study, datum: Any) -> np.ndarray | None:
    """Where a datum's tokens are, as their modality counts it: (n, 2) or (n, 3), or None."""
    return _layout(study, study.datum(datum).uid).positions


def attrs(study: Study, datum: Any) -> dict[str, Any]:
    """What is kept beside a datum's embeddings. What is in it is the modality's own."""
    datum = study.datum(datum)
    return study.kind.attributes(study, datum, _layout(study, datum.uid).attrs)


def grid(study: Study, datum: Any) -> dict[str, Any]:
    """Where a datum's tiles lie, in level-0 pixels.

    Returns {"positions": (n, 2) row, column; "origin": (x, y); "pitch"; "shape": (rows, columns)}.
    """
    return study.kind.grid(study, study.datum(datum))


def _layout(study: Study, uid: str) -> _Layout:
    """Graph, positions and attributes of a datum; those used last are remembered."""
    if not study.store.has(uid):
        raise not_embedded(study, uid)
    return unchanged(
        lambda: study.store.stamp(uid),
        lambda stamp: study.memory.make(("layout", uid, stamp), lambda: _read_layout(study, uid)),
    )


class _Layout(NamedTuple):
    """What is remembered of a datum."""

    graph: TokenGraph
    positions: np.ndarray | None
    attrs: dict[str, Any]
    nbytes: int  # the graph is laid out in memory when it is first walked


def _read_layout(study: Study, uid: str) -> _Layout:
    positions, attrs = study.store.layout(uid)
    n = study.store.shape(uid)[0]
    edges = study.store.edges(uid) if study.kind.keeps_edges else None
    try:
        check_layout(study.kind.layout(), n, positions, edges, attrs)
        return _Layout(study.kind.graph(n, positions, edges, attrs), positions, attrs, _TOKEN * n)
    except (ValueError, KeyError, TypeError) as error:
        raise StudyDamagedError(
            f"{study.store.path.name}: the embeddings of {uid} contradict themselves ({error}); remove its"
            " folder and embed it again"
        ) from error


def n_tokens(study: Study, datum: Any) -> int:
    """How many tokens a datum has. Neither its places nor its graph are read: pages ask it of all data."""
    uid = study.datum(datum).uid
    if not study.store.has(uid):
        raise not_embedded(study, uid)

    def size(stamp: str) -> int:
        known = study.memory.get(("tokens", uid, stamp))
        if known is None and study.database.read_meta("store") and not study.memory.get("tokens noted"):
            # what embedding has noted in the database is one look for all data, where each is a journey
            rows = study.database.read(
                "SELECT uid, total FROM jobs WHERE kind = 'embed' AND state = 'done' AND total > 0"
            )
            stamps = study.store.stamps()
            for one, total in rows:
                if one in stamps:
                    study.memory.put(("tokens", one, stamps[one]), total)
            study.memory.put("tokens noted", True)
            known = study.memory.get(("tokens", uid, stamp))
        return known or study.memory.make(("tokens", uid, stamp), lambda: study.store.shape(uid)[0])

    return unchanged(lambda: study.store.stamp(uid), size)


def token_at(study: Study, datum: Any, x: float, y: float) -> int | None:
    """The token whose tile holds a level-0 point, or None."""
    where = study.grid(datum)
    column, row = np.floor((np.array([x, y]) - where["origin"]) / where["pitch"]).astype(int)
    rows, columns = where["positions"].T
    tokens = np.flatnonzero(rows == row)  # one row of the grid: few tokens, however many there are in all
    tokens = tokens[columns[tokens] == column]
    return int(tokens[0]) if tokens.size else None


def token_rect(study: Study, datum: Any, token: int) -> tuple[float, float, float, float]:
    """A token's tile in level-0 pixels: (x, y, width, height)."""
    where = study.grid(datum)
    row, column = where["positions"][token]
    (x, y), pitch = where["origin"], where["pitch"]
    return x + column * pitch, y + row * pitch, pitch, pitch


def tokens_inside(study: Study, datum: Any, polygon: ArrayLike) -> np.ndarray:
    """Tokens whose centre lies inside a polygon: (k,) int64, ascending.

    Parameters
    ----------
    study : Study
    datum : Datum, uid or name
    polygon : (m, 2)
        Level-0 pixels, or the datum's own unit.
    """
    centres = study.kind.centres(study, datum)
    return np.flatnonzero(shapely.contains_xy(shapely.make_valid(shapely.Polygon(polygon)), *centres.T))


def under(study: Study, datum: Any) -> Any:
    """What lies under a datum's tokens, where its file has more than them; empty where it has not."""
    return study.kind.background(study, study.datum(datum))


def regions(study: Study, datum: Any, scores: np.ndarray, threshold: float) -> list[HotSpot]:
    """Connected tokens of a datum with values at or above a threshold, the largest sum first.

    Parameters
    ----------
    study : Study
    datum : Datum, uid or name
    scores : (n,) float
        NaN for tokens that separate.
    threshold : float

    Raises BadInputError.
    """
    return study.kind.hot_spots(study, study.datum(datum), scores, threshold)
