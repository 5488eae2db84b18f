"""A document as it is read: its text, its sections, and what it may not be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import DocumentError

__all__ = ["LONGEST", "Document", "Fields", "Section", "checked", "plain", "too_long"]

LONGEST = 2_000_000  # characters of a document: a thick book has one million

# What is neither text nor white space: shown as a blank, so that places in the text stay what they are.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Section:
    """A part of a document: its heading, and its span in the text.

    The heading is given beside the text and is no part of it.
    """

    heading: str
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """A document as it stands in its file.

    Attributes: name (its id, or the file's name without ending), text, sections (tuple of Section, none where
    the text is in one piece), markdown (whether the text has marks of Markdown), title, label and split (as
    written, None where the file has none), at (where it begins in a file of many, in bytes; None = the whole
    file), line (of the file, from 1), note (what was done to read it at all, else "").
    """

    name: str
    text: str
    sections: tuple = ()
    markdown: bool = False
    title: str = ""
    label: str | None = None
    split: str | None = None
    at: int | None = None
    line: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Fields:
    """How files are read: names of fields, where they are not the usual ones, and the reader.

    Attributes
    ----------
    id, label, text : str or None
        Fields of JSON objects, columns of tables.
    reader : int
        2: formats are told by content, and running lines of PDFs are left out. 1, as studies have that were
        made before: by the file's ending, PDFs with all that is drawn.
    """

    id: str | None = None
    label: str | None = None
    text: str | None = None
    reader: int = 2


def plain(value: float | str | None) -> str | None:
    """A JSON value as a table would have it: text; None for what has no place in a cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split()) if isinstance(value, (str, int, float)) else None


def checked(text: str, where: str) -> str:
    """A text without control characters. Raises DocumentError where it is too long."""
    if len(text) > LONGEST:
        raise too_long(where, f"{len(text) / 1e6:.1f} million characters")
    return _CONTROL.sub(" ", text)


def too_long(where: str, length: str) -> DocumentError:
    """The error of a document that is longer than one may be."""
    return DocumentError(
        f"{where} holds {length}, a document may have {LONGEST // 1_000_000} million: split it into reports"
        " or chapters"
    )
