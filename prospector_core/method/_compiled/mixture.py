"""Shares of a mixture of distributions, by expectation and maximisation."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["mixture_shares"]


@njit(cache=True, nogil=True)
def mixture_shares(
    likely: np.ndarray, sizes: np.ndarray, prior: float, rounds: int, settled: float
) -> np.ndarray:
    """Shares (k,) of k distributions, summing to 1, that m groups of values come from.

    Parameters: likely (m, k), likelihood of a group's value under each; sizes (m,), values a group; prior,
    values more that are counted as the first distribution's; rounds at most, or until no share moves by more
    than ``settled``. Loops and no matrix product: the same bytes on every machine.
    """
    m, k = likely.shape
    shares = np.full(k, 1.0 / k)
    for _ in range(rounds):
        found = np.zeros(k)
        found[0] = prior
        for group in range(m):
            total = 0.0
            for one in range(k):
                total += likely[group, one] * shares[one]
            for one in range(k):
                found[one] += sizes[group] * likely[group, one] * shares[one] / total
        found /= found.sum()
        moved = np.abs(found - shares).max()
        shares = found
        if moved < settled:
            break
    return shares
