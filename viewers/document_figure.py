"""A figure for print of a document.

Its text with tints by score or concept, headings, and a legend with numbers, as PNG.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.errors import BadInputError
from prospector_core.modalities.documents.texts import RIGHT_TO_LEFT
from prospector_core.palette import EXCLUDED_COLOUR, rgb_of

from .colour_limits import score_limit
from .lettering import font_for, text_width, wrapped

__all__ = ["LAYERS", "document_figure"]

LAYERS = {"map": "Scores", "concepts": "Concepts"}
_DPI = 300
_SMALLEST, _LARGEST = 600, 8000
_MOST_LINES = 90  # of a longer text the part is shown that scores most
_INK, _PALE = (20, 20, 20), (105, 105, 105)
_FOR, _AGAINST = (239, 125, 24), (59, 138, 216)  # as on the Document page
_STRONGEST, _CONCEPT = 0.62, 0.38  # how much of a tint covers the paper: words on it stay easy to read


@dataclass
class _Line:
    """Words of one line: (left px, width px, text, token or None) each; ``heading`` makes them bold."""

    words: list = field(default_factory=list)
    heading: bool = False


@dataclass(frozen=True)
class _Sheet:
    """The measures of a page, px: its width, and what follows from it."""

    width: int

    @property
    def margin(self):
        return round(self.width * 0.035)

    @property
    def inner(self):
        """Width between the margins."""
        return self.width - 2 * self.margin

    @property
    def size(self):
        """Of the letters."""
        return max(12, round(self.width * 0.0185))

    @property
    def large(self):
        return round(self.size * 1.3)

    @property
    def small(self):
        return round(self.size * 0.85)

    @property
    def high(self):
        """From one line of the text to the next."""
        return round(self.size * 1.62)

    @property
    def row(self):
        """From one row of the concepts to the next."""
        return round(self.size * 1.7)

    @property
    def across(self):
        """Concepts that stand side by side."""
        return max(1, self.inner // (self.size * 17))


def document_figure(
    study, datum, *, layer="map", width=2000, threshold=None, title=None, names=False, limit=None
):
    """Draw a figure of a document: PNG bytes.

    It holds the text; nothing else in it names the document, unless a title does.

    Parameters
    ----------
    study : Study, fitted
    datum : Datum, uid or name; embedded
    layer : "map" or "concepts"
    width : pixels; 300 make an inch
    threshold : map: scores of either sign smaller than this are not tinted
    title : text above; names : without a title the datum's name is one
    limit : score of the strongest tint; default: the fit's

    Raises BadInputError, FitError, EmbeddingError.
    """
    if layer not in LAYERS:
        raise BadInputError(f"there is no layer {layer!r}: choose one of {', '.join(LAYERS)}")
    if not _SMALLEST <= width <= _LARGEST:
        raise BadInputError(f"a figure is {_SMALLEST} to {_LARGEST} pixels wide, not {width}")
    if threshold is not None and layer != "map":
        raise BadInputError("a threshold is for the map")
    datum, attrs = study.datum(datum), study.attrs(datum)
    scores, limit = study.prospect(datum), limit or score_limit(study)
    sheet = _Sheet(width)
    margin, size = sheet.margin, sheet.size
    lines = _lines(attrs["text"], study.positions(datum), attrs["sections"], size, sheet.inner)
    lines, note = _most_telling(lines, scores)
    heading = wrapped(title or datum.name, sheet.large, sheet.inner, bold=True) if title or names else []
    tints = _tints(study, datum, scores, layer, threshold, limit)
    rows = _concepts(study, datum, scores) if layer == "concepts" else []
    top = margin + len(heading) * round(sheet.large * 1.5) + (size // 2 if heading else 0)
    legend = -(-len(rows) // sheet.across) * sheet.row if rows else size * 5
    height = top + len(lines) * sheet.high + 2 * size + legend + len(note[:1]) * 2 * size + margin
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for at, words in enumerate(heading):
        _write(pen, margin, margin + at * sheet.large * 1.5, words, sheet.large, bold=True)
    mirrored = attrs["language"] in RIGHT_TO_LEFT
    for at, line in enumerate(lines):
        _draw_line(pen, sheet, line, top + at * sheet.high, tints, mirrored)
    y = top + len(lines) * sheet.high + size
    if note:
        _write(pen, margin, y - size // 2, note, sheet.small, _PALE)
        y += 2 * size
    if rows:
        _draw_concepts(pen, sheet, rows, y)
    else:
        _ramp(pen, sheet, study, y, limit, threshold)
    out = io.BytesIO()
    page.save(out, "PNG", dpi=(_DPI, _DPI))
    return out.getvalue()


def _lines(text, spans, sections, size, inner):
    """The text set in lines of ``inner`` px: list of _Line.

    Line ends of the text stay; headings stand on lines of their own.
    """
    starts = {start: heading for heading, start, _ in sections if heading}
    owner = np.full(len(text) + 1, -1)
    for token, (start, end) in enumerate(spans):
        owner[start:end] = token
    lines, space = [_Line()], text_width("m m", size) - 2 * text_width("m", size)
    x = 0

    def end_line(heading=""):
        nonlocal x
        if lines[-1].words:
            lines.append(_Line())
        if heading:
            lines[-1] = _Line([(0, text_width(heading, size, True), heading, None)], True)
            lines.append(_Line())
        x = 0

    for match in re.finditer(r"\n|[^\s]+", text):
        at = match.start()
        for start in sorted(place for place in starts if place <= at):
            end_line(" ".join(wrapped(starts.pop(start), size, inner, bold=True, most=1)))
        if match[0] == "\n":
            end_line()
            continue
        for part, place in _pieces(match[0], at, owner, size, inner):
            wide, token = text_width(part, size), int(owner[place])
            joined = place > at  # a piece of the same word
            if x and not joined and x + space + wide > inner or x + wide > inner:
                end_line()
            x += space if x and not joined else 0
            lines[-1].words.append((x, wide, part, token if token >= 0 else None))
            x += wide
    return [line for line in lines if line.words]


def _pieces(word, at, owner, size, inner):
    """A word cut where another token begins (not every script has spaces), and where it is wider than a line.

    (text, place).
    """
    cuts = [0, *(k for k in range(1, len(word)) if owner[at + k] != owner[at + k - 1]), len(word)]
    for first, last in zip(cuts, cuts[1:]):
        while (
            last - first > 1
            and text_width(word[first:last], size) > inner // 3
            and not word[first:last].isascii()
        ):
            yield word[first : first + 1], at + first  # written without spaces: letter by letter
            first += 1
        while text_width(word[first:last], size) > inner:
            fits = next(
                n
                for n in range(last - first, 0, -1)
                if n == 1 or text_width(word[first : first + n], size) <= inner
            )
            yield word[first : first + fits], at + first
            first += fits
        yield word[first:last], at + first


def _most_telling(lines, scores):
    """The lines that a figure has room for, and a note where that is not all."""
    if len(lines) <= _MOST_LINES:
        return lines, ""
    weight = np.nan_to_num(np.abs(scores))
    said = [
        sum(weight[token] for token in {word[3] for word in line.words if word[3] is not None})
        for line in lines
    ]
    sums = np.cumsum([0.0, *said])
    first = int(np.argmax(sums[_MOST_LINES:] - sums[:-_MOST_LINES]))
    note = (
        f"Lines {first + 1:,} to {first + _MOST_LINES:,} of {len(lines):,}: the part with the strongest"
        " scores"
    )
    return lines[first : first + _MOST_LINES], note


def _tints(study, datum, scores, layer, threshold, limit):
    """A colour on paper for each token, None for none, "off" for what is excluded or ignored."""
    if layer == "concepts":
        table = study.colours()
        made = [_on_paper(rgb_of(table[concept]), _CONCEPT) for concept in study.concepts_of(datum)]
    else:
        weak = threshold or 0.0
        made = [
            (
                _on_paper(_FOR if score > 0 else _AGAINST, _STRONGEST * min(abs(score) / limit, 1.0))
                if abs(score) >= weak
                else None
            )
            for score in np.nan_to_num(scores)
        ]
    return ["off" if np.isnan(score) else tint for score, tint in zip(scores, made)]


def _on_paper(colour, share):
    return tuple(round(255 + (part - 255) * share) for part in colour)


def _concepts(study, datum, scores):
    """Legend of the concepts that occur: list of (colour, words)."""
    ids = study.concepts_of(datum)
    there = sorted(
        (each for each in study.concepts() if (ids == each.id).any()), key=lambda each: -each.weight
    )
    return [
        (
            (rgb_of(EXCLUDED_COLOUR), f"{each.name}, excluded")
            if each.excluded
            else (_on_paper(rgb_of(each.colour), _CONCEPT), f"{each.name}, {_signed(each.weight)}")
        )
        for each in there
    ]


def _draw_line(pen, sheet, line, y, tints, mirrored):
    """One line: tints first, over the gaps between words of one token too, then the words."""
    size, high = sheet.size, sheet.high
    place = lambda x, wide: sheet.margin + (sheet.inner - x - wide if mirrored else x)
    for at, (x, wide, _, token) in enumerate(line.words):
        tint = None if token is None else tints[token]
        if tint is None:
            continue
        following = line.words[at + 1] if at + 1 < len(line.words) else None
        until = following[0] if following and following[3] == token else x + wide
        start = place(x, until - x)
        box = [start, y, start + until - x, y + high - max(2, size // 12)]
        if tint == "off":
            for offset in range(0, int(box[2] - box[0]) + high, max(6, size // 3)):
                ends = [(box[0] + offset - high, box[3]), (box[0] + offset, box[1])]
                pen.line(_clipped(ends, box), fill=(205, 205, 205), width=max(1, size // 16))
        else:
            pen.rectangle(box, fill=tint)
    for x, wide, text, token in line.words:
        grey = token is not None and tints[token] == "off"
        _write(pen, place(x, wide), y + size * 0.12, text, size, _PALE if grey else _INK, line.heading)


def _clipped(ends, box):
    """A slanted stroke, lower left to upper right, kept between the left and right of its box."""
    (x0, y0), (x1, y1) = ends
    slope = (y1 - y0) / (x1 - x0)
    if x0 < box[0]:
        x0, y0 = box[0], y0 + (box[0] - x0) * slope
    if x1 > box[2]:
        x1, y1 = box[2], y1 - (x1 - box[2]) * slope
    return [(x0, y0), (x1, y1)]


def _draw_concepts(pen, sheet, rows, y):
    """The concepts (colour, words) side by side in rows, from y on."""
    size, step = sheet.size, sheet.inner // sheet.across
    for at, (colour, words) in enumerate(rows):
        x, row = sheet.margin + at % sheet.across * step, y + at // sheet.across * sheet.row
        pen.rectangle([x, row, x + size, row + size], fill=colour, outline=_PALE)
        words, *_ = wrapped(words, sheet.small, step - 2 * size, most=1)
        _write(pen, x + round(1.4 * size), row, words, sheet.small)


def _ramp(pen, sheet, study, y, limit, threshold):
    """What tints mean: the two sides, the numbers at their ends, and the unit."""
    fit, x, size, small = study.view, sheet.margin, sheet.size, sheet.small
    length = min(sheet.inner // 2, size * 26)
    low, high = f"speaks {study.sides[0]}", f"speaks {study.sides[1]}"
    _write(pen, x, y, low, small)
    _write(pen, x + length - text_width(high, small), y, high, small)
    top = y + round(small * 1.5)
    for at in range(length):
        score = 2 * at / (length - 1) - 1
        pen.line(
            [x + at, top, x + at, top + size],
            fill=_on_paper(_FOR if score > 0 else _AGAINST, _STRONGEST * abs(score)),
        )
    pen.rectangle([x, top, x + length, top + size], outline=_PALE)
    for place, text in ((0, _signed(-limit)), (0.5, "0"), (1, _signed(limit))):
        _write(pen, x + place * (length - text_width(text, small)), top + round(size * 1.15), text, small)
    unit = f"prospect score ({fit.unit}, summed)" + (
        f"; weaker than {threshold:g}: no tint" if threshold else ""
    )
    for at, words in enumerate(wrapped(unit, small, length, most=3)):
        _write(pen, x + length + 2 * size, top + at * small * 1.4, words, small, _PALE)


def _write(pen, x, y, text, size, fill=_INK, bold=False):
    font, text = font_for(text, size, bold)
    pen.text((x, y), text, font=font, fill=fill)


def _signed(value):
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
