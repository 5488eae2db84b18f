"""Prospect maps and data sprites as transparent images, and the colours that every view shares.

Pure functions of arrays: nothing here knows of Streamlit or of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import imagecodecs
import numpy as np

__all__ = [
    "EXCLUDED_COLOUR",
    "concept_palette",
    "diverging_colours",
    "diverging_css",
    "map_limit",
    "map_pixels",
    "render_map",
    "render_sprite",
    "sprite_pixels",
]

EXCLUDED_COLOUR = "#8c8c8c"
"""Of tokens that left the graph; always hatched as well, so that it cannot be taken for a concept."""

# Blue against, orange-brown for: told apart under the three common colour-vision deficiencies, and neither is a
# stain's own pink or purple. Ends and middles were chosen in CIELAB for even steps of lightness on both sides.
_AGAINST = ((8, 48, 107), (33, 113, 181), (107, 174, 214), (198, 219, 239))
_NEUTRAL = (247, 247, 247)
_FOR = ((253, 208, 162), (241, 136, 34), (204, 76, 2), (127, 39, 4))
_RAMP = np.array((*_AGAINST, _NEUTRAL, *_FOR), dtype=np.float64)

# Longer side that an image should have at most where tokens allow, px: the browser enlarges it without smoothing.
_CELL_TARGET = 1200
_CELL_MAX = 16


def diverging_colours(values: np.ndarray, limit: float) -> np.ndarray:
    """Colours of signed values: blue below zero, near-white at zero, orange to brown above.

    Parameters
    ----------
    values : (...) float
    limit : float
        Value of the strongest colour, both ways; at or beyond it colours no longer change.

    Returns
    -------
    (..., 3) uint8
    """
    limit = limit if limit > 0 else 1.0
    place = (np.clip(np.nan_to_num(np.asarray(values, float)) / limit, -1, 1) + 1) / 2 * (len(_RAMP) - 1)
    stops = np.arange(len(_RAMP))
    return (
        np.stack([np.interp(place, stops, _RAMP[:, c]) for c in range(3)], axis=-1).round().astype(np.uint8)
    )


def diverging_css(steps: int = 9) -> list[str]:
    """The same colours as ``#rrggbb``, from most negative to most positive, evenly spaced."""
    return [_hex(colour) for colour in diverging_colours(np.linspace(-1, 1, steps), 1.0)]


def map_limit(scores: np.ndarray | Sequence[np.ndarray], quantile: float = 0.995) -> float:
    """A symmetric colour limit that a few extreme tokens do not stretch; 1.0 where every score is zero.

    Parameters
    ----------
    scores : (n,) float, or a list of such
        NaN marks tokens without a score.
    """
    parts = [
        np.abs(np.asarray(part, float).ravel())
        for part in (scores if isinstance(scores, list | tuple) else [scores])
    ]
    size = np.concatenate(parts) if parts else np.empty(0)
    size = size[np.isfinite(size)]
    if not size.size or size.max() == 0:
        return 1.0
    return float(np.quantile(size, quantile)) or float(size.max())


def map_pixels(scores: np.ndarray, limit: float, alpha: float = 0.95) -> np.ndarray:
    """Colour and opacity of scores: opacity grows with strength, so that tissue shows through where there is none.

    Parameters
    ----------
    scores : (n,) float
        NaN gives transparent.
    limit : float
        Score of the strongest colour.
    alpha : float
        Opacity of the strongest colour, 0 to 1.

    Returns
    -------
    (n, 4) uint8
    """
    scores = np.asarray(scores, float)
    limit = limit if limit > 0 else 1.0
    strength = np.clip(np.abs(np.nan_to_num(scores)) / limit, 0, 1)
    pixels = np.empty((*scores.shape, 4), np.uint8)
    # Weak scores take the hue of middling ones and little opacity: near-white at low opacity would fog the tissue.
    hue = np.sign(np.nan_to_num(scores)) * (0.35 + 0.65 * strength)
    pixels[..., :3] = diverging_colours(hue, 1.0)
    # The square root keeps a score a quarter as strong half as opaque: visible, and still in order.
    pixels[..., 3] = np.round(255 * alpha * np.sqrt(strength)).astype(np.uint8)
    return pixels


