"""A fitted head as a study keeps it: settings, centroids, kernel, calibration; safetensors and JSON."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ..errors import FitError, StudyDamagedError
from ..features import n_features, pair_index
from ..files import folder_atomic, write_atomic
from ..kernels import KERNELS, make_kernel
from ..prediction import Calibration
from ..quantizers import KMeansQuantizer, MiniBatchKMeansQuantizer
from .journal import CurationState

__all__ = ["FitSettings", "Fit", "GIVEN", "QUANTIZERS"]

QUANTIZERS = {each.name: each for each in (KMeansQuantizer, MiniBatchKMeansQuantizer)}
GIVEN = "as encoded"
"""In place of a quantizer: the concepts are those that the encoder brings (residue types), none are looked for."""


@dataclass(frozen=True)
class FitSettings:
    """How a study is fitted.

    concepts K; radius r in hops; kernel "fold-change" (alpha, tau) or "linear" (l1_ratio); diffusive maps; seed;
    sample = tokens for k-means; quantizer "k-means", "mini-batch k-means", or "as encoded" where the encoder brings concepts
    (then their number is K).
    """

    concepts: int = 15
    radius: int = 1
    kernel: str = "fold-change"
    alpha: float = 1e10
    tau: float = 0.0
    l1_ratio: float = 0.5
    diffusive: bool = False
    seed: int = 0
    sample: int = 50_000
    quantizer: str = "k-means"

    def check(self):
        """Raise FitError for settings out of range."""
        for name, low, high in (("concepts", 2, 1000), ("radius", 0, 64), ("sample", 2, 10**9), ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise FitError(f"{name} must be {low} to {high}, got {value}")
        for what, names in (("kernel", KERNELS), ("quantizer", (*QUANTIZERS, GIVEN))):
            if getattr(self, what) not in names:
                raise FitError(f"there is no {what} {getattr(self, what)!r}: choose one of {', '.join(names)}")
        if not (self.alpha > 0 and self.tau >= 0 and 0 <= self.l1_ratio <= 1):
            raise FitError("alpha must be positive, tau at least 0 and l1_ratio between 0 and 1")
        return self

    def make_kernel(self):
        """The unfitted kernel."""
        if self.kernel == "linear":
            return make_kernel("linear", l1_ratio=self.l1_ratio, seed=self.seed)
        return make_kernel("fold-change", alpha=self.alpha, tau=self.tau)


@dataclass
class Fit:
    """One fitted head.

    Attributes
    ----------
    id, journal : number of the fit (negative: a preview, kept nowhere), and of the last journal entry that it knows
    settings : FitSettings
    centroids : (K, d) float32
    coef : (p,) float64 prospect kernel over all K concepts; 0 for inactive ones; pins applied
    fitted_coef : (p,) the same before pins
    calibration : evidence to probability
    summary : dict; "predictions": {uid: P(class 1)}, held out where the datum was fitted on; accuracy, auroc, ...
    state : CurationState at that journal entry
    """

    id: int
    journal: int
    settings: FitSettings
    centroids: np.ndarray
    coef: np.ndarray
    fitted_coef: np.ndarray
    calibration: Calibration
    summary: dict
    state: CurationState = field(repr=False)

    @property
    def n_concepts(self):
        """K, inactive concepts included."""
        return len(self.centroids) + self.state.n_extra

    @property
    def radius(self):
        """Receptive field in hops."""
        return self.settings.radius

    @property
    def unit(self):
        """Unit of the kernel's weights."""
        return KERNELS[self.settings.kernel].unit

    @property
    def pinned(self):
        """Concepts (i,) and pairs (i, j), i <= j, whose weight is the expert's, by the ids that are in the kernel."""
        found = {
            tuple(sorted(self.state.home(k) for k in (key if isinstance(key, tuple) else (key,))))
            for key in self.state.pins
        }
        return {each for each in found if not any(k in self.state.excluded for k in each)}

    def weight(self, concept):
        """Weight of a concept's monogram."""
        return float(self.coef[concept])

    def pair_weight(self, i, j):
        """Weight of the skip-bigram of two concepts (0 if the fit counts no pairs)."""
        return float(self.coef[pair_index(i, j, self.n_concepts)]) if self.radius else 0.0

    def digest(self):
        """SHA-256 of what the fit says: centroids, weights, calibration and predictions, to the last bit."""
        found = hashlib.sha256()
        for array in (self.centroids, self.coef, self.fitted_coef):
            found.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        curve = [self.calibration.slope, self.calibration.offset]
        found.update(json.dumps([curve, self.summary["predictions"]], sort_keys=True).encode())
        return found.hexdigest()

    def save(self, folder):
        """Write ``head.safetensors`` and ``head.json`` into a new folder, whole or not at all."""
        tensors = {"centroids": self.centroids, "coef": self.coef, "fitted_coef": self.fitted_coef}
        record = {
            "settings": asdict(self.settings),
            "calibration": {"slope": self.calibration.slope, "offset": self.calibration.offset},
            "summary": self.summary,
        }
        with folder_atomic(folder) as partial:
            write_atomic(
                partial / "head.safetensors", save_tensors({k: np.ascontiguousarray(v) for k, v in tensors.items()})
            )
            write_atomic(partial / "head.json", json.dumps(record, indent=1, sort_keys=True).encode())

    @classmethod
    def load(cls, folder, id, journal, state):
        """Read what ``save`` wrote. Raises StudyDamagedError."""
        try:
            tensors = load_tensors((folder / "head.safetensors").read_bytes())
            record = json.loads((folder / "head.json").read_text())
            settings = FitSettings(**record["settings"])
            fit = cls(
                id=id, journal=journal, settings=settings, centroids=tensors["centroids"], coef=tensors["coef"],
                fitted_coef=tensors["fitted_coef"], calibration=Calibration(**record["calibration"]),
                summary=record["summary"], state=state,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise StudyDamagedError(
                f"{folder} cannot be read ({error}): run `prospector replay --repair`, or `prospector fit` again"
            ) from error
        if fit.coef.shape != (n_features(fit.n_concepts, fit.radius),):
            raise StudyDamagedError(
                f"{folder} contradicts itself: run `prospector replay --repair`, or `prospector fit` again"
            )
        return fit
