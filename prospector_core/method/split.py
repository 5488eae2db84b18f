"""A concept that was cut into parts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Split"]


@dataclass(frozen=True)
class Split:
    """A concept that was cut into m parts: each of its tokens goes to the nearest centroid.

    Attributes
    ----------
    concept : int
    members : frozenset of the original ids that it consisted of
    ids : tuple of m ids
        The first is the concept itself, the others are new ones at the end.
    centroids : (m, d) float32
    digest : str
        Tells it from other splits.
    leaves : tuple or None
        Where it was cut along a tree: the fine concepts of each part.
    """

    concept: int
    members: frozenset
    ids: tuple
    centroids: np.ndarray = field(compare=False, repr=False)
    digest: str = ""
    leaves: tuple | None = field(default=None, repr=False)
