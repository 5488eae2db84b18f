"""Layer I: from token embeddings to concepts (k-means regions of embedding space, or residue types)."""

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from ._compiled.nearest import pick_nearest, settle_nearest
from .errors import EmbeddingError, FitError
from .estimator import Estimator

__all__ = [
    "KMeansQuantizer",
    "MiniBatchKMeansQuantizer",
    "StreamedKMeansQuantizer",
    "ResidueQuantizer",
    "assign_nearest",
    "RESIDUE_TYPES",
]

_BLOCK = 16384  # tokens a matrix product: the block's products stay in the cache for the search that follows


def assign_nearest(embeddings, centroids):
    """Concept of every token: the nearest centroid (Euclidean, first of equals), the same on every machine.

    Parameters: embeddings (n, d), float32 used as they are (no copy), anything else, also what is on disk, block by block
    as float32; centroids (K, d). Returns (n,) int32. Raises EmbeddingError for a wrong shape or a value that is not finite.
    """
    embeddings = _numbers(embeddings)
    centroids = np.ascontiguousarray(centroids, np.float32)
    if embeddings.ndim != 2 or embeddings.shape[1] != centroids.shape[1]:
        raise EmbeddingError(
            f"embeddings have shape {embeddings.shape}, the concepts {centroids.shape[1]} dimensions: "
            "embed with the encoder that the concepts were fitted on"
        )
    # |x - c|^2 / 2 without what all concepts share: |c'|^2 / 2 + m . c' - x . c', where c' = c - m, m the mean centroid.
    # Embeddings often have a large mean in common; so it does not eat up the products' digits.
    middle = centroids.mean(axis=0, dtype=np.float64)
    around = centroids - middle
    norms = np.sqrt((around**2).sum(axis=1))
    offsets = (norms**2 / 2 + around @ middle).astype(np.float32)
    factors = around.astype(np.float32).T
    # A product's last bits depend on the machine, its threads and the block's size: what they could decide is settled
    # in float64. Rounding is a random walk of d steps; eight of its standard deviations are allowed for.
    tolerance = np.float32(8 * np.sqrt(max(embeddings.shape[1], 1)) * 2.0**-24)
    scale = np.float32(norms.max() * np.sqrt((centroids.astype(np.float64) ** 2).sum(axis=1)).max())
    concepts = np.empty(len(embeddings), np.int32)
    products = np.empty((min(_BLOCK, len(embeddings)), len(centroids)), np.float32)
    close = np.empty(len(products), np.bool_)
    for start in range(0, len(embeddings), _BLOCK):
        some = products[: min(_BLOCK, len(embeddings) - start)]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found below
            block = np.asarray(embeddings[start : start + _BLOCK]).astype(np.float32, copy=False)
            np.matmul(block, factors, out=some)
        pick_nearest(some, offsets, scale, tolerance, concepts[start : start + len(block)], close)
        again = np.flatnonzero(close[: len(block)])
        if again.size:
            nearest = concepts[start + again]
            settle_nearest(block[again], centroids, some[again], offsets, scale, tolerance, nearest)
            concepts[start + again] = nearest
    if concepts.size and concepts.min() < 0:
        raise EmbeddingError(f"the embedding of token {int(np.argmin(concepts))} is not finite: embed its datum again")
    return concepts


def _numbers(embeddings):
    if not hasattr(embeddings, "blocks"):  # those of a store are read as they are used
        embeddings = np.asarray(embeddings)
    if embeddings.dtype.kind not in "biuf":
        raise EmbeddingError(f"embeddings must be numbers, got {embeddings.dtype}")
    return embeddings


def drawn_tokens(n, sample, seed):
    """Which of n tokens k-means looks at: (sample,) ascending, drawn with the seed; None where it is all of them."""
    return None if n <= sample else np.sort(np.random.RandomState(seed).choice(n, sample, replace=False))


