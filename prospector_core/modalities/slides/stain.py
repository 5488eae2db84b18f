"""Stain normalisation: the colours of a slide mapped onto those of a fixed reference, tile by tile.

What a slide's stains look like is estimated once, from pixels of all its tissue, so that neighbouring tiles
are treated alike. Estimates, and the conversions between colour spaces, are those of torchstain.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import BadInputError, MissingExtraError, TissueError
from .readers import Slide
from .tiling import tile_grid
from .tissue import TissueMask

__all__ = [
    "STAIN_METHODS",
    "NormalisedSlide",
    "StainNormaliser",
    "check_stain",
    "estimate_stain",
    "normalised",
    "tissue_pixels",
]

STAIN_METHODS = ("macenko", "reinhard")

_REFERENCES = {
    "macenko": "stain vectors and 99th percentiles of Macenko et al., ISBI 2009, as torchstain has them",
    "reinhard": (
        "the region of TCGA-A2-A3XS-DX1 whose statistics HistomicsTK publishes; in CIELAB, "
        "means 60.3, 26.3, -13.9 and deviations 16.6, 4.9, 7.2"
    ),
}
# HistomicsTK gives l-alpha-beta means (8.632, -0.115, 0.0387) and deviations (0.575, 0.104, 0.0136). Here
# they are in CIELAB, in which torchstain works: those of the sample slide's tissue after it was brought to
# them.
_REINHARD_MEANS, _REINHARD_STDS = (60.3, 26.3, -13.9), (16.6, 4.9, 7.2)
_LIGHT = 240  # intensity of no stain, as torchstain assumes
_LEAST_DARK = 0.15  # optical density (natural logarithm) that some channel of a tissue pixel reaches
_TILES, _PIXELS = 64, 4096  # of a slide that are looked at; pixels of each
_FEWEST = 256  # tissue pixels
_LEAST_ANGLE = 5.0  # degrees between the two stains; closer ones are one stain and noise
_LEAST_SPREAD = 0.5  # deviation of a CIELAB channel; less is a slide of one colour
_LEAST_WIDTH = 0.02  # deviation of optical density along the second axis; less is a slide of one colour
_DENSITY = -np.log((np.arange(256, dtype=np.float32) + 1) / _LIGHT)
# values per channel in a table of colours: a pixel is off by two grey levels at most where spreads stay as
# they are
_STEPS = 64


@dataclass(frozen=True)
class StainNormaliser:
    """The colour map of one slide.

    Attributes
    ----------
    method : str
    estimate : dict
        What was estimated from the slide: plain numbers.
    matrix : (3, 3) float32, or None
        What optical densities are multiplied with.
    table : (64 ** 3,) uint32, or None The colour that each colour becomes, every fourth value per channel,
        red first; four bytes, the last is 0.
    """

    method: str
    estimate: dict[str, Any]
    matrix: np.ndarray | None = None
    table: np.ndarray | None = None

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return (..., 3) uint8 RGB, each pixel mapped by itself."""
        if self.matrix is not None:
            values = _DENSITY[pixels] @ self.matrix
            np.exp(np.negative(values, out=values), out=values)
            values *= _LIGHT
            return np.minimum(values, 255, out=values).astype(np.uint8)
        index = pixels.astype(np.int32) >> 2
        colours = self.table.take((index[..., 0] << 12) | (index[..., 1] << 6) | index[..., 2])
        return np.ascontiguousarray(colours[..., None].view(np.uint8)[..., :3])

    def record(self) -> dict[str, Any]:
        """Return what a study keeps: method, library, reference, and the slide's own estimate."""
        return {**_record(self.method), "estimate": self.estimate}


def check_stain(method: str) -> str:
    """Return `method` if there is such a one and the library for it is here.

    Raises
    ------
    BadInputError
        An unknown method.
    MissingExtraError
        torchstain is not installed.
    """
    if method not in STAIN_METHODS:
        raise BadInputError(
            f"there is no stain normalisation {method!r}: choose one of {', '.join(STAIN_METHODS)}"
        )
    _library()
    return method


def estimate_stain(method: str, pixels: np.ndarray) -> StainNormaliser:
    """Return the colour map of a slide, from pixels of its tissue.

    Macenko: two stain vectors in the plane of the two largest eigenvectors of optical density, and the 99th
    percentile of either stain's amount, onto the reference's (Macenko et al., ISBI 2009). Reinhard: mean and
    deviation of each CIELAB channel onto the reference's (Reinhard et al., 2001, in CIELAB instead of
    l-alpha-beta).

    Parameters
    ----------
    method : str
        One of `STAIN_METHODS`.
    pixels : (n, 3) uint8
        RGB, of tissue: see `tissue_pixels`.

    Raises
    ------
    TissueError
        Too few pixels, or of one colour: nothing can be estimated.
    BadInputError, MissingExtraError
        As `check_stain`.
    """
    check_stain(method)
    pixels = np.asarray(pixels)
    if len(pixels) < _FEWEST:
        raise TissueError(
            f"its stain cannot be estimated: it has {len(pixels)} pixels of tissue, {_FEWEST} are needed"
        )
    return _macenko(pixels) if method == "macenko" else _reinhard(pixels)


