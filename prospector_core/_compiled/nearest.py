"""Which centroid is nearest, from a block of dot products."""

import numpy as np
from numba import njit

__all__ = ["pick_nearest"]


@njit(nogil=True, cache=True)
def pick_nearest(products, half_norms, out):
    """out[v] = argmin over k of |c_k|^2 / 2 - x_v . c_k (first of equals); -1 if the token's embedding is not finite.

    One thread on purpose: the search costs a tenth of the matrix product, and a second pool of threads between two
    products would cost more than it saves (the pools wait for work by spinning).
    """
    n, k = products.shape
    for v in range(n):
        best = -1
        least = np.float32(np.inf)
        for j in range(k):
            distance = half_norms[j] - products[v, j]
            if distance < least:
                least = distance
                best = j
        # NaN compares as "not nearer", so all-NaN leaves -1; an infinite embedding wins with -inf or never.
        out[v] = best if least > -np.inf else -1
