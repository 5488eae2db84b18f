"""What legends of viewers say: the names of both ends, and of the concepts."""

from __future__ import annotations

from typing import Any

from prospector_core.study import Study

__all__ = ["beyond_chance", "concept_legend", "ends_of"]


def ends_of(study: Study) -> tuple[str, str]:
    """Names of what scores below and above 0 speak for."""
    low = study.classes[0] if len(study.classes) == 2 else "the rest"
    return low, study.classes[study.view.target]


def beyond_chance(fit) -> str:
    """What is added to a unit in a legend: "" or what is shown of a masked fit."""
    if fit.mask is None:
        return ""
    return f"; only weights beyond chance, false discovery rate {fit.mask.level:.0%}"


def concept_legend(study: Study, fit) -> list[dict[str, Any]]:
    """Concepts of a fit for a viewer, the largest weight first: {id, name, colour, excluded, pinned} each."""
    return [
        {"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded, "pinned": c.pinned}
        for c in sorted(study.concepts(fit), key=lambda c: -c.weight)
    ]
