"""The encoding of a text, told by its bytes."""

from __future__ import annotations

import codecs
import tempfile
from typing import IO, Any

from ...errors import DocumentError

__all__ = ["as_utf8", "decoded", "line_decoded", "marked_encoding"]

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_HEAD = 4096  # bytes that tell UTF-16 without a mark
_PART = 2**20
_IN_MEMORY = 2**26


def marked_encoding(raw: bytes) -> str:
    """The encoding that bytes begin with a mark of, or UTF-16 by its zero bytes; "" where neither."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return encoding
    head = raw[: _HEAD // 2 * 2]
    half = len(head) // 2
    # without a mark: most letters of Western texts have a zero byte, always on the same side
    for encoding, zeros, others in (
        ("utf-16-le", head[1::2], head[::2]),
        ("utf-16-be", head[::2], head[1::2]),
    ):
        written = sum(byte >= 32 or byte in b"\t\r\n" for byte in others)
        if half > 1 and zeros.count(0) > 0.6 * half and written > 0.95 * half and len(raw) % 2 == 0:
            return encoding
    return ""


def decoded(raw: bytes, name: str) -> tuple[str, str]:
    """(text, note) of the bytes of a text file.

    UTF-8; UTF-16 or -32 by their mark, or by zero bytes; else line by line, UTF-8 or Windows-1252.
    Raises DocumentError.
    """
    encoding = marked_encoding(raw)
    if encoding:
        try:
            return raw.decode(encoding), ""
        except UnicodeDecodeError as error:
            raise _not_so(name, encoding, error.start) from error
    if raw.count(0) > max(2, len(raw) // 1000):
        raise DocumentError(f"{name} is not a text file (it holds zero bytes): save it as text, UTF-8")
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        pass
    text, others = [], 0
    for line in raw.splitlines(keepends=True):
        part, other = line_decoded(line)
        text.append(part)
        others += other
    return "".join(text), f"{name}: {others} of {len(text)} lines are not UTF-8 and were read as Windows-1252"


def line_decoded(raw: bytes) -> tuple[str, bool]:
    """(text, whether it is no UTF-8 and was read as Windows-1252) of one line."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), True


def as_utf8(file: IO[Any], encoding: str, name: str) -> IO[Any]:
    """The same text in UTF-8, as a file of its own, on the disk where it is large. Raises DocumentError."""
    file.seek(0)
    out = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (its reader closes it)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while part := file.read(_PART):
            out.write(decoder.decode(part).encode("utf-8", "replace"))
        out.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
    except UnicodeDecodeError as error:
        out.close()
        raise _not_so(name, encoding, error.start) from error
    out.seek(0)
    return out


def _not_so(name: str, encoding: str, at: int) -> DocumentError:
    return DocumentError(
        f"{name} says that it is {encoding.upper()} and is not (byte {at}): save it as UTF-8"
    )
