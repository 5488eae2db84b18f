"""Which file each row of a table means."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LabelsError

if TYPE_CHECKING:
    from .labels import LabelRow

__all__ = ["match_files"]

_ENDINGS = (".ome.tiff", ".ome.tif", ".ome.zarr", ".nii.gz", ".pdb.gz", ".ent.gz", ".cif.gz", ".jsonl.gz")

_NEAR = 3  # names of files that are like one that is not there


def match_files(rows: Sequence[LabelRow], files: Sequence[Path], table: str | Path) -> list[Path]:
    """The file of each row: by its name, by its name without its own ending, or by where it lies.

    Names are compared whatever their case and their way of writing accents. Of files of one name in several
    folders the row must say which. Parameters: rows from ``read_labels``; files, list of Path; table, the
    labels table's path (for messages). Returns list of Path, one per row. Raises LabelsError for a row
    without, or with more than one, such file, and for rows of one file that say different things.
    """
    index = _FileIndex(files)
    found, missing = [], []
    for row in rows:
        matches = index.find(row.file)
        if len(matches) > 1:
            raise LabelsError(
                f"{Path(table).name}: {row.file!r} could be"
                f" {' or '.join(sorted(index.shown(file) for file in matches))}: give the full file name"
            )
        if matches:
            found.append(next(iter(matches)))
        else:
            missing.append(row.file)
    if missing:
        raise LabelsError(_not_found(missing, index, table))
    _check_once(rows, found, table)
    return found


class _FileIndex:
    """Files by how rows of a table may name them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        self._by: list[dict[str, set[Path]]] = [{}, {}, {}]  # by exact name, by name, without the ending
        for file in self._files:
            for kind, key in enumerate((file.name, _folded(file.name), _folded(_without_ending(file.name)))):
                self._by[kind].setdefault(key, set()).add(file)

    def find(self, given: str) -> set[Path]:
        """The files that a row may mean."""
        given = unicodedata.normalize("NFC", given.replace("\\", "/"))
        name = given.rsplit("/", 1)[-1]
        bare = _without_ending(name)
        for kind, key in ((0, name), (1, _folded(name)), (2, _folded(name)), (2, _folded(bare))):
            matches = self._by[kind].get(key)
            if matches:
                return matches if len(matches) == 1 else self._lying_there(matches, given)
        return set()

    def _lying_there(self, matches: set[Path], given: str) -> set[Path]:
        """Those whose folders end as the row says."""
        wanted = [_folded(part) for part in given.split("/")[:-1]]
        if not wanted:
            return matches
        folders = {file: [_folded(part) for part in file.parent.parts[-len(wanted) :]] for file in matches}
        return {file for file in matches if folders[file] == wanted} or matches

    def shown(self, file: Path) -> str:
        """A file's name, with its folder where another has the same."""
        twins = self._by[0].get(file.name, set())
        return f"{file.parent.name}/{file.name}" if len(twins) > 1 else file.name

    def near(self, given: str) -> list[str]:
        """Names of files that are like one that is not there."""
        names = list(dict.fromkeys(file.name for file in self._files))
        return difflib.get_close_matches(Path(given.replace("\\", "/")).name, names, _NEAR, 0.6)

    def __len__(self) -> int:
        return len(self._files)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _without_ending(name: str) -> str:
    """A file's name without its own ending; what is no ending, as in "P001.2", stays."""
    lower = name.lower()
    for ending in _ENDINGS:
        if lower.endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    stem, dot, ending = name.rpartition(".")
    is_ending = dot and stem and 1 <= len(ending) <= 8 and ending.isalnum() and not ending[0].isdigit()
    return stem if is_ending else name


def _not_found(missing: list[str], index: _FileIndex, table: str | Path) -> str:
    some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    near = index.near(missing[0])
    like = f"; like {missing[0]} are {', '.join(near)}" if near else ""
    return (
        f"{Path(table).name} names {some}, not found among the {len(index)} files given{like}: correct the"
        " table or the folder"
    )


def _check_once(rows: Sequence[LabelRow], files: Sequence[Path], table: str | Path) -> None:
    """Raise LabelsError where one whole file, or part of it, has two labels."""
    seen: dict[tuple, LabelRow] = {}
    for row, file in zip(rows, files):
        if row.field is not None:
            continue
        other = seen.setdefault((file, repr(row.part)), row)
        if other is not row and other.label != row.label:
            raise LabelsError(
                f"{Path(table).name}: lines {other.line} and {row.line} are both of {file.name} and say"
                " different things: keep one of them"
            )
