"""A prospector head: quantiser + prospect kernel + radius, fitted on labels of whole data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EmbeddingError, FitError
from .calibration import Calibration
from .counting import count_concepts
from .estimator import Estimator, unfitted
from .explaining import explain
from .features import n_features
from .kernels import FoldChangeKernel, check_labels
from .prospecting import prospect
from .quantizers import KMeansQuantizer
from .triples import check_triples, count_triples, explain_triples, score_triples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import numpy.typing as npt

    from .explaining import Explanation
    from .graphs import TokenGraph
    from .kernels import LinearKernel
    from .quantizers import CentroidQuantizer
    from .quantizers.residues import ResidueQuantizer

__all__ = ["ProspectorHead"]


class ProspectorHead(Estimator):
    """Fit on token graphs, token embeddings and datum labels; then ask where class 1 lives.

    Parameters
    ----------
    quantizer : KMeansQuantizer (default, K = 20), MiniBatchKMeansQuantizer or ResidueQuantizer
    kernel : FoldChangeKernel (default) or LinearKernel
    radius : receptive field r in hops
    diffusive : weigh neighbours by 2^-hops in maps
    triples : also count which three concepts meet within the radius (see ``triples``; 49 concepts at most)

    Attributes after ``fit``: ``quantizer_``, ``kernel_``, ``coef_`` (p,), ``counts_`` (n_data, p), of triples
    K choose 3 more, ``calibration_``. Source: paper section 3.
    """

    def __init__(
        self,
        quantizer: CentroidQuantizer | ResidueQuantizer | None = None,
        kernel: FoldChangeKernel | LinearKernel | None = None,
        radius: int = 1,
        diffusive: bool = False,
        triples: bool = False,
    ) -> None:
        self.quantizer = quantizer
        self.kernel = kernel
        self.radius = radius
        self.diffusive = diffusive
        self.triples = triples

    def fit(
        self, graphs: Sequence[TokenGraph], embeddings: Sequence[np.ndarray | str], labels: npt.ArrayLike
    ) -> Self:
        """Fit quantiser, kernel and datum-level prediction.

        Parameters: graphs, list of TokenGraph; embeddings, list of (n_i, d); labels (n_data,) of 0 and 1.
        Raises FitError, EmbeddingError, GraphError.
        """
        graphs, embeddings, labels = list(graphs), list(embeddings), np.asarray(labels)
        if labels.ndim != 1 or not len(graphs) == len(embeddings) == len(labels):
            raise FitError(
                f"{len(graphs)} graphs, {len(embeddings)} embeddings and {labels.size} labels: give one of"
                " each a datum"
            )
        if not graphs:
            raise FitError("there are no data to fit on")
        self.quantizer_ = unfitted(self.quantizer) if self.quantizer is not None else KMeansQuantizer()
        check_labels(labels)  # before the long part
        if self.triples:
            check_triples(self.n_concepts, self.radius)
        self.quantizer_.fit(_joined(embeddings))
        sprites = [self.sprite(each) for each in embeddings]
        self.counts_ = np.stack([self._count(graph, sprite) for graph, sprite in zip(graphs, sprites)])
        self.kernel_ = unfitted(self.kernel) if self.kernel is not None else FoldChangeKernel()
        self.kernel_.fit(self.counts_, labels)
        self.coef_ = self.kernel_.coef_
        self.calibration_ = Calibration.fit(self.kernel_.evidence(self.counts_), labels)
        return self

    @property
    def n_concepts(self) -> int:
        """K."""
        return (
            self.quantizer_ if hasattr(self, "quantizer_") else self.quantizer or KMeansQuantizer()
        ).n_concepts

    def _count(self, graph: TokenGraph, sprite: np.ndarray) -> np.ndarray:
        counts = count_concepts(graph, sprite, self.n_concepts, self.radius)
        return (
            np.append(counts, count_triples(graph, sprite, self.n_concepts, self.radius))
            if self.triples
            else counts
        )

    def _weights(self) -> list[np.ndarray]:
        """Weights of single concepts and pairs, and of triples (empty without)."""
        return np.split(self.coef_, [n_features(self.n_concepts, self.radius)])

    def sprite(self, embeddings: np.ndarray | str) -> np.ndarray:
        """Concept of every token: (n,) int32."""
        return self.quantizer_.predict(embeddings)

    def prospect(self, graph: TokenGraph, embeddings: np.ndarray | str) -> np.ndarray:
        """Prospect map of one datum: (n,) float64."""
        sprite, (pairs, triples) = self.sprite(embeddings), self._weights()
        scores = prospect(graph, sprite, pairs, self.n_concepts, self.radius, self.diffusive)
        if self.triples:
            scores = scores + score_triples(graph, sprite, triples, self.n_concepts, self.radius)
        return scores

    def explain(self, graph: TokenGraph, embeddings: np.ndarray | str, token: int) -> Explanation:
        """The terms whose sum is a token's score: an Explanation."""
        sprite, (pairs, triples) = self.sprite(embeddings), self._weights()
        found = explain(graph, sprite, pairs, self.n_concepts, self.radius, token, self.diffusive)
        if not self.triples:
            return found
        terms = [
            *found.terms,
            *explain_triples(set(sprite[found.neighbours].tolist()), triples, self.n_concepts),
        ]
        score = float(sum(term.value for term in terms))
        return replace(found, score=score, terms=tuple(sorted(terms, key=lambda term: -abs(term.value))))

    def predict_proba(
        self, graphs: Sequence[TokenGraph], embeddings: Sequence[np.ndarray | str]
    ) -> np.ndarray:
        """Probability of class 0 and 1 of each datum: (n_data, 2) float64."""
        graphs, embeddings = list(graphs), list(embeddings)
        if len(graphs) != len(embeddings):
            raise FitError(f"{len(graphs)} graphs and {len(embeddings)} embeddings: give one of each a datum")
        if not graphs:
            return np.empty((0, 2))
        counts = [self._count(graph, self.sprite(each)) for graph, each in zip(graphs, embeddings)]
        ones = self.calibration_.predict(self.kernel_.evidence(np.array(counts)))
        return np.stack([1 - ones, ones], axis=1)


def _joined(embeddings: Sequence[np.ndarray | str]) -> np.ndarray | str:
    """All data's tokens one after another: (n, d), or one string of residues."""
    if all(isinstance(each, str) for each in embeddings):
        return "".join(map(str, embeddings))
    shapes = sorted({np.shape(each)[1:] for each in embeddings})
    if len(shapes) > 1:
        raise EmbeddingError(f"data differ in embedding dimensions {shapes}: embed all with the same encoder")
    return np.concatenate([np.asarray(each) for each in embeddings])
