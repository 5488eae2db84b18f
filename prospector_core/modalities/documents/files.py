"""Documents: JSON lines, plain text, Markdown and PDF, as text with sections."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError
from ...store.checked import read_json
from ...store.memory import check_memory, most_memory
from ...store.readable import require_readable
from .document import LONGEST, Document, Fields, Section, checked, plain, too_long
from .pdf import IN_MEMORY, PACKED_TIMES, PART, pdf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from tempfile import SpooledTemporaryFile
    from typing import IO, Any, Self


__all__ = ["DOCUMENT_SUFFIXES", "DocumentFile", "list_documents"]

_JSONL = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_TEXT = (".txt", ".text")
_MARKDOWN = (".md", ".markdown")
DOCUMENT_SUFFIXES = (*_JSONL, *_TEXT, *_MARKDOWN, ".pdf")

_LONGEST_LINE = 8 * LONGEST  # bytes of JSON
_TEXT_FIELDS = ("text", "content", "body", "report", "note")
_ID_FIELDS = ("id", "name", "doc_id", "document_id", "uid", "report_id", "file")
_LABEL_FIELDS = ("label", "class", "diagnosis", "y")
_HEADING_FIELDS = ("label", "title", "heading", "name")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def list_documents(path: Path) -> list[Path]:
    """Files of documents: of a folder and its folders, a single file, or a list of files.

    Raises DocumentError.
    """
    if not isinstance(path, (str, os.PathLike)):
        return [Path(os.path.abspath(file)) for file in path]
    path = Path(os.path.abspath(path))
    require_readable(path, DocumentError)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DocumentError(
            f"there is no file or folder {path}: give JSON lines, or a folder of text, Markdown or PDF"
        )
    found = sorted(
        file
        for file in path.rglob("*")
        if file.name.lower().endswith(DOCUMENT_SUFFIXES)
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise DocumentError(
            f"{path} holds no document: it needs files ending in {', '.join(DOCUMENT_SUFFIXES)}"
        )
    return found


def _unpacked(path: Path, packed: IO[Any]) -> SpooledTemporaryFile:
    """What a gzip file holds, as a file that can be read anywhere: on the disk where it is large."""
    # text of words packs 3 to 20 times; a file of one letter a thousand times
    most = max(most_memory(), PACKED_TIMES * os.fstat(packed.fileno()).st_size)
    file, size, line = tempfile.SpooledTemporaryFile(IN_MEMORY), 0, 0  # noqa: SIM115 (its reader closes it)
    try:
        with gzip.GzipFile(fileobj=packed) as unpacking:
            while part := unpacking.read(PART):
                size += len(part)
                end = part.rfind(b"\n")
                line = len(part) - 1 - end if end >= 0 else line + len(part)
                if line > _LONGEST_LINE:
                    raise too_long(f"{path.name}: a line of it", f"more than {_LONGEST_LINE / 1e6:.0f} MB")
                if size > most:
                    check_memory(size, path, "what is packed in it", DocumentError, PACKED_TIMES)
                file.write(part)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


class DocumentFile:
    """A file of one document or, if it is JSON lines, of many. What its name ends in says which.

    A context manager. Parameters: path; fields, Fields. Raises DocumentError, MissingExtraError.
    """

    def __init__(self, path: Path | str, fields: Fields | None = None) -> None:
        self.path, self._fields = Path(path), fields or Fields()
        require_readable(self.path, DocumentError)
        name = self.path.name.lower()
        self.many = name.endswith(_JSONL)
        if not name.endswith(DOCUMENT_SUFFIXES):
            raise DocumentError(
                f"{self.path.name} is not a document that is read here: it must end in one of"
                f" {', '.join(DOCUMENT_SUFFIXES)}"
            )
        try:
            self._file = open(self.path, "rb")  # noqa: SIM115 (closed by close)
            if name.endswith(".gz"):
                with self._file as packed:
                    self._file = _unpacked(self.path, packed)
        except FileNotFoundError as error:
            raise DocumentError(f"{self.path} is not there: was it moved?") from error
        except OSError as error:
            raise DocumentError(f"{self.path.name} cannot be read ({error}): copy it again") from error
        except (EOFError, ValueError, zlib.error) as error:
            if isinstance(error, DocumentError):
                raise
            raise DocumentError(f"{self.path.name} is cut short ({error}): copy it again") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Document]:
        """Every Document of the file, in order."""
        if not self.many:
            yield self.read()
            return
        self._file.seek(0)
        line = 0
        while True:
            at = self._file.tell()
            raw = self._file.readline(_LONGEST_LINE + 1)
            if not raw:
                return
            line += 1
            if len(raw) > _LONGEST_LINE:
                raise too_long(f"{self.path.name}, line {line}", f"more than {_LONGEST_LINE / 1e6:.0f} MB")
            if raw.strip(b"\xef\xbb\xbf \t\r\n"):
                yield self._of_line(raw, at, line)

    def read(self, at: int | None = None) -> Document:
        """The Document that begins at a byte of the file; None: the one document of it."""
        if at is not None:
            self._file.seek(at)
            return self._of_line(self._file.readline(_LONGEST_LINE), at, None)
        name = self.path.name
        if name.lower().endswith(".pdf"):
            return pdf(self.path, self._file)
        self._file.seek(0)
        raw = self._file.read(4 * LONGEST + 1)
        if len(raw) > 4 * LONGEST:
            raise too_long(name, f"more than {len(raw) / 1e6:.0f} MB")
        text, note = _decoded(raw, name)
        return Document(
            self.path.stem, checked(text, name), markdown=name.lower().endswith(_MARKDOWN), note=note
        )

    def _of_line(self, raw: bytes, at: int, line: int | None) -> Document:
        where = self.path.name + (f", line {line}" if line else "")
        try:
            found = read_json(raw.decode("utf-8-sig"), f"{where}: this")
        except UnicodeDecodeError as error:
            raise DocumentError(
                f"{where}: byte {error.start} is not UTF-8: save the file as UTF-8"
            ) from error
        except ValueError as error:
            raise DocumentError(f"{error}: give one JSON object a line, with text or sections") from error
        if not isinstance(found, dict):
            raise DocumentError(f"{where}: a JSON object is needed, with id and text (or sections)")
        text, sections = _text_of(found, where)
        name = plain(_field(found, self._fields.id, _ID_FIELDS, where))
        label = _field(found, self._fields.label, _LABEL_FIELDS, where)
        split, title = found.get("split"), found.get("title")
        return Document(
            name or (f"line {line}" if line else ""),
            checked(text, where),
            sections,
            title=plain(title) or "",
            label=plain(label),
            split=(plain(split) or "").lower() or None,
            at=at,
            line=line,
        )


def _text_of(found: dict[str, Any], where: str) -> tuple[str, tuple[Section | None, ...]]:
    """(text, sections) of a JSON object."""
    text = next((found[name] for name in _TEXT_FIELDS if found.get(name) is not None), None)
    parts = found.get("sections")
    if parts is None:
        if not isinstance(text, str):
            raise DocumentError(
                f"{where}: it has no text: a field {', '.join(_TEXT_FIELDS)} with a text is needed, or"
                " sections"
            )
        return text, ()
    if isinstance(parts, dict):
        parts = [{"label": heading, "text": part} for heading, part in parts.items()]
    if not isinstance(parts, list):
        raise DocumentError(f"{where}: sections must be a list of objects with label and text")
    pieces, sections, at = [], [], 0
    for part in parts:
        heading, body = "", part
        if isinstance(part, dict):
            heading = (
                next((plain(part[name]) for name in _HEADING_FIELDS if part.get(name) is not None), "") or ""
            )
            body = part.get("text", "")
        if not isinstance(body, str):
            raise DocumentError(
                f"{where}: section {len(sections) + 1} has no text: give each section label and text"
            )
        sections.append(Section(heading, at, at + len(body)))
        pieces.append(body)
        at += len(body) + 2
    return "\n\n".join(pieces), tuple(sections)


def _field(
    found: dict[str, Any], asked: object | None, usual: tuple[str, ...], where: str
) -> float | str | None:
    if asked is not None and asked not in found:
        raise DocumentError(
            f"{where}: it has no field {asked!r}: its fields are {', '.join(map(str, found))}"
        )
    return next(
        (found[name] for name in ([asked] if asked is not None else usual) if found.get(name) is not None),
        None,
    )


def _decoded(raw: bytes, name: str) -> tuple[str, str]:
    """(text, note) of the bytes of a text file.

    UTF-8, UTF-16 or -32 with their mark; else line by line, UTF-8 or Windows-1252.
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding), ""
            except UnicodeDecodeError as error:
                raise DocumentError(
                    f"{name} says that it is {encoding.upper()} and is not (byte {error.start}): save it as"
                    " UTF-8"
                ) from error
    if raw.count(0) > max(2, len(raw) // 1000):
        raise DocumentError(f"{name} is not a text file (it holds zero bytes): save it as text, UTF-8")
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        pass
    text, others = [], 0
    for line in raw.splitlines(keepends=True):
        try:
            text.append(line.decode())
        except UnicodeDecodeError:
            text.append(line.decode("cp1252", "replace"))
            others += 1
    return "".join(text), f"{name}: {others} of {len(text)} lines are not UTF-8 and were read as Windows-1252"
