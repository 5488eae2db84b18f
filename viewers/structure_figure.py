"""Figures of a chain for a paper.

The sequence with its scores, or the contact map with the weights of pairs.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.modalities.structures.trajectory import mean_over_frames
from prospector_core.palette import hex_of, rgb_of
from viewers.lettering import font_for
from viewers.token_pixels import diverging_colours

__all__ = ["LAYERS", "structure_figure"]

LAYERS = {"strip": "Sequence and scores", "contacts": "Contact map"}
_DPI = 300
_INK, _PALE = (25, 25, 25), (225, 227, 231)


def structure_figure(
    study,
    datum,
    *,
    layer: str = "strip",
    width: int = 2000,
    title: str | None = None,
    limit: float | None = None,
    names: bool = False,
) -> bytes:
    """A figure as PNG bytes. Nothing in it names the file, unless a title does.

    Parameters
    ----------
    study : Study, fitted
    datum : Datum or uid
    layer : {"strip", "contacts"}
    width : int
        Pixels; 300 make an inch.
    title : str, optional
    limit : float, optional
        Score of the strongest colour (default: that of the study).
    names : bool
        Without a title the datum's name is one.

    Raises
    ------
    BadInputError
        Another layer, or a width that is not possible.
    """
    from prospector_core.errors import BadInputError

    if layer not in LAYERS:
        raise BadInputError(f"a figure of a chain shows {' or '.join(LAYERS)}, not {layer}")
    if not 400 <= width <= 12_000:
        raise BadInputError(f"{width} pixels are not a width for a figure: give 400 to 12000")
    datum = study.datum(datum)
    title = title or (datum.name if names else None)
    limit = study.score_limit() if limit is None else limit
    image = (_strip if layer == "strip" else _contacts)(study, datum, width, title, limit)
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(_DPI, _DPI))
    return out.getvalue()


def _text(draw, place, words, size, anchor="la", bold=False, fill=_INK):
    font, words = font_for(words, size, bold)
    draw.text(place, words, fill=fill, font=font, anchor=anchor)


def _strip(study, datum, width, title, limit):
    """Rows of residues: a bar for the score, a letter in the concept's colour, every tenth number."""
    attrs = study.attrs(datum)
    scores = mean_over_frames(study.prospect(datum), len(attrs["numbers"]))
    letters, numbers = attrs["letters"], attrs["numbers"]
    concepts, colours = study.concepts_of(datum)[: len(letters)], study.colours()
    per_row = 60
    margin = round(width * 0.03)
    cell = (width - 2 * margin) / per_row
    bar, letter, ruler = round(cell * 3.2), round(cell * 1.25), round(cell * 1.5)
    rows = -(-len(letters) // per_row)
    head = round(cell * 2.4) if title else margin // 2
    foot = round(cell * 5)
    image = Image.new("RGB", (width, head + rows * (bar + letter + ruler) + foot), "white")
    draw = ImageDraw.Draw(image)
    if title:
        _text(draw, (margin, margin // 2), title, round(cell * 1.2), bold=True)
    fills = [hex_of(each) for each in diverging_colours(np.nan_to_num(scores), limit)]
    for index, text in enumerate(letters):
        row, column = divmod(index, per_row)
        x, y = margin + column * cell, head + row * (bar + letter + ruler)
        middle = y + bar / 2
        if column == 0:
            draw.line([margin, middle, width - margin, middle], fill=_PALE, width=max(1, width // 1500))
        if np.isfinite(scores[index]):
            length = float(np.clip(scores[index] / limit, -1, 1)) * bar * 0.47
            top, bottom = sorted((middle - length, middle))
            draw.rectangle(
                [x + cell * 0.1, top, x + cell * 0.9, max(bottom, top + 1)],
                fill=rgb_of(fills[index]),
                outline=(120, 120, 120),
            )
        colour = colours[concepts[index]]
        draw.rectangle([x, y + bar, x + cell - 1, y + bar + letter], fill=rgb_of(colour))
        r, g, b = rgb_of(colour)
        _text(
            draw,
            (x + cell / 2, y + bar + letter / 2),
            text,
            round(cell * 0.85),
            "mm",
            True,
            (17, 17, 17) if r * 0.299 + g * 0.587 + b * 0.114 > 150 else (255, 255, 255),
        )
        if not np.isfinite(scores[index]):
            draw.line([x, y + bar + letter, x + cell, y + bar], fill="white", width=max(1, round(cell / 6)))
        if index == 0 or (index + 1) % 10 == 0:
            _text(
                draw, (x + cell / 2, y + bar + letter + cell * 0.15), numbers[index], round(cell * 0.75), "ma"
            )
    _legend(
        draw,
        study,
        margin,
        image.height - foot + round(cell),
        round(width * 0.4),
        round(cell * 0.8),
        limit,
        f"prospect score ({study.view.unit}, summed)",
    )
    return image


def _contacts(study, datum, width, title, limit):
    """Residues against residues; a contact in the colour of the pair's weight."""
    fit, n = study.view, len(study.attrs(datum)["numbers"])
    numbers = study.attrs(datum)["numbers"]
    margin, size = round(width * 0.09), round(width * 0.018)
    side = width - 2 * margin
    head = round(width * 0.06) if title else round(width * 0.03)
    image = Image.new("RGB", (width, head + side + round(width * 0.17)), "white")
    draw = ImageDraw.Draw(image)
    if title:
        _text(draw, (margin, round(width * 0.015)), title, round(width * 0.028), bold=True)
    step = side / n
    cell = max(step, width / 500)
    pairs = study.graph(datum).edges
    pairs = pairs[(pairs < n).all(1)]
    sprite = study.sprite(datum)
    weights = np.array(
        [
            (
                fit.pair_weight(*sorted((int(sprite[i]), int(sprite[j]))))
                if min(sprite[i], sprite[j]) >= 0
                else 0.0
            )
            for i, j in pairs
        ]
    )
    top = float(np.abs(fit.coef[fit.n_concepts :]).max(initial=0.0)) or 1.0
    draw.rectangle([margin, head, margin + side, head + side], fill=(240, 241, 244), outline=_INK)
    for (i, j), colour in zip(pairs, diverging_colours(weights, top)):
        for a, b in ((i, j), (j, i)):
            x, y = margin + (a + 0.5) * step, head + (b + 0.5) * step
            draw.rectangle(
                [x - cell / 2, y - cell / 2, x + cell / 2, y + cell / 2],
                fill=tuple(int(part) for part in colour),
            )
    every = next((nice for nice in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000) if n / nice <= 10), n)
    for at in range(every - 1, n, every):
        place = (at + 0.5) * step
        _text(draw, (margin + place, head + side + size * 0.3), numbers[at], size, "ma")
        _text(draw, (margin - size * 0.4, head + place), numbers[at], size, "rm")
    _legend(
        draw,
        study,
        margin,
        head + side + round(width * 0.05),
        round(width * 0.4),
        size,
        top,
        f"weight of the pair ({fit.unit}); blank: not in contact",
    )
    return image


def _legend(draw, study, x, y, width, size, limit, unit):
    """Ramp with numbers and what its ends speak for."""
    target = study.view.target
    low, high = (study.classes[0] if len(study.classes) == 2 else "the rest"), study.classes[target]
    _text(draw, (x, y), f"speaks for {low}", size)
    _text(draw, (x + width, y), f"speaks for {high}", size, "ra")
    top = y + round(size * 1.4)
    for at in range(width):
        colour = diverging_colours(np.array([2 * at / (width - 1) - 1]), 1.0)[0]
        draw.line([x + at, top, x + at, top + size], fill=tuple(int(part) for part in colour))
    draw.rectangle([x, top, x + width, top + size], outline=(120, 120, 120))
    for place, value, anchor in ((0, -limit, "la"), (0.5, 0.0, "ma"), (1, limit, "ra")):
        _text(
            draw,
            (x + place * width, top + round(size * 1.2)),
            f"{value:+.2f}".replace("-", "\N{MINUS SIGN}") if value else "0",
            size,
            anchor,
        )
    _text(draw, (x + width + size * 2, top), unit, size)
