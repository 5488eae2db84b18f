"""How embeddings lie in a folder: names, records, and what may be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmbeddingError, StudyDamagedError
from .blocks import (
    group_record,
    open_group,
)
from .removal import GROUP_FILE, check_folder, check_group, is_link, remove_folder
from .stamps import OWN

__all__ = [
    "EARLY",
    "PARTIAL",
    "RENEW",
    "REPLACED",
    "WHOLE",
    "Layout",
    "check_own_group",
    "group_records",
    "remove_group",
    "whole_files",
    "float_type",
    "given_attrs",
]

_MOST_EDGES = 1000  # a token

PARTIAL, WHOLE, REPLACED, RENEW, EARLY = ".partial", ".whole", ".replaced", ".renew", "early"


def group_records(folder: Path) -> dict[str, Any]:
    """Return the zarr.json of a group in a folder, under "", and of its arrays by name."""
    names = (name for name in ("embeddings", "positions", "edges") if (folder / name / "zarr.json").exists())
    return {"": group_record(folder), **{name: group_record(folder / name) for name in names}}


def given_attrs(group: Any) -> dict[str, Any]:
    """Return the attributes that were given with embeddings, without our own."""
    return {key: value for key, value in dict(group.attrs).items() if key not in OWN}


def whole_files(group: Any) -> int:
    """Return how many files the embeddings of a whole datum are in.

    Raises ValueError where its arrays contradict each other.
    """
    array, block = group["embeddings"], group.attrs.get("shard", group.attrs["block"])
    n = array.shape[0]
    if len(array.shape) != 2 or type(block) is not int or block < 1 or array.dtype.kind != "f":
        raise ValueError("they are not one row of numbers per token")
    if group.attrs["block"] != array.chunks[0]:
        raise ValueError("their blocks are not of the length that is said")
    for name, most in (("positions", 1), ("edges", _MOST_EDGES)):
        if name in group and group[name].shape[0] > max(n, 1) * most:
            raise ValueError(f"their {name} are too many")
    return -(-n // block)


def remove_group(folder: Path) -> None:
    """Remove the embeddings of a datum, if they are there.

    Raises StudyDamagedError for a folder that is not ours.
    """
    if folder.exists() or is_link(folder):
        check_own_group(folder)
        remove_folder(folder, GROUP_FILE.fullmatch)


def check_own_group(folder: Path) -> None:
    """Raise StudyDamagedError unless a folder is one of ours.

    What it says of itself, or that it says nothing yet.
    """
    try:
        said = json.loads((folder / "zarr.json").read_bytes())
        ours = said.get("node_type") == "group" and check_group(said.get("attributes", {}))
    except (
        FileNotFoundError
    ):  # its making, or its removal, was cut short; the names of its files are looked at
        ours = True
    except (OSError, ValueError, AttributeError, RecursionError):
        ours = (folder / "zarr.json").is_file()  # damaged: the names of the files tell
    if not ours:
        raise StudyDamagedError(
            f"{folder} was not written by Prospector, so nothing was removed: move it away, and repeat"
        )
    check_folder(folder, GROUP_FILE.fullmatch)


@dataclass(frozen=True, eq=False)
class Layout:
    """What the embeddings of a datum are to be, and how they lie in their folder.

    Attributes
    ----------
    n, dim : int
    positions : (n, 2) int32, (n, 2) or (n, 3) float64, or None
    edges : (m, 2) int64 or None
    attrs : dict
    block : int
        Tokens that are written together.
    dtype : numpy dtype
    begun_on : str
        The state of the file that tokens are read from; said only of what is half made.
    """

    n: int
    dim: int
    positions: np.ndarray | None
    edges: np.ndarray | None
    attrs: dict[str, Any]
    block: int
    dtype: np.dtype
    begun_on: str = ""

    def checked(self) -> Layout:
        """Return it as it is kept.

        Raises
        ------
        EmbeddingError
            A shape or type is wrong, or an attribute is not plain JSON or has a name of ours.
        """
        if self.n < 1 or self.dim < 1:
            raise EmbeddingError(f"there is nothing to embed: {self.n} tokens of {self.dim} numbers")
        if self.block < 1:
            raise EmbeddingError(f"a block of {self.block} tokens is not possible; it must be 1 or more")
        positions, edges = self.positions, self.edges
        return replace(
            self,
            positions=None if positions is None else _checked_positions(np.asarray(positions), self.n),
            edges=None if edges is None else _checked_edges(np.asarray(edges), self.n),
            attrs=_checked_attributes(self.attrs),
        )

    def is_that_of(self, folder: Any, half_made: bool = False) -> bool:
        """Return whether what is in a folder was begun like this, and can be read.

        ``folder`` may be another place that zarr knows. Of what is half made it is also asked what it was
        begun on.
        """
        try:
            group = open_group(folder)
            array, kept = group["embeddings"], group.attrs.asdict()
            if kept.get("begun_on", "") != (self.begun_on if half_made else ""):
                return False
            if array.shape != (self.n, self.dim) or array.dtype != self.dtype:
                return False
            if given_attrs(group) != self.attrs:
                return False
            if not kept["block"] == self.block == array.chunks[0]:
                return False
            for name, wanted in (("positions", self.positions), ("edges", self.edges)):
                if (wanted is not None) != (name in group):
                    return False
                if wanted is not None and not np.array_equal(group[name][:], wanted):
                    return False
        except Exception:
            return False
        return True


def float_type(name: str) -> np.dtype:
    """Return the dtype that embeddings are kept as. Raises EmbeddingError."""
    if name not in ("float32", "float16"):
        raise EmbeddingError(f"embeddings are kept as float32 or float16, not {name}")
    return np.dtype(name)


def _checked_attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain = json.loads(json.dumps(dict(attrs), allow_nan=False, default=_plain))
    except (TypeError, ValueError) as error:
        raise EmbeddingError(f"attributes of embeddings must be plain JSON values ({error})") from error
    for key in OWN:
        if key in plain:
            raise EmbeddingError(f"the attribute name {key!r} is taken; choose another")
    return plain


def _checked_positions(positions: np.ndarray, n: int) -> np.ndarray:
    """Positions (n, 2) or (n, 3) as int32 or float64."""
    if positions.ndim != 2 or len(positions) != n or positions.shape[1] not in (2, 3):
        raise EmbeddingError(f"{n} tokens need ({n}, 2) or ({n}, 3) positions, not {positions.shape}")
    if np.issubdtype(positions.dtype, np.integer):
        return positions.astype(np.int32)
    if np.issubdtype(positions.dtype, np.floating) and np.isfinite(positions).all():
        return positions.astype(np.float64)
    raise EmbeddingError("positions must be finite numbers")


def _checked_edges(edges: np.ndarray, n: int) -> np.ndarray:
    """Edges (m, 2) between tokens 0..n-1 as int64."""
    if edges.ndim != 2 or edges.shape[1] != 2 or not np.issubdtype(edges.dtype, np.integer):
        raise EmbeddingError(
            f"edges must be an (m, 2) array of token numbers, not {edges.shape} {edges.dtype}"
        )
    if edges.size and (edges.min() < 0 or edges.max() >= n):
        raise EmbeddingError(f"edges name tokens from {edges.min()} to {edges.max()}; there are 0 to {n - 1}")
    return edges.astype(np.int64)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not one")
