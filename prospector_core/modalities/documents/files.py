"""Files of documents, as text with sections: of one document, or of many."""

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
from .document import LONGEST, Document, Fields, checked, plain, too_long
from .encodings import as_utf8, decoded, line_decoded, marked_encoding
from .formats import DOCUMENT_SUFFIXES, TABLES, format_by_name, format_of
from .markup import MOST_MARKUP, docx_text, html_text, rtf_text
from .pdf import IN_MEMORY, PACKED_TIMES, PART, pdf
from .records import Row, document_of, json_rows, table_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from tempfile import SpooledTemporaryFile
    from typing import IO, Any, Self


__all__ = ["DOCUMENT_SUFFIXES", "DocumentFile", "list_documents"]

_LONGEST_LINE = 8 * LONGEST  # bytes of JSON
_MANY = ("lines", "json", "table", "xlsx")


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
        raise DocumentError(f"there is no file or folder {path}: give a table or JSON, or a folder of texts")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.name.lower().endswith(DOCUMENT_SUFFIXES)
        and file.is_file()
        and not any(part.startswith((".", "~$")) for part in file.relative_to(path).parts)
    )
    # a table beside texts has their labels, or is about something else
    found = [file for file in found if not file.name.lower().endswith(TABLES)] or found
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
    """A file of one document, or of many: JSON lines, a JSON list, a table. Its content says which.

    A context manager. Parameters: path; fields, Fields. Raises DocumentError, MissingExtraError.

    Attributes
    ----------
    format : str
        As `format_of`.
    many : bool
    notes : list of str
        What was done to read it at all; of a file of many, complete once all of it was read.
    """

    def __init__(self, path: Path | str, fields: Fields | None = None) -> None:
        self.path, self._fields = Path(path), fields or Fields()
        require_readable(self.path, DocumentError)
        name = self.path.name.lower()
        if not name.endswith(DOCUMENT_SUFFIXES):
            raise DocumentError(
                f"{self.path.name} is not a document that is read here: it must end in one of"
                f" {', '.join(DOCUMENT_SUFFIXES)}"
            )
        self.notes: list[str] = []
        self._rows: list[Row] | None = None
        self._seen = False  # a document with its text: others may lack the field
        self._file = self._opened(name)
        try:
            by_name = self._fields.reader < 2
            self.format = format_by_name(name) if by_name else format_of(self.path.name, self._file)
            if self.format == "lines":
                self._as_utf8()
        except BaseException:
            self._file.close()
            raise
        self.many = self.format in _MANY

    def _opened(self, name: str) -> IO[Any]:
        try:
            file = open(self.path, "rb")  # noqa: SIM115 (closed by close)
            if name.endswith(".gz"):
                with file as packed:
                    return _unpacked(self.path, packed)
            return file
        except FileNotFoundError as error:
            raise DocumentError(f"{self.path} is not there: was it moved?") from error
        except OSError as error:
            raise DocumentError(f"{self.path.name} cannot be read ({error}): copy it again") from error
        except (EOFError, ValueError, zlib.error) as error:
            if isinstance(error, DocumentError):
                raise
            raise DocumentError(f"{self.path.name} is cut short ({error}): copy it again") from error

    def _as_utf8(self) -> None:
        """Read JSON lines of another encoding as UTF-8, so that a line can be found again by its place."""
        self._file.seek(0)
        encoding = marked_encoding(self._file.read(4096))
        if encoding not in ("", "utf-8-sig"):
            with self._file as other:
                self._file = as_utf8(other, encoding, self.path.name)
            self.notes.append(f"{self.path.name} was read as {encoding.upper()}")

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
        elif self.format == "lines":
            yield from self._lines()
        else:
            for at, row in enumerate(self._table()):
                yield self._of_row(row, at, row.line)
                self._seen = True

    def _lines(self) -> Iterator[Document]:
        self._file.seek(0)
        line = others = 0
        while True:
            at = self._file.tell()
            raw = self._file.readline(_LONGEST_LINE + 1)
            if not raw:
                break
            line += 1
            if len(raw) > _LONGEST_LINE:
                raise too_long(f"{self.path.name}, line {line}", f"more than {_LONGEST_LINE / 1e6:.0f} MB")
            if raw.strip(b"\xef\xbb\xbf \t\r\n"):
                others += line_decoded(raw)[1]
                yield self._of_line(raw, at, line)
                self._seen = True
        if others:
            self.notes.append(
                f"{self.path.name}: {others} of {line} lines are not UTF-8 and were read as Windows-1252"
            )

    def read(self, at: int | None = None) -> Document:
        """The Document that begins at a place of the file; None: the one document of it.

        The place is a byte of JSON lines, and the number of a row of a table or list, from 0.
        """
        if at is None:
            return self._whole()
        self._seen = True
        if self.format == "lines":
            self._file.seek(at)
            return self._of_line(self._file.readline(_LONGEST_LINE), at, None)
        rows = self._table()
        if at >= len(rows):
            raise DocumentError(f"{self.path.name} holds no row {at + 1}")
        return self._of_row(rows[at], at, rows[at].line)

    def _whole(self) -> Document:
        name = self.path.name
        if self.format == "pdf":
            return pdf(self.path, self._file, running=self._fields.reader < 2)
        self._file.seek(0)
        title = note = ""
        if self.format == "docx":
            text, title = docx_text(self.path, self._file)
        elif self.format in ("html", "rtf"):
            raw = self._file.read(MOST_MARKUP + 1)
            text, title = (
                html_text(self.path, raw) if self.format == "html" else (rtf_text(self.path, raw), "")
            )
        else:
            raw = self._file.read(4 * LONGEST + 1)
            if len(raw) > 4 * LONGEST:
                raise too_long(name, f"more than {len(raw) / 1e6:.0f} MB")
            text, note = decoded(raw, name)
        return Document(
            self.path.stem,
            checked(text, name),
            markdown=self.format == "markdown",
            title=plain(title) or "",
            note=note,
        )

    def _table(self) -> list[Row]:
        """All rows of a table or JSON list, read once."""
        if self._rows is None:
            if self.format == "json":
                self._rows, note = json_rows(self.path, self._file)
            else:
                self._rows, note = table_rows(self.path, self._file, self._fields, self.format == "xlsx")
            self.notes += [note] if note else []
        return self._rows

    def _of_row(self, row: Row, at: int, line: int) -> Document:
        what = "object" if self.format == "json" else "line"
        return document_of(row.fields, self._fields, f"{self.path.name}, {what} {line}", at, line, self._seen)

    def _of_line(self, raw: bytes, at: int, line: int | None) -> Document:
        where = self.path.name + (f", line {line}" if line else "")
        try:
            found = read_json(line_decoded(raw)[0].removeprefix("\ufeff"), f"{where}: this")
        except ValueError as error:
            raise DocumentError(f"{error}: give one JSON object a line, with text or sections") from error
        return document_of(found, self._fields, where, at, line, self._seen)
