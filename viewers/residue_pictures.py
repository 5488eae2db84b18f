"""Small pictures of residues and chains, drawn in the plane.

For cards of concepts, the atlas, and galleries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.palette import rgb_of
from viewers.lettering import font_for

__all__ = ["chain_picture", "residue_picture"]

_LARGER = 3  # drawn this much larger, then shrunk: smooth edges
_BACK, _LINE = (255, 255, 255), (150, 155, 165)


def residue_picture(
    letters: str,
    places: np.ndarray,
    colours: Sequence[str],
    edges: np.ndarray,
    numbers: Sequence[str],
    side: int = 120,
) -> np.ndarray:
    """A residue, the first, in the middle of those around it.

    Parameters
    ----------
    letters : str of m
    places : (m, 2)
        The first at 0, 0; the farthest shown is about 1 from it.
    colours : m of "#rrggbb"
    edges : (k, 2) int
        Which of them are in contact.
    numbers : m words
        Of the first is written.
    side : int
        Pixels.

    Returns
    -------
    (side, side, 3) uint8
    """
    big = side * _LARGER
    image = Image.new("RGB", (big, big), _BACK)
    draw = ImageDraw.Draw(image)
    spot = [(big / 2 + x * big * 0.36, big / 2 + y * big * 0.36) for x, y in places]
    for i, j in edges:
        strong = 0 in (i, j)
        draw.line(
            [spot[i], spot[j]],
            fill=(70, 75, 85) if strong else (205, 208, 214),
            width=(2 if strong else 1) * _LARGER,
        )
    for index in [*range(1, len(letters)), 0]:
        radius = big * (0.15 if index == 0 else 0.088)
        x, y = spot[index]
        box = [x - radius, y - radius, x + radius, y + radius]
        draw.ellipse(
            box,
            fill=rgb_of(colours[index]),
            outline=(20, 20, 20) if index == 0 else (110, 110, 110),
            width=_LARGER,
        )
        words = letters[index] if index else f"{letters[0]}"
        font, words = font_for(words, round(radius * (1.25 if index == 0 else 1.2)), index == 0)
        draw.text((x, y), words, fill=_ink(colours[index]), font=font, anchor="mm")
    font, words = font_for(f"{letters[0]}{numbers[0]}", round(big * 0.1), True)
    draw.text((big * 0.04, big * 0.03), words, fill=(30, 30, 30), font=font, anchor="la")
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))


def chain_picture(
    flat: np.ndarray,
    colours: Sequence[str],
    breaks: Sequence[int],
    strong: np.ndarray,
    side: int = 160,
    aspect: float = 0.56,
) -> np.ndarray:
    """A chain at a glance: its trace in the plane, residues in colour.

    Parameters
    ----------
    flat : (n, 2)
        -1 to 1.
    colours : n of "#rrggbb"
    breaks : residues before which the chain is broken
    strong : (n,) 0 to 1
        How large a residue is drawn.
    side, aspect : width in pixels, and height as a share of it

    Returns
    -------
    (h, side, 3) uint8
    """
    big = side * _LARGER
    height = round(big * aspect)
    image = Image.new("RGB", (big, height), _BACK)
    draw = ImageDraw.Draw(image)
    low, high = flat.min(0), flat.max(0)
    scale = min(big / max(high[0] - low[0], 1e-9), height / max(high[1] - low[1], 1e-9)) * 0.88
    centre = (low + high) / 2
    spots = [tuple(each) for each in (flat - centre) * scale + (big / 2, height / 2)]
    broken = set(breaks)
    for index in range(1, len(spots)):
        if index not in broken:
            draw.line([spots[index - 1], spots[index]], fill=_LINE, width=2 * _LARGER)
    base = max(1.2, min(4.0, 40 / np.sqrt(len(spots)))) * _LARGER
    for index in np.argsort(strong, kind="stable"):
        radius = base * (1 + 1.2 * float(strong[index]))
        x, y = spots[index]
        draw.ellipse(
            [x - radius, y - radius, x + radius, y + radius],
            fill=rgb_of(colours[index]),
            outline=(120, 120, 120),
            width=1,
        )
    return np.asarray(image.resize((side, max(1, height // _LARGER)), Image.Resampling.LANCZOS))


def _ink(colour: str) -> tuple[int, int, int]:
    r, g, b = rgb_of(colour)
    return (17, 17, 17) if r * 0.299 + g * 0.587 + b * 0.114 > 150 else (255, 255, 255)
