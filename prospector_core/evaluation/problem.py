"""What methods are compared on.

Token graphs, embeddings, labels of data, folds, and the truth that maps are scored by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError
from ..method.folds import grouped_folds

if TYPE_CHECKING:
    from typing import Any

    from ..method.graphs import TokenGraph

__all__ = ["Problem", "opened"]


@dataclass
class Problem:
    """Data with labels, and with token truth for scoring.

    Attributes
    ----------
    name : of the set
    ids : list of str, one per datum
    graphs : list of TokenGraph; embeddings : list of (n, d) float32; labels : (n_data,) of 0 and 1
    truth : list of (m,) bool, or None where a datum has none; m cells per datum, which are its tokens unless
        ``cells``
    folds : list of (train, test), arrays of indices
    cells : list of (n,) int, the cell of each token, whose score is the mean of its tokens'; None: tokens are
        cells
    given : (K, d) float32, concepts that the encoder brings, or None
    cell_graphs : graphs of the cells, where they are not the tokens
    about : plain words on the set, for the report
    groups : (n_data,), what must not straddle a fold (a patient, a cluster of like chains), by which folds
        are drawn anew for other seeds; None: folds stay as they are given
    """

    name: str
    ids: list
    graphs: list
    embeddings: list
    labels: np.ndarray
    truth: list
    folds: list
    cells: list | None = None
    given: np.ndarray | None = None
    cell_graphs: list | None = None
    about: str = ""
    modality: str = ""
    tokens: str = "its tokens"
    groups: list | None = None
    others: dict = field(default_factory=dict, repr=False)
    cache: dict = field(default_factory=dict, repr=False)
    drawn: dict = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.labels = np.asarray(self.labels)
        n = len(self.ids)
        if not all(len(each) == n for each in (self.graphs, self.embeddings, self.labels, self.truth)):
            raise BadInputError(f"{self.name}: give one graph, embedding, label and truth a datum")

    def folds_of(self, draw: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Folds of a draw: list of (train, test). Draw 0: as given; others: anew, groups kept whole."""
        if not draw or self.groups is None:
            return self.folds
        if draw not in self.drawn:
            self.drawn[draw] = grouped_folds(self.labels, self.groups, len(self.folds), draw)
        return self.drawn[draw]

    def of_cells(self, scores: np.ndarray, index: int) -> np.ndarray:
        """A map as it is scored: (m,) float64."""
        if self.cells is None:
            return np.asarray(scores, np.float64)
        cell = self.cells[index]
        known = np.isfinite(scores)
        n = self.cell_graphs[index].n
        with np.errstate(invalid="ignore"):  # a cell without tokens has no score
            return np.bincount(cell[known], np.asarray(scores)[known], n) / np.bincount(
                cell[known], minlength=n
            )

    def spread(self, scores: list[float] | np.ndarray, index: int) -> np.ndarray:
        """Scores of cells (m,) as a map over tokens: (n,) float64."""
        return (
            np.asarray(scores, np.float64)
            if self.cells is None
            else np.asarray(scores, np.float64)[self.cells[index]]
        )

    def graph_of_cells(self, index: int) -> TokenGraph:
        """The graph on which regions of truth are found."""
        return self.graphs[index] if self.cells is None else self.cell_graphs[index]

    def scored(self, indices: np.ndarray) -> list[int]:
        """Those of some data that maps are scored on: class 1, with a positive token."""
        return [
            i for i in indices if self.labels[i] == 1 and self.truth[i] is not None and np.any(self.truth[i])
        ]

    @property
    def prevalence(self) -> float:
        """Mean share of positive cells in the data that are scored.

        The AP of a constant map, and of a random one.
        """
        shares = [float(np.mean(self.truth[i])) for i in self.scored(range(len(self.ids)))]
        return float(np.mean(shares)) if shares else float("nan")


def opened(source: Problem) -> Problem:
    """The problem that a source names (or is): Problem, read once a process.

    A source has ``load()`` -> Problem.
    """
    return source if isinstance(source, Problem) else _loaded(source)


@lru_cache(maxsize=1)
def _loaded(source: Any) -> Any:
    return source.load()
