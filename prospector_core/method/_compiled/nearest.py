"""Which centroid is nearest, from a block of dot products; near-ties are settled in float64."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["pick_nearest", "settle_nearest"]


@njit(nogil=True, cache=True)
def pick_nearest(
    products: np.ndarray,
    offsets: np.ndarray,
    scale: float,
    tolerance: float,
    out: np.ndarray,
    close: np.ndarray,
) -> None:
    """out[v] = argmin over k of offsets[k] - products[v, k] (first of equals).

    -1 if the token's embedding is not finite.

    close[v] says that another centroid is as near within ``tolerance`` of ``scale``: the products' rounding
    may decide. One thread on purpose: the search costs a tenth of the matrix product, and a second pool of
    threads between two products would cost more than it saves (the pools wait for work by spinning).
    """
    n, k = products.shape
    for v in range(n):
        best = -1
        least = np.float32(np.inf)
        for j in range(k):
            distance = offsets[j] - products[v, j]
            if distance < least:
                least = distance
                best = j
        # NaN compares as "not nearer", so all-NaN leaves -1; an infinite embedding wins with -inf or never.
        out[v] = best if least > -np.inf else -1
        limit = least + tolerance * (scale + abs(least))
        near = 0
        for j in range(k):
            near += offsets[j] - products[v, j] <= limit
        close[v] = near > 1


@njit(nogil=True, cache=True)
def settle_nearest(
    embeddings: np.ndarray,
    centroids: np.ndarray,
    products: np.ndarray,
    offsets: np.ndarray,
    scale: float,
    tolerance: float,
    out: np.ndarray,
) -> None:
    """Write to out[v] the nearest of the centroids that ``pick_nearest`` finds close.

    Distances are computed in float64 and in a fixed order.

    Which centroids are looked at may differ between machines; which one is nearest does not.
    """
    n, d = embeddings.shape
    k = len(offsets)
    for v in range(n):
        least = np.float32(np.inf)
        for j in range(k):
            least = min(least, offsets[j] - products[v, j])
        limit = least + tolerance * (scale + abs(least))
        nearest = np.inf
        for j in range(k):
            if offsets[j] - products[v, j] <= limit:
                distance = 0.0
                for i in range(d):
                    difference = np.float64(embeddings[v, i]) - np.float64(centroids[j, i])
                    distance += difference * difference
                if distance < nearest:
                    nearest = distance
                    out[v] = j
