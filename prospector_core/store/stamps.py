"""What embeddings are known by.

A stamp of their content, and a seal over the records that say how they are stored.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["OWN", "content_stamp", "edition_of", "earlier_stamp", "seal_of", "short_hash"]

OWN = ("complete", "block", "shard", "stamp", "seal", "begun_on")
"""Attributes of ours, beside those that were given when the embeddings were written."""

_ROWS = 16_384  # tokens hashed at once


def short_hash(*parts: Any) -> str:
    """Return 16 hexadecimal digits that change with the ``repr`` of any part."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def content_stamp(group: Any) -> str:
    """Return what changes with the embeddings of a datum, their places, edges or attributes.

    It changes with nothing else.

    The same content has the same stamp, however it is cut into blocks and files.

    Parameters
    ----------
    group : zarr.Group or StoredGroup
        With ``attrs`` and the arrays ``embeddings``, and where there are any ``positions`` and ``edges``.
    """
    vectors = group["embeddings"]
    given = {key: value for key, value in dict(group.attrs).items() if key not in OWN}
    head = [given, list(vectors.shape), np.dtype(vectors.dtype).str]
    said = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name in ("positions", "edges"):
        if name in group:
            array = np.ascontiguousarray(group[name][:])
            said.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    for start in range(0, vectors.shape[0], _ROWS):
        said.update(np.ascontiguousarray(vectors[start : start + _ROWS]).tobytes())
    return said.hexdigest()[:32]


def seal_of(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a hash over the ``zarr.json`` records of a datum.

    ``records`` is {"" for its group, or the name of an array: record}.
    """
    group = dict(records[""])
    group["attributes"] = {key: value for key, value in group["attributes"].items() if key != "seal"}
    whole = {name: record if name else group for name, record in records.items()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:32]


def earlier_stamp(attrs: Mapping[str, Any], version: Any) -> str:
    """Return the stamp of embeddings that were written before there were stamps.

    It is made of their record and of when this was written.
    """
    return f"earlier-{short_hash(sorted(dict(attrs).items()), version)}"


_editions: dict[str, tuple[dict[str, str], int]] = {}
_lock = threading.Lock()


def edition_of(place: str | Path, stamps: Mapping[str, str]) -> int:
    """Return how often embeddings of a store that this process knew have been replaced by others.

    New data do not change it: what is remembered of the others stays right.
    """
    with _lock:
        known, edition = _editions.get(str(place), ({}, 0))
        if any(known.get(uid, stamp) != stamp for uid, stamp in stamps.items()):
            edition += 1
        _editions[str(place)] = ({**known, **stamps}, edition)
        return edition
