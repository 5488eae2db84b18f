"""Text of Word (docx), HTML and RTF files, by kept libraries."""

from __future__ import annotations

import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from ...errors import DocumentError
from ...store.memory import check_memory
from .document import LONGEST, too_long
from .encodings import marked_encoding

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MOST_MARKUP", "check_archive", "docx_text", "html_text", "rtf_text"]

_XML_TIMES = 12  # bytes of memory that a byte of XML becomes, as a tree
MOST_MARKUP = 2**26  # bytes of an RTF or HTML file: pictures in it count
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PLAIN = {"t": None, "tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "dd", "div", "dl", "dt", "fieldset", "figcaption"}
    | {"figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav"}
    | {"ol", "p", "pre", "section", "table", "ul"}
)
_UNSEEN = frozenset(["script", "style", "head", "title", "template", "noscript", "svg", "iframe", "object"])


def check_archive(path: Path, file: IO[Any]) -> None:
    """Raise DocumentError where a zip archive unpacks to more than a file may ask for, before it does."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DocumentError(f"{path.name} is damaged ({error}): save it again") from error
    need = sum(
        each.file_size * (_XML_TIMES if each.filename.endswith((".xml", ".rels")) else 1) for each in parts
    )
    check_memory(need, path, "what is packed in it", DocumentError, 0)
    file.seek(0)


def docx_text(path: Path, file: IO[Any]) -> tuple[str, str]:
    """(text, title) of a Word file: paragraphs with a blank line between, cells of a row with a tab.

    Text that was inserted with tracked changes is in it, what was deleted is not. Raises DocumentError.
    """
    import docx

    check_archive(path, file)
    try:
        document = docx.Document(file)
        body = document.element.body
        text = _paragraphs(body)
        title = document.core_properties.title or ""
    except (KeyError, ValueError, AttributeError, TypeError, OSError, SyntaxError, zlib.error) as error:
        raise _damaged(path, "Word file", error) from error
    except Exception as error:  # of python-docx and lxml: each has its own
        raise _damaged(path, "Word file", error) from error
    return text, title


def _paragraphs(body: Any) -> str:
    """The text of all paragraphs below an element, in order."""
    pieces, row = [], None
    for paragraph in body.iter(_WORD + "p"):
        said = _paragraph(paragraph)
        if said is None:
            continue
        inside = next(paragraph.iterancestors(_WORD + "tr"), None)
        if pieces:
            same = inside is not None and inside is row
            pieces.append("\t" if same else "\n" if inside is not None and row is not None else "\n\n")
        pieces.append(said)
        row = inside
    return "".join(pieces)


def _paragraph(paragraph: Any) -> str | None:
    """The text of one paragraph, without that of a text box in it; None for the twin of a text box."""
    if any(each.tag.endswith("}Fallback") for each in paragraph.iterancestors()):
        return None
    said = []
    for each in paragraph.iter(*(_WORD + name for name in _PLAIN)):
        inside = next(each.iterancestors(_WORD + "p"), None)
        if inside is paragraph and each.getparent().tag == _WORD + "r":
            plain = _PLAIN[each.tag.removeprefix(_WORD)]
            said.append((each.text or "") if plain is None else plain)
    return "".join(said).strip()


def html_text(path: Path, raw: bytes) -> tuple[str, str]:
    """(text, title) of a web page: blocks with a blank line between, cells of a row with a tab.

    Nothing is fetched, no entity is unfolded. Raises DocumentError.
    """
    from lxml import etree, html

    if len(raw) > MOST_MARKUP:
        raise too_long(path.name, f"more than {MOST_MARKUP / 1e6:.0f} MB")
    encoding = marked_encoding(raw) or _utf8(raw)
    parser = html.HTMLParser(
        encoding=encoding or None, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = html.document_fromstring(raw, parser=parser)
    except (etree.LxmlError, ValueError, UnicodeError) as error:
        raise _damaged(path, "web page", error) from error
    title = root.findtext(".//title") or ""
    pieces: list[str] = []
    hidden = 0
    for event, each in etree.iterwalk(root, events=("start", "end")):
        tag = each.tag
        if event == "start":
            hidden += tag in _UNSEEN
            if not hidden:
                pieces.append(_before(tag))
                pieces.append(_words(each.text, tag))
        else:
            if not hidden and tag in _BLOCKS:
                pieces.append("\n\n")
            hidden -= tag in _UNSEEN
            if not hidden:
                pieces.append(_words(each.tail, tag))
    return _tidy("".join(pieces)), " ".join(title.split())


def _before(tag: str) -> str:
    """What parts an element from what stands before it."""
    if tag in _BLOCKS:
        return "\n\n"
    return {"br": "\n", "tr": "\n", "td": "\t", "th": "\t"}.get(tag, "")


def _words(text: str | None, tag: str) -> str:
    """Text as a page shows it: white space is one blank."""
    if not text:
        return ""
    middle = " ".join(text.split())
    left = " " if text[:1].isspace() else ""
    right = " " if middle and text[-1:].isspace() else ""
    return left + middle + right


def _tidy(text: str) -> str:
    """Lines without blanks at their ends, and one blank line at most between blocks."""
    lines = [line.strip(" \t\xa0") for line in text.split("\n")]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


def _utf8(raw: bytes) -> str:
    """The encoding of a page that says none: UTF-8 where it is, else Windows-1252; "" where it says one."""
    if b"charset" in raw[:2048].lower():
        return ""
    try:
        raw.decode()
        return "utf-8"
    except UnicodeDecodeError:
        return "cp1252"


def rtf_text(path: Path, raw: bytes) -> str:
    """The text of an RTF file: a blank line between paragraphs. Raises DocumentError."""
    from striprtf.striprtf import rtf_to_text

    if len(raw) > MOST_MARKUP:
        raise too_long(path.name, f"more than {MOST_MARKUP / 1e6:.0f} MB")
    try:
        text = rtf_to_text(raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1").strip(), errors="replace")
    except Exception as error:  # a group or code page that the library does not know
        raise _damaged(path, "RTF file", error) from error
    if len(text) > LONGEST:
        raise too_long(path.name, "more text")
    return "\n\n".join(text.replace("\r\n", "\n").split("\n")).strip()


def _damaged(path: Path, what: str, error: Exception) -> DocumentError:
    why = " ".join(str(error).split())[:120] or type(error).__name__
    return DocumentError(f"{path.name} is not a {what} that can be read ({why}): save it again, or as text")
