"""Numbers of the curation report: scores of a fit, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from prospector_core.study import Fit, Study

__all__ = ["class_order", "decimal", "held_out", "percent", "score_of", "signed"]


def class_order(study: Study) -> Sequence[int]:
    """Classes as they are listed: of two, the one to find first."""
    return range(len(study.classes)) if study.several else (1, 0)


def held_out(fit: Fit) -> bool:
    """Whether the scores of a fit are of data that it was not fitted on."""
    return bool(fit.summary.get("held_out_folds"))


def score_of(fit: Fit, name: str | tuple[int]) -> float | None:
    """The "accuracy" or "auroc" of a fit, or (class,): its AUROC against the rest; None if there is none."""
    kind = "held_out" if held_out(fit) else "fitted"
    if isinstance(name, tuple):
        value = fit.summary[f"{kind}_auroc_by_class"][name[0]]
    else:
        value = fit.summary.get(f"{kind}_{name}")
    return None if value is None or not np.isfinite(value) else float(value)


def percent(value: float | None) -> str:
    """A share in percent, "-" for none."""
    return "-" if value is None else f"{100 * value:.1f} %"


def decimal(value: float | None) -> str:
    """Three decimals, "-" for none."""
    return "-" if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    """Two decimals with a sign."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
