"""What people call things: names, notes, colours and languages.

They are checked where they enter, and made harmless where they leave.

A name is text. Pages and HTML show it as it stands (``viewers.words.plain``, ``html_pages.write_html``); here
is what is left: terminals, tables, file names, colours and languages.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

__all__ = [
    "LONGEST",
    "checked_name",
    "datum_words",
    "file_stem",
    "is_colour",
    "language_tag",
    "one_line",
    "printable",
    "table_cell",
]

LONGEST = {"class": 120, "item": 250, "study": 120, "reason": 200}
"""Most characters of a name, by what it is the name of. Names of concepts and notes: ``study.curation``."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}")
# Windows keeps these names for devices, whatever ending they have.
_RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "CONIN$",
    "CONOUT$",
    *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10)),
}
_MOST_BYTES = 150  # of a file's name without its ending: 255 is the most of common file systems


def datum_words(study: Any) -> tuple[str, str]:
    """Return what people call a datum of a `Study`, one and several: slide, field, chain, document."""
    if any(datum.field for datum in study.data):
        return "field", "fields"
    return study.kind.words.datum, study.kind.words.data


def checked_name(text: object, kind: str, error: type[Exception]) -> str:
    """A name that enters, as it is kept: without white space around it.

    Parameters
    ----------
    text : as it was given
    kind : one of ``LONGEST``
    error : raised if it is too long or holds a control character
    """
    name = str(text).strip()
    if len(name) > LONGEST[kind]:
        raise error(
            f"the {kind} name {name[:30]!r}… has {len(name)} characters: shorten it to {LONGEST[kind]} at"
            " most"
        )
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise error(
            f"the {kind} name {name[:30]!r} holds a line break or another control character: remove it"
        )
    return name


def is_colour(text: object) -> bool:
    """Whether this is a colour, "#rrggbb", and nothing else."""
    return isinstance(text, str) and _COLOUR.fullmatch(text) is not None


def language_tag(text: object) -> str:
    """A language as BCP 47 writes it, such as "en" or "pt-BR"; "" for anything else."""
    return text if isinstance(text, str) and _LANGUAGE.fullmatch(text) else ""


def printable(text: object) -> str:
    r"""A text in one line for a terminal or a log.

    Line breaks become spaces, other control characters are written out (\x1b).
    """
    return "".join(
        (
            " "
            if character in "\t\n\r\v\f\x85\u2028\u2029"
            else _written_out(character)
            if _acts(character)
            else character
        )
        for character in str(text)
    )


def one_line(text: object) -> str:
    """The same without white space at the ends, and with one space where there was more."""
    return " ".join(printable(text).split())


def _acts(character: str) -> bool:
    """Whether a terminal would do something instead of showing the character.

    Marks of direction turn what follows round.
    """
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cs") or unicodedata.bidirectional(character) in {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def table_cell(value: object) -> object:
    """A cell of a CSV table: text that a spreadsheet would run as a formula gets an apostrophe in front.

    Numbers stay, also those that are kept as text ("-5").
    """
    if not isinstance(value, str) or value[:1] not in tuple("=+-@\t\r\n"):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def file_stem(name: str) -> str:
    """The name of a file without its ending that says ``name``, on every system.

    "" where nothing of it can be kept.
    """
    text = "".join(c if c.isalnum() or c in " -_." else "_" for c in unicodedata.normalize("NFC", name))
    text = text.encode("utf-8", "ignore")[:_MOST_BYTES].decode("utf-8", "ignore").strip(" .")
    return f"_{text}" if text.split(".")[0].strip().upper() in _RESERVED else text
