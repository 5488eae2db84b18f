"""How a study is fitted: the settings, and what finds concepts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import FitError, PluginError, ProspectorError
from ..method.kernels import KERNELS, make_kernel
from ..method.quantizers import (
    GaussianMixtureQuantizer,
    KMeansQuantizer,
    MiniBatchKMeansQuantizer,
    SphericalKMeansQuantizer,
    StreamedKMeansQuantizer,
    TreeQuantizer,
    VQAutoencoderQuantizer,
)
from ..method.shrinkage import ADAPTIVE
from ..method.smoothing import check_smoothing
from ..plugins import load_one, names_of, origin_of

__all__ = [
    "GIVEN",
    "QUANTIZERS",
    "SUGGESTED",
    "FitSettings",
    "about_quantizer",
    "list_quantizers",
    "make_quantizer",
    "suggested",
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
GIVEN = "as encoded"
"""In place of a quantizer: the concepts are those that the encoder brings (residue types)."""


def list_quantizers() -> list[str]:
    """Names of what finds concepts.

    Ours, and those installed under the entry point group ``prospector.quantizers``.
    """
    return [*QUANTIZERS, *(name for name in names_of(_GROUP) if name not in QUANTIZERS)]


def about_quantizer(name: str) -> str:
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


def make_quantizer(name: str, n_concepts: int, sample: int, seed: int) -> Any:
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
    first (0 to 1; see ``soft.centred``); pseudo, shrink: see ``FoldChangeKernel``; smoothing: steps by which
    maps are smoothed (see ``smoothing``). All 0 is the authors' method, and what fits are that say nothing of
    it; what new studies begin with is ``SUGGESTED``.
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
    shrink: bool | str = False
    smoothing: int = 0

    def check(self) -> FitSettings:
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
        if self.shrink not in (False, True, ADAPTIVE):
            raise FitError(f'shrink must be false, true or "{ADAPTIVE}", got {self.shrink!r}')
        check_smoothing(self.smoothing)
        if not (self.alpha > 0 and self.tau >= 0 and 0 <= self.l1_ratio <= 1):
            raise FitError("alpha must be positive, tau at least 0 and l1_ratio between 0 and 1")
        return self

    def make_kernel(self) -> Any:
        """The unfitted kernel."""
        if self.kernel == "linear":
            return make_kernel("linear", l1_ratio=self.l1_ratio, seed=self.seed)
        return make_kernel(
            "fold-change", alpha=self.alpha, tau=self.tau, pseudo=self.pseudo, shrink=self.shrink
        )


SUGGESTED = FitSettings(concepts=30, softness=0.25, centre=0.5, pseudo=0.03, shrink=ADAPTIVE, smoothing=2)
"""Settings to begin with, the same for every kind of data. How they were chosen: `docs/evaluation.md`."""

_TOKENS_A_CONCEPT = 12  # at least, on average


def suggested(tokens: int, given: int | None = None) -> FitSettings:
    """Return what a new study begins with.

    Parameters
    ----------
    tokens : int
        How many may be fitted on.
    given : int, optional
        How many concepts the encoder brings.
    """
    if given is not None:  # what tokens are is known: nothing to soften
        return replace(SUGGESTED, concepts=given, quantizer=GIVEN, softness=0.0, centre=0.0)
    concepts = int(np.clip(tokens // _TOKENS_A_CONCEPT, 2, SUGGESTED.concepts))
    return replace(SUGGESTED, concepts=concepts)
