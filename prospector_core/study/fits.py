"""A fitted head as a study keeps it: settings, centroids, kernels, calibration; safetensors and JSON.

A ``Fit`` has the kernels of all classes; what is looked at is a ``FitView`` of it: one class's kernel, with
or without the weights that chance reaches.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ..errors import FitError, StudyDamagedError
from ..method.calibration import Calibration
from ..method.features import n_features, pair_index
from ..method.kernels import KERNELS
from ..method.null import Null
from ..method.quantizers import ConceptTree
from ..store.checked import read_json
from ..store.files import folder_atomic, write_atomic
from ..store.removal import read_own
from .fit_records import check_head, check_settings, check_tree
from .journal import CurationState
from .settings import FitSettings

__all__ = ["Fit", "FitView", "Kernels", "way_out"]

_FILES = re.compile(
    r"head\.(json|safetensors)|maps/(fdr-[\d.e+-]+/)?(class-\d+/)?[a-z][0-9a-f]{14}\.(npy|json)|(.*/)?\..*\.partial"
)


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of a fit: one where there are two classes, else one per class, each against the rest.

    Attributes
    ----------
    coef : (n_kernels, p) float64
        Weights over all K concepts; 0 for inactive ones; pins applied.
    fitted_coef : (n_kernels, p) float64
        The same before pins.
    calibration : tuple of Calibration
        Evidence to probability, of each kernel.
    summary : dict
        "predictions": {uid: P(class 1)}, or of several classes {uid: [P(class 0), P(class 1), ...]}, summing
        to 1; held out where the datum was fitted on; accuracy, auroc, ...
    """

    coef: np.ndarray
    fitted_coef: np.ndarray
    calibration: tuple[Calibration, ...]
    summary: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Fit:
    """One fitted head, with the kernels of all classes.

    Attributes
    ----------
    id, journal : int
        Number of the fit (negative: a preview, kept nowhere), and of the last journal entry that it knows.
    settings : FitSettings
    centroids : (K, d) float32
    kernels : Kernels
    state : CurationState
        At that journal entry.
    tree : ConceptTree or None
        How its concepts branch, where the quantizer knows.
    """

    id: int
    journal: int
    settings: FitSettings
    centroids: np.ndarray
    kernels: Kernels
    state: CurationState = field(repr=False)
    tree: ConceptTree | None = field(default=None, repr=False)
    _views: dict[int, FitView] = field(default_factory=dict, init=False, repr=False)

    def view(self, target: int | None = None) -> FitView:
        """Return the fit seen from a class (default: the last), always the same object. Raises FitError."""
        target = self.n_classes - 1 if target is None else int(target)
        found = self._views.get(target)
        return found or self._views.setdefault(target, FitView(self, target))

    @property
    def several(self) -> bool:
        """Whether there are more than two classes, and so a kernel a class."""
        return len(self.kernels.coef) > 1

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.kernels.coef) if self.several else 2

    @property
    def summary(self) -> dict[str, Any]:
        """What the fit says of its data, of all classes, as it is kept."""
        return self.kernels.summary

    def probabilities(self, uid: str) -> tuple[float, ...] | None:
        """P of each class of a datum, summing to 1: tuple of n_classes floats; None if it was not there."""
        found = self.summary["predictions"].get(uid)
        if found is None:
            return None
        return tuple(found) if self.several else (1 - found, found)

    def predicted(self, uid: str) -> int | None:
        """The most probable class of a datum; None if it was not there."""
        found = self.summary["predictions"].get(uid)
        if found is None:
            return None
        return int(np.argmax(found)) if self.several else int(found >= 0.5)

    @property
    def n_concepts(self) -> int:
        """K, inactive concepts included."""
        return len(self.centroids) + self.state.n_extra

    @property
    def radius(self) -> int:
        """Receptive field in hops."""
        return self.settings.radius

    @property
    def unit(self) -> str:
        """Unit of the kernel's weights."""
        return KERNELS[self.settings.kernel].unit

    def digest(self) -> str:
        """SHA-256 of what the fit says of all classes, to the last bit.

        Centroids, their tree, weights, calibration and predictions.
        """
        return self._digest

    @cached_property
    def _digest(self) -> str:
        found = hashlib.sha256()
        for array in self._tensors().values():
            found.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        curves = [[curve.slope, curve.offset] for curve in self.kernels.calibration]
        curves = curves if self.several else curves[0]
        found.update(json.dumps([curves, self.summary["predictions"]], sort_keys=True).encode())
        return found.hexdigest()

    def _tensors(self) -> dict[str, np.ndarray]:
        """Arrays as they are kept: of one kernel (p,), of several (n_classes, p)."""
        coef, fitted = self.kernels.coef, self.kernels.fitted_coef
        if not self.several:
            coef, fitted = coef[0], fitted[0]
        return {"centroids": self.centroids, "coef": coef, "fitted_coef": fitted, **_tree_tensors(self.tree)}

    def save(self, folder: Path) -> None:
        """Write ``head.safetensors`` and ``head.json`` into a new folder, whole or not at all."""
        curves = [{"slope": curve.slope, "offset": curve.offset} for curve in self.kernels.calibration]
        record = {
            "settings": asdict(self.settings),
            "calibration": curves if self.several else curves[0],
            "summary": self.summary,
        }
        tensors = {name: np.ascontiguousarray(array) for name, array in self._tensors().items()}
        with folder_atomic(folder, _FILES.fullmatch) as partial:
            write_atomic(partial / "head.safetensors", save_tensors(tensors))
            write_atomic(partial / "head.json", json.dumps(record, indent=1, sort_keys=True).encode())

    @classmethod
    def load(cls, folder: Path, id: int, journal: int, state: CurationState) -> Fit:
        """Read what ``save`` wrote. Raises StudyDamagedError."""
        try:
            study = folder.parent.parent
            tensors = load_tensors(read_own(study, folder / "head.safetensors"))
            record = check_head(read_json(read_own(study, folder / "head.json"), "head.json"))
            settings, tree = FitSettings(**check_settings(record["settings"])), _tree_of(tensors)
            coef, fitted, curves = tensors["coef"], tensors["fitted_coef"], record["calibration"]
            if coef.ndim == 1:
                coef, fitted, curves = coef[None], fitted[None], [curves]
            kernels = Kernels(
                coef, fitted, tuple(Calibration(**curve) for curve in curves), record["summary"]
            )
            fit = cls(id, journal, settings, tensors["centroids"], kernels, state, tree)
            sound = coef.shape == fitted.shape == (len(curves), n_features(fit.n_concepts, fit.radius))
            fit.view().summary  # noqa: B018 (what it says is of every class)
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
            SafetensorError,
        ) as error:
            raise StudyDamagedError(f"{folder} cannot be read ({error}): {way_out(folder)}") from error
        if not sound:
            raise StudyDamagedError(f"{folder} contradicts itself: {way_out(folder)}")
        return fit


