"""A figure for print of cells or of a graph.

Points with a layer's colours, a legend with numbers and a scale bar, as PNG.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.errors import BadInputError
from prospector_core.palette import EXCLUDED_COLOUR, rgb_of

from .lettering import font_for, text_width, wrapped
from .limits import error_limit, resamples_of, score_limit
from .overlays import diverging_colours, sequential_colours
from .point_pictures import paint_points, spacing_of

__all__ = ["LAYERS", "graph_figure"]

LAYERS = ("map", "concepts", "uncertainty")
_DPI = 300
_SMALLEST, _LARGEST = 600, 8000
_INK, _PALE = (20, 20, 20), (110, 110, 110)


def graph_figure(
    study,
    datum,
    *,
    layer="map",
    width=2000,
    threshold=None,
    title=None,
    names=False,
    limit=None,
    places=None,
):
    """Draw a figure of a datum: PNG bytes. Nothing in it names the datum, unless a title (or ``names``) does.

    Parameters
    ----------
    study : Study, fitted
    datum : Datum, uid or name; embedded
    layer : "map", "concepts" or "uncertainty"
    width : pixels
    threshold : map: scores of either sign smaller than this are grey
    title : text above the picture; names : without a title the datum's name is one
    limit : score of the strongest colour; default: the fit's
    places : where tokens are drawn, (n, 2); default: where they lie, with a scale bar

    Raises BadInputError, FitError, EmbeddingError.
    """
    if layer not in LAYERS:
        raise BadInputError(f"there is no layer {layer!r}: choose one of {', '.join(LAYERS)}")
    if not _SMALLEST <= width <= _LARGEST:
        raise BadInputError(f"a figure is {_SMALLEST} to {_LARGEST} pixels wide, not {width}")
    if threshold is not None and layer != "map":
        raise BadInputError("a threshold is for the map")
    datum = study.datum(datum)
    title = title or (datum.name if names else None)
    positions = np.asarray(study.positions(datum) if places is None else places, float)
    colours, legend = _layer(study, datum, layer, threshold, limit)
    margin, size = round(width * 0.03), max(11, round(width * 0.017))
    inner = width - 2 * margin
    sides = np.maximum(np.ptp(positions[:, :2], axis=0) + spacing_of(positions), 1e-9)
    height = int(np.clip(inner * sides[1] / sides[0], inner * 0.2, inner * 1.4))
    picture = Image.fromarray(paint_points(positions, colours, inner, height))
    small, large = round(size * 0.88), round(size * 1.3)
    lines = wrapped(title, large, inner) if title else []
    top = margin + round(len(lines) * size * 1.7)
    rows = legend["rows"]
    columns = max(1, inner // (size * 17))
    room = size * 2 + (-(-len(rows) // columns) * round(size * 1.7) if rows else size * 5) + size * 2
    page = Image.new("RGB", (width, top + height + room + margin), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    for at, line in enumerate(lines):
        _write(pen, margin, margin + at * size * 1.7, line, large)
    page.paste(picture, (margin, top))
    y = top + height + size
    if places is None:
        y = _scale_bar(pen, study, datum, positions, inner, height, margin, y, size, small)
    if rows:
        for at, (colour, text) in enumerate(rows):
            x, row = margin + at % columns * (inner // columns), y + at // columns * round(size * 1.7)
            pen.ellipse([x, row, x + size, row + size], fill=colour, outline=_PALE)
            text, *_ = wrapped(text, size, int(inner // columns - 2.2 * size), most=1)
            _write(pen, x + 1.5 * size, row - size * 0.15, text, size)
    else:
        _ramp(pen, page, legend, margin, y, min(inner, size * 30), size, small)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", dpi=(_DPI, _DPI), optimize=False)
    return buffer.getvalue()


def _layer(study, datum, layer, threshold, limit):
    """((n, 3) uint8 colours, legend)."""
    fit = study.view
    grey = np.array(rgb_of(EXCLUDED_COLOUR), np.uint8)
    scores = study.prospect(datum)
    if layer == "concepts":
        table, known = study.colours(), {concept.id: concept for concept in study.concepts()}
        ids = study.concepts_of(datum)
        colours = np.array([rgb_of(colour) for colour in table], np.uint8)[ids]
        colours[np.isnan(scores)] = grey
        shares = np.bincount(ids, minlength=len(table)) / len(ids)
        there = sorted((concept for concept in known.values() if shares[concept.id]), key=lambda c: -c.weight)
        rows = [
            (
                rgb_of(EXCLUDED_COLOUR) if c.excluded else rgb_of(c.colour),
                (
                    f"{c.name}, {'excluded' if c.excluded else f'{c.weight:+.2f}'.replace('-', '−')},"
                    f" {shares[c.id]:.0%}"
                ),
            )
            for c in there
        ]
        return colours, {"rows": rows}
    low = study.classes[0] if len(study.classes) == 2 else "the rest"
    if layer == "uncertainty":
        error, top = study.uncertainty(datum, resamples_of(fit)).error, error_limit(study, fit)
        colours = sequential_colours(error, top)
        colours[np.isnan(error)] = grey
        words = {"ends": ("0", f"{top:.2f}"), "above": ("", ""), "unit": "standard error of the score"}
        return colours, {"rows": [], "ramp": lambda at: sequential_colours(at * top, top), **words}
    limit = limit or score_limit(study)
    colours = diverging_colours(scores, limit)
    colours[np.isnan(scores)] = grey
    note = ""
    if threshold is not None:
        weak = np.abs(np.nan_to_num(scores)) < threshold
        colours[weak] = (225, 225, 225)
        note = f"; weaker than {threshold:g}: grey"
    words = {
        "ends": (f"−{limit:.2f}", f"+{limit:.2f}"),
        "above": (f"for {low}", f"for {study.classes[fit.target]}"),
        "unit": f"prospect score ({fit.unit}, summed){note}",
    }
    return colours, {"rows": [], "ramp": lambda at: diverging_colours((2 * at - 1) * limit, limit), **words}


def _write(pen, x, y, text, size, fill=_INK, place=0.0):
    """A line of text; ``place``: how much of its width is left of x."""
    font, words = font_for(text, size)
    pen.text((x - place * text_width(text, size), y), words, fill=fill, font=font)


def _ramp(pen, page, legend, x, y, width, size, small):
    left, right = legend["above"]
    _write(pen, x, y, left, size)
    _write(pen, x + width, y, right, size, place=1)
    y += round(size * 1.5) if left or right else 0
    strip = legend["ramp"](np.linspace(0, 1, width))[None].repeat(size, 0)
    page.paste(Image.fromarray(strip), (x, y))
    pen.rectangle([x, y, x + width, y + size], outline=_PALE)
    y += round(size * 1.3)
    low, high = legend["ends"]
    _write(pen, x, y, low, size)
    _write(pen, x + width, y, high, size, place=1)
    _write(pen, x + width / 2, y, legend["unit"], small, _PALE, 0.5)


def _scale_bar(pen, study, datum, positions, inner, height, margin, y, size, small):
    """A bar of a round length in the unit of the coordinates; nothing where the unit is not known.

    Returns where to go on.
    """
    attrs = study.attrs(datum)
    unit = attrs.get("unit") or study.embedding.get("unit")
    if not unit or attrs.get("laid_out"):
        return y
    xy = positions[:, :2]
    side = np.maximum(np.ptp(xy, axis=0), 1e-9)
    full = side + 2 * (0.02 * side.max() + spacing_of(xy) / 2)
    scale = min(inner / full[0], height / full[1])
    most = inner * 0.25 / scale
    power = 10 ** np.floor(np.log10(most))
    length = next(step * power for step in (5, 2, 1) if step * power <= most)
    x = margin + inner - length * scale
    thick = max(3, size // 4)
    pen.rectangle([x, y, margin + inner, y + thick], fill=_INK)
    _write(pen, margin + inner, y + thick + 2, f"{length:,.6g} {unit}", small, place=1)
    return y + round(size * 1.9)
