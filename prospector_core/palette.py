"""Colours of concepts: far apart, also for colour-blind eyes, and the same in every picture and export."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

__all__ = ["EXCLUDED_COLOUR", "class_palette", "concept_palette", "diverging_hex", "hex_of", "rgb_of"]

EXCLUDED_COLOUR = "#8c8c8c"
"""Of tokens that left the graph; always hatched as well, so that it cannot be taken for a concept."""


# Of scores, where a format of others is written: the same as on the pages (viewers.token_pixels).
_DIVERGING = np.array(
    [
        [8, 48, 107],
        [33, 113, 181],
        [107, 174, 214],
        [198, 219, 239],
        [247, 247, 247],
        [253, 208, 162],
        [241, 136, 34],
        [204, 76, 2],
        [127, 39, 4],
    ],
    float,
)


def diverging_hex(value: float) -> str:
    """Colour of a value from -1 (blue) over 0 (near white) to 1 (brown), "#rrggbb"."""
    place = (float(value) + 1) / 2 * (len(_DIVERGING) - 1)  # beyond the ends np.interp gives the end
    return hex_of([round(np.interp(place, range(len(_DIVERGING)), channel)) for channel in _DIVERGING.T])


def concept_palette(k: int) -> list[str]:
    """``k`` colours that are far apart, also for colour-blind eyes.

    The first ones stay the same as ``k`` grows.

    Each next colour is the candidate farthest from those before it, by the smallest of its CIELAB distances
    as seen with normal, protan, deutan and tritan vision, and from white, black, the grey of exclusion and
    the stain's pink.

    Returns
    -------
    list of "#rrggbb"
    """
    if k <= 0:
        return []
    return list(_palette(max(32, 1 << (k - 1).bit_length()))[:k])


# Okabe and Ito's colours (Color Universal Design), those first that stand out from a stain's pink and purple.
_CLASSES = ("#0072b2", "#d55e00", "#009e73", "#f0e442", "#56b4e9", "#e69f00", "#cc79a7")


def class_palette(n: int) -> list[str]:
    """``n`` colours of classes, told apart by colour-blind eyes too.

    The first ones stay the same as ``n`` grows.

    Returns
    -------
    list of "#rrggbb"
    """
    return [*_CLASSES[:n], *concept_palette(max(0, n - len(_CLASSES)))]


@lru_cache(maxsize=8)
def _palette(k: int) -> tuple[str, ...]:
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lab = _lab(rgb / 255.0)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    keep = (lab[:, 0] > 30) & (lab[:, 0] < 88) & (chroma > 28)  # seen on white and on dark, and never a grey
    rgb = rgb[keep]
    avoid = np.array(
        [[255, 255, 255], [0, 0, 0], list(rgb_of(EXCLUDED_COLOUR)), [232, 190, 214]],
        np.uint8,
    )
    views, others = _views(rgb), _views(avoid)
    # Half the weight for the colours to avoid: they need only be told from, not be the farthest point from.
    distance = np.full(len(rgb), np.inf)
    for other in others.swapaxes(0, 1):
        distance = np.minimum(distance, 1.6 * _gap(views, other))
    chosen: list[int] = []
    # Starting from one clear blue makes the order independent of rounding in the first step.
    pick = int(np.argmin(((rgb.astype(int) - (0, 114, 178)) ** 2).sum(1)))
    for _ in range(k):
        chosen.append(pick)
        distance = np.minimum(distance, _gap(views, views[:, pick]))
        distance[pick] = -1
        # Rounded, so that the last bits of different machines cannot change a colour.
        pick = int(np.argmax(np.round(distance, 4)))
    return tuple(hex_of(rgb[index]) for index in chosen)


def _gap(views: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Distance of (v, n, 3) colours from (v, 3).

    As normal eyes see it, or 1.7 times the worst other sight.
    """
    away = np.sqrt(((views - other[:, None]) ** 2).sum(-1))
    return np.minimum(away[0], 1.7 * away[1:].min(0))


# Linear-light simulation of the three dichromacies (Vienot 1999 for protan and deutan, Brettel's plane for
# tritan).
_DICHROMACIES = np.array(
    [
        [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
        [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
        [
            [1.01277, 0.13548, -0.14826],
            [-0.01243, 0.86812, 0.14431],
            [0.07589, 0.805, 0.11911],
        ],
    ]
)


def _views(rgb: np.ndarray) -> np.ndarray:
    """(4, n, 3) CIELAB of (n, 3) uint8 as seen by normal, protan, deutan and tritan eyes."""
    linear = _linear(rgb / 255.0)
    seen = [linear] + [np.clip(linear @ matrix.T, 0, 1) for matrix in _DICHROMACIES]
    return np.stack([_lab_of_linear(light) for light in seen])


def _linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _lab(srgb: np.ndarray) -> np.ndarray:
    return _lab_of_linear(_linear(srgb))


def _lab_of_linear(linear: np.ndarray) -> np.ndarray:
    """CIELAB under D65 of (n, 3) linear sRGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [
            116 * f[..., 1] - 16,
            500 * (f[..., 0] - f[..., 1]),
            200 * (f[..., 1] - f[..., 2]),
        ],
        -1,
    )


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of "#rrggbb"."""
    colour = colour.lstrip("#")
    return int(colour[0:2], 16), int(colour[2:4], 16), int(colour[4:6], 16)


def hex_of(colour: Sequence[int]) -> str:
    """The reverse of `rgb_of`."""
    return "#{:02x}{:02x}{:02x}".format(*(int(part) for part in colour))
