"""Token graphs: which tokens of a datum are neighbours."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import Delaunay, QhullError, cKDTree

from ..errors import GraphError
from ._compiled.reach import MAX_RADIUS

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

__all__ = ["TokenGraph"]

# A grid is kept as a dense raster unless its bounding box is this much larger than its tokens.
_MAX_EMPTY_CELLS_A_TOKEN = 64
_MAX_NEIGHBOURS = 1000
_MAX_EDGES_A_TOKEN = 200  # of a radius: 200,000 cells of 400 neighbours are 1.3 GB of edges
_MAX_CONTACTS = 50_000_000  # pairs, some 3 GB of memory; 100,000 residues have a million within 8 angstrom
_EIGHT = ((0, 1), (1, -1), (1, 0), (1, 1))  # half of the 8 neighbours; the other half is their mirror


class TokenGraph:
    """Tokens of one datum as vertices, connectivity as undirected edges.

    Build one with ``from_grid``, ``from_chain``, ``from_contacts`` or ``from_edges`` (paper section 3, "token
    graphs"), or from points in the plane or in space with ``from_neighbours``, ``from_radius`` or
    ``from_delaunay``.

    Attributes
    ----------
    n : int, number of tokens.
    kind : "grid", "chain", "contacts", "edges", "neighbours", "radius" or "delaunay".
    positions : (n, 2) int64 row, column for a grid, else None.
    xyz : (n, 3) float64 in angstrom for contacts; (n, 2) or (n, 3) for points; else None.
    """

    def __init__(
        self,
        n: int,
        kind: str,
        *,
        edges: np.ndarray | None = None,
        positions: np.ndarray | None = None,
        xyz: np.ndarray | None = None,
    ) -> None:
        self.n = int(n)
        self.kind = kind
        self.positions: Any = positions
        self.xyz = xyz
        self._given_edges: Any = edges

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"TokenGraph({self.kind}, {self.n} tokens)"

    @classmethod
    def from_grid(cls, positions: npt.ArrayLike) -> TokenGraph:
        """Tiles on a regular grid, 8-connected; a missing tile is a hole that separates.

        Parameters: positions (n, 2) int, row and column of each tile.
        Raises GraphError if two tiles share a position or the shape is wrong.

        Examples
        --------
        >>> TokenGraph.from_grid([[0, 0], [0, 1], [0, 3]]).edges.tolist()
        [[0, 1]]
        """
        positions = _integers(positions, "grid positions")
        if positions.ndim != 2 or positions.shape[1] != 2:
            raise GraphError(
                f"grid positions must have shape (n, 2), got {positions.shape}: give one (row, column) a tile"
            )
        graph = cls(len(positions), "grid", positions=positions)
        if graph.raster_shape is not None:
            distinct = np.count_nonzero(graph.to_raster(True, False, bool))
        else:
            distinct = len(np.unique(positions, axis=0))
        if distinct != graph.n:
            raise GraphError("two tokens share a grid position: give each tile its own (row, column)")
        return graph

    @classmethod
    def from_chain(cls, n: int, reach: int = 2) -> TokenGraph:
        """A sequence: each token linked to the ``reach`` before and after it (sentences: 2)."""
        if n < 0 or reach < 0 or int(n) != n or int(reach) != reach:
            raise GraphError(f"a chain needs whole numbers n >= 0 and reach >= 0, got n={n}, reach={reach}")
        n, reach = int(n), int(reach)
        index = np.arange(n)
        edges = [np.stack([index[:-step], index[step:]], axis=1) for step in range(1, min(reach, n - 1) + 1)]
        return cls(n, "chain", edges=np.concatenate(edges) if edges else np.empty((0, 2), np.int64))

    @classmethod
    def from_contacts(cls, xyz: npt.ArrayLike, cutoff: float = 8.0) -> TokenGraph:
        """Residues in contact: C-alpha atoms at most ``cutoff`` angstrom apart.

        Parameters: xyz (n, 3) float, angstrom. Raises GraphError for a wrong shape or coordinates that are
        not finite.
        """
        xyz = np.asarray(xyz, np.float64)
        if xyz.ndim != 2 or xyz.shape[1] != 3:
            raise GraphError(
                f"coordinates must have shape (n, 3), got {xyz.shape}: give one (x, y, z) a residue"
            )
        if not np.isfinite(xyz).all():
            raise GraphError(
                f"residue {int(np.argmin(np.isfinite(xyz).all(axis=1)))} has no finite coordinates: leave"
                " it out"
            )
        if not cutoff > 0:
            raise GraphError(f"the contact cutoff must be a distance > 0 angstrom, got {cutoff}")
        if not len(xyz):
            return cls(0, "contacts", edges=np.empty((0, 2), np.int64), xyz=xyz)
        tree = cKDTree(xyz)
        if len(xyz) > 2000 and (found := tree.count_neighbors(tree, cutoff)) > 2 * _MAX_CONTACTS:
            raise GraphError(
                f"{found // 2:,} pairs of residues are within {cutoff:g} angstrom: they are on top of each"
                " other, or the cutoff is too large"
            )
        pairs = tree.query_pairs(cutoff, output_type="ndarray")
        return cls(len(xyz), "contacts", edges=pairs.astype(np.int64), xyz=xyz)

    @classmethod
    def from_neighbours(cls, xy: npt.ArrayLike, k: int = 6) -> TokenGraph:
        """Points, each linked to the ``k`` nearest; so some have more, as others chose them.

        Parameters: xy (n, 2) or (n, 3) float; k. Of equally far points those that come first are taken.
        Raises GraphError for a wrong shape, coordinates that are not finite, or k < 1.
        """
        xy = _points(xy)
        if int(k) != k or not 1 <= k <= _MAX_NEIGHBOURS:
            raise GraphError(f"the number of nearest neighbours must be 1 to {_MAX_NEIGHBOURS}, got {k}")
        n, k = len(xy), min(int(k), max(len(xy) - 1, 0))
        if not k:
            return cls(n, "neighbours", edges=np.empty((0, 2), np.int64), xyz=xy)
        # one more, as the nearest is the point itself; and one, so that ties at the end are settled by
        # number, not by the tree
        most = min(k + 2, n)
        far, found = cKDTree(xy).query(xy, most)
        own = found == np.arange(n)[:, None]
        order = np.lexsort((found, np.where(own, np.inf, far)), axis=1)[:, :k]
        target = np.take_along_axis(found, order, axis=1).astype(np.int64)
        return cls(
            n, "neighbours", edges=np.stack([np.repeat(np.arange(n), k), target.ravel()], axis=1), xyz=xy
        )

    @classmethod
    def from_radius(cls, xy: npt.ArrayLike, radius: float) -> TokenGraph:
        """Points linked where they are at most ``radius`` apart, in the unit of their coordinates.

        Parameters: xy (n, 2) or (n, 3) float; radius. Raises GraphError, also where that would be too many
        edges.
        """
        xy = _points(xy)
        if not 0 < radius < np.inf:
            raise GraphError(f"the radius of edges must be a distance > 0, got {radius}")
        if not len(xy):
            return cls(0, "radius", edges=np.empty((0, 2), np.int64), xyz=xy)
        tree = cKDTree(xy)
        pairs = (tree.count_neighbors(tree, radius) - len(xy)) // 2
        if pairs > _MAX_EDGES_A_TOKEN * max(len(xy), 1000):
            raise GraphError(
                f"within {radius:g} of each other are {pairs:,} pairs of {len(xy):,} points: take a smaller"
                " radius, in the unit of the coordinates"
            )
        return cls(
            len(xy), "radius", edges=tree.query_pairs(radius, output_type="ndarray").astype(np.int64), xyz=xy
        )

    @classmethod
    def from_delaunay(cls, xy: npt.ArrayLike, longest: float | None = None) -> TokenGraph:
        """Points linked as the Delaunay triangulation links them: their cells (Voronoi) touch.

        Parameters: xy (n, 2) or (n, 3) float; longest, edges longer than this (over holes, around the rim)
        are left out. Raises GraphError.
        """
        xy = _points(xy)
        if longest is not None and not longest > 0:
            raise GraphError(f"the longest edge must be a distance > 0, got {longest}")
        edges = _delaunay(xy)
        if longest is not None:
            edges = edges[np.sqrt(((xy[edges[:, 0]] - xy[edges[:, 1]]) ** 2).sum(axis=1)) <= longest]
        return cls(len(xy), "delaunay", edges=edges, xyz=xy)

    @classmethod
    def from_edges(cls, n: int, edges: npt.ArrayLike) -> TokenGraph:
        """Given edges.

        Parameters: n tokens; edges (m, 2) int, undirected, repeats and self-loops ignored.
        Raises GraphError if an edge names a token outside 0..n-1.
        """
        edges = _integers(edges, "edges")
        if edges.ndim != 2 or edges.shape[1] != 2:
            raise GraphError(
                f"edges must have shape (m, 2), got {edges.shape}: give one pair of tokens an edge"
            )
        if n < 0 or int(n) != n:
            raise GraphError(f"the number of tokens must be a whole number >= 0, got {n}")
        if edges.size and (edges.min() < 0 or edges.max() >= n):
            raise GraphError(
                f"an edge names token {int(edges.max())} or {int(edges.min())}, but tokens are 0..{n - 1}"
            )
        return cls(n, "edges", edges=edges)

    @property
    def edges(self) -> np.ndarray:
        """(m, 2) int64 undirected edges, each once, first < second, sorted."""
        start = np.repeat(np.arange(self.n), np.diff(self.indptr))
        keep = start < self.indices
        return np.stack([start[keep], self.indices[keep]], axis=1)

    @property
    def indptr(self) -> np.ndarray:
        """(n + 1,) int64: ``indices[indptr[v]:indptr[v + 1]]`` are the neighbours of token v."""
        return self._adjacency[0]

    @property
    def indices(self) -> np.ndarray:
        """(2 m,) int64 neighbours, ascending a token."""
        return self._adjacency[1]

    @cached_property
    def _adjacency(self) -> tuple[np.ndarray, np.ndarray]:
        pairs = self._grid_edges() if self.kind == "grid" else self._given_edges
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        both = np.concatenate([pairs, pairs[:, ::-1]])
        flat = _sorted_once(both[:, 0] * max(self.n, 1) + both[:, 1])
        source, target = np.divmod(flat, max(self.n, 1))
        indptr = np.zeros(self.n + 1, np.int64)
        np.cumsum(np.bincount(source, minlength=self.n), out=indptr[1:])
        return indptr, target

    def _grid_edges(self) -> np.ndarray:
        if not self.n:
            return np.empty((0, 2), np.int64)
        # Wide gaps shrink to two cells: far-apart tiles stay apart, and cell numbers stay small.
        rows, columns = (_close_gaps(each) for each in self.positions.T)
        width = columns.max() + 2
        cell = rows * width + columns
        order = np.argsort(cell)
        found = []
        for dy, dx in _EIGHT:
            target = cell + dy * width + dx
            at = np.minimum(np.searchsorted(cell[order], target), self.n - 1)
            there = cell[order[at]] == target
            found.append(np.stack([np.flatnonzero(there), order[at[there]]], axis=1))
        return np.concatenate(found)

    def around(self, token: int, radius: int) -> tuple[TokenGraph, np.ndarray]:
        """Enough of the graph to find what is within ``radius`` hops of a token.

        (TokenGraph, (m,) its tokens' ids here).

        On a grid the box around it, so that one token of millions is answered without the edges of all; else
        the tokens within that many hops, ascending.
        """
        if self.kind != "grid":
            return self._ball(int(token), int(radius))
        inside = np.ones(self.n, bool)
        for axis in (0, 1):
            inside &= np.abs(self.positions[:, axis] - self.positions[token, axis]) <= radius
        tokens = np.flatnonzero(inside)
        return TokenGraph.from_grid(self.positions[tokens]), tokens

    def _ball(self, token: int, radius: int) -> tuple[TokenGraph, np.ndarray]:
        indptr, indices = self._adjacency
        inside, rim = np.zeros(self.n, bool), np.array([token])
        inside[rim] = True
        for _ in range(radius):
            near = np.concatenate([indices[indptr[v] : indptr[v + 1]] for v in rim]) if rim.size else rim
            rim = np.unique(near[~inside[near]])
            inside[rim] = True
        tokens = np.flatnonzero(inside)
        sizes = indptr[tokens + 1] - indptr[tokens]
        ends = np.concatenate([indices[indptr[v] : indptr[v + 1]] for v in tokens])
        edges = np.stack([np.repeat(tokens, sizes), ends], axis=1)[inside[ends]]
        return TokenGraph.from_edges(tokens.size, np.searchsorted(tokens, edges)), tokens

    @cached_property
    def raster_shape(self) -> tuple[int, int] | None:
        """(rows, columns) of the grid's bounding box, or None where a dense raster would be mostly empty."""
        if self.kind != "grid" or not self.n:
            return None
        # Python integers: the product must not overflow for positions that are very far apart
        # (column by column: numpy is many times slower over the long axis of two columns at once)
        low, high = ([int(end(each)) for each in self.positions.T] for end in (np.min, np.max))
        shape = high[0] - low[0] + 1, high[1] - low[1] + 1
        return shape if shape[0] * shape[1] <= _MAX_EMPTY_CELLS_A_TOKEN * self.n + 4096 else None

    @cached_property
    def _cells(self) -> np.ndarray:
        assert self.raster_shape is not None
        row, column = self.positions.T
        return (row - row.min()) * self.raster_shape[1] + (column - column.min())

    def fits_raster(self, radius: int) -> bool:
        """Whether the fast grid kernels apply.

        A grid that is not mostly empty, and a radius within their reach.
        """
        return self.raster_shape is not None and radius <= MAX_RADIUS

    def to_raster(self, values: np.ndarray | bool, empty: float, dtype: npt.DTypeLike) -> np.ndarray:
        """Values a token, (n,), laid out on the grid's bounding box.

        (rows, columns), ``empty`` where there is no token.
        """
        assert self.raster_shape is not None
        raster: np.ndarray = np.full(self.raster_shape, empty, dtype)
        raster.reshape(-1)[self._cells] = values
        return raster

    def from_raster(self, raster: np.ndarray) -> np.ndarray:
        """Values of a raster (rows, columns, ...) at the tokens: the inverse of ``to_raster``, (n, ...)."""
        return raster.reshape(-1, *raster.shape[2:])[self._cells]


def _points(xy: npt.ArrayLike) -> np.ndarray:
    try:
        xy = np.asarray(xy, np.float64)
    except (TypeError, ValueError):
        raise GraphError("coordinates must be numbers, two or three a token") from None
    if xy.ndim != 2 or xy.shape[1] not in (2, 3):
        raise GraphError(
            f"coordinates must have shape (n, 2) or (n, 3), got {xy.shape}: give one x, y (, z) a token"
        )
    finite = np.isfinite(xy).all(axis=1)
    if not finite.all():
        raise GraphError(f"token {int(np.argmin(finite))} has no finite coordinates: leave it out")
    return xy


def _delaunay(xy: np.ndarray) -> np.ndarray:
    """Edges (m, 2) of the triangulation.

    Of points on one line (or plane, in space) those of what they do span.
    """
    n = len(xy)
    if n < 2:
        return np.empty((0, 2), np.int64)
    centred = xy - xy.mean(axis=0)
    size, axes = np.linalg.svd(centred, full_matrices=False)[1:]
    rank = int((size > 1e-9 * max(size[0], np.finfo(float).tiny)).sum())
    if rank < xy.shape[1]:
        centred = centred @ axes[:rank].T
    if rank <= 1:
        order = np.argsort(centred[:, 0], kind="stable") if rank else np.arange(n)
        return np.stack([order[:-1], order[1:]], axis=1).astype(np.int64)
    try:
        found = Delaunay(centred)
    except QhullError as error:
        raise GraphError(f"{n} points could not be triangulated: take nearest neighbours instead") from error
    corners = found.simplices
    pairs = [corners[:, [i, j]] for i in range(corners.shape[1]) for j in range(i)]
    pairs.append(found.coplanar[:, [0, 2]])  # points that are on another, or too near to one: linked to it
    edges = np.sort(np.concatenate(pairs).astype(np.int64), axis=1)
    return np.unique(edges, axis=0)


def _sorted_once(values: np.ndarray) -> np.ndarray:
    """Distinct values (m,), ascending.

    For millions of them many times faster than ``np.unique``, which hashes.
    """
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])] if values.size else values


def _close_gaps(coordinates: np.ndarray) -> np.ndarray:
    """Coordinates (n,) from 1 on, in the same order, adjacent where they were adjacent, else 2 apart."""
    found, index = np.unique(coordinates, return_inverse=True)
    return (1 + np.concatenate([[0], np.cumsum(np.where(found[1:] - found[:-1] == 1, 1, 2))]))[index]


def _integers(values: npt.ArrayLike, what: str) -> np.ndarray:
    try:
        values = np.asarray(values)
        if values.size == 0:
            return np.empty((0, 2), np.int64)
        rounded = values if np.issubdtype(values.dtype, np.integer) else values.astype(np.float64)
    except (TypeError, ValueError):
        raise GraphError(f"{what} must be whole numbers, in pairs") from None
    if rounded is not values and not (np.isfinite(rounded) & (rounded == np.rint(rounded))).all():
        raise GraphError(f"{what} must be whole numbers, in pairs")
    return rounded.astype(np.int64)
