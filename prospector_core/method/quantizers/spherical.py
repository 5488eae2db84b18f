"""Concepts by direction: spherical k-means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .base import CentroidQuantizer

if TYPE_CHECKING:
    from numpy.random.mtrand import RandomState

__all__ = ["SphericalKMeansQuantizer"]

_STEPS = 100  # at most; it has nearly always settled before
_SETTLED = 1e-5  # of the mean cosine: what a step must still bring


class SphericalKMeansQuantizer(CentroidQuantizer):
    """Concepts as clusters of directions.

    A token's concept is the centroid with the largest cosine to its embedding.

    Centroids are on a sphere around 0, as far out as a token of the sample (root mean square): of points that
    are equally far from 0 the nearest one is the one with the largest cosine, so that whatever works with
    nearest centroids works here, soft shares included (shares of long embeddings fall more steeply).
    Parameters as ``CentroidQuantizer``; n_init, restarts, the best of which is kept. Source: Dhillon & Modha
    2001.
    """

    name = "spherical k-means"
    about = (
        "kinds by the direction of a vector, not its length: where strength of stain or length of text should"
        " not count"
    )

    def __init__(self, n_concepts: int = 20, sample: int = 50_000, n_init: int = 4, seed: int = 0) -> None:
        super().__init__(n_concepts, sample, seed)
        self.n_init = n_init

    def _find(self, sample: np.ndarray) -> np.ndarray:
        lengths = np.sqrt(np.einsum("ij,ij->i", sample, sample, dtype=np.float64))
        radius = float(np.sqrt(np.mean(lengths**2))) or 1.0
        directions = (sample / np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]).astype(np.float32)
        random, best, found = np.random.RandomState(self.seed), -np.inf, directions
        for _ in range(self.n_init):
            centres, alike = self._settled(directions, random)
            if alike > best:
                best, found = alike, centres
        return found * radius

    def _settled(self, directions: np.ndarray, random: RandomState) -> tuple[np.ndarray, float]:
        """Unit centroids (K, d) float64 from one start, and the sum of cosines that they reach."""
        from sklearn.cluster import kmeans_plusplus  # late: it takes a second to load

        centres = _unit(
            kmeans_plusplus(directions, self.n_concepts, random_state=random)[0].astype(np.float64)
        )
        before = -np.inf
        for _ in range(_STEPS):
            cosines = directions @ centres.T.astype(np.float32)
            now = cosines.argmax(axis=1)
            own = cosines[np.arange(len(now)), now]
            alike = float(own.mean(dtype=np.float64))
            if alike - before < _SETTLED:
                break
            before = alike
            members = np.equal.outer(np.arange(self.n_concepts), now).astype(np.float32)
            sums = (members @ directions).astype(np.float64)  # a matrix product: faster than to gather
            empty = np.setdiff1d(np.arange(self.n_concepts), now)
            # a concept that lost its tokens begins again at the token that fits its own concept worst
            sums[empty] = directions[np.argsort(own, kind="stable")[: len(empty)]]
            centres = _unit(sums, centres)
        return centres, float(own.sum(dtype=np.float64))


def _unit(vectors: np.ndarray, instead: np.ndarray | None = None) -> np.ndarray:
    """Vectors of length 1; one of length 0 is taken from ``instead``, or points along the first axis."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if instead is None:
        instead = np.eye(1, vectors.shape[1])
    return np.where(lengths > 0, vectors / np.where(lengths > 0, lengths, 1), instead)
