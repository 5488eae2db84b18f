"""The atlas: a sample of a study's tokens laid out in the plane.

Near each other where their embeddings are alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Atlas", "lay_out", "sample_tokens"]

_COMPONENTS = 30  # of the embeddings: what comes after them moves no point visibly, and costs time
_LEAST = 20  # tokens below which there is nothing to lay out


@dataclass(frozen=True)
class Atlas:
    """A sample of tokens in the plane.

    Attributes: uids, list of data; datum (n,) index into ``uids``; token (n,) its number there; place (n, 2)
    float32, each axis between -1 and 1.
    """

    uids: list
    datum: np.ndarray
    token: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.token)


def sample_tokens(sizes: Sequence[int], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw tokens, as many from each datum where it has so many.

    Parameters: sizes, tokens of each datum; n, how many in all at most; seed. Returns (datum (m,), token
    (m,)), sorted.
    """
    rng = np.random.default_rng(seed)
    left, shares = n, np.zeros(len(sizes), int)
    for place, index in enumerate(
        np.argsort(sizes, kind="stable")
    ):  # small data first: what they lack others give
        shares[index] = min(sizes[index], left // (len(sizes) - place))
        left -= shares[index]
    drawn = [np.sort(rng.choice(size, share, replace=False)) for size, share in zip(sizes, shares)]
    return np.repeat(np.arange(len(sizes)), shares), np.concatenate(drawn).astype(np.int64)


def lay_out(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Places in the plane of vectors (n, d): (n, 2) float32 between -1 and 1.

    Principal components, then t-SNE (van der Maaten & Hinton 2008) from them. Raises EmbeddingError for too
    few.
    """
    from sklearn.decomposition import PCA  # late: they take a second to load
    from sklearn.manifold import TSNE

    n = len(vectors)
    if n < _LEAST:
        raise EmbeddingError(f"{n} tiles are too few for an atlas: it needs {_LEAST}")
    vectors = np.asarray(vectors, np.float32)
    if not np.ptp(vectors, axis=0).any():
        raise EmbeddingError("all tiles have the same embedding: there is nothing to lay out")
    components = min(_COMPONENTS, vectors.shape[1], n - 1)
    flat = PCA(components, svd_solver="full").fit_transform(vectors)
    perplexity = min(30.0, (n - 1) / 3)
    start = flat[:, :2] if components > 1 else np.c_[flat, np.zeros(n)]
    start = start / max(start[:, 0].std(), 1e-12) * 1e-4
    place = TSNE(
        perplexity=perplexity, init=start.astype(np.float32), random_state=seed, n_jobs=1
    ).fit_transform(flat)
    place = place - (place.max(axis=0) + place.min(axis=0)) / 2
    return (place / max(np.abs(place).max(), 1e-12)).astype(np.float32)


def atlas_key(uids: Sequence[str], sizes: Sequence[int], stamps: Sequence[str], n: int, seed: int) -> str:
    """What an atlas is kept under: another one for other data or embeddings."""
    text = repr((sorted(zip(uids, sizes, stamps)), n, seed))
    return "atlas-" + hashlib.sha256(text.encode()).hexdigest()[:16]