@dataclass(frozen=True, eq=False)
class FitView:
    """A fit as it is looked at: which class's kernel, and whether weights that chance reaches are left out.

    With two classes there is one kernel, which speaks for class 1 where it is positive and for class 0 where
    it is negative: class 1 is what it is seen from, and class 0 is refused. Raises FitError.

    Attributes
    ----------
    fit : Fit
    target : int
        The class that positive weights speak for.
    mask : Null or None
        What shuffled labels say of the weights: those that it does not keep are 0, but for the expert's.
    plain : bool
        Scores of tokens by themselves, without the smoothing that is part of the fit.
    """

    fit: Fit = field(repr=False)
    target: int
    mask: Null | None = None
    plain: bool = False

    def __post_init__(self) -> None:
        if not self.fit.several and self.target != 1:
            raise FitError(
                "there are two classes and one kernel: negative weights and scores speak for class 0"
            )
        if not 0 <= self.target < self.fit.n_classes:
            raise FitError(f"there is no class {self.target}: classes are 0..{self.fit.n_classes - 1}")

    def seen_from(self, target: int) -> FitView:
        """Return the same fit seen from a class: from another one, without a mask. Raises FitError."""
        return self if target == self.target else self._other(target, None, self.plain)

    @property
    def unmasked(self) -> FitView:
        """The same with all weights."""
        return self if self.mask is None else self._other(self.target, None, self.plain)

    @property
    def unsmoothed(self) -> FitView:
        """The same with scores of tokens by themselves."""
        return self._other(self.target, self.mask, True) if self.smoothing else self

    def _other(self, target: int, mask: Null | None, plain: bool) -> FitView:
        return FitView(self.fit, target, mask, plain) if mask or plain else self.fit.view(target)

    @property
    def smoothing(self) -> int:
        """Steps by which maps are smoothed."""
        return 0 if self.plain else self.settings.smoothing

    @property
    def key(self) -> tuple:
        """What depends on fit, class and mask is remembered under it."""
        own = (self.id, self.target, *(() if self.mask is None else (self.mask.level,)))
        return (*own, "plain") if self.plain else own

    @cached_property
    def coef(self) -> np.ndarray:
        """(p,) float64 prospect kernel over all K concepts; 0 for inactive ones; pins applied."""
        coef = self.fit.kernels.coef[self._row]
        if self.mask is None:
            return coef
        return np.where(self.mask.kept | (coef != self.fitted_coef), coef, 0.0)

    @property
    def fitted_coef(self) -> np.ndarray:
        """(p,) float64, the kernel before pins."""
        return self.fit.kernels.fitted_coef[self._row]

    @property
    def calibration(self) -> Calibration:
        """Evidence to probability, of this class against the rest."""
        return self.fit.kernels.calibration[self._row]

    @property
    def _row(self) -> int:
        return self.target if self.fit.several else 0

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the fit says of its data; "predictions": {uid: P(target)}."""
        summary = self.fit.summary
        if not self.fit.several:
            return summary
        predictions = {uid: shares[self.target] for uid, shares in summary["predictions"].items()}
        positive = summary["class_counts"][self.target]
        return {**summary, "predictions": predictions, "positive": positive}

    @property
    def pinned(self) -> set[tuple[int, ...]]:
        """Concepts (i,) and pairs (i, j), i <= j, whose weight is the expert's, by the ids in the kernel."""
        found = {
            tuple(sorted(self.state.home(k) for k in (key if isinstance(key, tuple) else (key,))))
            for key in self.state.pins_of(self.target)
        }
        return {ids for ids in found if not any(k in self.state.excluded for k in ids)}

    def weight(self, concept: int) -> float:
        """Weight of a concept's monogram."""
        return float(self.coef[concept])

    def pair_weight(self, i: int, j: int) -> float:
        """Weight of the skip-bigram of two concepts (0 if the fit counts no pairs)."""
        return float(self.coef[pair_index(i, j, self.n_concepts)]) if self.radius else 0.0

    # ---- of the fit, whichever class it is seen from

    @property
    def id(self) -> int:
        """Number of the fit."""
        return self.fit.id

    @property
    def journal(self) -> int:
        """The last entry of the journal that the fit knows."""
        return self.fit.journal

    @property
    def settings(self) -> FitSettings:
        """Settings of the fit."""
        return self.fit.settings

    @property
    def state(self) -> CurationState:
        """Edits that the fit knows."""
        return self.fit.state

    @property
    def centroids(self) -> np.ndarray:
        """(K, d) float32, centres of the concepts as they were found."""
        return self.fit.centroids

    @property
    def tree(self) -> ConceptTree | None:
        """How the fit's concepts branch, where the quantizer knows."""
        return self.fit.tree

    @property
    def n_concepts(self) -> int:
        """K, inactive concepts included."""
        return self.fit.n_concepts

    @property
    def radius(self) -> int:
        """Receptive field in hops."""
        return self.fit.radius

    @property
    def unit(self) -> str:
        """Unit of the kernel's weights."""
        return self.fit.unit

    def digest(self) -> str:
        """SHA-256 of what the fit says of all classes: see ``Fit.digest``."""
        return self.fit.digest()

    def probabilities(self, uid: str) -> tuple[float, ...] | None:
        """P of each class of a datum: see ``Fit.probabilities``."""
        return self.fit.probabilities(uid)

    def predicted(self, uid: str) -> int | None:
        """The most probable class of a datum: see ``Fit.predicted``."""
        return self.fit.predicted(uid)


def way_out(folder: Path) -> str:
    """What mends a fit whose folder is damaged."""
    return f"run `prospector replay {folder.parent.parent} --repair`, or `prospector fit` again"


_TREE = ("fine", "sizes", "joins", "heights", "roots")


def _tree_tensors(tree: ConceptTree | None) -> dict[str, np.ndarray]:
    """A tree as a head keeps it: {name: array}, empty where there is none."""
    return {} if tree is None else {f"tree_{name}": getattr(tree, name) for name in _TREE}


def _tree_of(tensors: dict[str, np.ndarray]) -> ConceptTree | None:
    """The tree that a head has kept, or None. Raises ValueError, KeyError."""
    if "tree_fine" not in tensors:
        return None
    tree = ConceptTree(*(tensors[f"tree_{name}"] for name in _TREE))
    check_tree(tree, len(tensors["centroids"]))
    return tree
