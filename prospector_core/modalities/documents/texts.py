"""What the tokens of an embedded document say, and in which section they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .sentences import readable

if TYPE_CHECKING:
    from typing import Any

    from ...study import Datum, Study

__all__ = ["RIGHT_TO_LEFT", "sections_of", "sentences_of"]

RIGHT_TO_LEFT = ("ar", "fa", "ur")  # languages


def sentences_of(study: Study, datum: Datum | str) -> list[str]:
    """The tokens of an embedded document as one line each: list of str."""
    attrs = study.attrs(datum)
    return [
        readable(attrs["text"][start:end], attrs["markdown"])
        for start, end in study.positions(datum).tolist()
    ]


def sections_of(spans: np.ndarray, attrs: dict[str, Any]) -> list[str]:
    """The heading of the section that each span stands in, "" where there is none: list of str."""
    headings = [""] * len(spans)
    for heading, start, end in attrs["sections"]:
        for at in np.flatnonzero((spans[:, 0] >= start) & (spans[:, 0] < end)):
            headings[at] = heading
    return headings
