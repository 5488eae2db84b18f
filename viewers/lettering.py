"""Text in pictures: a font that needs no network, lines that fit a width.

The font is the app's own (Source Sans, SIL OFL), which Streamlit brings along. Text that it cannot write is
written in the first font of the system that can.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

__all__ = ["font_for", "text_width", "wrapped"]

_REGULAR, _BOLD = 400, 600
# Looked for by name where the system keeps its fonts, widest coverage first.
_SYSTEM = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "PingFang.ttc",
    "msyh.ttc",
    "malgun.ttf",
    "meiryo.ttc",
    "wqy-zenhei.ttc",
)
# What Pillow's own small font lacks, in case nothing else is there.
_PLAIN = str.maketrans(
    {"µ": "u", "\N{MINUS SIGN}": "-", "≥": ">", "≤": "<", "·": "-", "“": '"', "”": '"', "…": "."}
)


def font_for(text: str, size: int, bold: bool = False) -> tuple[ImageFont.FreeTypeFont, str]:
    """Return a font that has every letter of ``text``, and the text.

    The text is made plainer where no font has all its letters.
    """
    own = _own(size, bold)
    if own is not None and _writes(own, text):
        return own, text
    for name in _SYSTEM:
        font = _system(name, size)
        if font is not None and _writes(font, text):
            return font, text
    return (own, text) if own is not None else (ImageFont.load_default(size), text.translate(_PLAIN))


def text_width(text: str, size: int, bold: bool = False) -> int:
    """Width of one line of text, px."""
    font, text = font_for(text, size, bold)
    return round(font.getlength(text))


def wrapped(text: str, size: int, width: int, bold: bool = False, most: int | None = None) -> list[str]:
    """Lines of text that fit ``width`` px; a word too long is cut in two.

    Beyond ``most`` lines it ends in "…".
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if text_width(longer, size, bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while len(word) > 1 and text_width(word, size, bold) > width:
            cut = next(
                (n for n in range(len(word) - 1, 0, -1) if text_width(word[:n], size, bold) <= width),
                1,
            )
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    if line or not lines:
        lines.append(line)
    if most is not None and len(lines) > most:
        last = lines[most - 1]
        while last and text_width(last + "…", size, bold) > width:
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "…"]
    return lines


def _writes(font: ImageFont.FreeTypeFont, text: str) -> bool:
    return all(_has(font, letter) for letter in set(text) if not letter.isspace())


@lru_cache(maxsize=8192)
def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    # U+FFFE is no character: what it gives is the font's sign for "missing".
    return _ink(font, letter) != _ink(font, "\ufffe")


def _ink(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


@lru_cache(maxsize=32)
def _own(size: int, bold: bool) -> ImageFont.FreeTypeFont | None:
    spec = find_spec("streamlit")  # found, not imported: that takes a second
    if spec is None or spec.origin is None:
        return None
    for path in sorted((Path(spec.origin).parent / "static").rglob("SourceSansVF-Upright*")):
        try:
            font = ImageFont.truetype(str(path), size)
            font.set_variation_by_axes([_BOLD if bold else _REGULAR])
            return font
        except (OSError, ValueError, NotImplementedError):  # this Pillow cannot read it
            continue
    return None


@lru_cache(maxsize=64)
def _system(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