class KMeansQuantizer(Estimator):
    """Concepts as k-means clusters of a sample of token embeddings; ids run from the most to the least frequent.

    Parameters
    ----------
    n_concepts : K
    sample : tokens drawn for fitting (all, if there are fewer)
    n_init : restarts, the best of which is kept
    seed : the same seed and data give the same centroids

    Attributes after ``fit``: ``centroids_`` (K, d) float32. ``fit(embeddings)``, (n, d), raises EmbeddingError,
    FitError; ``predict(embeddings)`` gives (n,) int32. Source: paper section 3.1.
    """

    name = "k-means"

    def __init__(self, n_concepts=20, sample=50_000, n_init=4, seed=0):
        self.n_concepts = n_concepts
        self.sample = sample
        self.n_init = n_init
        self.seed = seed

    def _clusterer(self):
        from sklearn.cluster import KMeans  # late: it takes a second to load

        return KMeans(self.n_concepts, n_init=self.n_init, random_state=self.seed)

    def fit(self, embeddings):
        from sklearn.exceptions import ConvergenceWarning

        embeddings = _numbers(embeddings)
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
        # One thread: the order of additions, hence the last bits of the centroids, must not depend on scheduling.
        # Fewer kinds of token than concepts, as in slides of one colour, leave concepts empty: no reason for a warning.
        clusterer = self._clusterer()
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            centroids = clusterer.fit(embeddings).cluster_centers_.astype(np.float32)
        sizes = np.bincount(assign_nearest(embeddings, centroids), minlength=self.n_concepts)
        self.centroids_ = np.ascontiguousarray(centroids[np.argsort(-sizes, kind="stable")])
        return self

    def predict(self, embeddings):
        if not hasattr(self, "centroids_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return assign_nearest(embeddings, self.centroids_)


class MiniBatchKMeansQuantizer(KMeansQuantizer):
    """As ``KMeansQuantizer``, fitted by mini-batches: for samples of millions of tokens.

    ``batch`` tokens are looked at together.
    """

    name = "mini-batch k-means"

    def __init__(self, n_concepts=20, sample=1_000_000, n_init=4, seed=0, batch=4096):
        super().__init__(n_concepts, sample, n_init, seed)
        self.batch = batch

    def _clusterer(self):
        from sklearn.cluster import MiniBatchKMeans

        return MiniBatchKMeans(
            self.n_concepts, n_init=self.n_init, random_state=self.seed, batch_size=self.batch, compute_labels=False
        )


class StreamedKMeansQuantizer(KMeansQuantizer):
    """As ``KMeansQuantizer``, then refined by mini-batches in one pass over all tokens, in the memory of one block.

    ``fit(embeddings)`` takes an array; ``fit_blocks(sample, blocks)`` the sample that it starts from, and an iterable of (m, d)
    blocks, each looked at once. The same blocks in the same order give the same centroids. Source: Sculley 2010.
    """

    name = "streamed k-means"

    def fit(self, embeddings):
        embeddings = _numbers(embeddings)
        if embeddings.ndim != 2:
            raise EmbeddingError(f"embeddings must have shape (n, d), got {embeddings.shape}")
        starts = range(0, len(embeddings), _BLOCK)
        return self.fit_blocks(embeddings, (embeddings[start : start + _BLOCK] for start in starts))

    def fit_blocks(self, sample, blocks):
        from sklearn.cluster import MiniBatchKMeans

        super().fit(sample)
        # a batch of one token too few would end in a warning of sklearn's, not in an error: it has no minimum here
        stream = MiniBatchKMeans(
            self.n_concepts, init=self.centroids_, n_init=1, random_state=self.seed, batch_size=_BLOCK, compute_labels=False,
            reassignment_ratio=0.0,  # a concept keeps its place, however rare
        )  # fmt: skip
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


RESIDUE_TYPES = "ARNDCQEGHILKMFPSTWYV"  # IUPAC order; anything else is the 21st concept


class ResidueQuantizer(Estimator):
    """Amino-acid identity as concept, no encoder: 20 residue types and 1 unknown.

    ``predict(residues)`` takes a string or sequence of one-letter codes, (n,), and gives (n,) int32.
    """

    name = "residue type"
    n_concepts = 21

    def fit(self, residues=None):
        return self

    def predict(self, residues):
        known = {letter: index for index, letter in enumerate(RESIDUE_TYPES)}
        return np.array([known.get(str(letter).upper(), len(RESIDUE_TYPES)) for letter in residues], np.int32)
