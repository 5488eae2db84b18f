"""Where the tissue is: pale tissue kept; glass, dust and coverslip edges left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from .readers import Slide

__all__ = ["TissueMask", "tissue_mask"]

# How far from the colour of the glass (0-255, see `_distance`) a pixel is surely tissue, a wide patch is, and
# a pixel that touches such a one is.
_SURE, _SURE_WIDE, _LIKELY = 16.0, 11.0, 8.0
_DUST_UM2 = 5_000.0  # smaller components: a piece 90 um across is no dust
_HOLE_UM2 = 12_000.0
_UNSCANNED_UM2 = 62_500.0  # smaller areas of one grey may be anything
_INK_UM2 = 30_000.0  # a dot of a pen is larger
_THIN_UM = 60.0  # a coverslip edge is thinner
# a side of the mask: on the largest slides a little coarser than asked, and seconds instead of half a minute
_MOST_PIXELS = 2560
_UNKNOWN_MPP = 0.5  # only to tell how large dust is, where the slide does not say


@dataclass(frozen=True)
class TissueMask:
    """Tissue of a whole slide at low resolution.

    Attributes
    ----------
    mask : (h, w) bool
    downsample : float
        Level-0 pixels per pixel of the mask.
    """

    mask: np.ndarray
    downsample: float
    _integral: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        integral = np.zeros((self.mask.shape[0] + 1, self.mask.shape[1] + 1))
        integral[1:, 1:] = self.mask.cumsum(0, dtype=np.float64).cumsum(1)
        object.__setattr__(self, "_integral", integral)

    def fraction(
        self, x: np.ndarray, y: np.ndarray, width: np.ndarray | float, height: np.ndarray | float
    ) -> np.ndarray:
        """Return the share of each level-0 rectangle that is tissue, 0 to 1; outside the slide there is none.

        Parameters
        ----------
        x, y, width, height : float or (n,) array
        """
        x, y, width, height = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, y, width, height)))
        area = (
            self._sum(x + width, y + height)
            - self._sum(x, y + height)
            - self._sum(x + width, y)
            + self._sum(x, y)
        )
        return np.clip(area / (width * height / self.downsample**2), 0.0, 1.0)

    def _sum(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the tissue area left of and above level-0 points, in mask pixels, exact between pixels."""
        rows, cols = self.mask.shape
        u, v = np.clip(x / self.downsample, 0, cols), np.clip(y / self.downsample, 0, rows)
        i, j = np.minimum(v.astype(int), rows - 1), np.minimum(u.astype(int), cols - 1)
        a, b = v - i, u - j
        s = self._integral
        return (1 - a) * ((1 - b) * s[i, j] + b * s[i, j + 1]) + a * (
            (1 - b) * s[i + 1, j] + b * s[i + 1, j + 1]
        )


def tissue_mask(slide: Slide, mpp: float = 8.0) -> TissueMask:
    """Find the tissue of a slide.

    Every pixel is compared with the slide's own glass: how much darker and how much more coloured it is.
    Glass is what is bright, flat, and without the pink or purple of a stain; a slide without any is taken to
    be tissue on white. Black and grey areas that were never scanned, and ink on glass, are left out. What
    remains is cleaned of specks and of long thin straight lines.

    Parameters
    ----------
    slide : Slide
    mpp : float
        Resolution of the mask in um per pixel. Where the slide's is unknown, 1024 pixels on the longer side
        at most.

    Returns
    -------
    TissueMask
        All False where there is only glass.
    """
    longest = max(slide.width, slide.height)
    if slide.mpp is None:
        downsample = max(longest / 1024, min(8.0, longest / 96))
    else:
        downsample = mpp / slide.mpp
    # A small image still gets a mask of some pixels; a huge one does not fill the memory.
    downsample = max(1.0, longest / _MOST_PIXELS, min(downsample, longest / 64))
    width, height = math.ceil(slide.width / downsample), math.ceil(slide.height / downsample)
    colour, texture = _read_strips(slide, downsample, width, height)
    inside = np.zeros((height, width), bool)
    inside[: math.floor(slide.height / downsample) or 1, : math.floor(slide.width / downsample) or 1] = True
    # The last row and column may be mostly beyond the slide, in the white: they repeat their neighbours.
    for partial, last in ((not inside[-1, 0], np.s_[-1, :]), (not inside[0, -1], np.s_[:, -1])):
        if partial:
            before = tuple(-2 if index == -1 else index for index in last)
            colour[last], texture[last] = colour[before], texture[before]
    um = downsample * (slide.mpp or _UNKNOWN_MPP)
    uneven = _local_texture(colour, texture)
    glass = _glass_colour(colour[inside], uneven[inside])
    colour[_unscanned(colour, uneven, glass, um)] = glass
    distance = _distance(colour, glass)
    # The median takes the noise and leaves outlines where they are; thin strands survive where they are sure.
    steady = ndimage.median_filter(distance, 3, mode="nearest")
    likely = np.maximum(steady, np.where(distance > _SURE, distance, 0)) > _LIKELY
    # Tissue too pale to be sure of in any one pixel is still sure as a wide patch: noise and specks are not
    # wide.
    sure = (distance > _SURE) | (ndimage.gaussian_filter(steady, 4.0, mode="nearest") > _SURE_WIDE)
    mask = _connected(likely, sure) & ~_pen(colour) & ~_ink_on_glass(colour, likely, um)
    return TissueMask(_clean(mask, colour, glass, um), downsample)