def tissue_pixels(
    slide: Slide, mask: TissueMask, tile: int, mpp: float, min_tissue: float = 0.25
) -> np.ndarray:
    """Return (n, 3) uint8: tissue pixels of up to 64 tiles spread over the slide.

    As those are cut for an encoder.

    The same slide gives the same pixels.

    Raises
    ------
    TissueError
        No tile holds tissue.
    SlideError
        A tile cannot be read.
    """
    rects = tile_grid(slide, tile, mpp, None, mask, min_tissue).rects()
    chosen = rects[np.unique(np.linspace(0, len(rects) - 1, _TILES).astype(int))]
    every = max(1, round((tile * tile / _PIXELS) ** 0.5))
    parts = [slide.read_scaled(*rect, tile, tile)[::every, ::every].reshape(-1, 3) for rect in chosen]
    pixels = np.concatenate(parts)
    return pixels[pixels.min(axis=1) < _LIGHT * np.exp(-_LEAST_DARK)]


class NormalisedSlide:
    """A slide whose `read_scaled` gives normalised colours; everything else is the slide's own.

    Attributes
    ----------
    stain : dict
        What a study keeps beside the embeddings.
    """

    def __init__(self, slide: Slide, normaliser: StainNormaliser | None, stain: dict[str, Any]) -> None:
        self._slide, self._normaliser, self.stain = slide, normaliser, stain

    def read_scaled(self, *where: float) -> np.ndarray:
        """As `Slide.read_scaled`, normalised."""
        pixels = self._slide.read_scaled(*where)
        return self._normaliser.apply(pixels) if self._normaliser else pixels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._slide, name)


def normalised(
    slide: Slide, mask: TissueMask, method: str, tile: int, mpp: float, min_tissue: float = 0.25
) -> NormalisedSlide:
    """Return the slide with its colours normalised; where they cannot be estimated, as they are.

    Then ``stain["failed"]`` of the result says why, in a sentence about the slide. Raises as `check_stain`.
    """
    check_stain(method)
    try:
        normaliser = estimate_stain(method, tissue_pixels(slide, mask, tile, mpp, min_tissue))
    except TissueError as error:
        return NormalisedSlide(slide, None, {**_record(method), "failed": str(error)})
    return NormalisedSlide(slide, normaliser, normaliser.record())


def _record(method: str) -> dict[str, Any]:
    return {
        "method": method,
        "library": f"torchstain {version('torchstain')}",
        "reference": _REFERENCES[method],
    }


def _library() -> ModuleType:
    try:
        import torchstain.numpy
    except ImportError as error:
        raise MissingExtraError(
            "stain normalisation needs torchstain, which is not installed: pip install"
            ' "prospector-heads[stain]"'
        ) from error
    return torchstain


def _macenko(pixels: np.ndarray) -> StainNormaliser:
    found, reference = (_library().normalizers.MacenkoNormalizer(backend="numpy") for _ in range(2))
    density = _DENSITY[pixels]
    dark = density[(density >= _LEAST_DARK).all(axis=1)]
    if len(dark) < _FEWEST or np.sqrt(np.linalg.eigvalsh(np.cov(dark.T))[1]) < _LEAST_WIDTH:
        raise TissueError("its stain cannot be estimated: its tissue is of one colour")
    found.fit(pixels[:, None], Io=_LIGHT, beta=_LEAST_DARK)
    stains, most = found.HERef, found.maxCRef
    angle = np.degrees(np.arccos(np.clip(abs(stains[:, 0] @ stains[:, 1]), 0, 1)))
    if not (np.isfinite(stains).all() and angle >= _LEAST_ANGLE and (most > 0).all()):
        raise TissueError("its stain cannot be estimated: its tissue shows one stain, not two")
    estimate = {"stains": stains.T.round(4).tolist(), "percentiles": most.round(4).tolist()}
    matrix = np.linalg.pinv(stains).T * (reference.maxCRef / most) @ reference.HERef.T
    return StainNormaliser("macenko", estimate, matrix=matrix.astype(np.float32))


def _reinhard(pixels: np.ndarray) -> StainNormaliser:
    library = _library()
    spaces = library.numpy.utils
    found = library.normalizers.ReinhardNormalizer(backend="numpy")
    found.fit(pixels[:, None])
    means, deviations = np.asarray(found.target_means, float), np.asarray(found.target_stds, float)
    if not (deviations >= _LEAST_SPREAD).all():
        raise TissueError("its stain cannot be estimated: its tissue is of one colour")
    channels = spaces.lab_split(spaces.rgb2lab(_table_colours() / np.float32(255)))
    moved = [
        (spaces.standardize(channel, mean, deviation) * to_deviation + to_mean).astype(np.float32)
        for channel, mean, deviation, to_mean, to_deviation in zip(
            channels, means, deviations, _REINHARD_MEANS, _REINHARD_STDS, strict=True
        )
    ]
    table = np.zeros((_STEPS**3, 4), np.uint8)
    table[:, :3] = spaces.lab2rgb(spaces.lab_merge(*moved)) * 255
    estimate = {"means": means.round(3).tolist(), "deviations": deviations.round(3).tolist()}
    return StainNormaliser("reinhard", estimate, table=table.view(np.uint32)[:, 0])


def _table_colours() -> np.ndarray:
    """Return (64 ** 3, 3) float32: the middle of what each entry of a table stands for."""
    steps = np.arange(_STEPS, dtype=np.float32) * 4 + np.float32(1.5)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
