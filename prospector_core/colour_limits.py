"""Limits of colours: the score that the strongest colour stands for."""

from __future__ import annotations

import numpy as np

__all__ = ["map_limit"]


def map_limit(scores: list[np.ndarray], quantile: float = 0.995) -> float:
    """A symmetric colour limit that a few extreme tokens do not stretch; 1.0 where every score is zero.

    Parameters: scores (n,) float, or a list of such; NaN marks tokens without a score. Returns float.
    """
    parts = [
        np.abs(np.asarray(part, float).ravel())
        for part in (scores if isinstance(scores, (list, tuple)) else [scores])
    ]
    size = np.concatenate(parts) if parts else np.empty(0)
    size = size[np.isfinite(size)]
    if not size.size or size.max() == 0:
        return 1.0
    return float(np.quantile(size, quantile)) or float(size.max())
