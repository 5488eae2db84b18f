"""Concepts as branches of a tree: fine concepts, joined pair by pair until K are left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .base import CentroidQuantizer
from .kmeans import KMeansQuantizer
from .nearest import assign_nearest

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ConceptTree", "TreeQuantizer", "join"]

_MOST_FINE = 256


@dataclass(frozen=True, eq=False)
class ConceptTree:
    """How fine concepts join. Nodes.

    0..M-1 are the fine concepts, M+t is what join number t made; the last one is the root.

    Attributes
    ----------
    fine : (M, d) float32, centres of the fine concepts
    sizes : (M,) int64, how many tokens of the sample each had
    joins : (M-1, 2) int32, the two nodes that each join put together
    heights : (M-1,) float64, how far apart they were (Ward), never falling
    roots : (K,) int32, the node that each concept of the fit is
    """

    fine: np.ndarray
    sizes: np.ndarray
    joins: np.ndarray
    heights: np.ndarray
    roots: np.ndarray

    @property
    def n_fine(self) -> int:
        """M."""
        return len(self.fine)

    def leaves(self, node: int) -> tuple[int, ...]:
        """Fine concepts below a node, ascending: tuple of int."""
        return tuple(sorted(self._below[node]))

    @cached_property
    def _below(self) -> list[frozenset[int]]:
        """Fine concepts below each node: list of frozenset."""
        found = [frozenset([leaf]) for leaf in range(self.n_fine)]
        for one, other in self.joins.tolist():
            found.append(found[one] | found[other])
        return found

    def fork(self, leaves: tuple[int, ...]) -> tuple[float, list[tuple[int, ...]]]:
        """Where some fine concepts part for the first time, seen from the root: (height, [leaves, leaves]).

        Of a single one (0.0, [leaves]). The side that holds most tokens comes first.
        """
        wanted, node = frozenset(leaves), 2 * self.n_fine - 2
        while node >= self.n_fine:
            sides = [tuple(sorted(wanted & self._below[each])) for each in self.joins[node - self.n_fine]]
            if all(sides):
                return float(self.heights[node - self.n_fine]), sorted(sides, key=self._first)
            node = int(self.joins[node - self.n_fine][0 if sides[0] else 1])
        return 0.0, [tuple(sorted(wanted))]

    def parts(self, leaves: tuple[int, ...], into: int) -> list[tuple[int, ...]]:
        """Fine concepts in ``into`` parts, or in as many as there are.

        Cut where the tree parts them highest up.

        List of tuples, the one with most tokens first.
        """
        found = [tuple(sorted(leaves))]
        while len(found) < into:
            forks = [self.fork(each) for each in found]
            high = max(range(len(found)), key=lambda at: (len(forks[at][1]), forks[at][0], -at))
            if len(forks[high][1]) == 1:
                break
            found[high : high + 1] = forks[high][1]
        return sorted(found, key=self._first)

    def centre(self, leaves: tuple[int, ...]) -> np.ndarray:
        """Mean of the tokens of some fine concepts: (d,) float32."""
        some = list(leaves)
        weights = np.maximum(self.sizes[some], 1e-9).astype(np.float64)
        return (weights @ self.fine[some].astype(np.float64) / weights.sum()).astype(np.float32)

    def _first(self, leaves: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        return -int(self.sizes[list(leaves)].sum()), leaves


class TreeQuantizer(CentroidQuantizer):
    """Concepts as the K branches of a tree.

    Fine concepts (k-means) joined pair by pair, each time those two whose joining loses least (Ward, by their
    numbers of tokens).

    The tree is kept with a fit: splitting a concept follows its branches, merging goes up to where they meet.
    Parameters as ``CentroidQuantizer``; fine, how many fine concepts per concept (256 in all at most).
    Attributes after ``fit`` also: ``tree_`` (ConceptTree). A token's concept is the nearest of the K centres,
    each the mean of its branch. Source: Ward 1963.
    """

    name = "tree"
    about = (
        "fine kinds joined step by step: splitting and merging then follow the branches of a tree that is"
        " shown"
    )

    def __init__(self, n_concepts: int = 20, sample: int = 50_000, fine: int = 8, seed: int = 0) -> None:
        super().__init__(n_concepts, sample, seed)
        self.fine = fine

    def _find(self, sample: np.ndarray) -> np.ndarray:
        many = max(self.n_concepts, min(self.fine * self.n_concepts, _MOST_FINE, len(sample) // 4))
        fine = KMeansQuantizer(many, sample=len(sample), n_init=1, seed=self.seed).fit(sample).centroids_
        sizes = np.bincount(assign_nearest(sample, fine), minlength=many)
        joins, heights = join(fine, sizes)
        standing = set(range(many))
        for made, pair in enumerate(joins[: many - self.n_concepts].tolist()):
            standing = standing - set(pair) | {many + made}
        self.tree_ = ConceptTree(fine, sizes, joins, heights, np.array(sorted(standing), np.int32))
        return np.stack([self.tree_.centre(self.tree_.leaves(node)) for node in self.tree_.roots])

    def _keep(self, centroids: np.ndarray, order: np.ndarray) -> None:
        super()._keep(centroids, order)
        tree = self.tree_
        self.tree_ = ConceptTree(tree.fine, tree.sizes, tree.joins, tree.heights, tree.roots[order])


def join(centres: npt.ArrayLike, sizes: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Join clusters pair by pair (Ward).

    Each time the two whose union adds least to the squared distances to the means.

    Parameters: centres (M, d); sizes (M,), tokens of each. Returns joins (M-1, 2) int32 and heights (M-1,)
    float64 as ``ConceptTree`` has them; a height is sqrt(2 x what was added): of two single tokens, their
    distance.
    """
    centres = np.array(centres, np.float64)
    m = len(centres)
    sizes = np.maximum(np.asarray(sizes, np.float64), 1e-9)  # a cluster without tokens joins its like first
    node = np.arange(m)
    there = np.ones(m, bool)
    cost = np.full((m, m), np.inf)
    for at in range(m):
        cost[at, at + 1 :] = _added(centres, sizes, at)[at + 1 :]
    joins, heights, last = np.empty((m - 1, 2), np.int32), np.empty(m - 1), 0.0
    for made in range(m - 1):
        a, b = divmod(int(cost.argmin()), m)
        # rounding must not let a later join be a hair below an earlier one
        last = max(last, float(np.sqrt(2 * cost[a, b])))
        joins[made], heights[made] = sorted((node[a], node[b])), last
        total = sizes[a] + sizes[b]
        centres[a] = (sizes[a] * centres[a] + sizes[b] * centres[b]) / total
        sizes[a], node[a], there[b] = total, m + made, False
        cost[b, :] = cost[:, b] = np.inf
        added = np.where(there, _added(centres, sizes, a), np.inf)
        cost[a, a + 1 :], cost[:a, a] = added[a + 1 :], added[:a]
    return joins, heights


def _added(centres: np.ndarray, sizes: np.ndarray, at: int) -> np.ndarray:
    """What joining cluster ``at`` with each other one would add: (M,)."""
    apart = ((centres - centres[at]) ** 2).sum(axis=1)
    return sizes * sizes[at] / (sizes + sizes[at]) * apart
