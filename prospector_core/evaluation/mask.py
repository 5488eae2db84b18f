"""Maps of what exceeds chance alone.

The weights of a fit that shuffled labels do not reach, at a false discovery rate.

What shuffled labels give is computed once a fit, and kept in the study's folder under the fit's digest and
what its embeddings are known by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..store.derived import DerivedArrays
from .null import LEVEL, Null, benjamini_hochberg, study_null

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..study import Study
    from ..study.fits import Fit

__all__ = ["LEVEL", "LEVELS", "known_null", "masked_fit", "masked_study", "null_of"]

LEVELS = (0.01, 0.05, 0.1, 0.2)
"""False discovery rates to choose from."""

_SHUFFLES = 200


def null_of(
    study: Study,
    fit: Fit | None = None,
    level: float = LEVEL,
    n: int = _SHUFFLES,
    seed: int = 0,
    progress: Callable[..., object] | None = None,
) -> Null:
    """The Null of a fit at a false discovery rate: computed once, then read again.

    Parameters: fit (default: the current one); level; n, shuffles; progress, function(done, total), told
    while it is computed. Raises FitError.
    """
    fit = fit or study.current_fit
    kept = DerivedArrays(study.path / "derived" / "nulls", study._derived, study.path)
    found = kept.get(
        _key(study, fit, n, seed), lambda: _packed(study_null(study, n, seed, fit=fit, progress=progress)[0])
    )
    return _unpacked(found, level)


def known_null(
    study: Study, fit: Fit | None = None, level: float = LEVEL, n: int = _SHUFFLES, seed: int = 0
) -> Null:
    """As ``null_of`` where it has been computed before, else None."""
    fit = fit or study.current_fit
    found = DerivedArrays(study.path / "derived" / "nulls", study._derived, study.path).peek(
        _key(study, fit, n, seed)
    )
    return None if found is None else _unpacked(found, level)


def masked_fit(fit: Fit, null: Null) -> Fit:
    """A fit whose weights are those that the Null keeps, and those that the expert pinned; all others are 0.

    Fit.
    """
    pinned = fit.coef != fit.fitted_coef
    return replace(fit, coef=np.where(null.kept | pinned, fit.coef, 0.0), masked=null.level, whole=fit)


def masked_study(
    study: Study, level: float = LEVEL, progress: Callable[..., object] | None = None
) -> tuple[Study, Null]:
    """A study seen through the mask, for looking and exporting: (Study, Null).

    Edits are made on the study itself.

    Raises FitError.
    """
    fit, _ = study._fitted(None)
    null = null_of(study, fit, level, progress=progress)
    return study.seen_through(masked_fit(fit, null)), null


def _key(study: Study, fit: Fit, n: int, seed: int) -> str:
    of = study.content([row for row in study._rows if row.uid in fit.summary["predictions"]])
    return f"{fit.digest()[:24]}-{of}-{fit.id}-{fit.target}-{n}-{seed}"


def _packed(null: Null) -> np.ndarray:
    """A Null as one array, whatever its level."""
    return np.concatenate([[null.auroc, null.p_signal, len(null.shuffled)], null.shuffled, null.p_values])


def _unpacked(array: np.ndarray, level: float) -> Null:
    n = int(array[2])
    shuffled, p_values = array[3 : 3 + n], array[3 + n :]
    p_signal = float(array[1])
    kept = benjamini_hochberg(p_values, level) & (p_signal <= LEVEL)
    return Null(float(array[0]), shuffled, p_signal, p_values, kept, level)
