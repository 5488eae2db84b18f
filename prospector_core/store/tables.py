"""Plain tables: CSV, TSV and Parquet, as columns."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GraphError
from .memory import check_memory

if TYPE_CHECKING:
    import numpy as np
    from pyarrow import Table

__all__ = ["read_parquet", "read_table", "told_encoding"]

_LONGEST_HEAD = 2**20
_BLOCK = 2**24


def read_table(path: Path) -> dict[str, np.ndarray]:
    """A CSV, TSV or Parquet file as {column: (n,) array}, in its order. Raises GraphError."""
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    path = Path(path)
    try:
        if path.suffix.lower() == ".parquet":
            table = read_parquet(path, GraphError)
        else:
            encoding = told_encoding(path)
            with open(path, encoding=encoding, errors="replace") as file:
                head = file.readline(_LONGEST_HEAD)
                above = 1 if head.lower().startswith("sep=") else 0  # a line that Excel writes for itself
                head = file.readline(_LONGEST_HEAD) if above else head
            options = pyarrow.csv.ParseOptions(delimiter=max(",;\t", key=head.count))
            reading = pyarrow.csv.ReadOptions(
                encoding={"utf-8-sig": "utf8"}.get(encoding, encoding), skip_rows=above
            )
            table = pyarrow.csv.read_csv(path, parse_options=options, read_options=reading)
        names = [str(name) for name in table.column_names]
    except (OSError, ValueError, MemoryError, pyarrow.ArrowException) as error:
        if isinstance(error, GraphError):
            raise
        kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
        # what stands in the file is not for the message: a study's table may be anybody's file
        why = (
            "it is cut short, or of another kind" if "footer" in str(error) else str(error).partition("\n")[0]
        )
        why = re.sub(r"(Expected \d+ columns, got \d+).*", r"\1", why)[:200]
        raise GraphError(
            f"{path.name} is not a {kind} table that can be read ({why}): save it again"
        ) from error
    double = next((name for name, n in Counter(names).items() if n > 1), None)
    if double is not None:
        raise GraphError(f"{path.name} has two columns named {double!r}: give each its own name")
    if not len(table):
        raise GraphError(f"{path.name} has no rows: it needs one row per token")
    try:
        return {name: table.column(at).to_numpy(zero_copy_only=False) for at, name in enumerate(names)}
    except (ValueError, MemoryError, NotImplementedError, pyarrow.ArrowException) as error:
        raise GraphError(
            f"{path.name} holds values that cannot be read: save it again, numbers and text only"
        ) from error


def told_encoding(path: Path) -> str:
    """Return the encoding of a text file, by its content: "utf-8-sig", "utf-16" or "cp1252"."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def read_parquet(path: Path, error: type[GraphError]) -> Table:
    """A Parquet file as a table of pyarrow, if it does not unpack to more than it may.

    Raises ``error``, ArrowException, OSError.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        told = file.metadata
        packed = sum(told.row_group(at).total_byte_size for at in range(told.num_row_groups))
        # a column of one value takes no place in the file
        need = 3 * max(packed, 8 * told.num_rows * told.num_columns)
        check_memory(need, path, f"a table of {told.num_rows:,} rows and {told.num_columns:,} columns", error)
        return file.read()
