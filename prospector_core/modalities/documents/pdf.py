"""Text of PDF files."""

from __future__ import annotations

import contextlib
import logging
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import DocumentError, MissingExtraError
from ...store.memory import VARIABLE, most_memory
from .document import LONGEST, Document, Section, checked, plain, too_long
from .pdf_pages import Piece, in_columns, without_running_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

    from pypdf import PdfReader

__all__ = ["IN_MEMORY", "PACKED_TIMES", "PART", "pdf"]

PACKED_TIMES, PART, IN_MEMORY = 40, 2**20, 2**26

_MOST_PAGES = 20_000

_MOST_DRAWN = 100_000  # steps of a small PDF; a full page of text has 100 to 3,000


def pdf(path: Path, file: IO[Any], running: bool = False) -> Document:
    """A PDF's text, a section a page.

    ``running``: with running headers and footers, and columns in the order in which they are drawn.
    """
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
            pages, title = _pdf_pages(PdfReader(file), path, times)
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
    texts, said = [page.text for page in pages], ""
    if not running:
        texts, said = _arranged(pages, path.name)
    text, sections, at = "\n\n".join(texts), [], 0
    for number, body in enumerate(texts, start=1):
        sections.append(Section(f"page {number}", at, at + len(body)))
        at += len(body) + 2
    note = (
        said if text.strip() else f"{path.name} has no text in it (a scan?): recognise its text first (OCR)"
    )
    return Document(
        path.stem,
        checked(text, path.name),
        tuple(sections) if len(sections) > 1 else (),
        title=title,
        note=note,
    )


def _pdf_pages(reader: PdfReader, path: Path, times: float) -> tuple[list[_Page], str]:
    """(pages, title) of an open PDF.

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

    pages, at = [], 0
    for number, page in enumerate(reader.pages, start=1):
        if number > _MOST_PAGES:
            raise too_long(path.name, "more pages")
        pieces: list[Piece] = []
        body = page.extract_text(visitor_operand_before=count, visitor_text=_collector(pieces)) or ""
        body = body.strip()
        pages.append(_Page(body, pieces, float(page.mediabox.height)))
        at += len(body) + 2
        if at > LONGEST:
            raise too_long(path.name, "more text")
    title = ""
    with contextlib.suppress(Exception):
        title = plain(reader.metadata.title) or ""
    return pages, title


class _Page(NamedTuple):
    """A page: its text, the pieces that it was drawn of, its height in points."""

    text: str
    pieces: list[Piece]
    height: float


def _collector(pieces: list[Piece]) -> Callable[..., None]:
    """A visitor of pypdf that keeps where text is drawn."""

    def collect(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        if text.strip():
            x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
            y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            pieces.append(Piece(x, y, float(size or 0), text.strip()))

    return collect


def _arranged(pages: list[_Page], name: str) -> tuple[list[str], str]:
    """(texts of the pages, note): columns one after the other, running headers and footers left out."""
    texts, columns = [], 0
    for page in pages:
        text = in_columns(page.pieces)
        columns += text is not None
        texts.append(page.text if text is None else text)
    texts, gone = without_running_lines(
        texts, [page.pieces for page in pages], [page.height for page in pages]
    )
    said = []
    if columns:
        said.append(f"{columns} of {len(pages)} pages have two columns, read one after the other")
    if gone:
        said.append(f"{gone} lines of running headers and footers are left out")
    return texts, f"{name}: {'; '.join(said)}" if said else ""
