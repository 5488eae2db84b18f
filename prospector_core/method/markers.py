"""What a concept is, by the features that its tokens came with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["Markers", "markers_of_concepts"]


@dataclass(frozen=True)
class Markers:
    """How the tokens of each concept differ from all tokens.

    Attributes
    ----------
    names : list of str
        Of the F features.
    difference : (K, F) float64
        Mean of the concept's tokens minus the mean of all, in standard deviations of all tokens; 0 for a
        feature that never changes, NaN for a concept without tokens.
    above_zero : (K, F) float64, or None
        Share of the concept's tokens whose feature is above 0; None where features can be negative.
    above_zero_of_all : (F,) float64, or None
        The same of all tokens.
    tokens : (K,) int64
        Tokens of each concept.
    """

    names: list[str]
    difference: np.ndarray
    above_zero: np.ndarray | None
    above_zero_of_all: np.ndarray | None
    tokens: np.ndarray

    def top(self, concept: int, most: int = 5, least: float = 0.25) -> list[int]:
        """Return the features that are most above all tokens, highest first.

        Parameters
        ----------
        concept : int
        most : int
        least : float
            Standard deviations below which a feature marks nothing.
        """
        own = np.nan_to_num(self.difference[concept], nan=-np.inf)
        return [at for at in np.argsort(-own, kind="stable")[:most].tolist() if own[at] >= least]

    def text(self, concept: int, most: int = 5) -> str:
        """Return the same in words: "CD3E +1.9, CD8A +1.2"."""
        return ", ".join(
            f"{self.names[at]} {self.difference[concept, at]:+.1f}" for at in self.top(concept, most)
        )


def markers_of_concepts(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], names: list[str], n_concepts: int
) -> Markers:
    """Compare each concept's tokens with all tokens, feature by feature, in one pass.

    Parameters
    ----------
    blocks : of ((n, F) features, (n,) concept of each token, 0 to n_concepts - 1)
    names : list of F str
    n_concepts : int

    Returns
    -------
    Markers
    """
    shape = (n_concepts, len(names))
    sums, above, tokens = np.zeros(shape), np.zeros(shape), np.zeros(n_concepts, np.int64)
    squares, lowest, shift = np.zeros(len(names)), np.inf, None
    for features, concepts in blocks:
        features = np.asarray(features, np.float64)
        if not len(features):
            continue
        if shift is None:
            shift = features.mean(axis=0)  # keeps squares small where values are far from 0
        moved = features - shift
        for concept in np.unique(concepts).tolist():
            mine = concepts == concept
            sums[concept] += moved[mine].sum(axis=0)
            above[concept] += (features[mine] > 0).sum(axis=0)
            tokens[concept] += int(mine.sum())
        squares += (moved**2).sum(axis=0)
        lowest = min(lowest, float(features.min()))
    total = max(int(tokens.sum()), 1)
    mean = sums.sum(axis=0) / total
    spread = np.sqrt(np.maximum(squares / total - mean**2, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        away = sums / tokens[:, None] - mean
        difference = np.where(spread > 1e-9 * (1 + np.abs(mean)), away / spread, 0.0)
        share = above / tokens[:, None]
    difference[tokens == 0] = np.nan
    counts = lowest >= 0 and bool((above.sum(axis=0) < total).any())
    return Markers(
        list(names),
        difference,
        share if counts else None,
        above.sum(axis=0) / total if counts else None,
        tokens,
    )
