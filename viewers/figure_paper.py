"""The paper of a slide's figure: its measures, its legend, and the putting together of its parts.

White ground, 300 dots an inch; all measures follow from the width.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from prospector_core.palette import EXCLUDED_COLOUR, rgb_of

from .lettering import font_for, text_width, wrapped

__all__ = ["DPI", "INK", "Legend", "Page", "over_white", "percentage", "signed", "write_line"]

Colour = tuple[int, int, int]

DPI = 300
"""Dots an inch."""

INK, PALE = (20, 20, 20), (110, 110, 110)


def over_white(pixels: np.ndarray) -> np.ndarray:
    """Colours at full strength on a white ground: (n, 3) uint8."""
    alpha = pixels[:, 3:].astype(float) / 255
    return np.round(pixels[:, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def signed(value: float) -> str:
    """A score with its sign, as a legend writes it."""
    text = f"{value:+.3g}" if abs(value) < 1000 else f"{value:+,.0f}"
    return "0" if value == 0 else text.replace("-", "\N{MINUS SIGN}")


def percentage(value: float) -> str:
    """A share of tiles, as a legend writes it."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}" if value >= 0.0005 else "<0.1%"


class Legend:
    """Lines drawn from the top of a white strip of a given width; ``end`` cuts it where they end."""

    def __init__(self, page: Page, width: int) -> None:
        self.page, self.width, self.y = page, width, 0
        self.image = Image.new("RGB", (width, page.em * 400), "white")
        self.draw = ImageDraw.Draw(self.image)

    def heading(self, text: str) -> None:
        """A line in bold."""
        self._lines(text, self.page.em, bold=True)

    def note(self, text: str) -> None:
        """Small lines in grey."""
        self._lines(text, self.page.small, colour=PALE)
        self.y += self.page.em // 3

    def bar(self, colours: np.ndarray, ticks: Sequence[str], low: str, high: str) -> None:
        """A bar of colours with its numbers, and what its ends mean."""
        page, width = self.page, min(self.width, round(self.page.width * 0.45))
        height = round(page.em * 1.1)
        index = np.minimum(np.arange(width) * len(colours) // width, len(colours) - 1)
        self.y += page.em // 4
        strip = np.repeat(colours[index][None], height, axis=0)
        self.image.paste(Image.fromarray(strip), (0, self.y))
        self.draw.rectangle(
            (0, self.y, width - 1, self.y + height - 1), outline=PALE, width=max(1, page.line // 2)
        )
        self.y += height
        for place, text in zip(np.linspace(0, width - 1, len(ticks)), ticks):
            self.draw.line(
                (place, self.y, place, self.y + page.em // 4), fill=PALE, width=max(1, page.line // 2)
            )
            wide = text_width(text, page.small)
            left = min(max(0, place - wide / 2), width - wide)
            write_line(self.draw, (left, self.y + page.em // 4), text, page.small, INK)
        self.y += page.em // 4 + page.leading
        top, half = self.y, round(width * 0.47)
        for text, right in ((low, False), (high, True)):
            self.y = max(self.y, self._block(text, top, width - half if right else 0, half, right))
        self.y += page.em // 3

    def swatch(self, colour: Colour | None, text: str) -> None:
        """A square of a colour (None: stripes) and what it means."""
        self._box(0, self.y, colour)
        indent = round(self.page.em * 1.6)
        self.y = self._block(text, self.y, indent, self.width - indent, False) + self.page.em // 4

    def table(self, head: Sequence[str], rows: Sequence[tuple[Colour | None, str, str, str]]) -> None:
        """Swatch, name and two numbers per row, in as many columns as the width holds."""
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
                    write_line(self.draw, (edge - text_width(text, page.small), y), text, page.small, PALE)
                write_line(self.draw, (right - width + indent, y), head[0], page.small, PALE)
                y += page.leading + page.em // 6
            left = right - width
            self._box(left, y, row[0])
            for number, text in enumerate(lines):
                write_line(self.draw, (left + indent, y + number * page.leading), text, page.small, INK)
            for text, edge in ((row[2], right - numbers[1] - space), (row[3], right)):
                write_line(self.draw, (edge - text_width(text, page.small), y), text, page.small, INK)
            y += height
            lowest = max(lowest, y)
        self.y = lowest

    def end(self) -> Image.Image:
        """The legend as an image."""
        return self.image.crop((0, 0, self.width, max(1, min(self.y, self.image.height))))

    def _lines(self, text: str, size: int, bold: bool = False, colour: Colour = INK) -> None:
        for line in wrapped(text, size, min(self.width, self.page.width * 2 // 3), bold):
            write_line(self.draw, (0, self.y), line, size, colour, bold)
            self.y += round(size * 1.25)

    def _block(self, text: str, top: int, left: int, width: int, right: bool) -> int:
        """Lines in a box, to the left or to the right of it. Returns where they end."""
        for line in wrapped(text, self.page.small, width):
            indent = width - text_width(line, self.page.small) if right else 0
            write_line(self.draw, (left + indent, top), line, self.page.small, INK)
            top += self.page.leading
        return top

    def _box(self, left: int, top: int, colour: Colour | None) -> None:
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
            self.draw.rectangle(box, outline=PALE, width=max(1, self.page.line // 2))
        else:
            self.draw.rectangle(box, fill=tuple(int(part) for part in colour), outline=PALE, width=1)


class Page:
    """Measures of a figure, all from its width, and the putting together of its parts."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.em = max(9, round(width * 0.0155))
        self.small = max(8, round(width * 0.0135))
        self.leading = round(self.small * 1.3)
        self.margin, self.gap = round(width * 0.02), round(width * 0.025)
        self.inner = width - 2 * self.margin
        self.line = max(1, round(width / 900))
        self.stripe = max(4, round(self.em * 0.45))

    def compose(
        self,
        picture: Image.Image,
        legend: Image.Image | None,
        title: str | None,
        bar: tuple[float, str],
        side: bool,
    ) -> bytes:
        """Put title, picture, scale bar and legend together.

        Parameters
        ----------
        picture, legend : Image
            The legend may be missing.
        title : str, optional
        bar : (float, str)
            Length of the scale bar, px, and its words.
        side : bool
            Whether the legend stands beside the picture; else below it.

        Returns
        -------
        bytes
            PNG.
        """
        size, (length, words) = round(self.em * 1.25), bar
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
            write_line(
                draw, (self.margin, self.margin + number * round(size * 1.25)), line, size, INK, bold=True
            )
        page.paste(picture, (self.margin, top))
        bar_end = self.margin + max(1, round(length)) - 1
        draw.rectangle((self.margin, below, bar_end, below + self.line * 3), fill=INK)
        write_line(draw, (self.margin, below + self.line * 4 + self.em // 4), words, self.small, INK)
        if legend:
            place = (self.margin + left + self.gap, top) if side else (self.margin, end + self.gap)
            page.paste(legend, place)
        buffer = io.BytesIO()
        page.save(buffer, "PNG", dpi=(DPI, DPI), compress_level=6)
        return buffer.getvalue()


def write_line(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int,
    colour: Colour,
    bold: bool = False,
) -> None:
    """One line, ``place`` its upper left corner (of the line, not of its ink)."""
    font, text = font_for(text, size, bold)
    draw.text((round(place[0]), round(place[1])), text, font=font, fill=colour)
