"""A figure for print of cells or of a graph.

Points with a layer's colours, a legend with numbers and a scale bar, as PNG.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from inspect import Parameter, Signature, signature

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.errors import BadInputError
from prospector_core.palette import EXCLUDED_COLOUR, rgb_of

from .colour_limits import error_limit, resamples_of, score_limit
from .lettering import font_for, text_width, wrapped
from .point_pictures import paint_points, spacing_of
from .token_pixels import diverging_colours, sequential_colours

__all__ = ["LAYERS", "graph_figure"]

LAYERS = ("map", "concepts", "uncertainty")
_DPI = 300
_SMALLEST, _LARGEST = 600, 8000
_INK, _PALE = (20, 20, 20), (110, 110, 110)


@dataclass(frozen=True, kw_only=True)
class _Options:
    """How points are drawn.

    Attributes
    ----------
    layer : "map", "concepts" or "uncertainty"
    width : pixels
    threshold : map: scores of either sign smaller than this are grey
    title : text above the picture; names : without a title the datum's name is one
    limit : score of the strongest colour; default: the fit's
    places : where tokens are drawn, (n, 2); default: where they lie, with a scale bar

    Raises BadInputError if such a figure cannot be drawn.
    """

    layer: str = "map"
    width: int = 2000
    threshold: float | None = None
    title: str | None = None
    names: bool = False
    limit: float | None = None
    places: np.ndarray | None = None

    def __post_init__(self):
        if self.layer not in LAYERS:
            raise BadInputError(f"there is no layer {self.layer!r}: choose one of {', '.join(LAYERS)}")
        if not _SMALLEST <= self.width <= _LARGEST:
            raise BadInputError(f"a figure is {_SMALLEST} to {_LARGEST} pixels wide, not {self.width}")
        if self.threshold is not None and self.layer != "map":
            raise BadInputError("a threshold is for the map")


@dataclass(frozen=True)
class _Sheet:
    """The measures of a page, px: its width, and what follows from it."""

    width: int

    @property
    def margin(self):
        return round(self.width * 0.03)

    @property
    def inner(self):
        """Width between the margins."""
        return self.width - 2 * self.margin

    @property
    def size(self):
        """Of the letters."""
        return max(11, round(self.width * 0.017))

    @property
    def large(self):
        return round(self.size * 1.3)

    @property
    def small(self):
        return round(self.size * 0.88)

    @property
    def row(self):
        """From one row of the legend to the next."""
        return round(self.size * 1.7)

    @property
    def columns(self):
        """Of the legend."""
        return max(1, self.inner // (self.size * 17))


def graph_figure(study, datum, **options):
    """Draw a figure of a datum: PNG bytes. Nothing in it names the datum, unless a title (or ``names``) does.

    Parameters
    ----------
    study : Study, fitted
    datum : Datum, uid or name; embedded
    **options : layer, width, threshold, title, names, limit, places, see :class:`_Options`

    Raises BadInputError, FitError, EmbeddingError.
    """
    figure, datum = _Options(**options), study.datum(datum)
    title, places = figure.title or (datum.name if figure.names else None), figure.places
    positions = np.asarray(study.positions(datum) if places is None else places, float)
    colours, legend = _layer(study, datum, figure.layer, figure.threshold, figure.limit)
    sheet = _Sheet(figure.width)
    margin, size, inner = sheet.margin, sheet.size, sheet.inner
    sides = np.maximum(np.ptp(positions[:, :2], axis=0) + spacing_of(positions), 1e-9)
    height = int(np.clip(inner * sides[1] / sides[0], inner * 0.2, inner * 1.4))
    picture = Image.fromarray(paint_points(positions, colours, inner, height))
    lines = wrapped(title, sheet.large, inner) if title else []
    top = margin + round(len(lines) * size * 1.7)
    rows = legend["rows"]
    room = size * 2 + (-(-len(rows) // sheet.columns) * sheet.row if rows else size * 5) + size * 2
    page = Image.new("RGB", (sheet.width, top + height + room + margin), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    for at, line in enumerate(lines):
        _write(pen, margin, margin + at * size * 1.7, line, sheet.large)
    page.paste(picture, (margin, top))
    y = top + height + size
    if places is None:
        y = _scale_bar(pen, sheet, _unit(study, datum), positions, height, y)
    if rows:
        _draw_rows(pen, sheet, rows, y)
    else:
        _ramp(pen, page, sheet, legend, y)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", dpi=(_DPI, _DPI), optimize=False)
    return buffer.getvalue()


# What an editor offers, and what the command line asks a figure's options by.
graph_figure.__signature__ = Signature(
    [
        *list(signature(graph_figure).parameters.values())[:2],
        *(
            Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
            for each in fields(_Options)
        ),
    ]
)


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


def _draw_rows(pen, sheet, rows, y):
    """The concepts (colour, words) of the legend, from y on."""
    size, step = sheet.size, sheet.inner // sheet.columns
    for at, (colour, text) in enumerate(rows):
        x, row = sheet.margin + at % sheet.columns * step, y + at // sheet.columns * sheet.row
        pen.ellipse([x, row, x + size, row + size], fill=colour, outline=_PALE)
        text, *_ = wrapped(text, size, int(step - 2.2 * size), most=1)
        _write(pen, x + 1.5 * size, row - size * 0.15, text, size)


def _ramp(pen, page, sheet, legend, y):
    x, size = sheet.margin, sheet.size
    width = min(sheet.inner, size * 30)
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
    _write(pen, x + width / 2, y, legend["unit"], sheet.small, _PALE, 0.5)


def _unit(study, datum):
    """The unit of the coordinates, "" where they have none."""
    attrs = study.attrs(datum)
    unit = attrs.get("unit") or study.embedding.get("unit")
    return "" if not unit or attrs.get("laid_out") else unit


def _scale_bar(pen, sheet, unit, positions, height, y):
    """A bar of a round length in the unit of the coordinates; nothing where the unit is not known.

    Returns where to go on.
    """
    if not unit:
        return y
    size, right = sheet.size, sheet.margin + sheet.inner
    xy = positions[:, :2]
    side = np.maximum(np.ptp(xy, axis=0), 1e-9)
    full = side + 2 * (0.02 * side.max() + spacing_of(xy) / 2)
    scale = min(sheet.inner / full[0], height / full[1])
    most = sheet.inner * 0.25 / scale
    power = 10 ** np.floor(np.log10(most))
    length = next(step * power for step in (5, 2, 1) if step * power <= most)
    x = right - length * scale
    thick = max(3, size // 4)
    pen.rectangle([x, y, right, y + thick], fill=_INK)
    _write(pen, right, y + thick + 2, f"{length:,.6g} {unit}", sheet.small, place=1)
    return y + round(size * 1.9)
