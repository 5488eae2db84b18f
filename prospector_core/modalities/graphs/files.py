"""Tables of tokens: files of cells or of token graphs, whatever their format, opened in one way."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GraphError, ProspectorError
from ...plugins import load_all
from ...store.readable import require_readable

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = [
    "MAX_FEATURES",
    "TOKEN_SUFFIXES",
    "TokenFile",
    "TokenOptions",
    "TokenTable",
    "list_token_files",
    "open_tokens",
]

MAX_FEATURES = (
    5000  # numbers per token; more are better reduced first (highly variable genes, principal components)
)
_IMAGES = (".tif", ".tiff")
TOKEN_SUFFIXES = (".h5ad", ".zarr", ".parquet", ".csv", ".tsv", ".npz", *_IMAGES)


@dataclass(frozen=True)
class TokenOptions:
    """How files are to be read, where it is not obvious.

    Attributes: sample, column that says which datum a token belongs to; values, what the features are ("X",
    "layers/NAME" or "obsm/NAME" of AnnData); spatial, the key of obsm that has coordinates; unit of
    coordinates ("µm").
    """

    sample: str | None = None
    values: str = "X"
    spatial: str = "spatial"
    unit: str | None = None


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


class TokenFile:
    """A file that holds the tokens of one datum or of several. Base of readers.

    Attributes: path; parts, names of the data in it, in the file's order.
    """

    def __init__(self, path: Path, parts: dict[str, np.ndarray] | list[str]) -> None:
        self.path, self.parts = Path(path), [str(part) for part in parts]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def read(self, part: Any) -> None:
        """The tokens of a datum: TokenTable. Raises ProspectorError."""
        raise NotImplementedError

    def under(self, part: Any) -> Any:
        """What is under the tokens of a datum.

        `readers.under.Under`, read piece by piece as it is looked at.

        Raises ProspectorError.

        Coordinates are those that `read` gives. What it returns stays readable when the file is closed.
        """
        from .background import Under

        return Under()

    def close(self) -> None:
        """Let go of the file."""


def open_tokens(path: Path, options: TokenOptions | None = None) -> Any:
    """Open a file of tokens: AnnData, SpatialData, CSV, Parquet, NPZ, or a channel image.

    A channel image is read with its label image.

    Readers installed under the entry point group ``prospector.readers`` are asked first; one whose result is
    a `TokenFile` is taken. Parameters: path; options, TokenOptions. Raises GraphError, MissingExtraError.
    """
    path, options = Path(path), options or TokenOptions()
    require_readable(path, GraphError)
    if not path.exists():
        raise GraphError(f"{path.name} does not exist in {path.parent.name or path.parent}; was it moved?")
    for name, reader in load_all("prospector.readers"):
        try:
            found = reader(path)
        except ProspectorError:
            raise
        except Exception as error:
            raise GraphError(f"{path.name}: the installed reader {name} failed ({error})") from error
        if isinstance(found, TokenFile):
            return found
    suffix = path.suffix.lower()
    if suffix in (".h5ad", ".zarr"):
        from .annotated import AnnotatedFile as Reader
    elif suffix in (".csv", ".tsv", ".parquet"):
        from .token_tables import TableFile as Reader
    elif suffix == ".npz":
        from .token_tables import ArrayFile as Reader
    elif suffix in _IMAGES:
        from .cell_images import CellImage as Reader
    else:
        raise GraphError(
            f"{path.name} is not a table of tokens: give AnnData (.h5ad, .zarr), Parquet, CSV, NPZ, or a"
            " channel image (.tif) with its label image"
        )
    return Reader(path, options)


def list_token_files(place: Path, ignore: list[Path] | tuple[None] = ()) -> list[Path]:
    """Files of tokens: of a folder, a single file, or a list of files; list of Path, sorted in a folder.

    Left out in a folder: tables of edges, label images, lists of channels, and ``ignore`` (the labels table).
    Raises GraphError.
    """
    if not isinstance(place, (str, os.PathLike)):
        return [Path(os.path.abspath(file)) for file in place]
    place = Path(os.path.abspath(place))
    require_readable(place, GraphError)
    if place.is_file() or place.suffix.lower() == ".zarr":
        return [place]
    if not place.is_dir():
        raise GraphError(f"there is no file or folder {place}: give the folder of the tables of tokens")
    from .cell_images import find_pairs, is_label_image

    more = [
        ending for _, reader in load_all("prospector.readers") for ending in getattr(reader, "suffixes", ())
    ]
    ignored = {Path(os.path.abspath(each)) for each in ignore}
    found, images = [], set(find_pairs(place))
    for path in sorted(place.iterdir()):
        stem, suffix = path.stem.lower(), path.suffix.lower()
        if path.name.startswith(".") or path in ignored:
            continue
        if suffix in more:
            found.append(path)
        elif suffix in _IMAGES:
            if not is_label_image(path) and path in images:
                found.append(path)
        elif suffix in TOKEN_SUFFIXES and not is_edges(path) and stem not in ("channels", "markers"):
            found.append(path)
    found += sorted(images - set(found))
    if not found:
        tiffs = any(path.suffix.lower() in _IMAGES for path in place.rglob("*"))
        raise GraphError(
            f"{place} holds no table of tokens: "
            + (
                "each channel image NAME.ome.tif needs its label image NAME_mask.tif beside it"
                if tiffs
                else "it needs .h5ad, .parquet, .csv or .npz files, or channel images with label images"
            )
        )
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
