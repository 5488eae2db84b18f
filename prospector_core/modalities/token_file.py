"""Tokens as they are read from a file, whatever it is: features, positions, edges, names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import GraphError

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = [
    "MAX_FEATURES",
    "TokenFile",
    "TokenOptions",
    "TokenTable",
    "Under",
    "is_edges",
    "labels_of_parts",
    "unique",
]

MAX_FEATURES = (
    5000  # numbers per token; more are better reduced first (highly variable genes, principal components)
)


@dataclass(frozen=True)
class TokenOptions:
    """How files are to be read, where it is not obvious.

    Attributes
    ----------
    sample : str or None
        Column that says which datum a token belongs to.
    values : str
        What the features are: "X", "layers/NAME" or "obsm/NAME" of AnnData.
    spatial : str
        The key of obsm that has coordinates.
    unit : str or None
        Of coordinates ("µm").
    features, not_features : str or None
        Names of features to take, or to leave out: "CD3,CD8,IL*".
    x, y : str or None
        Columns of coordinates.
    label : str or None
        The column of the class: never a feature.
    table : str or None
        Which table of a SpatialData.
    """

    sample: str | None = None
    values: str = "X"
    spatial: str = "spatial"
    unit: str | None = None
    features: str | None = None
    not_features: str | None = None
    x: str | None = None
    y: str | None = None
    label: str | None = None
    table: str | None = None


@dataclass(frozen=True)
class TokenTable:
    """The tokens of one datum.

    Attributes
    ----------
    features : (n, f) float32
    names : list of f str, unique
    positions : (n, 2) or (n, 3) float64, or None
    edges : (m, 2) int64 as given, or None
    ids : list of n str (names of cells), or None
    unit : of the coordinates, "" where nobody says
    """

    features: np.ndarray
    names: list
    positions: np.ndarray | None = None
    edges: np.ndarray | None = None
    ids: list | None = None
    unit: str = ""

    def __len__(self) -> int:
        return len(self.features)

    def checked(self, where: str) -> TokenTable:
        """The same with arrays of the right types.

        ``where``: file or datum, for messages. Raises GraphError.
        """
        features = self._checked_features(where)
        if len(self.names) != features.shape[1]:
            raise GraphError(f"{where}: {len(self.names)} names of {features.shape[1]} features")
        positions = self._checked_positions(where, len(features))
        edges = self._checked_edges(where, len(features))
        if positions is None and edges is None:
            raise GraphError(f"{where} has neither coordinates (x, y) nor edges: one of them makes the graph")
        if self.ids is not None and len(self.ids) != len(features):
            raise GraphError(f"{where}: {len(self.ids)} ids of {len(features)} tokens")
        return replace(self, features=features, positions=positions, edges=edges, names=unique(self.names))

    def _checked_features(self, where: str) -> np.ndarray:
        """Return the features as (n, d) float32. Raises GraphError."""
        features = _numbers(self.features, f"{where}: features")
        if features.ndim != 2 or not features.shape[1]:
            raise GraphError(
                f"{where}: features must be a table, one row per token, not of shape {features.shape}"
            )
        if not len(features):
            raise GraphError(f"{where} holds no token")
        if features.shape[1] > MAX_FEATURES:
            raise GraphError(
                f"{where}: {features.shape[1]:,} features per token are more than {MAX_FEATURES:,}: take the"
                " most variable ones, or principal components (obsm/X_pca)"
            )
        with np.errstate(over="ignore"):
            features = np.ascontiguousarray(features, np.float32)
        wrong = np.argwhere(~np.isfinite(features))
        if len(wrong):
            token, column = wrong[0]
            raise GraphError(
                f"{where}: {self.names[column]!r} of token {token} is not a finite number: fill or leave out"
                " such tokens"
            )
        return features

    def _checked_positions(self, where: str, n: int) -> np.ndarray | None:
        """Return the places of n tokens as (n, 2 or 3) float64. Raises GraphError."""
        positions = self.positions
        if positions is None:
            return None
        positions = _numbers(positions, f"{where}: coordinates").astype(np.float64)
        if positions.ndim != 2 or positions.shape[0] != n or positions.shape[1] not in (2, 3):
            raise GraphError(
                f"{where}: {n} tokens need x, y (, z) each, got coordinates of shape {positions.shape}"
            )
        if not np.isfinite(positions).all():
            token = int(np.argmin(np.isfinite(positions).all(axis=1)))
            raise GraphError(f"{where}: token {token} has no finite coordinates: leave it out")
        return positions

    def _checked_edges(self, where: str, n: int) -> np.ndarray | None:
        """Return the edges of n tokens as (m, 2) int64. Raises GraphError."""
        if self.edges is None:
            return None
        edges = np.asarray(self.edges)
        edges = edges.T if edges.ndim == 2 and edges.shape[0] == 2 and edges.shape[1] != 2 else edges
        edges = edges.reshape(0, 2) if edges.size == 0 else edges
        if (
            edges.ndim != 2
            or edges.shape[1] != 2
            or not np.issubdtype(edges.dtype, np.integer)
            and edges.size
        ):
            raise GraphError(
                f"{where}: edges must be pairs of token numbers, not {edges.shape} {edges.dtype}"
            )
        edges = edges.astype(np.int64)
        if edges.size and (edges.min() < 0 or edges.max() >= n):
            raise GraphError(
                f"{where}: an edge names token"
                f" {edges.max() if edges.max() >= n else edges.min()}, but tokens are"
                f" 0..{n - 1}"
            )
        return edges


@dataclass
class Under:
    """What a file has beside the tokens of one datum.

    Attributes: images, list of ChannelImage; labels, LabelImage or None; outlines, Outlines or None.
    """

    images: list = field(default_factory=list)
    labels: object = None
    outlines: object = None

    def __bool__(self) -> Any:
        return bool(self.images or self.labels is not None or self.outlines is not None)


class TokenFile:
    """A file that holds the tokens of one datum or of several. Base of readers.

    Attributes
    ----------
    path : Path
    parts : list of str
        Names of the data in it, in the file's order.
    left : dict
        {what could be a feature: why it is none}.
    said : list of str
        What a user must know of how the file was read.
    by : str
        What parts are told by, for messages: "the column 'region'", with the other columns.
    """

    by = ""

    def __init__(self, path: Path, parts: dict[str, np.ndarray] | list[str]) -> None:
        self.path, self.parts = Path(path), [str(part) for part in parts]
        self.left: dict[str, str] = getattr(self, "left", {})
        self.said: list[str] = getattr(self, "said", [])

    def labels(self, column: str) -> dict[str, str]:
        """The class of each part, by a column of the file: {part: label}. Raises GraphError."""
        raise GraphError(f"{self.path.name} has no columns: give the labels as a table (--labels)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def read(self, part: Any) -> None:
        """The tokens of a datum: TokenTable. Raises ProspectorError."""
        raise NotImplementedError

    def under(self, part: Any) -> Any:
        """What is under the tokens of a datum.

        `Under`, read piece by piece as it is looked at.

        Raises ProspectorError.

        Coordinates are those that `read` gives. What it returns stays readable when the file is closed.
        """
        return Under()

    def close(self) -> None:
        """Let go of the file."""


def labels_of_parts(values: np.ndarray, of: dict[str, Any], column: str, name: str) -> dict[str, str]:
    """{part: label} of a column that says the class of every token; of: {part: its rows}.

    Raises
    ------
    GraphError
        The tokens of a part are of several classes.
    """
    found = {}
    for part, rows in of.items():
        several = list(dict.fromkeys(values[rows].tolist()))
        if len(several) > 1:
            raise GraphError(
                f"{name}: {part!r} has {len(several)} values in column {column!r} ({several[0]}, {several[1]}"
                f"{', ...' if len(several) > 2 else ''}): choose a column that is the same for all of a"
                " sample (--label-column), or the column of the sample (--sample-column)"
            )
        found[part] = str(several[0])
    return found


def is_edges(path: Path) -> bool:
    """Whether a file is named as a table of edges: edges.csv, NAME_edges.parquet, NAME.edges.csv."""
    stem = path.stem.lower()
    return stem == "edges" or stem.endswith(("_edges", ".edges", "-edges"))


def unique(names: list[str]) -> list[str]:
    """Names as text, the second of two alike with a number behind it."""
    seen, out = {}, []
    for name in map(str, names):
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def _numbers(values: np.ndarray, what: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        return array if array.dtype.kind in "biuf" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise GraphError(f"{what} must be numbers") from error
