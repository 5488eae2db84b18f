"""Text of PDF files."""

from __future__ import annotations

import contextlib
import logging
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError, MissingExtraError
from ...store.memory import VARIABLE, most_memory
from .document import LONGEST, Document, Section, checked, plain, too_long

if TYPE_CHECKING:
    from typing import IO, Any

    from pypdf import PdfReader

__all__ = ["IN_MEMORY", "PACKED_TIMES", "PART", "pdf"]

PACKED_TIMES, PART, IN_MEMORY = 40, 2**20, 2**26

_MOST_PAGES = 20_000

_MOST_DRAWN = 100_000  # steps of a small PDF; a full page of text has 100 to 3,000


def pdf(path: Path, file: IO[Any]) -> Document:
    """A PDF's text, a section a page."""
    try:
        from pypdf import PdfReader, apply_configuration
        from pypdf.errors import LimitReachedError, PyPdfError
    except ImportError as error:
        raise MissingExtraError(
            "reading PDF needs pypdf, which is not installed: pip install pypdf"
        ) from error
    log = logging.getLogger("pypdf")
    before, log.disabled = log.disabled, True  # what matters arrives as one error
    times = most_memory() / 2**30
    limits = {
        "zlib_maximum_output_length": int(75e6 * times),
        "stream_parsing_work_maximum_count": int(1e6 * times),
    }
    try:
        file.seek(0)
        with apply_configuration(**limits):
            pieces, sections, title = _pdf_pages(PdfReader(file), path, times)
    except DocumentError:
        raise
    except LimitReachedError as error:
        raise DocumentError(
            f"{path.name} has a page that unpacks to more than is read ({' '.join(str(error).split())[:80]}):"
            f" save it again, or as text, or allow more with `prospector --max-memory 4GB ...` or {VARIABLE}"
        ) from error
    except (
        PyPdfError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        ArithmeticError,
        RecursionError,
        MemoryError,
        AssertionError,
        NotImplementedError,
        UnboundLocalError,
        zlib.error,
        struct.error,
    ) as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise DocumentError(
            f"{path.name} is not a PDF that can be read ({why}): save it again, or as text"
        ) from error
    finally:
        log.disabled = before
    text = "\n\n".join(pieces)
    note = "" if text.strip() else f"{path.name} has no text in it (a scan?): recognise its text first (OCR)"
    return Document(
        path.stem,
        checked(text, path.name),
        tuple(sections) if len(sections) > 1 else (),
        title=title,
        note=note,
    )


def _pdf_pages(reader: PdfReader, path: Path, times: float) -> tuple[list[str], list[Section], str]:
    """(texts of the pages, their Sections, title) of an open PDF.

    ``times``: how much more than usual may be read.
    """
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentError(f"{path.name} is locked with a password: save it without one")
    # pages may be one page many times over: what all of them draw is counted
    left = times * (_MOST_DRAWN + path.stat().st_size / 2)

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise DocumentError(
                f"{path.name} draws more than a document of {path.stat().st_size / 1e6:.1f} MB can hold: save"
                f" it again, or as text, or allow more with `prospector --max-memory 4GB ...` or {VARIABLE}"
            )

    pieces, sections, at = [], [], 0
    for number, page in enumerate(reader.pages, start=1):
        if number > _MOST_PAGES:
            raise too_long(path.name, "more pages")
        body = (page.extract_text(visitor_operand_before=count) or "").strip()
        sections.append(Section(f"page {number}", at, at + len(body)))
        pieces.append(body)
        at += len(body) + 2
        if at > LONGEST:
            raise too_long(path.name, "more text")
    title = ""
    with contextlib.suppress(Exception):
        title = plain(reader.metadata.title) or ""
    return pieces, sections, title
