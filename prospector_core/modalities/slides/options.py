"""Options of a study of slides."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..options import Question, option

__all__ = ["SlideOptions"]


@dataclass(frozen=True)
class SlideOptions:
    """How the tiles of slides are cut and embedded, or where features of them are.

    Attributes
    ----------
    encoder : str
    features, patches : Path or None
        Folders of features that another pipeline computed.
    mpp : float
        Microns a pixel at which tiles are cut.
    tile : int
        Pixels a tile side at that resolution.
    stain : str or None
        "macenko" or "reinhard": tiles are brought to the colours of a reference.
    slide_mpp : float, function(file name) -> float or None, or None
        Of slides that do not state their microns per pixel.
    min_tissue : float
        Share of a tile that must be tissue.
    """

    encoder: str = "efficientnet-lite0"
    features: Path | None = option(
        Path,
        "Folder of feature files of TRIDENT or CLAM (HDF5), instead of embedding slides here.",
        source="DIR",
    )
    patches: Path | None = option(
        Path, "With --features: folder of CLAM's patches step. Default: looked for beside the features."
    )
    mpp: float = option(float, "Slides: microns per pixel at which tiles are cut. Default: 0.5.", 0.5)
    tile: int = option(int, "Slides: pixels per tile side at that resolution. Default: 224.", 224)
    stain: str | None = option(
        str,
        "Slides: bring the stain of every slide to one reference before encoding: macenko or reinhard.",
    )
    slide_mpp: float | Callable[[str], float | None] | None = option(
        float,
        "Microns a pixel of slides that do not state it.",
        question=Question(
            "{file} does not state its microns per pixel. Microns a pixel (empty = unknown)",
            "number of microns per pixel",
        ),
    )
    min_tissue: float = option(float, "Slides: share of a tile that must be tissue. Default: 0.25.", 0.25)
