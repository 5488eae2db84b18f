"""What kind of file a document is in, told by its content; the ending decides between kinds of plain text."""

from __future__ import annotations

import re
import zipfile
from typing import IO, Any

from ...errors import DocumentError
from .encodings import decoded, marked_encoding

__all__ = ["DOCUMENT_SUFFIXES", "JSON_LINES", "MARKDOWN", "TABLES", "format_of", "format_by_name"]

JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
TABLES = (".csv", ".tsv", ".tab", ".xlsx", ".json")
_TEXT = (".txt", ".text")
MARKDOWN = (".md", ".markdown")
_MARKUP = (".docx", ".html", ".htm", ".rtf")
DOCUMENT_SUFFIXES = (*JSON_LINES, *_TEXT, *MARKDOWN, ".pdf", *_MARKUP, *TABLES)

_HEAD = 4096
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word's and Excel's files before 2007, and locked ones of now


def format_by_name(name: str) -> str:
    """The format that a file's ending says."""
    name = name.lower()
    for format, endings in (
        ("lines", JSON_LINES),
        ("markdown", MARKDOWN),
        ("html", (".html", ".htm")),
        ("table", (".csv", ".tsv", ".tab")),
    ):
        if name.endswith(endings):
            return format
    ending = name.rpartition(".")[2]
    return ending if ending in ("pdf", "docx", "rtf", "xlsx", "json") else "text"


def format_of(name: str, file: IO[Any]) -> str:
    """One of pdf, docx, xlsx, rtf, html, lines, json, table, markdown, text.

    Raises DocumentError for what is known and not read: old files of Word and Excel, locked ones.
    """
    file.seek(0)
    head = file.read(_HEAD)
    told = format_by_name(name)
    if head.startswith(b"PK\3\4"):
        return _of_zip(name, file, told)
    if head.startswith(_OLE):
        raise DocumentError(
            f"{name} is a locked file, or one of Word or Excel before 2007: save it without a password, as"
            " .docx or .xlsx"
        )
    if b"%PDF-" in head[:1024] and told != "lines":
        return "pdf"
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b"{\\rtf"):
        return "rtf"
    if told in ("text", "markdown", "docx", "rtf", "html") and _HTML.match(_text_of(head, name)):
        return "html"
    if told in ("docx", "xlsx"):
        raise DocumentError(f"{name} is damaged, no {told} file: save it again")
    if told == "rtf":
        return "text"
    if told == "lines" and bare.startswith(b"[") and _is_array(bare):
        return "json"
    return told


def _is_array(bare: bytes) -> bool:
    """Whether a file called JSON lines is one list: of objects, and not one list a line."""
    return bare[1:].lstrip().startswith(b"{")


def _text_of(head: bytes, name: str) -> str:
    if len(head) == _HEAD and (encoding := marked_encoding(head)):
        return head.decode(encoding, "ignore")
    try:
        return decoded(head, name)[0]
    except DocumentError:
        return ""


def _of_zip(name: str, file: IO[Any], told: str) -> str:
    """What a zip archive holds: Word or Excel."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DocumentError(f"{name} is damaged ({error}): save it again") from error
    if "word/document.xml" in names or told == "docx":
        return "docx"
    if "xl/workbook.xml" in names or told == "xlsx":
        return "xlsx"
    raise DocumentError(f"{name} is a zip archive and no document: unpack it")
