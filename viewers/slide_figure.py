"""A figure for print: a slide, field or region with an overlay, its legend with numbers.

And a scale bar, as PNG.

White ground, the app's own colours, 300 dots an inch; nothing in it names the slide unless asked.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.errors import BadInputError
from prospector_core.palette import EXCLUDED_COLOUR, class_palette, rgb_of

from .lettering import font_for, text_width, wrapped
from .limits import error_limit, resamples_of, score_limit
from .overlays import class_pixels, map_pixels, sequential_colours, sprite_pixels

__all__ = ["LAYERS", "score_limit", "slide_figure"]

LAYERS = ("map", "concepts", "uncertainty", "classes", "tissue")
DPI = 300
_SMALLEST, _LARGEST = 600, 8000
_INK, _PALE = (20, 20, 20), (110, 110, 110)


def slide_figure(
    study,
    datum,
    *,
    layer="map",
    region=None,
    whole_slide=False,
    width=2000,
    threshold=None,
    opacity=0.65,
    title=None,
    names=False,
    limit=None,
):
    """Draw a figure of a datum: PNG bytes.

    Parameters
    ----------
    study : Study, fitted
    datum : Datum, uid or name; embedded
    layer : "map", "concepts", "uncertainty", "classes" (the class that each tile speaks for most) or "tissue"
    region : (x, y, width, height) in level-0 pixels, with every datum of the slide in it; default: the
        datum's field, or all
    whole_slide : the slide with all its data
    width : pixels; a tall picture makes a narrower figure
    threshold : map: scores of either sign smaller than this are not drawn
    opacity : of the overlay, 0 to 1
    title : text above the picture
    names : without a title, the name of the datum (of the slide, where all of it is shown) is the title
    limit : score (or standard error) of the strongest colour; default: as in the app

    Raises BadInputError, SlideError, EmbeddingError, FitError.
    """
    _check(layer, region, whole_slide, width, threshold, opacity, limit)
    datum = study.datum(datum)
    view = _view_of(study, datum, region, whole_slide)
    if title is None and names:
        title = study.sources[datum.source].name if whole_slide or region is not None else datum.name
    page = _Page(int(width))
    side = view.width / view.height <= 1.5  # else the legend goes below
    legend_width = (
        round(width * (0.34 if layer in ("concepts", "classes") else 0.29))
        if side and layer != "tissue"
        else page.inner
    )
    across = page.inner - legend_width - page.gap if legend_width < page.inner else page.inner
    scale = min(across / view.width, 1.3 * width / view.height)
    size = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    picture = Image.fromarray(_tissue(study, datum, view, size))
    legend = None
    if layer != "tissue":
        layers = {
            "map": _map_layer,
            "concepts": _concept_layer,
            "uncertainty": _error_layer,
            "classes": _class_layer,
        }
        tokens = [_shown(study, each, view) for each in view.data]
        overlay, legend = layers[layer](
            study, view, tokens, size, page, legend_width, threshold, opacity, limit
        )
        picture.paste(overlay, mask=overlay)
    _draw_frames(picture, view, page)
    mpp = study.sources[datum.source].info["mpp"]
    return page.compose(picture, legend, title, _scale_bar(view.width / size[0], size[0], page, mpp), side)


# ---- what is shown


@dataclass(frozen=True)
class _View:
    """The rectangle shown, in level-0 pixels, and the data whose tokens are drawn in it."""

    x: float
    y: float
    width: float
    height: float
    data: tuple
    slide_wide: bool

    def spans(self, size):
        """Level-0 pixels a picture pixel, across and down."""
        return self.width / size[0], self.height / size[1]


def _check(layer, region, whole_slide, width, threshold, opacity, limit):
    if layer not in LAYERS:
        raise BadInputError(f"a figure has no layer {layer!r}: choose one of {', '.join(LAYERS)}")
    if not _SMALLEST <= width <= _LARGEST:
        raise BadInputError(f"a figure is {_SMALLEST} to {_LARGEST} pixels wide, not {width}")
    if not 0 <= opacity <= 1:
        raise BadInputError(f"opacity is from 0 (nothing) to 1 (covers the tissue), not {opacity}")
    if threshold is not None and layer != "map":
        raise BadInputError(f"a threshold is of the map, not of the layer {layer}")
    if threshold is not None and not 0 <= threshold < math.inf:
        raise BadInputError(
            f"a figure's threshold is of scores of either sign: give a number from 0 on, not {threshold}"
        )
    if limit is not None and not 0 < limit < math.inf:
        raise BadInputError(f"the score of the strongest colour must be a number above 0, not {limit}")
    if region is not None and whole_slide:
        raise BadInputError("a figure shows a region or the whole slide: choose one")
    if region is not None and not (
        len(region) == 4 and all(map(math.isfinite, region)) and region[2] > 0 and region[3] > 0
    ):
        raise BadInputError("a region is X Y WIDTH HEIGHT in level-0 pixels, width and height above 0")


def _view_of(study, datum, region, whole_slide):
    info = study.sources[datum.source].info
    there = tuple(each for each in study.embedded() if each.source == datum.source)
    slide_wide = region is not None or whole_slide or datum.field is None
    if region is None and not whole_slide and datum.field is not None:
        field = datum.field
        region, there = (field.x, field.y, field.width, field.height), (datum,)
    elif region is None and info.get("width") and info.get("height"):
        bounds = info.get("bounds")  # beyond what was scanned there is nothing to show
        region = bounds if bounds and bounds[2] and bounds[3] else (0, 0, info["width"], info["height"])
    elif region is None:  # features without their slide
        grids = [study.grid(each) for each in there or (datum,)]
        low = np.min([grid["origin"] for grid in grids], axis=0)
        high = np.max(
            [np.add(grid["origin"], np.multiply(grid["shape"][::-1], grid["pitch"])) for grid in grids], 0
        )
        region = (*low, *(high - low))
    elif info.get("width") and not (
        -region[2] < region[0] < info["width"] and -region[3] < region[1] < info["height"]
    ):
        raise BadInputError(
            f"the region {' '.join(f'{each:g}' for each in region)} lies beside the slide, which has "
            f"{info['width']} x {info['height']} pixels"
        )
    return _View(*(float(each) for each in region), data=there, slide_wide=slide_wide)


def _tissue(study, datum, view, size):
    """The slide itself, (h, w, 3) uint8; white where it is not at hand."""
    if not study.at_hand(datum):
        return np.full((size[1], size[0], 3), 255, np.uint8)
    with study.open_slide(datum) as slide:
        return slide.read_scaled(view.x, view.y, view.width, view.height, *size)


def _shown(study, datum, view):
    """Which tokens of a datum have their centre in the view: (Datum, grid, sorted ids)."""
    grid = study.grid(datum)
    centre = np.array(grid["origin"]) + (grid["positions"][:, ::-1] + 0.5) * grid["pitch"]
    inside = (centre >= (view.x, view.y)).all(1) & (
        centre <= (view.x + view.width, view.y + view.height)
    ).all(1)
    return datum, grid, np.flatnonzero(inside)


def _laid(view, size, tokens, pixels, hatched, opacity, period):
    """Tokens as a transparent picture of the view.

    Parameters: tokens, list of (Datum, grid, ids); pixels, for each the (n, 4) uint8 of all its tokens;
    hatched, for each the (n,) bool of tokens drawn as stripes; period of the stripes in px. Returns an RGBA
    image.
    """
    whole = Image.new("RGBA", size, (0, 0, 0, 0))
    for (_, grid, _), colours, without in zip(tokens, pixels, hatched):
        rows, columns = grid["shape"]
        cells = np.zeros((rows, columns, 4), np.uint8)
        cells[tuple(grid["positions"].T)] = colours
        cells[..., 3] = np.round(cells[..., 3] * opacity)
        marked = np.zeros((rows, columns), bool)
        marked[tuple(grid["positions"].T)] = without
        cells[marked] = 0
        # where a pixel holds several tokens, it shows their mean
        finer = min(8, max(1, math.ceil(max(view.spans(size)) / grid["pitch"])))
        picture = _sampled(cells, view, (size[0] * finer, size[1] * finer), grid)
        part = Image.fromarray(picture, "RGBA")
        part = part.reduce(finer) if finer > 1 else part
        if marked.any():
            area = _sampled(marked, view, size, grid)
            across, down = np.arange(size[0])[None, :], np.arange(size[1])[:, None]
            stripe = (across + down) % period < period / 3
            array = np.array(part)
            array[area & stripe] = (*rgb_of(EXCLUDED_COLOUR), 230)
            array[area & ~stripe] = (*rgb_of(EXCLUDED_COLOUR), 70)
            part = Image.fromarray(array, "RGBA")
        whole.alpha_composite(part)
    return whole


def _sampled(cells, view, size, grid):
    """The cell under the centre of every pixel, zero outside of the grid."""
    (x, y), pitch = grid["origin"], grid["pitch"]
    across, down = view.spans(size)
    columns = np.floor((view.x + (np.arange(size[0]) + 0.5) * across - x) / pitch).astype(int)
    rows = np.floor((view.y + (np.arange(size[1]) + 0.5) * down - y) / pitch).astype(int)
    good_rows, good_columns = (
        (rows >= 0) & (rows < cells.shape[0]),
        (columns >= 0) & (columns < cells.shape[1]),
    )
    out = np.zeros((size[1], size[0], *cells.shape[2:]), cells.dtype)
    out[np.ix_(good_rows, good_columns)] = cells[np.ix_(rows[good_rows], columns[good_columns])]
    return out


def _frames(view):
    """Fields of which an edge is seen, where more than one datum may be.

    (x, y, width, height) in level-0 pixels.
    """
    for datum in view.data if view.slide_wide else ():
        field = datum.field
        if field is None:
            continue
        left, top = field.x - view.x, field.y - view.y
        right, bottom = left + field.width, top + field.height
        apart = right <= 0 or bottom <= 0 or left >= view.width or top >= view.height
        around = left < 0 and top < 0 and right > view.width and bottom > view.height
        if not apart and not around:
            yield left, top, field.width, field.height


def _draw_frames(picture, view, page):
    draw, (across, down) = ImageDraw.Draw(picture), view.spans(picture.size)
    for x, y, width, height in _frames(view):
        box = (x / across, y / down, (x + width) / across - 1, (y + height) / down - 1)
        draw.rectangle([round(each) for each in box], outline=(70, 70, 70), width=page.line)


# ---- layers and their legends


def _map_layer(study, view, tokens, size, page, legend_width, threshold, opacity, limit):
    fit = study.view
    limit = score_limit(study) if limit is None else limit
    scores = [study.prospect(datum) for datum, _, _ in tokens]
    drawn = [np.where(np.abs(each) >= (threshold or 0), each, 0.0) for each in scores]  # NaN: no score
    pixels = [map_pixels(each, limit) for each in drawn]
    missing = [np.isnan(each) for each in scores]
    overlay = _laid(view, size, tokens, pixels, missing, opacity, page.stripe)
    seen = np.concatenate([each[ids] for each, (_, _, ids) in zip(scores, tokens)] or [np.empty(0)])
    known = seen[np.isfinite(seen)]
    legend = _Legend(page, legend_width)
    legend.heading("Prospect score")
    legend.note(f"{fit.unit}, summed over neighbours")
    steps = np.linspace(-limit, limit, 400)
    colours = map_pixels(np.where(np.abs(steps) >= (threshold or 0), steps, 0.0), limit)
    low, high = known.min(initial=0) < -limit, known.max(initial=0) > limit
    ticks = [(("≤ " if low else "") + _signed(-limit)), "0", (("≥ " if high else "") + _signed(limit))]
    legend.bar(_over_white(colours), ticks, *(f"speaks {side}" for side in study.sides))
    if threshold:
        left = (np.abs(known) >= threshold).mean() if known.size else 0
        legend.note(
            f"Scores between {_signed(-threshold)} and {_signed(threshold)} are not drawn: {_share(left)} of"
            " the tiles are left."
        )
    if np.isnan(seen).any():
        legend.swatch(None, "excluded or ignored: no score")
    return overlay, legend.end(view)


def _error_layer(study, view, tokens, size, page, legend_width, threshold, opacity, limit):
    fit = study.view
    resamples = resamples_of(fit)
    errors = [study.uncertainty(datum, resamples).error for datum, _, _ in tokens]
    if limit is None:
        limit = error_limit(study, fit)
    pixels = [np.column_stack([sequential_colours(e, limit), np.full(len(e), 255, np.uint8)]) for e in errors]
    missing = [np.isnan(each) for each in errors]
    overlay = _laid(view, size, tokens, pixels, missing, opacity, page.stripe)
    seen = np.concatenate([each[ids] for each, (_, _, ids) in zip(errors, tokens)] or [np.empty(0)])
    steps = np.linspace(0, limit, 400)
    colours = np.column_stack([sequential_colours(steps, limit), np.full(len(steps), 255, np.uint8)])
    legend = _Legend(page, legend_width)
    legend.heading("Standard error of the score")
    legend.note(f"{fit.unit}, summed over neighbours; from {resamples} resamples of the data")
    beyond = np.nanmax(seen, initial=0) > limit
    ticks = ["0", f"{limit / 2:.3g}", ("≥ " if beyond else "") + f"{limit:.3g}"]
    legend.bar(_over_white(colours), ticks, "sure", "unsure")
    if np.isnan(seen).any():
        legend.swatch(None, "excluded or ignored: no score")
    return overlay, legend.end(view)


def _concept_layer(study, view, tokens, size, page, legend_width, threshold, opacity, limit):
    colours = study.colours()
    concepts = [study.concepts_of(datum) for datum, _, _ in tokens]
    missing = [study.sprite(datum) < 0 for datum, _, _ in tokens]
    pixels = [sprite_pixels(each, colours) for each in concepts]
    overlay = _laid(view, size, tokens, pixels, missing, opacity, page.stripe)
    seen = np.concatenate([each[ids] for each, (_, _, ids) in zip(concepts, tokens)] or [np.empty(0, int)])
    counts = np.bincount(seen, minlength=len(colours))
    gone = study.view.state.excluded
    rows = sorted((c for c in study.concepts() if counts[c.id]), key=lambda c: (c.id in gone, -c.weight))
    legend = _Legend(page, legend_width)
    legend.heading("Concepts")
    legend.note(
        f"Weight of the concept by itself ({study.view.unit}): positive speaks {study.sides[1]},"
        f" negative {study.sides[0]}. Share of the {len(seen):,} tiles shown."
    )
    cells = [
        (
            None if c.id in gone else rgb_of(c.colour),
            c.name,
            "excluded" if c.id in gone else f"{c.weight:+.2f}".replace("-", "\N{MINUS SIGN}"),
            _share(counts[c.id] / len(seen)),
        )
        for c in rows
    ]
    legend.table(("concept", "weight", "share"), cells)
    if any(study.view.state.ignored(datum.uid).size for datum, _, ids in tokens if ids.size):
        legend.swatch(None, "in a region marked to be ignored")
    return overlay, legend.end(view)


def _class_layer(study, view, tokens, size, page, legend_width, threshold, opacity, limit):
    found = [study.strongest_class(datum) for datum, _, _ in tokens]
    colours = class_palette(len(study.classes))
    pixels = [class_pixels(each.classes, each.margin, colours) for each in found]
    overlay = _laid(view, size, tokens, pixels, [each.classes < 0 for each in found], opacity, page.stripe)
    seen = np.concatenate(
        [each.classes[ids] for each, (_, _, ids) in zip(found, tokens)] or [np.empty(0, int)]
    )
    legend = _Legend(page, legend_width)
    legend.heading("Strongest class")
    legend.note(
        "The class that a tile speaks for most; the paler, the less it is ahead of the next. Scores of a"
        f" class are divided by that of its strongest colour. Share of the {len(seen):,} tiles shown."
    )
    cells = [
        (rgb_of(colours[label]), name, "", _share(float((seen == label).mean()) if len(seen) else 0.0))
        for label, name in enumerate(study.classes)
    ]
    legend.table(("class", "", "share"), cells)
    if (seen < 0).any():
        legend.swatch(None, "excluded or ignored: no score")
    return overlay, legend.end(view)


def _over_white(pixels):
    """Colours at full strength on a white ground: (n, 3) uint8."""
    alpha = pixels[:, 3:].astype(float) / 255
    return np.round(pixels[:, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _signed(value):
    text = f"{value:+.3g}" if abs(value) < 1000 else f"{value:+,.0f}"
    return "0" if value == 0 else text.replace("-", "\N{MINUS SIGN}")


def _share(value):
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}" if value >= 0.0005 else "<0.1%"


def _scale_bar(span, width, page, mpp):
    """(length in picture pixels, text) of a round length.

    A quarter of the picture at most, more of a narrow one.

    Parameters: span, level-0 pixels a picture pixel; width of the picture, px; mpp or None.
    """
    unit = span * (mpp or 1.0)
    most = unit * max(1.0, width / 4 if width >= page.width / 5 else width * 0.8)
    ten = 10.0 ** math.floor(math.log10(most))
    length = max(n * ten for n in (1, 2, 5) if n * ten <= most * 1.0000001)
    if mpp is None:
        return length / unit, f"{length:g} px (scale unknown)"
    return length / unit, f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"


# ---- the page


class _Legend:
    """Lines drawn from the top of a white strip of a given width; ``end`` cuts it where they end."""

    def __init__(self, page, width):
        self.page, self.width, self.y = page, width, 0
        self.image = Image.new("RGB", (width, page.em * 400), "white")
        self.draw = ImageDraw.Draw(self.image)

    def heading(self, text):
        self._lines(text, self.page.em, bold=True)

    def note(self, text):
        self._lines(text, self.page.small, colour=_PALE)
        self.y += self.page.em // 3

    def bar(self, colours, ticks, low, high):
        """A bar of colours with its numbers, and what its ends mean."""
        page, width = self.page, min(self.width, round(self.page.width * 0.45))
        height = round(page.em * 1.1)
        index = np.minimum(np.arange(width) * len(colours) // width, len(colours) - 1)
        self.y += page.em // 4
        strip = np.repeat(colours[index][None], height, axis=0)
        self.image.paste(Image.fromarray(strip), (0, self.y))
        self.draw.rectangle(
            (0, self.y, width - 1, self.y + height - 1), outline=_PALE, width=max(1, page.line // 2)
        )
        self.y += height
        for place, text in zip(np.linspace(0, width - 1, len(ticks)), ticks):
            self.draw.line(
                (place, self.y, place, self.y + page.em // 4), fill=_PALE, width=max(1, page.line // 2)
            )
            wide = text_width(text, page.small)
            left = min(max(0, place - wide / 2), width - wide)
            _text(self.draw, (left, self.y + page.em // 4), text, page.small, _INK)
        self.y += page.em // 4 + page.leading
        top, half = self.y, round(width * 0.47)
        for text, right in ((low, False), (high, True)):
            self.y = max(self.y, self._block(text, top, width - half if right else 0, half, right))
        self.y += page.em // 3

    def swatch(self, colour, text):
        """A square of a colour (None: stripes) and what it means."""
        self._box(0, self.y, colour)
        indent = round(self.page.em * 1.6)
        self.y = self._block(text, self.y, indent, self.width - indent, False) + self.page.em // 4

    def table(self, head, rows):
        """Swatch, name and two numbers a row, in as many columns as the width holds."""
        page = self.page
        gap = page.gap
        columns = max(1, (self.width + gap) // round(page.width * 0.27 + gap))
        columns = min(columns, max(1, len(rows)))
        width = min((self.width - (columns - 1) * gap) // columns, round(page.width * 0.45))
        numbers = [max(text_width(row[i], page.small) for row in (("", *head), *rows)) for i in (2, 3)]
        indent, space = round(page.em * 1.5), page.em * 2 // 3
        room = max(page.em * 3, width - indent - sum(numbers) - 2 * space)
        parts = [wrapped(row[1], page.small, room) for row in rows]
        heights = [len(lines) * page.leading + page.em // 5 for lines in parts]
        # columns of about one height, filled from the top
        target = max(sum(heights) / columns, max(heights, default=0))
        top, column, y, lowest = self.y, -1, math.inf, self.y
        for row, lines, height in zip(rows, parts, heights):
            if y - top - page.leading + height / 2 > target and column < columns - 1:
                column += 1
                y = top
                right = column * (width + gap) + width
                for text, edge in ((head[1], right - numbers[1] - space), (head[2], right)):
                    _text(self.draw, (edge - text_width(text, page.small), y), text, page.small, _PALE)
                _text(self.draw, (right - width + indent, y), head[0], page.small, _PALE)
                y += page.leading + page.em // 6
            left = right - width
            self._box(left, y, row[0])
            for number, text in enumerate(lines):
                _text(self.draw, (left + indent, y + number * page.leading), text, page.small, _INK)
            for text, edge in ((row[2], right - numbers[1] - space), (row[3], right)):
                _text(self.draw, (edge - text_width(text, page.small), y), text, page.small, _INK)
            y += height
            lowest = max(lowest, y)
        self.y = lowest

    def end(self, view):
        """The legend as an image."""
        if any(True for _ in _frames(view)):
            self.note("Frames: the fields of the study.")
        return self.image.crop((0, 0, self.width, max(1, min(self.y, self.image.height))))

    def _lines(self, text, size, bold=False, colour=_INK):
        for line in wrapped(text, size, min(self.width, self.page.width * 2 // 3), bold):
            _text(self.draw, (0, self.y), line, size, colour, bold)
            self.y += round(size * 1.25)

    def _block(self, text, top, left, width, right):
        """Lines in a box, to the left or to the right of it. Returns where they end."""
        for line in wrapped(text, self.page.small, width):
            indent = width - text_width(line, self.page.small) if right else 0
            _text(self.draw, (left + indent, top), line, self.page.small, _INK)
            top += self.page.leading
        return top

    def _box(self, left, top, colour):
        side = self.page.em
        top += (self.page.leading - side) // 2
        box = (left, top, left + side - 1, top + side - 1)
        if colour is None:
            across, down = np.meshgrid(np.arange(side), np.arange(side))
            stripe = ((across + down) % self.page.stripe < self.page.stripe / 3)[..., None]
            grey = np.array(rgb_of(EXCLUDED_COLOUR))
            self.image.paste(
                Image.fromarray(np.where(stripe, grey, (grey + 2.6 * 255) / 3.6).astype(np.uint8)),
                (left, top),
            )
            self.draw.rectangle(box, outline=_PALE, width=max(1, self.page.line // 2))
        else:
            self.draw.rectangle(box, fill=tuple(int(part) for part in colour), outline=_PALE, width=1)


class _Page:
    """Measures of a figure, all from its width, and the putting together of its parts."""

    def __init__(self, width):
        self.width = width
        self.em = max(9, round(width * 0.0155))
        self.small = max(8, round(width * 0.0135))
        self.leading = round(self.small * 1.3)
        self.margin, self.gap = round(width * 0.02), round(width * 0.025)
        self.inner = width - 2 * self.margin
        self.line = max(1, round(width / 900))
        self.stripe = max(4, round(self.em * 0.45))

    def compose(self, picture, legend, title, bar, side):
        """Title, picture, scale bar and legend as PNG bytes."""
        size = round(self.em * 1.25)
        length, words = bar
        left = max(picture.width, round(length), text_width(words, self.small))
        side = side and legend is not None
        width = 2 * self.margin + (
            left + self.gap + legend.width if side else max(left, legend.width if legend else 0)
        )
        heading = wrapped(title, size, width - 2 * self.margin, bold=True) if title else []
        top = self.margin + (len(heading) * round(size * 1.25) + self.em // 2 if heading else 0)
        below = top + picture.height + self.em // 2
        end = below + self.line * 4 + self.em // 4 + self.leading
        height = (
            max(end, top + legend.height) if side else end + (self.gap + legend.height if legend else 0)
        ) + self.margin
        page = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(page)
        for number, line in enumerate(heading):
            _text(draw, (self.margin, self.margin + number * round(size * 1.25)), line, size, _INK, bold=True)
        page.paste(picture, (self.margin, top))
        draw.rectangle(
            (self.margin, below, self.margin + max(1, round(length)) - 1, below + self.line * 3), fill=_INK
        )
        _text(draw, (self.margin, below + self.line * 4 + self.em // 4), words, self.small, _INK)
        if legend:
            page.paste(
                legend, (self.margin + left + self.gap, top) if side else (self.margin, end + self.gap)
            )
        buffer = io.BytesIO()
        page.save(buffer, "PNG", dpi=(DPI, DPI), compress_level=6)
        return buffer.getvalue()


def _text(draw, place, text, size, colour, bold=False):
    """One line, ``place`` its upper left corner (of the line, not of its ink)."""
    font, text = font_for(text, size, bold)
    draw.text((round(place[0]), round(place[1])), text, font=font, fill=colour)
