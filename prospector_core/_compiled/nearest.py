"""Which centroid is nearest, from a block of dot products."""

import numpy as np
from numba import njit, prange

__all__ = ["pick_nearest"]


@njit(nogil=True, cache=True, parallel=True)
def pick_nearest(products, half_norms, out):
    """out[v] = argmin over k of |c_k|^2 / 2 - x_v . c_k (first of equals); -1 if a product is not finite."""
    n, k = products.shape
    for v in prange(n):
        best = np.int64(-1)
        least = np.float32(np.inf)
        for j in range(k):
            distance = half_norms[j] - products[v, j]
            if distance < least:
                least = distance
                best = j
            elif not np.isfinite(distance):
                best = np.int64(-1)
                least = np.float32(-np.inf)
        out[v] = best
