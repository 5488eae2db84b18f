"""Concepts by k-means: of a sample, by mini-batches, or refined on all tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from ...errors import EmbeddingError
from .base import CentroidQuantizer
from .nearest import BLOCK, assign_nearest, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    import numpy.typing as npt
    from sklearn.cluster import KMeans, MiniBatchKMeans

    from ...store.stored_vectors import StoredVectors

__all__ = ["KMeansQuantizer", "MiniBatchKMeansQuantizer", "StreamedKMeansQuantizer"]


class KMeansQuantizer(CentroidQuantizer):
    """Concepts as k-means clusters of a sample of token embeddings.

    Ids run from the most to the least frequent.

    Parameters as ``CentroidQuantizer``; n_init, restarts, the best of which is kept. Source: paper section
    3.1.
    """

    name = "k-means"
    about = "round kinds of about the same extent: the paper's way, and the one to begin with"

    def __init__(self, n_concepts: int = 20, sample: int = 50_000, n_init: int = 4, seed: int = 0) -> None:
        super().__init__(n_concepts, sample, seed)
        self.n_init = n_init

    def _clusterer(self) -> KMeans:
        from sklearn.cluster import KMeans  # late: it takes a second to load

        return KMeans(self.n_concepts, n_init=self.n_init, random_state=self.seed)

    def _find(self, sample: np.ndarray) -> np.ndarray:
        return self._clusterer().fit(sample).cluster_centers_


class MiniBatchKMeansQuantizer(KMeansQuantizer):
    """As ``KMeansQuantizer``, fitted by mini-batches: for samples of millions of tokens.

    ``batch`` tokens are looked at together.
    """

    name = "mini-batch k-means"
    about = "k-means looked for in small batches: quicker where the sample holds millions of tokens"

    def __init__(
        self, n_concepts: int = 20, sample: int = 1_000_000, n_init: int = 4, seed: int = 0, batch: int = 4096
    ) -> None:
        super().__init__(n_concepts, sample, n_init, seed)
        self.batch = batch

    def _clusterer(self) -> MiniBatchKMeans:
        from sklearn.cluster import MiniBatchKMeans

        return MiniBatchKMeans(
            self.n_concepts,
            n_init=self.n_init,
            random_state=self.seed,
            batch_size=self.batch,
            compute_labels=False,
        )


class StreamedKMeansQuantizer(KMeansQuantizer):
    """As ``KMeansQuantizer``, then refined by mini-batches in one pass over all tokens.

    It needs the memory of one block.

    ``fit(embeddings)`` takes an array; ``fit_blocks(sample, blocks)`` the sample that it starts from, and an
    iterable of (m, d) blocks, each looked at once. The same blocks in the same order give the same centroids.
    Source: Sculley 2010.
    """

    name = "streamed k-means"
    about = "k-means refined on every token, block by block: where a sample may miss what is rare"

    def fit(self, embeddings: StoredVectors | npt.ArrayLike) -> StreamedKMeansQuantizer:
        """Find the centroids in embeddings (n, d), block by block."""
        embeddings = numbers(embeddings)
        if embeddings.ndim != 2:
            raise EmbeddingError(f"embeddings must have shape (n, d), got {embeddings.shape}")
        starts = range(0, len(embeddings), BLOCK)
        return self.fit_blocks(embeddings, (embeddings[start : start + BLOCK] for start in starts))

    def fit_blocks(self, sample: np.ndarray, blocks: Iterable[np.ndarray]) -> Self:
        """Find the centroids of a sample (m, d), then refine them on blocks (., d), each looked at once."""
        from sklearn.cluster import MiniBatchKMeans

        super().fit(sample)
        # a batch of one token too few would end in a warning of sklearn's, not in an error: it has no minimum
        # here
        stream = MiniBatchKMeans(
            self.n_concepts,
            init=self.centroids_,
            n_init=1,
            random_state=self.seed,
            batch_size=BLOCK,
            compute_labels=False,
            reassignment_ratio=0.0,  # a concept keeps its place, however rare
        )
        sizes = np.zeros(self.n_concepts, np.int64)
        with threadpool_limits(1):
            for block in blocks:
                with np.errstate(over="ignore"):
                    block = np.ascontiguousarray(block, np.float32)
                if not np.isfinite(block).all():
                    raise EmbeddingError("embeddings contain NaN or infinite values: embed the data again")
                sizes += np.bincount(assign_nearest(block, self.centroids_), minlength=self.n_concepts)
                stream.partial_fit(block)
        if sizes.any():
            centroids = stream.cluster_centers_.astype(np.float32)
            self.centroids_ = np.ascontiguousarray(centroids[np.argsort(-sizes, kind="stable")])
        return self