def sprite_pixels(concepts: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Opaque colours of concepts, (n, 4) uint8. Ids without a colour come out transparent."""
    table = np.zeros((len(colours) + 1, 4), np.uint8)
    for index, colour in enumerate(colours):
        table[index] = (*_rgb(colour), 255)
    concepts = np.asarray(concepts, np.int64)
    return table[np.where((concepts < 0) | (concepts >= len(colours)), len(colours), concepts)]


def render_map(
    positions: np.ndarray,
    scores: np.ndarray,
    shape: tuple[int, int],
    vlim: float,
    alpha: float = 0.95,
    *,
    cell: int | None = None,
) -> bytes:
    """A prospect map as PNG: transparent where there is no token, hatched where a token has no score.

    Parameters
    ----------
    positions : (n, 2) int
        Row and column of each token.
    scores : (n,) float
        NaN for excluded tokens.
    shape : (rows, columns)
        Of the token grid; the image covers it whole.
    vlim : float
        Score of the strongest colour, both ways.
    alpha : float
        Opacity of the strongest colour.
    cell : int, optional
        Side of a token in the image, px. By default as large as fits, 16 at most.
    """
    scores = np.asarray(scores, float)
    return _render(positions, map_pixels(scores, vlim, alpha), np.isnan(scores), shape, cell)


def render_sprite(
    positions: np.ndarray,
    concepts: np.ndarray,
    colours: Sequence[str],
    excluded: Collection[int] = (),
    shape: tuple[int, int] | None = None,
    *,
    cell: int | None = None,
) -> bytes:
    """A data sprite as PNG: each token in its concept's colour, excluded ones hatched grey.

    Parameters
    ----------
    positions : (n, 2) int
        Row and column of each token.
    concepts : (n,) int
        Concept of each token; -1 for a token that was excluded.
    colours : list of "#rrggbb"
        By concept id.
    excluded : collection of int
        Concepts that were excluded.
    shape : (rows, columns), optional
        Of the token grid; by default the smallest that holds the positions.
    cell : int, optional
        Side of a token in the image, px.
    """
    concepts = np.asarray(concepts, np.int64)
    if shape is None:
        shape = tuple(int(n) for n in np.max(positions, axis=0) + 1) if len(positions) else (1, 1)
    hatched = (concepts < 0) | np.isin(concepts, np.fromiter(excluded, np.int64, len(excluded)))
    return _render(positions, sprite_pixels(concepts, colours), hatched, shape, cell)


def _render(
    positions: np.ndarray,
    pixels: np.ndarray,
    hatched: np.ndarray,
    shape: tuple[int, int],
    cell: int | None,
) -> bytes:
    rows, columns = (max(1, int(n)) for n in shape)
    positions = np.asarray(positions, np.int64).reshape(-1, 2)
    if cell is None:
        # Whole multiples only: a fraction of a pixel would blur the edges between tokens.
        cell = int(np.clip(_CELL_TARGET // max(rows, columns), 1, _CELL_MAX))
    grid = np.zeros((rows, columns, 4), np.uint8)
    grid[positions[:, 0], positions[:, 1]] = pixels
    marked = np.zeros((rows, columns), bool)
    marked[positions[:, 0], positions[:, 1]] = hatched
    grid[marked] = 0
    image = grid.repeat(cell, 0).repeat(cell, 1)
    if marked.any():
        # Stripes run over the image, not within a token, so that neighbours join into one hatched area.
        height, width = image.shape[:2]
        period = max(4, cell)
        stripe = (np.arange(height)[:, None] + np.arange(width)[None, :]) % period < max(1, period // 3)
        area = marked.repeat(cell, 0).repeat(cell, 1)
        image[area & stripe] = (*_rgb(EXCLUDED_COLOUR), 230)
        image[area & ~stripe] = (*_rgb(EXCLUDED_COLOUR), 70)
    return bytes(imagecodecs.png_encode(image, level=1))


# -- concept colours --------------------------------------------------------------------------------------------------


def concept_palette(k: int) -> list[str]:
    """``k`` colours that are far apart, also for colour-blind eyes; the first ones stay the same as ``k`` grows.

    Each next colour is the candidate farthest from those before it, by the smallest of its CIELAB distances as seen
    with normal, protan, deutan and tritan vision, and from white, black, the grey of exclusion and the stain's pink.

    Returns
    -------
    list of "#rrggbb"
    """
    if k <= 0:
        return []
    return list(_palette(max(32, 1 << (k - 1).bit_length()))[:k])


@lru_cache(maxsize=8)
def _palette(k: int) -> tuple[str, ...]:
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lab = _lab(rgb / 255.0)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    keep = (lab[:, 0] > 30) & (lab[:, 0] < 88) & (chroma > 28)  # seen on white and on dark, and never a grey
    rgb = rgb[keep]
    avoid = np.array(
        [[255, 255, 255], [0, 0, 0], list(_rgb(EXCLUDED_COLOUR)), [232, 190, 214]],
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
    return tuple(_hex(rgb[index]) for index in chosen)


def _gap(views: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Distance of (v, n, 3) colours from (v, 3): as normal eyes see it, or 1.7 times the worst other sight."""
    away = np.sqrt(((views - other[:, None]) ** 2).sum(-1))
    return np.minimum(away[0], 1.7 * away[1:].min(0))


# Linear-light simulation of the three dichromacies (Vienot 1999 for protan and deutan, Brettel's plane for tritan).
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


def _rgb(colour: str) -> tuple[int, int, int]:
    colour = colour.lstrip("#")
    return int(colour[0:2], 16), int(colour[2:4], 16), int(colour[4:6], 16)


def _hex(colour: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(part) for part in colour[:3]))
