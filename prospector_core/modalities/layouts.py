"""What is beside a datum's embeddings, for each kind of data.

Places of tokens, edges and attributes, checked where they are read.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..store.checked import LargerRecord, Number, Positive, Side, record_of

__all__ = ["Layout", "OfChains", "OfGraphs", "OfTexts", "OfTiles", "check_layout"]

_MOST_CELLS = 2**30  # of a grid of tiles: a million tiles are in a few millions


class Layout(LargerRecord):
    """Attributes of any datum."""

    encoder: dict[str, Any] = {}

    def check(self, n: int, positions: np.ndarray | None, edges: np.ndarray | None) -> None:
        """Raise ValueError where they contradict places or edges."""


class OfTiles(Layout):
    """Of a slide's tiles: places are row and column of the grid."""

    origin: Annotated[list[Number], Field(min_length=2, max_length=2)]
    pitch: Positive
    shape: Annotated[list[Side], Field(min_length=2, max_length=2)]

    def check(self, n: int, positions: np.ndarray, edges: object | None) -> None:
        if positions is None or positions.shape[1] != 2 or positions.dtype.kind not in "iu":
            raise ValueError("its tiles have no row and column")
        if self.shape[0] * self.shape[1] > _MOST_CELLS:
            raise ValueError(f"its grid has {self.shape[0]} x {self.shape[1]} tiles")
        if n and ((positions < 0) | (positions >= np.array(self.shape))).any():
            raise ValueError("tiles are outside its grid")


class OfChains(Layout):
    """Of residues: places are angstrom."""

    letters: str
    residues: list[str]
    chains: list[str]
    numbers: list[str]
    cutoff: Positive
    frames: Annotated[int, Field(ge=1)] = 1
    frame_numbers: list[int] | None = None

    def check(self, n: int, positions: np.ndarray, edges: object | None) -> None:
        each = len(self.numbers)
        if (
            any(len(names) != each for names in (self.letters, self.residues, self.chains))
            or each * self.frames != n
        ):
            raise ValueError("its residues are not as many as its tokens")
        if positions is None or positions.shape[1] != 3:
            raise ValueError("its residues have no coordinates")
        if self.frame_numbers is not None and len(self.frame_numbers) != self.frames:
            raise ValueError("its frames are not as many as it says")


class OfTexts(Layout):
    """Of sentences: places are begin and end in the text."""

    text: str  # empty in a study that keeps none: it is read from the file when it is shown
    title: str
    markdown: bool
    sections: list[Annotated[list[str | int], Field(min_length=3, max_length=3)]]
    language: Annotated[str, Field(pattern=r"^[A-Za-z_-]{0,20}\z")] | None

    def check(self, n: int, positions: np.ndarray, edges: object | None) -> None:
        if positions is None or positions.shape[1] != 2 or positions.dtype.kind not in "iu":
            raise ValueError("its sentences have no places")
        end = len(self.text) if self.text else np.inf
        if ((positions < 0) | (positions > end)).any() or (positions[:, 0] > positions[:, 1]).any():
            raise ValueError("sentences are outside its text")
        for heading, start, end in self.sections:
            if not isinstance(heading, str) or not isinstance(start, int) or not isinstance(end, int):
                raise ValueError("a section has no heading, begin and end")


class OfGraphs(Layout):
    """Of graphs and cells: places are coordinates, edges pairs of tokens."""

    unit: str | None = None
    ids: list[str] | None = None
    laid_out: bool = False

    def check(self, n: int, positions: np.ndarray, edges: np.ndarray) -> None:
        if self.ids is not None and len(self.ids) != n:
            raise ValueError("its names are not as many as its tokens")
        if edges is None:
            raise ValueError("it has no edges")


def check_layout(
    model: type[Layout], n: int, positions: np.ndarray | None, edges: np.ndarray | None, attrs: dict[str, Any]
) -> None:
    """Raise ValueError for a layout that no program of ours wrote.

    Parameters
    ----------
    model : type
        Of the kind of data (``Modality.layout``).
    n : int
        Tokens.
    positions : (n, 2) or (n, 3), or None
    edges : (m, 2) int, or None
    attrs : dict
    """
    found = record_of(model, attrs, "what is beside them")
    if positions is not None and (
        positions.ndim != 2 or len(positions) != n or not np.isfinite(positions).all()
    ):
        raise ValueError(f"{n} tokens have places of shape {positions.shape}")
    if edges is not None:
        if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
            raise ValueError(f"edges are of shape {edges.shape}")
        if edges.size and (edges.min() < 0 or edges.max() >= n):
            raise ValueError(f"an edge names a token that is not there: there are {n}")
    found.check(n, positions, edges)
