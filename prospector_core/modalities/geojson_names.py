"""What scores and marked regions are called in GeoJSON, of slides and of cells alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import SimpleNamespace

    from ..study import Study
    from ..study.actions import Region

__all__ = ["mark_name", "score_name"]


def score_name(study: SimpleNamespace | Study, view: SimpleNamespace | Study) -> str:
    """What a score is called in QuPath.

    Of several classes, if the study is seen from none, with the class.
    """
    return "prospect score" if study.chosen is not None else f"prospect score: {study.classes[view.target]}"


def mark_name(region: Region, classes: tuple[str, str]) -> str:
    """What a marked region is called."""
    if region.evidence == "ignore":
        return "ignored"
    if region.target is None:
        return f"evidence for {classes[int(region.evidence == 'for')]}"
    return f"evidence {region.evidence} {classes[region.target]}"
