"""What all quantizers that look for centroids share.

The sample, its checks, the order of concepts, the prediction.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from ...errors import EmbeddingError, FitError
from ..estimator import Estimator
from .nearest import assign_nearest, numbers

if TYPE_CHECKING:
    from typing import Self

    import numpy.typing as npt

    from ...store.stored_vectors import StoredVectors

__all__ = ["CentroidQuantizer"]


def drawn_tokens(n: int, sample: int, seed: int) -> np.ndarray | None:
    """Which of n tokens a quantizer looks at.

    (sample,) ascending, drawn with the seed; None where it is all of them.
    """
    return None if n <= sample else np.sort(np.random.RandomState(seed).choice(n, sample, replace=False))


class CentroidQuantizer(Estimator):
    """Concepts as centroids found in a sample of token embeddings.

    Ids run from the most to the least frequent.

    A subclass says ``name``, ``about`` (one line for those who choose) and ``_find(sample)``, which gives (K,
    d) centroids of (m, d) float32, m >= K. Parameters: n_concepts K; sample, tokens drawn for fitting (all,
    if there are fewer); seed, the same seed and data give the same centroids.

    Attributes after ``fit``: ``centroids_`` (K, d) float32. ``fit(embeddings)``, (n, d), raises
    EmbeddingError, FitError; ``predict(embeddings)`` gives (n,) int32: a token's concept is the nearest
    centroid.
    """

    name = about = ""

    def __init__(self, n_concepts: int = 20, sample: int = 50_000, seed: int = 0) -> None:
        self.n_concepts = n_concepts
        self.sample = sample
        self.seed = seed

    def fit(self, embeddings: StoredVectors | npt.ArrayLike) -> Self:
        """Find the centroids.

        Parameters
        ----------
        embeddings : (n, d) float
            Of all tokens that concepts are looked for in; a sample of them is drawn.

        Raises
        ------
        EmbeddingError
            A shape is wrong, or a value is not finite.
        FitError
            There are fewer tokens than concepts.
        """
        from sklearn.exceptions import ConvergenceWarning

        embeddings = self._sampled(embeddings)
        # One thread: the order of additions, hence the last bits of the centroids, must not depend on
        # scheduling. Fewer kinds of token than concepts, as in slides of one colour, leave concepts empty: no
        # reason for a warning.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            centroids = np.asarray(self._find(embeddings)).astype(np.float32)
        sizes = np.bincount(assign_nearest(embeddings, centroids), minlength=self.n_concepts)
        self._keep(centroids, np.argsort(-sizes, kind="stable"))
        return self

    def _find(self, sample: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _keep(self, centroids: np.ndarray, order: np.ndarray) -> None:
        """Set what is fitted; ``order`` (K,): the concepts from the most to the least frequent."""
        self.centroids_ = np.ascontiguousarray(centroids[order])

    def _sampled(self, embeddings: StoredVectors | npt.ArrayLike) -> np.ndarray:
        """The tokens to fit on: (m, d) float32, finite, at least K."""
        embeddings = numbers(embeddings)
        if embeddings.ndim != 2:
            raise EmbeddingError(f"embeddings must have shape (n, d), got {embeddings.shape}")
        if self.n_concepts < 1:
            raise FitError(f"the number of concepts must be at least 1, got {self.n_concepts}")
        rows = drawn_tokens(len(embeddings), self.sample, self.seed)
        if rows is not None:
            embeddings = embeddings[rows]
        if len(embeddings) < self.n_concepts:
            raise FitError(
                f"{len(embeddings)} tokens cannot make {self.n_concepts} concepts: ask for fewer, or add data"
            )
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, hence reported
            embeddings = np.ascontiguousarray(embeddings, np.float32)
        if not np.isfinite(embeddings).all():
            raise EmbeddingError("embeddings contain NaN or infinite values: embed the data again")
        return embeddings

    def predict(self, embeddings: StoredVectors | npt.ArrayLike) -> np.ndarray:
        """Concept of every token, the nearest centroid: embeddings (n, d) to (n,) int32."""
        if not hasattr(self, "centroids_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return assign_nearest(embeddings, self.centroids_)
