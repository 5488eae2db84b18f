"""A token's concept is the nearest centroid: found the same on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbeddingError
from .._compiled.nearest import pick_nearest, settle_nearest

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ...store.stored_vectors import StoredVectors

__all__ = ["BLOCK", "assign_nearest", "numbers"]

BLOCK = 16384  # tokens a matrix product: the block's products stay in the cache for the search that follows


def assign_nearest(embeddings: StoredVectors | npt.ArrayLike, centroids: npt.ArrayLike) -> np.ndarray:
    """Concept of every token: the nearest centroid (Euclidean, first of equals), the same on every machine.

    Parameters: embeddings (n, d), float32 used as they are (no copy), anything else, also what is on disk,
    block by block as float32; centroids (K, d). Returns (n,) int32. Raises EmbeddingError for a wrong shape
    or a value that is not finite.
    """
    embeddings = numbers(embeddings)
    centroids = np.ascontiguousarray(centroids, np.float32)
    if embeddings.ndim != 2 or embeddings.shape[1] != centroids.shape[1]:
        raise EmbeddingError(
            f"embeddings have shape {embeddings.shape}, the concepts {centroids.shape[1]} dimensions: "
            "embed with the encoder that the concepts were fitted on"
        )
    # |x - c|^2 / 2 without what all concepts share: |c'|^2 / 2 + m . c' - x . c', where c' = c - m, m the
    # mean centroid. Embeddings often have a large mean in common; so it does not eat up the products' digits.
    middle = centroids.mean(axis=0, dtype=np.float64)
    around = centroids - middle
    norms = np.sqrt((around**2).sum(axis=1))
    offsets = (norms**2 / 2 + around @ middle).astype(np.float32)
    factors = around.astype(np.float32).T
    # A product's last bits depend on the machine, its threads and the block's size: what they could decide is
    # settled in float64. Rounding is a random walk of d steps; eight of its standard deviations are allowed
    # for.
    tolerance: Any = np.float32(8 * np.sqrt(max(embeddings.shape[1], 1)) * 2.0**-24)
    scale: Any = np.float32(norms.max() * np.sqrt((centroids.astype(np.float64) ** 2).sum(axis=1)).max())
    concepts = np.empty(len(embeddings), np.int32)
    products = np.empty((min(BLOCK, len(embeddings)), len(centroids)), np.float32)
    close = np.empty(len(products), np.bool_)
    for start in range(0, len(embeddings), BLOCK):
        some = products[: min(BLOCK, len(embeddings) - start)]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found below
            block = np.asarray(embeddings[start : start + BLOCK]).astype(np.float32, copy=False)
            np.matmul(block, factors, out=some)
        pick_nearest(some, offsets, scale, tolerance, concepts[start : start + len(block)], close)
        again = np.flatnonzero(close[: len(block)])
        if again.size:
            nearest = concepts[start + again]
            settle_nearest(block[again], centroids, some[again], offsets, scale, tolerance, nearest)
            concepts[start + again] = nearest
    if concepts.size and concepts.min() < 0:
        raise EmbeddingError(
            f"the embedding of token {int(np.argmin(concepts))} is not finite: embed its datum again"
        )
    return concepts


def numbers(embeddings: StoredVectors | npt.ArrayLike) -> Any:
    """Embeddings as an array of numbers; those of a store as they are. Raises EmbeddingError."""
    # those of a store are read as they are used
    array: Any = embeddings if hasattr(embeddings, "blocks") else np.asarray(embeddings)
    if array.dtype.kind not in "biuf":
        raise EmbeddingError(f"embeddings must be numbers, got {array.dtype}")
    return array