def _read_strips(slide: Slide, downsample: float, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (height, width, 3) mean colour and (height, width) grey-value spread of each pixel of the mask.

    Read twice as fine as the mask: texture tells glass from flat tissue, and averaging then removes the
    noise.
    """
    colour, texture = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    for top in range(0, height, 256):
        rows = min(256, height - top)
        fine = slide.read_scaled(
            0, top * downsample, width * downsample, rows * downsample, 2 * width, 2 * rows
        )
        quarters = [fine[i::2, k::2].astype(np.float32) for i in (0, 1) for k in (0, 1)]
        mean = sum(quarters) / 4
        grey = _grey(mean)
        colour[top : top + rows] = mean
        texture[top : top + rows] = np.sqrt(sum((_grey(one) - grey) ** 2 for one in quarters) / 4)
    return colour, texture


# Over three channels numpy's own reductions are several times slower than these.
def _grey(colour: np.ndarray) -> np.ndarray:
    return (colour[..., 0] + colour[..., 1] + colour[..., 2]) / 3


def _spread(colour: np.ndarray) -> np.ndarray:
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    return np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)


def _local_texture(colour: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Return how uneven the surroundings of each pixel are, in grey values."""
    grey = _grey(colour)
    mean = ndimage.uniform_filter(grey, 3, mode="nearest")
    square = ndimage.uniform_filter(grey * grey, 3, mode="nearest")
    return np.maximum(np.sqrt(np.maximum(square - mean * mean, 0)), ndimage.uniform_filter(texture, 3))


def _glass_colour(colour: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Return the (3,) colour of empty glass.

    It is found from (n, 3) pixels and how uneven each one's surroundings are.
    """
    red, green, blue = colour[:, 0], colour[:, 1], colour[:, 2]
    brightness = _grey(colour)
    # A stain lets through less green than red and blue; glass is near grey, or tinted as a whole by its lamp.
    stained = (red + blue) / 2 - green > np.where(brightness > 232, 12, 7)
    spread = _spread(colour)
    candidate = (brightness > 150) & (spread < 30) & ~stained & (texture < 4)
    # What the scanner left out is pure white; it says nothing about the glass where there is glass as well.
    scanned = candidate & (brightness < 254)
    if scanned.sum() >= max(20, 0.01 * len(colour)):
        candidate = scanned
    if candidate.sum() < max(20, 0.002 * len(colour)):
        return np.full(3, max(240.0, float(np.quantile(brightness, 0.999))), np.float32)
    counts = np.bincount(brightness[candidate].astype(int), minlength=256).astype(float)
    smooth = ndimage.gaussian_filter1d(counts, 2.0)
    # The brightest peak of any weight: flat grey tissue is darker than glass.
    peaks = [
        level
        for level in range(1, 255)
        if smooth[level] >= smooth[level - 1]
        and smooth[level] >= smooth[level + 1]
        and smooth[level] > 0.1 * smooth.max()
    ]
    peak = max(peaks) if peaks else int(smooth.argmax())
    near = candidate & (np.abs(brightness - peak) <= 8)
    return np.median(colour[near], axis=0)


def _distance(colour: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """Return how unlike glass each pixel is.

    It is its colouring plus half its darkening (a shadow only darkens).
    """
    darker = np.maximum(glass - colour, 0)
    return _spread(darker) + 0.5 * _grey(darker)


def _connected(likely: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Return the components of `likely` in which something is `sure`."""
    labels, count = ndimage.label(likely, np.ones((3, 3)))
    keep = np.zeros(count + 1, bool)
    keep[np.unique(labels[sure])] = True
    keep[0] = False
    return keep[labels]


def _large(mask: np.ndarray, um: float, least: float) -> np.ndarray:
    """Return the components of `least` square microns or more. `um` is the side of a mask pixel."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    keep = np.bincount(labels.ravel(), minlength=count + 1) * um * um >= least
    keep[0] = False
    return keep[labels]


def _unscanned(colour: np.ndarray, uneven: np.ndarray, glass: np.ndarray, um: float) -> np.ndarray:
    """Return what the scanner left black or grey: wide, without colour, and flatter than any tissue."""
    brightness, spread = _grey(colour), _spread(colour)
    black = (brightness < 30) & (spread < 12) & (uneven < 4)
    grey = (brightness < 215) & (spread < 8) & (uneven < 2) & (np.abs(brightness - _grey(glass)) > 8)
    # Pixels across its edge are of both sides, and make those beside them uneven.
    return ndimage.binary_dilation(_large(black | grey, um, _UNSCANNED_UM2), np.ones((3, 3)), 2)


def _pen(colour: np.ndarray) -> np.ndarray:
    """Return marks of a green pen: no stain is green."""
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    return (green > red + 25) & (green > blue + 10)


def _ink_on_glass(colour: np.ndarray, likely: np.ndarray, um: float) -> np.ndarray:
    """Return ink of black, blue, red and green pens, with its edges, where glass is what lies beside it.

    Pigment, blood and dense nuclei have such colours too; tissue lies around them.
    """
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    ink = _pen(colour) | ((green > red + 40) & (blue > red + 40))
    ink |= (_grey(colour) < 70) & (_spread(colour) < 30)
    ink |= (blue > red + 70) & (blue > green + 50) & (green > red)
    ink |= (red > green + 100) & (red > blue + 80) & (green < 100)
    ink = _large(ink, um, _INK_UM2)
    if not ink.any():
        return ink
    edged = ndimage.binary_dilation(ink, np.ones((3, 3)), 2)
    around = ndimage.uniform_filter((~edged).astype(np.float32), 9)
    empty = ndimage.uniform_filter((~edged & ~likely).astype(np.float32), 9)
    nearest = ndimage.distance_transform_edt(edged, return_distances=False, return_indices=True)
    return edged & (empty > 0.5 * around)[tuple(nearest)]


def _clean(mask: np.ndarray, colour: np.ndarray, glass: np.ndarray, um: float) -> np.ndarray:
    """Fill pinholes, and drop specks and coverslip edges. `um` is the side of a mask pixel."""
    closed = ndimage.binary_closing(np.pad(mask, 2, mode="edge"), np.ones((3, 3)))[2:-2, 2:-2] | mask
    holes, count = ndimage.label(~closed)
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    small = sizes * um * um <= min(_HOLE_UM2, 0.002 * mask.size * um * um)
    small[0] = False
    mask = closed | small[holes]
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if not count:
        return mask
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    # On a small field a fragment is a larger part of what there is: dust is at most a hundredth of it.
    keep = sizes * um * um >= min(_DUST_UM2, 0.01 * mask.size * um * um)
    keep[0] = False
    # Of each component, how much is thicker than a coverslip edge: what an opening of that width would leave.
    reach = _THIN_UM / 2 / um
    core = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] > reach
    thick = mask & (ndimage.distance_transform_edt(~core) <= reach + 1) if core.any() else core
    share = np.bincount(labels[thick], minlength=count + 1) / np.maximum(sizes, 1)
    boxes = ndimage.find_objects(labels)
    for index in np.flatnonzero(keep & (share < 0.3)):
        box = boxes[index - 1]
        on_border = any(one.start == 0 or one.stop == n for one, n in zip(box, mask.shape, strict=True))
        if _is_edge(labels[box] == index, colour[box], glass, on_border):
            keep[index] = False
    return keep[labels]


def _is_edge(component: np.ndarray, colour: np.ndarray, glass: np.ndarray, on_border: bool) -> bool:
    """Return whether a thin component is a coverslip edge.

    Long, and straight or grey (thin tissue is neither).
    """
    rows, cols = np.nonzero(component)
    if (
        math.hypot(np.ptp(rows) + 1, np.ptp(cols) + 1) < 20
    ):  # pixels of the mask: too short to be called a line
        return False
    across, along = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(np.stack([rows, cols]).astype(float))), 0))
    straight = along > (6 if on_border else 10) * max(across, 0.5)
    darker = np.maximum(glass - colour[component], 0)
    grey = np.median(_spread(darker)) < 0.3 * max(np.median(_grey(darker)), 1.0)
    return bool(straight or grey)
