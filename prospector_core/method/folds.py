"""Folds of data: which to fit on, and which to hold out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import BadInputError

__all__ = ["grouped_folds", "stratified_folds"]


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


def grouped_folds(
    labels: ArrayLike, groups: ArrayLike, n: int = 5, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds where no group straddles, with about as much of each class in each.

    Groups are put one after the other, the largest first and of equals in random order, where the classes of
    their data are fewest so far.

    Parameters
    ----------
    labels : (n_data,) int
    groups : (n_data,)
        What belongs together: a patient, a cluster of like chains.
    n : int
        Folds, or as many as there are groups.
    seed : int

    Returns
    -------
    list of (train, test)
        Indices of data. Raises BadInputError where there are fewer than two groups, or a class is in fewer
        than two of them.
    """
    labels, (names, group) = np.asarray(labels), np.unique(np.asarray(groups), return_inverse=True)
    classes, place = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (group, place), 1)
    n = min(int(n), len(names))
    if n < 2 or (counts > 0).sum(axis=0).min() < 2:
        raise BadInputError("folds that keep groups together need two groups with data of each class")
    counts /= counts.sum(axis=0)  # shares of a class
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].max(axis=1), kind="stable")]
    held, fold = np.zeros((n, len(classes))), np.empty(len(names), int)
    for each in order:
        spread = ((held + counts[each]) ** 2 - held**2).sum(axis=1)
        fold[each] = int(np.argmin(spread + 1e-9 * held.sum(axis=1)))
        held[fold[each]] += counts[each]
    return [(np.flatnonzero(fold[group] != out), np.flatnonzero(fold[group] == out)) for out in range(n)]
