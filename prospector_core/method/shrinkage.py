"""Drawing weights towards 0 by how unsure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._compiled.mixture import mixture_shares

if TYPE_CHECKING:
    pass

__all__ = ["ADAPTIVE", "adaptive_weights", "shrunken"]

ADAPTIVE = "adaptive"
"""How weights are drawn towards 0: each by its own evidence. See ``adaptive_weights``."""

_LEAST_SPREAD = 1e-6  # variance of weights beyond error, where there seems to be none

_EVEN = 0.1  # squared standard error (of log2) at which a weight counts 1 / sqrt(2) of one without error

_BIN = 0.1  # in standard errors: weights that are as far from 0 are drawn towards it alike

_NULL_PRIOR = 10.0  # so many weights, before any is looked at, are thought to be 0

_ROUNDS, _SETTLED = 200, 1e-4


def shrunken(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Values (p,) drawn towards 0 by their squared standard errors (p,)."""
    beyond = max(float(np.mean(values**2 - errors)), _LEAST_SPREAD)
    return values * beyond / (beyond + errors)


def adaptive_weights(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Weights drawn towards 0, each by its own evidence and by what all of them show.

    How far weights are from 0, in their standard errors, is modelled as a mixture of normal distributions of
    many widths, one of them 0, whose shares are fitted to all weights (adaptive shrinkage, Stephens 2017,
    with effects in proportion to standard errors). Where most are as near to 0 as chance brings them, those
    are drawn to it and the few far ones stay as they are; where nothing stands out all are drawn alike, which
    leaves their order. Then weights that are less sure count less: x 1 / sqrt(1 + e / 0.1).

    Parameters
    ----------
    values : (p,) float64
        Log2 fold changes.
    errors : (p,) float64
        Their squared standard errors; 0 where a feature is never seen, whose weight stays.

    Returns (p,) float64. Source: Stephens 2017, Biostatistics 18:275.
    """
    known = errors > 0
    if not known.any():
        return values
    away = np.abs(values[known]) / np.sqrt(errors[known])
    bins, place, sizes = np.unique(np.floor(away / _BIN), return_inverse=True, return_counts=True)
    drawn = values.copy()
    drawn[known] *= _kept_shares((bins + 0.5) * _BIN, sizes)[place]
    return drawn / np.sqrt(1 + errors / _EVEN)


def _kept_shares(away: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How much of a weight is kept that is so many standard errors from 0: (m,) of 0 to 1.

    ``sizes`` (m,): how many weights are that far away.
    """
    widest = 2 * np.sqrt(max(float(away.max()) ** 2 - 1, 1e-4))
    steps = int(np.ceil(2 * np.log2(widest / max(0.1, widest / 1024)))) if widest > 0.1 else 0
    widths = np.append(0.0, widest * 0.5 ** (np.arange(steps + 1) / 2)) ** 2
    likely = -0.5 * np.log1p(widths) - 0.5 * away[:, None] ** 2 / (1 + widths)
    likely = np.exp(likely - likely.max(axis=1, keepdims=True))
    shares = mixture_shares(likely, sizes.astype(np.float64), _NULL_PRIOR - 1, _ROUNDS, _SETTLED)
    belongs = likely * shares
    return (belongs * (widths / (1 + widths))).sum(axis=1) / belongs.sum(axis=1)
