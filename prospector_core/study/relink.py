"""Files that moved, found again: by what is in them, and by name alone only where nothing else is known."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInputError
from ..modalities.base import Modality
from ..store.fingerprints import fingerprint, size_of
from ..store.place import portable
from .sources import Source

if TYPE_CHECKING:
    from .study import Study

__all__ = ["Link", "Relinked", "relink"]

_NEAR = 3  # names that may be meant
_MOST = 500_000  # files that are looked through


@dataclass(frozen=True)
class Link:
    """What became of one file of a study.

    Attributes
    ----------
    source : Source
    result : str "there" (where it was), "found", "missing", "other" (one of that name holds something else),
        "several" (files of that name that differ, and nothing that tells which).
    path : Path or None
        Where it is now, or the one of that name that holds something else.
    how : str
        What it was found by, in words.
    near : tuple of str
        Names that may be meant.
    """

    source: Source
    result: str
    path: Path | None = None
    how: str = ""
    near: tuple[str, ...] = ()

    def record(self) -> dict:
        """Return it as plain values."""
        where = None if self.path is None else str(self.path)
        return {
            "file": self.source.name,
            "result": self.result,
            "path": where,
            "how": self.how,
            "near": list(self.near),
        }


@dataclass(frozen=True)
class Relinked:
    """What became of all files of a study; ``written``: whether the study has them there from now on."""

    links: tuple[Link, ...]
    written: bool

    def of(self, *results: str) -> list[Link]:
        """Return those with these results."""
        return [link for link in self.links if link.result in results]

    def __str__(self) -> str:
        there, found, all = len(self.of("there")), len(self.of("found")), len(self.links)
        said = f"{there + found} of {all} found"
        return said + (f" ({there} where they were)" if there and found else "")


def relink(
    study: Study,
    folders: Iterable[str | os.PathLike[str]],
    *,
    anyway: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Relinked:
    """Look for the files of a study that are no longer where they were, and note where they are.

    No edit, fit or map changes. What is found is written in one transaction; what is not stays as it was.

    Parameters
    ----------
    study : Study
    folders : folders to look through, with all folders in them; links are followed
    anyway : take a file of the same name that holds something else, too
    dry_run : look only
    progress : function(files looked for, of how many)

    Raises
    ------
    BadInputError
        A folder that is not there.
    StudyReadOnlyError, StudyError
        The study cannot be written, or is no longer there.
    """
    if not dry_run:
        study.database.check_writable()
    sources = study.files.all()
    states = {uid: study.files.state(uid) for uid in sources}
    wanted = {uid: source for uid, source in sources.items() if states[uid] in ("missing", "other")}
    there = _Found(study.kind, folders, wanted.values())
    links = []
    for number, (uid, source) in enumerate(sources.items(), start=1):
        link = there.link(source, anyway) if uid in wanted else Link(source, "there", source.path)
        links.append(link)
        if progress:
            progress(number, len(sources))
    changed = {link.source.uid: _kept(link, study.path) for link in links if link.result == "found"}
    if changed and not dry_run:
        study.files.relink(changed)
    return Relinked(tuple(links), bool(changed) and not dry_run)


def _kept(link: Link, study: Path) -> tuple[str, dict]:
    info = {**link.source.info, "absolute": str(link.path), "fingerprint": fingerprint(link.path)}
    return portable(link.path, study), info


class _Found:
    """Files and folders that are there, by name and by size."""

    def __init__(
        self, kind: Modality, folders: Iterable[str | os.PathLike[str]], wanted: Iterable[Source]
    ) -> None:
        self._kind = kind
        # what a folder may be called that is a source itself, as a zarr store or a DICOM slide is
        self._endings = {Path(source.name).suffix for source in wanted}
        self._by_name: dict[str, list[Path]] = {}
        self._by_size: dict[int, list[Path]] = {}
        self._sized, self._paths = False, []
        seen: set[tuple[int, int]] = set()
        for folder in folders:
            folder = Path(folder).expanduser()
            if not folder.is_dir():
                raise BadInputError(f"there is no folder {folder}: give the folder that the files are in now")
            self._look(folder.absolute(), seen)
        for path in self._paths:
            self._by_name.setdefault(_written(path.name), []).append(path)

    def _look(self, top: Path, seen: set[tuple[int, int]]) -> None:
        for home, folders, names in os.walk(top, followlinks=True):
            here = os.stat(home)
            if (
                here.st_dev,
                here.st_ino,
            ) in seen:  # a link that leads back, or a folder in two of those given
                folders[:] = []
                continue
            seen.add((here.st_dev, here.st_ino))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            self._paths += [Path(home, name) for name in sorted(names) if not name.startswith(".")]
            self._paths += [Path(home, name) for name in folders if Path(name).suffix in self._endings]
            if len(self._paths) > _MOST:
                raise BadInputError(
                    f"{top} holds more than {_MOST:,} files: give the folder that the files are in, or"
                    " several"
                )

    def link(self, source: Source, anyway: bool) -> Link:
        """What is found of a source."""
        known, named = source.info.get("fingerprint"), self._by_name.get(_written(source.name), [])
        if known is None:
            return self._without_fingerprint(source, named)
        same = [path for path in named if _told(path) == known] or self._of_content(known)
        if same:
            how = "name and content" if same[0] in named else "content; it has another name"
            return Link(source, "found", _resolved(same[0]), how)
        if not named:
            return Link(source, "missing", near=self._near(source))
        if anyway and len(named) == 1:
            return Link(source, "found", _resolved(named[0]), "name alone, even if its content differs")
        return Link(source, "other", named[0])

    def _of_content(self, known: dict) -> list[Path]:
        if not self._sized:
            for path in self._paths:
                size = _size(path)
                if size is not None:
                    self._by_size.setdefault(size, []).append(path)
            self._sized = True
        return [path for path in self._by_size.get(known["size"], ()) if _told(path) == known]

    def _without_fingerprint(self, source: Source, named: list[Path]) -> Link:
        """Of a study made before there were fingerprints, whose files have not been seen since."""
        fitting = [path for path in named if self._kind.may_be(source, path)]
        contents = {str(_told(path)) for path in fitting}
        if len(contents) > 1:
            return Link(source, "several", fitting[0])
        if fitting:
            how = "name and size of the picture" if source.info.get("width") else "name alone"
            return Link(source, "found", _resolved(fitting[0]), f"{how}: the study kept no fingerprint")
        return Link(source, "other", named[0]) if named else Link(source, "missing", near=self._near(source))

    def _near(self, source: Source) -> tuple[str, ...]:
        names = {path.name for path in self._paths}
        return tuple(difflib.get_close_matches(source.name, sorted(names), _NEAR))


def _written(name: str) -> str:
    """A name as it is compared: one way of writing its accents, in small letters."""
    return unicodedata.normalize("NFC", name).casefold()


def _resolved(path: Path) -> Path:
    """The file behind a link, as `prospector new` keeps it."""
    return path.resolve()


def _told(path: Path) -> dict | None:
    try:
        return fingerprint(path)
    except OSError:
        return None


def _size(path: Path) -> int | None:
    try:
        return size_of(path)
    except OSError:
        return None
