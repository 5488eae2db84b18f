"""Concepts as the parts of a mixture of Gaussians."""

from __future__ import annotations

import numpy as np

from ...errors import FitError
from .base import CentroidQuantizer

__all__ = ["GaussianMixtureQuantizer"]

_COVARIANCES = ("diag", "spherical", "tied", "full")
_STEPS = 100
_FLOOR = 1e-3  # of the mean variance: no part may shrink onto single tokens


class GaussianMixtureQuantizer(CentroidQuantizer):
    """Concepts as the means of a mixture of Gaussians, fitted by expectation-maximisation from k-means.

    While the mixture is fitted, parts differ in width, and tokens between two parts count for both; a token's
    concept is then the nearest mean, and soft shares are by distance, as of all quantizers: a concept is a
    point that edits, exports and other machines can hold on to. Parameters as ``CentroidQuantizer``;
    covariance "diag" (a variance a dimension and part), "spherical", "tied" or "full". Attributes after
    ``fit`` also: ``weights_`` (K,) shares of the parts. Raises FitError too for another covariance.
    """

    name = "gaussian mixture"
    about = (
        "kinds of different width, a token between two counting for both: where kinds blend into each other"
    )

    def __init__(
        self, n_concepts: int = 20, sample: int = 50_000, covariance: str = "diag", seed: int = 0
    ) -> None:
        super().__init__(n_concepts, sample, seed)
        self.covariance = covariance

    def _find(self, sample: np.ndarray) -> np.ndarray:
        from sklearn.mixture import GaussianMixture  # late: it takes a second to load

        if self.covariance not in _COVARIANCES:
            raise FitError(
                f"there is no covariance {self.covariance!r}: choose one of {', '.join(_COVARIANCES)}"
            )
        # in units of the spread, so that nothing depends on how large an encoder's numbers are
        middle = sample.mean(axis=0, dtype=np.float64)
        around = sample - middle
        scale = float(np.sqrt(np.mean(around**2))) or 1.0
        mixture = GaussianMixture(
            self.n_concepts,
            covariance_type=self.covariance,
            reg_covar=_FLOOR,
            max_iter=_STEPS,
            init_params="kmeans",
            random_state=self.seed,
        )
        mixture.fit(around / scale)
        self.weights_ = mixture.weights_
        return mixture.means_ * scale + middle

    def _keep(self, centroids: np.ndarray, order: np.ndarray) -> None:
        super()._keep(centroids, order)
        self.weights_ = self.weights_[order]
