"""Prospect maps and data sprites as transparent images, and the colours that every view shares.

Pure functions of arrays: nothing here knows of Streamlit or of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import imagecodecs
import numpy as np

from prospector_core.colour_limits import map_limit
from prospector_core.palette import EXCLUDED_COLOUR, hex_of, rgb_of

__all__ = [
    "class_pixels",
    "diverging_colours",
    "diverging_css",
    "hatch",
    "map_limit",
    "map_pixels",
    "render_classes",
    "render_error",
    "render_map",
    "render_sprite",
    "sequential_colours",
    "sequential_css",
    "sprite_pixels",
]

# Blue against, orange-brown for: told apart under the three common colour-vision deficiencies, and neither is
# a stain's own pink or purple. Ends and middles were chosen in CIELAB for even steps of lightness on both
# sides.
_AGAINST = ((8, 48, 107), (33, 113, 181), (107, 174, 214), (198, 219, 239))
_NEUTRAL = (247, 247, 247)
_FOR = ((253, 208, 162), (241, 136, 34), (204, 76, 2), (127, 39, 4))
_RAMP = np.array((*_AGAINST, _NEUTRAL, *_FOR), dtype=np.float64)

# Green of growing darkness: one hue, read by lightness alone where colours are not told apart, and no stain's
# own.
_MORE = np.array(
    [(237, 248, 233), (186, 228, 179), (116, 196, 118), (35, 139, 69), (0, 68, 27)], dtype=np.float64
)

# Longer side that an image should have at most where tokens allow, px: the browser enlarges it without
# smoothing.
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
    return [hex_of(colour) for colour in diverging_colours(np.linspace(-1, 1, steps), 1.0)]


def sequential_colours(values: np.ndarray, limit: float) -> np.ndarray:
    """Colours of values from 0 (pale green) to `limit` and above (dark green): (..., 3) uint8."""
    limit = limit if limit > 0 else 1.0
    place = np.clip(np.nan_to_num(np.asarray(values, float)) / limit, 0, 1) * (len(_MORE) - 1)
    return (
        np.stack([np.interp(place, range(len(_MORE)), _MORE[:, c]) for c in range(3)], axis=-1)
        .round()
        .astype(np.uint8)
    )


def sequential_css(steps: int = 9) -> list[str]:
    """The same colours as ``#rrggbb``, from 0 to the limit, evenly spaced."""
    return [hex_of(colour) for colour in sequential_colours(np.linspace(0, 1, steps), 1.0)]


def map_pixels(scores: np.ndarray, limit: float, alpha: float = 0.95) -> np.ndarray:
    """Colour and opacity of scores.

    Opacity grows with strength, so that tissue shows through where there is none.

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
    # Weak scores take the hue of middling ones and little opacity: near-white at low opacity would fog the
    # tissue.
    hue = np.sign(np.nan_to_num(scores)) * (0.35 + 0.65 * strength)
    pixels[..., :3] = diverging_colours(hue, 1.0)
    # The square root keeps a score a quarter as strong half as opaque: visible, and still in order.
    pixels[..., 3] = np.round(255 * alpha * np.sqrt(strength)).astype(np.uint8)
    return pixels


def sprite_pixels(concepts: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Opaque colours of concepts, (n, 4) uint8. Ids without a colour come out transparent."""
    table = np.zeros((len(colours) + 1, 4), np.uint8)
    for index, colour in enumerate(colours):
        table[index] = (*rgb_of(colour), 255)
    concepts = np.asarray(concepts, np.int64)
    return table[np.where((concepts < 0) | (concepts >= len(colours)), len(colours), concepts)]


def class_pixels(classes: np.ndarray, margin: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Colours of the strongest class, (n, 4) uint8.

    The paler, the less it is ahead of the next; -1 is transparent.

    Parameters
    ----------
    classes : (n,) int
    margin : (n,) float How far each is ahead, in shares of the strongest colours (see
        ``Study.strongest_class``); NaN for none.
    colours : list of "#rrggbb"
        By class.
    """
    pixels = sprite_pixels(classes, colours)
    ahead = 0.25 + 0.75 * np.sqrt(np.clip(np.nan_to_num(margin), 0, 1))
    pixels[..., 3] = np.round(pixels[..., 3] * ahead)
    return pixels


def render_classes(
    positions: np.ndarray,
    classes: np.ndarray,
    margin: np.ndarray,
    colours: Sequence[str],
    shape: tuple[int, int],
    *,
    cell: int | None = None,
) -> bytes:
    """The strongest class of each token as PNG; hatched where a token has none.

    Parameters as `class_pixels`, `render_map`.
    """
    classes = np.asarray(classes, np.int64)
    return _render(positions, class_pixels(classes, margin, colours), classes < 0, shape, cell)


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


def render_error(
    positions: np.ndarray, error: np.ndarray, shape: tuple[int, int], limit: float, *, cell: int | None = None
) -> bytes:
    """Standard errors as PNG: dark where a score is unsure, hatched grey where a token (NaN) has none.

    Parameters as `render_map`; ``limit`` is the error of the darkest colour.
    """
    error = np.asarray(error, float)
    pixels = np.full((*error.shape, 4), 255, np.uint8)
    pixels[..., :3] = sequential_colours(error, limit)
    return _render(positions, pixels, np.isnan(error), shape, cell)


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
    return bytes(imagecodecs.png_encode(hatch(grid, marked, cell), level=1))


def hatch(grid: np.ndarray, marked: np.ndarray, cell: int) -> np.ndarray:
    """Cells enlarged, the marked ones in hatched grey instead of their colour.

    Parameters
    ----------
    grid : (rows, columns, 4) uint8
    marked : (rows, columns) bool
    cell : int
        Side of a cell in the image, px.

    Returns
    -------
    (rows * cell, columns * cell, 4) uint8
    """
    image = grid.repeat(cell, 0).repeat(cell, 1)
    if marked.any():
        # Stripes run over the image, not within a token, so that neighbours join into one hatched area.
        height, width = image.shape[:2]
        period = max(4, cell)
        stripe = (np.arange(height)[:, None] + np.arange(width)[None, :]) % period < max(1, period // 3)
        area = marked.repeat(cell, 0).repeat(cell, 1)
        image[area & stripe] = (*rgb_of(EXCLUDED_COLOUR), 230)
        image[area & ~stripe] = (*rgb_of(EXCLUDED_COLOUR), 70)
    return image
