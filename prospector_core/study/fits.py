"""A fitted head as a study keeps it: settings, centroids, kernel, calibration; safetensors and JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ..errors import FitError, PluginError, ProspectorError, StudyDamagedError
from ..method.calibration import Calibration
from ..method.features import n_features, pair_index
from ..method.kernels import KERNELS, make_kernel
from ..method.quantizers import (
    ConceptTree,
    GaussianMixtureQuantizer,
    KMeansQuantizer,
    MiniBatchKMeansQuantizer,
    SphericalKMeansQuantizer,
    StreamedKMeansQuantizer,
    TreeQuantizer,
    VQAutoencoderQuantizer,
)
from ..plugins import load_one, names_of, origin_of
from ..store.checked import read_json
from ..store.files import folder_atomic, write_atomic
from ..store.removal import read_own
from .fit_records import check_head, check_settings, check_tree
from .journal import CurationState

__all__ = [
    "FitSettings",
    "Fit",
    "GIVEN",
    "Kernels",
    "QUANTIZERS",
    "SUGGESTED",
    "about_quantizer",
    "list_quantizers",
    "make_quantizer",
]

QUANTIZERS = {
    each.name: each
    for each in (
        KMeansQuantizer,
        SphericalKMeansQuantizer,
        GaussianMixtureQuantizer,
        TreeQuantizer,
        VQAutoencoderQuantizer,
        MiniBatchKMeansQuantizer,
        StreamedKMeansQuantizer,
    )
}
_GROUP = "prospector.quantizers"
_FILES = re.compile(
    r"head\.(json|safetensors)|maps/(fdr-[\d.e+-]+/)?(class-\d+/)?[a-z][0-9a-f]{14}\.(npy|json)|(.*/)?\..*\.partial"
)
GIVEN = "as encoded"
"""In place of a quantizer: the concepts are those that the encoder brings (residue types)."""


def list_quantizers():
    """Names of what finds concepts.

    Ours, and those installed under the entry point group ``prospector.quantizers``.
    """
    return [*QUANTIZERS, *(name for name in names_of(_GROUP) if name not in QUANTIZERS)]


def about_quantizer(name):
    """One line on what a quantizer looks for.

    Of an installed one what its attribute ``about`` says, or where it is from.
    """
    if name == GIVEN:
        return "the kinds that the encoder itself tells by name: none are looked for"
    if name in QUANTIZERS:
        return QUANTIZERS[name].about
    try:
        maker = load_one(_GROUP, name)
    except PluginError:  # the fit says what is wrong with it
        maker = None
    said = str(getattr(maker, "about", None) or "").strip()
    return said.splitlines()[0] if said else origin_of(_GROUP, name)


def make_quantizer(name, n_concepts, sample, seed):
    """An unfitted quantizer by name. Raises FitError."""
    maker = QUANTIZERS.get(name)
    try:
        if maker is None:
            maker = load_one(_GROUP, name)
        if maker is None:
            raise FitError(f"there is no quantizer {name!r}: choose one of {', '.join(list_quantizers())}")
        return maker(n_concepts, sample=sample, seed=seed)
    except ProspectorError:
        raise
    except Exception as error:
        raise FitError(f"the installed quantizer {name} cannot be loaded ({error})") from error


@dataclass(frozen=True)
class FitSettings:
    """How a study is fitted.

    concepts K; radius r in hops; kernel "fold-change" (alpha, tau) or "linear" (l1_ratio); diffusive maps;
    seed; sample = tokens that concepts are looked for in; quantizer, a name of ``list_quantizers()``, or "as
    encoded" where the encoder brings concepts (then their number is K).

    softness: how far a token belongs to other concepts than the nearest (0: not at all; see
    ``soft.temperature``); centre: how much of what a datum's tokens share is taken out of their embeddings
    first (0 to 1; see ``soft.centred``); pseudo, shrink: see ``FoldChangeKernel``. All 0 is the authors'
    method, and what fits are that say nothing of it; what new studies begin with is ``SUGGESTED``.
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
    softness: float = 0.0
    centre: float = 0.0
    pseudo: float = 0.0
    shrink: bool = False

    def check(self):
        """Raise FitError for settings out of range."""
        for name, low, high in (
            ("concepts", 2, 1000),
            ("radius", 0, 64),
            ("sample", 2, 10**9),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise FitError(f"{name} must be {low} to {high}, got {value}")
        for what, names in (("kernel", KERNELS), ("quantizer", (*list_quantizers(), GIVEN))):
            if getattr(self, what) not in names:
                raise FitError(
                    f"there is no {what} {getattr(self, what)!r}: choose one of {', '.join(names)}"
                )
        for name, high in (("softness", 10), ("centre", 1), ("pseudo", 1000)):
            if not 0 <= getattr(self, name) <= high:
                raise FitError(f"{name} must be 0 to {high}, got {getattr(self, name)}")
        if not (self.alpha > 0 and self.tau >= 0 and 0 <= self.l1_ratio <= 1):
            raise FitError("alpha must be positive, tau at least 0 and l1_ratio between 0 and 1")
        return self

    def make_kernel(self):
        """The unfitted kernel."""
        if self.kernel == "linear":
            return make_kernel("linear", l1_ratio=self.l1_ratio, seed=self.seed)
        return make_kernel(
            "fold-change", alpha=self.alpha, tau=self.tau, pseudo=self.pseudo, shrink=self.shrink
        )


SUGGESTED = FitSettings(concepts=30, softness=0.25, centre=0.5, pseudo=0.1, shrink=True)
"""Settings to begin with: better than the authors' on slides, structures and documents, without choosing."""

_TOKENS_A_CONCEPT = 12  # at least, on average


def suggested(tokens: int, first: Mapping[str, Any], given: int | None = None) -> FitSettings:
    """Return what a new study begins with.

    Parameters
    ----------
    tokens : int
        How many may be fitted on.
    first : mapping
        What is different for its kind of data (``Modality.first_settings``).
    given : int, optional
        How many concepts the encoder brings.
    """
    if given is not None:  # what tokens are is known: nothing to soften
        return replace(SUGGESTED, concepts=given, quantizer=GIVEN, softness=0.0, centre=0.0)
    concepts = int(np.clip(tokens // _TOKENS_A_CONCEPT, 2, SUGGESTED.concepts))
    return replace(SUGGESTED, concepts=concepts, **first)


@dataclass(frozen=True)
class Kernels:
    """The kernels of a fit of more than two classes, one per class, each against the rest.

    Attributes: coef (n_classes, p), pins applied; fitted_coef (n_classes, p); calibration, a tuple of
    n_classes; summary, whose "predictions" are {uid: [P(class 0), P(class 1), ...]}, summing to 1.
    """

    coef: np.ndarray
    fitted_coef: np.ndarray
    calibration: tuple
    summary: dict


@dataclass
class Fit:
    """One fitted head, seen from one class: the kernel that tells it from the rest.

    Attributes
    ----------
    id, journal : number of the fit (negative: a preview, kept nowhere), and of the last journal entry that it
        knows
    settings : FitSettings
    centroids : (K, d) float32
    coef : (p,) float64 prospect kernel over all K concepts; 0 for inactive ones; pins applied
    fitted_coef : (p,) the same before pins
    calibration : evidence to probability, of this class against the rest
    summary : dict; "predictions": {uid: P(target)}, held out where the datum was fitted on; accuracy, auroc,
        ...
    state : CurationState at that journal entry
    target : the class that positive weights speak for; 1 where there are two
    kernels : Kernels of every class where there are more than two, else None
    tree : ConceptTree, how its concepts branch, where the quantizer knows; else None
    masked : of a fit of which only the weights that exceed chance are left (``evaluation.mask``), their false
        discovery rate
    whole : the fit that was masked, or None

    ``of_class(c)`` is the same fit seen from another class: it can be given wherever a fit can.
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
    target: int = 1
    kernels: Kernels | None = field(default=None, repr=False)
    tree: ConceptTree | None = field(default=None, repr=False)
    masked: float | None = None
    whole: Fit | None = field(default=None, repr=False)

    @classmethod
    def of_kernels(cls, id, journal, settings, centroids, kernels, state, target=None, tree=None):
        """A fit of several classes, seen from ``target`` (default: the last class)."""
        target = len(kernels.coef) - 1 if target is None else int(target)
        probabilities = kernels.summary["predictions"]
        summary = {
            **kernels.summary,
            "predictions": {uid: each[target] for uid, each in probabilities.items()},
            "positive": kernels.summary["class_counts"][target],
        }
        return cls(
            id,
            journal,
            settings,
            centroids,
            kernels.coef[target],
            kernels.fitted_coef[target],
            kernels.calibration[target],
            summary,
            state,
            target,
            kernels,
            tree,
        )

    def of_class(self, target):
        """This fit seen from a class: Fit. Raises FitError.

        With two classes there is one kernel, which speaks for class 1 where it is positive and for class 0
        where it is negative: class 1 is the fit itself, and class 0 is refused.
        """
        if target == self.target:
            return self
        if self.kernels is None:
            raise FitError(
                "there are two classes and one kernel: negative weights and scores speak for class 0"
            )
        if not 0 <= target < self.n_classes:
            raise FitError(f"there is no class {target}: classes are 0..{self.n_classes - 1}")
        return self.of_kernels(
            self.id, self.journal, self.settings, self.centroids, self.kernels, self.state, target, self.tree
        )

    @property
    def n_classes(self):
        """How many classes there are."""
        return 2 if self.kernels is None else len(self.kernels.coef)

    @property
    def key(self):
        """What depends on the fit, the class and the mask is remembered under.

        (id, target), or with ``masked``.
        """
        return (self.id, self.target) if self.masked is None else (self.id, self.target, self.masked)

    @property
    def whole_summary(self):
        """The summary of all classes, as it is kept."""
        return self.summary if self.kernels is None else self.kernels.summary

    def probabilities(self, uid):
        """P of each class of a datum, summing to 1: tuple of n_classes floats; None if it was not there."""
        found = self.whole_summary["predictions"].get(uid)
        if found is None:
            return None
        return (1 - found, found) if self.kernels is None else tuple(found)

    def predicted(self, uid):
        """The most probable class of a datum: int; None if it was not there."""
        found = self.whole_summary["predictions"].get(uid)
        if found is None:
            return None
        return int(found >= 0.5) if self.kernels is None else int(np.argmax(found))

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
        """Concepts (i,) and pairs (i, j), i <= j, whose weight is the expert's.

        By the ids that are in the kernel.
        """
        found = {
            tuple(sorted(self.state.home(k) for k in (key if isinstance(key, tuple) else (key,))))
            for key in self.state.pins_of(self.target)
        }
        return {each for each in found if not any(k in self.state.excluded for k in each)}

    def weight(self, concept):
        """Weight of a concept's monogram."""
        return float(self.coef[concept])

    def pair_weight(self, i, j):
        """Weight of the skip-bigram of two concepts (0 if the fit counts no pairs)."""
        return float(self.coef[pair_index(i, j, self.n_concepts)]) if self.radius else 0.0

    def digest(self):
        """SHA-256 of what the fit says.

        Centroids, their tree, weights, calibration and predictions, to the last bit.

        It is of all classes, whichever one the fit is seen from.
        """
        found = hashlib.sha256()
        kept = self.kernels or self
        branches = _tree_tensors(self.tree).values()
        for array in (self.centroids, kept.coef, kept.fitted_coef, *branches):
            found.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        curve = [[each.slope, each.offset] for each in self.calibrations]
        curve = curve[0] if self.kernels is None else curve
        found.update(json.dumps([curve, kept.summary["predictions"]], sort_keys=True).encode())
        return found.hexdigest()

    @property
    def calibrations(self):
        """The calibration of each kernel: a tuple of one, or one per class."""
        return (self.calibration,) if self.kernels is None else self.kernels.calibration

    def save(self, folder):
        """Write ``head.safetensors`` and ``head.json`` into a new folder, whole or not at all."""
        kept = self.kernels or self
        tensors = {
            "centroids": self.centroids,
            "coef": kept.coef,
            "fitted_coef": kept.fitted_coef,
            **_tree_tensors(self.tree),
        }
        curves = [{"slope": each.slope, "offset": each.offset} for each in self.calibrations]
        record = {
            "settings": asdict(self.settings),
            "calibration": curves[0] if self.kernels is None else curves,
            "summary": kept.summary,
        }
        with folder_atomic(folder, _FILES.fullmatch) as partial:
            write_atomic(
                partial / "head.safetensors",
                save_tensors({k: np.ascontiguousarray(v) for k, v in tensors.items()}),
            )
            write_atomic(partial / "head.json", json.dumps(record, indent=1, sort_keys=True).encode())

    @classmethod
    def load(cls, folder, id, journal, state, target=None):
        """Read what ``save`` wrote; of several classes, seen from ``target``. Raises StudyDamagedError."""
        try:
            study = folder.parent.parent
            tensors = load_tensors(read_own(study, folder / "head.safetensors"))
            record = check_head(read_json(read_own(study, folder / "head.json"), "head.json"))
            settings, tree = FitSettings(**check_settings(record["settings"])), _tree_of(tensors)
            coef, fitted, curve = tensors["coef"], tensors["fitted_coef"], record["calibration"]
            if coef.ndim == 2:
                curves = tuple(Calibration(**each) for each in curve)
                kernels = Kernels(coef, fitted, curves, record["summary"])
                fit = cls.of_kernels(
                    id, journal, settings, tensors["centroids"], kernels, state, target, tree
                )
            else:
                fit = cls(
                    id=id,
                    journal=journal,
                    settings=settings,
                    centroids=tensors["centroids"],
                    coef=coef,
                    fitted_coef=fitted,
                    calibration=Calibration(**curve),
                    summary=record["summary"],
                    state=state,
                    tree=tree,
                )
            sound = fit.coef.shape == fit.fitted_coef.shape == (n_features(fit.n_concepts, fit.radius),)
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


def way_out(folder):
    """What mends a fit whose folder is damaged."""
    return f"run `prospector replay {folder.parent.parent} --repair`, or `prospector fit` again"


_TREE = ("fine", "sizes", "joins", "heights", "roots")


def _tree_tensors(tree):
    """A tree as a head keeps it: {name: array}, empty where there is none."""
    return {} if tree is None else {f"tree_{name}": getattr(tree, name) for name in _TREE}


def _tree_of(tensors):
    """The tree that a head has kept, or None. Raises ValueError, KeyError."""
    if "tree_fine" not in tensors:
        return None
    tree = ConceptTree(*(tensors[f"tree_{name}"] for name in _TREE))
    check_tree(tree, len(tensors["centroids"]))
    return tree
