"""What a kept fit must be for it to be used.

It needs its settings, its summary, and arrays that agree with each other and the study.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..errors import StudyDamagedError
from ..method.kernels import KERNELS
from ..method.smoothing import MOST_STEPS
from ..store.checked import LargerRecord, Number, Record, record_of
from .action import MOST_CONCEPTS, Split

__all__ = ["check_fit", "check_head", "check_settings", "check_tree"]

_MOST_FINE = 4096  # fine concepts of a tree
_Share = Annotated[float, Field(ge=0, le=1)]


class _Settings(Record):
    concepts: Annotated[int, Field(ge=1, le=MOST_CONCEPTS)] = 2
    radius: Annotated[int, Field(ge=0, le=64)] = 1
    kernel: str = "fold-change"
    alpha: Annotated[float, Field(gt=0)] = 1.0
    tau: Annotated[Number, Field(ge=0)] = 0.0
    l1_ratio: _Share = 0.5
    diffusive: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    sample: Annotated[int, Field(ge=2, le=10**9)] = 2
    quantizer: Annotated[str, Field(max_length=1000)] = ""
    softness: Annotated[Number, Field(ge=0, le=10)] = 0.0
    centre: _Share = 0.0
    pseudo: Annotated[Number, Field(ge=0, le=1000)] = 0.0
    shrink: bool | Literal["adaptive"] = False
    smoothing: Annotated[int, Field(ge=0, le=MOST_STEPS)] = 0


class _Summary(LargerRecord):
    predictions: dict[str, _Share | list[_Share]]
    fitted_on: Annotated[int, Field(ge=0)]
    held_out_folds: Annotated[int, Field(ge=0)]
    held_out_accuracy: float | None = None
    held_out_auroc: float | None = None
    fitted_accuracy: float | None = None
    fitted_auroc: float | None = None
    positive: Annotated[int, Field(ge=0)] | None = None
    class_counts: list[Annotated[int, Field(ge=0)]] | None = None


class _Curve(Record):
    slope: Number
    offset: Number


class _Head(LargerRecord):
    settings: dict[str, Any]
    calibration: _Curve | list[_Curve]
    summary: _Summary


def check_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a fit as they are kept.

    Raises ValueError where they cannot be those of a fit.
    """
    record_of(_Settings, settings, "its settings")
    if settings.get("kernel", "fold-change") not in KERNELS:
        raise ValueError(f"its kernel is none of {', '.join(KERNELS)}")
    return settings


def check_head(record: Any) -> dict[str, Any]:
    """Return what ``head.json`` says. Raises ValueError where it is not as it should be."""
    record_of(_Head, record, "head.json")
    summary = record["summary"]
    kind = "held_out" if summary["held_out_folds"] else "fitted"
    if any(summary.get(f"{kind}_{name}") is None for name in ("accuracy", "auroc")):
        raise ValueError("head.json does not say how well it predicts")
    return record


def check_tree(tree: Any, n_concepts: int) -> None:
    """Raise ValueError for a `ConceptTree` that is none.

    Every node but the root is joined exactly once, to an earlier one.
    """
    m = tree.n_fine
    made = np.arange(m - 1)[:, None]
    joins, arrays = tree.joins, (tree.joins, tree.sizes, tree.heights, tree.roots)
    if not 1 <= m <= _MOST_FINE or any(each.dtype.kind not in "iuf" for each in arrays):
        raise ValueError("its tree of concepts is not one")
    sound = joins.shape == (m - 1, 2) and joins.dtype.kind in "iu" and tree.roots.dtype.kind in "iu"
    sound = (
        sound
        and tree.sizes.shape == (m,)
        and tree.heights.shape == (m - 1,)
        and tree.roots.shape == (n_concepts,)
    )
    sound = (
        sound and tree.fine.ndim == 2 and all(np.isfinite(each).all() for each in (tree.fine, tree.heights))
    )
    sound = sound and ((joins >= 0) & (joins < m + made)).all() and len(np.unique(joins)) == joins.size
    if not (sound and ((tree.roots >= 0) & (tree.roots < 2 * m - 1)).all() and (tree.sizes >= 0).all()):
        raise ValueError("its tree of concepts contradicts itself")


def check_fit(fit: Any, study: Any, folder: Any) -> None:
    """Raise StudyDamagedError for a fit that contradicts itself, its study or the edits that it knows.

    It contradicts itself where its parts do not agree with each other.
    """
    wrong = _wrong(fit, study)
    if wrong:
        raise StudyDamagedError(
            f"{folder} contradicts itself ({wrong}): run `prospector replay --repair`, or `prospector fit`"
            " again"
        )


def _wrong(fit, study):
    kernels, n_classes = fit.kernels, len(study.classes)
    if fit.centroids.ndim != 2 or not fit.centroids.size or fit.centroids.dtype != np.float32:
        return "its concepts have no centres"
    if fit.n_concepts > MOST_CONCEPTS:
        return "it has too many concepts"
    if fit.n_classes != n_classes:
        return f"it is not of {n_classes} classes"
    if kernels.coef.shape != kernels.fitted_coef.shape or len(kernels.calibration) != len(kernels.coef):
        return "its weights are of different lengths"
    for array in (fit.centroids, kernels.coef, kernels.fitted_coef):
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            return "its numbers are not finite"
    for shares in fit.summary["predictions"].values():
        if isinstance(shares, list) != study.several or (study.several and len(shares) != n_classes):
            return "its predictions are not of its classes"
    if study.several and len(fit.summary.get("class_counts") or ()) != n_classes:
        return "its counts are not of its classes"
    if fit.tree is not None and fit.tree.fine.shape[1] != fit.centroids.shape[1]:
        return "its tree is of other concepts"
    return _edits_wrong(fit)


def _edits_wrong(fit):
    """What is wrong with the edits that it knows, which came from the journal."""
    for step in fit.state.steps:
        if isinstance(step, Split):
            if step.centroids.shape[1] != fit.centroids.shape[1]:
                return "a split is of other concepts"
            if step.leaves and (
                fit.tree is None or max(map(max, filter(None, step.leaves)), default=0) >= fit.tree.n_fine
            ):
                return "a split follows a tree that is not there"
    return ""
