"""A residue logo: at each place of a site, letters as high as they are frequent and as the place is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prospector_core.palette import rgb_of
from viewers.lettering import font_for

__all__ = ["residue_logo"]

_BITS = np.log2(20)
_LARGER = 3


def residue_logo(
    columns: Sequence[Mapping[str, int]], colours: Mapping[str, str], height: int = 110, width: int = 46
) -> np.ndarray:
    """A logo as a picture.

    Parameters
    ----------
    columns : list of {letter: how often}
        Of each place; letters that are missing are not counted.
    colours : {letter: "#rrggbb"}
    height, width : int
        Pixels of the logo, and of a place.

    Returns
    -------
    (height, width * places + margin, 3) uint8; the scale at the left is in bits.
    """
    margin, big = 30 * _LARGER, height * _LARGER
    wide = width * _LARGER
    image = Image.new("RGB", (margin + wide * max(1, len(columns)), big), "white")
    draw = ImageDraw.Draw(image)
    top, bottom = 6 * _LARGER, big - 6 * _LARGER
    for bits in (0, 2, 4):
        y = bottom - (bottom - top) * bits / _BITS
        draw.line([margin - 5 * _LARGER, y, margin - 2 * _LARGER, y], fill=(60, 60, 60), width=_LARGER)
        font, words = font_for(str(bits), 9 * _LARGER)
        draw.text((margin - 7 * _LARGER, y), words, fill=(60, 60, 60), font=font, anchor="rm")
    draw.line([margin - 2 * _LARGER, top, margin - 2 * _LARGER, bottom], fill=(60, 60, 60), width=_LARGER)
    for at, column in enumerate(columns):
        total = sum(column.values())
        if not total:
            continue
        share = {letter: count / total for letter, count in column.items()}
        information = max(0.05, _BITS + sum(p * np.log2(p) for p in share.values() if p))
        y = bottom
        for letter, p in sorted(share.items(), key=lambda each: (each[1], each[0])):
            tall = (bottom - top) * information / _BITS * p
            if tall >= 2:
                glyph = _glyph(
                    letter, colours.get(letter, "#555555"), round(wide * 0.92), max(2, round(tall))
                )
                image.paste(glyph, (margin + at * wide, round(y - tall)))
            y -= tall
    return np.asarray(image.resize((image.width // _LARGER, height), Image.Resampling.LANCZOS))


def _glyph(letter: str, colour: str, width: int, height: int) -> Image.Image:
    """One letter stretched to a box."""
    font, text = font_for(letter, 200, True)
    box = font.getbbox(text) if isinstance(font, ImageFont.FreeTypeFont) else (0, 0, 100, 120)
    drawn = Image.new("RGB", (max(1, box[2] - box[0]), max(1, box[3] - box[1])), "white")
    ImageDraw.Draw(drawn).text((-box[0], -box[1]), text, fill=rgb_of(colour), font=font)
    return drawn.resize((width, height), Image.Resampling.LANCZOS)
