"""Folds of data: which to fit on, and which to hold out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import BadInputError

__all__ = ["stratified_folds"]


def stratified_folds(labels: ArrayLike, n: int = 5, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds with as much of each class in each.

    Parameters
    ----------
    labels : (n_data,) int
    n : int
        Folds, or as many as the rarest class has data.
    seed : int

    Returns
    -------
    list of (train, test)
        Indices of data. Raises BadInputError where a class has fewer than two.
    """
    labels = np.asarray(labels)
    n = int(min(n, np.bincount(labels).min()))
    if n < 2:
        raise BadInputError("folds need two data of each class at least")
    rng, fold = np.random.default_rng(seed), np.empty(len(labels), int)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        fold[members] = np.arange(len(members)) % n
    return [(np.flatnonzero(fold != out), np.flatnonzero(fold == out)) for out in range(n)]
