"""Prospect maps as a study keeps them: one .npy a datum, and beside it what it is a map of."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING

import numpy as np

from .files import read_npy, storage_errors, write_atomic
from .place import make_folders
from .removal import own_place, remove_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["label_of", "map_fault", "read_map", "write_map"]


def label_of(path: Path) -> Path:
    """The file beside a map that says which embeddings and fit it is of, and its checksum."""
    return path.with_suffix(".json")


def write_map(path: Path, scores: np.ndarray, stamp: str, digest: str, home: Path) -> None:
    """Keep a map.

    Parameters
    ----------
    path : of the .npy file
    scores : (n,) float64
    stamp : of the embeddings of its datum
    digest : of the fit
    home : folder of the study, which is not made again where it was moved
    """
    buffer = io.BytesIO()
    np.save(buffer, scores, allow_pickle=False)
    content, label = buffer.getvalue(), label_of(path)
    with storage_errors(path):
        make_folders(path.parent, home)
        remove_file(own_place(home, label))  # first: it is of the map that was there
    write_atomic(path, content)
    said = {"embeddings": stamp, "fit": digest, "checksum": _checksum(content, stamp, digest)}
    write_atomic(label, json.dumps(said, indent=1).encode())


def read_map(path: Path, stamp: str, digest: str) -> np.ndarray | None:
    """The map that was kept, (n,) float64.

    None where there is none of these embeddings and this fit, or it is damaged.
    """
    try:
        said = json.loads(label_of(path).read_bytes())
        if said["embeddings"] != stamp or said["fit"] != digest:
            return None
        content = path.read_bytes()
        return read_npy(content) if _checksum(content, stamp, digest) == said["checksum"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def map_fault(path: Path) -> str:
    """Why a map that is kept cannot be what was written, in words; "" where it can."""
    try:
        content, label = path.read_bytes(), label_of(path)
        if label.exists():
            said = json.loads(label.read_bytes())
            if _checksum(content, said["embeddings"], said["fit"]) != said["checksum"]:
                return "it does not agree with its checksum"
        if read_npy(content).dtype != np.float64:
            return "it holds no scores"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"it cannot be read ({error})"
    return ""


def _checksum(content: bytes, stamp: str, digest: str) -> str:
    return hashlib.sha256(content + f"{stamp} {digest}".encode()).hexdigest()
