"""Where a study is: whether it is still there, and whether it may be written."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from ..errors import StudyError, StudyReadOnlyError
from .files import study_gone

__all__ = ["Home", "make_folders", "portable", "read_only_error", "reason_not_to_write"]

_EFFECTIVE = {"effective_ids": True} if os.access in os.supports_effective_ids else {}


class Home:
    """A study's folder as it was when it was opened.

    Parameters
    ----------
    path : Path
        Of the folder.
    database : str
        Name of the file in it that makes it a study.
    """

    def __init__(self, path: Path, database: str = "study.sqlite") -> None:
        self.path, self._database = Path(path), Path(path) / database
        self._identity = self._look()
        self._hold()

    def _look(self) -> tuple[int, ...]:
        there = os.stat(self.path), os.stat(self._database)
        return tuple(number for each in there for number in (each.st_dev, each.st_ino))

    def _hold(self) -> None:
        """Keep the folder open: else another that is made in its place may get its number."""
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except OSError:  # Windows cannot open folders
            return
        weakref.finalize(self, os.close, handle)

    def check(self) -> None:
        """Raise StudyError where the folder was moved or removed, or another study is in its place."""
        try:
            there = self._look()
        except OSError as error:
            raise study_gone(self.path) from error
        if there != self._identity:
            raise StudyError(
                f"another study is at {self.path} now, in place of the one that was opened: open it again,"
                " or the former where it is now"
            )


def make_folders(folder: Path, home: Path) -> None:
    """Make a folder below ``home``, which must be there itself.

    Raises StudyError where it is not; OSError.
    """
    if not home.is_dir():
        raise study_gone(home)
    for each in reversed([folder, *folder.parents]):
        if each.is_relative_to(home) and each != home:
            each.mkdir(exist_ok=True)


def reason_not_to_write(database: Path) -> str:
    """Return why a study can only be looked at, in words; "" where it may be written."""
    for place in (database, database.parent):
        if not os.access(place, os.W_OK, **_EFFECTIVE):
            return (
                "read-only file system"
                if _mounted_read_only(place)
                else f"no permission to write {place.name}"
            )
    return ""


def read_only_error(folder: Path, why: str) -> StudyReadOnlyError:
    """What is said of an edit there."""
    return StudyReadOnlyError(
        f"this study is open for looking only ({why}): copy {folder} to a place that you may write, and open"
        " it there"
    )


def _mounted_read_only(place: Path) -> bool:
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # Windows
        return False


def portable(file: Path, study: Path) -> str:
    """Relative to the study where both lie in one tree (so that the tree may move), else absolute."""
    study = study.resolve()
    home = study.parent
    if file.is_relative_to(home) or file.is_relative_to(home.parent):
        return Path(os.path.relpath(file, study)).as_posix()
    return str(file)
