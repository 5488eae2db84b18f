"""The weights of a kernel as the square of the Kernel page: of one state, or of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prospector_core.study.change import Change

__all__ = ["SIDES", "Square", "kernel_square"]

SIDES = ("before", "after")
"""States of a change, in the order of its arrays."""


@dataclass(frozen=True)
class Square:
    """What the square holds of k concepts.

    Attributes
    ----------
    mono, table : (k,) and (k, k) float64
        Weights of concepts and of pairs.
    gone : (m,) int
        Places of concepts that are excluded.
    pinned : tuple
        Pinned weights, as concepts.
    limit : float or None
        Weight of the strongest colour; None: of the largest one.
    label : str
        Unit of the weights.
    """

    mono: np.ndarray
    table: np.ndarray
    gone: np.ndarray
    pinned: tuple
    limit: float | None
    label: str


def kernel_square(change: Change, order: Sequence[int], shown: str) -> Square:
    """The square of concepts in this order; ``shown``: one of SIDES, or "change"."""
    kernel = change.kernel()
    there = [at for at, k in enumerate(order) if k in kernel.concepts]  # the others are excluded in both
    row = [kernel.concepts.index(order[at]) for at in there]
    k = len(order)
    mono, table, active = np.zeros((2, k)), np.zeros((2, k, k)), np.zeros((2, k), bool)
    mono[:, there], active[:, there] = kernel.mono[:, row], kernel.active[:, row]
    table[np.ix_([0, 1], there, there)] = kernel.table[np.ix_([0, 1], row, row)]
    if shown == "change":
        gone, label = np.flatnonzero(~active.all(axis=0)), f"change of weight ({kernel.unit})"
        return Square(mono[1] - mono[0], table[1] - table[0], gone, (), None, label)
    limit = max(np.abs(mono).max(initial=0.0), np.abs(table).max(initial=0.0)) or None  # one scale for both
    side = SIDES.index(shown)
    gone = np.flatnonzero(~active[side])
    return Square(mono[side], table[side], gone, kernel.pinned[side], limit, kernel.unit)
