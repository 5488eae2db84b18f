"""Removing, and the way into a study's folder.

Nothing goes that is not ours, and no link leads out of a study.

A study may come from a stranger. So a folder of a study is removed only where every file in it has a name
that Prospector gives, and nothing is written or removed through a link. No other module removes folders.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import StudyDamagedError, StudyError

__all__ = [
    "GROUP_FILE",
    "check_folder",
    "check_group",
    "check_links",
    "is_link",
    "own_file",
    "own_place",
    "read_own",
    "remove_file",
    "remove_folder",
    "remove_made",
]

GROUP_FILE = re.compile(
    r"(early/)?((embeddings|positions|edges|tokens)/)?(zarr(\.json|\.[0-9a-f]+\.partial)|c(/\d+)+(\.[0-9a-f]+\.partial)?)"
)
"""Names of the files of a datum's embeddings, from its folder on."""


def is_link(path: Path) -> bool:
    """Return whether a path is a symbolic link, or a junction of Windows."""
    return path.is_symlink() or getattr(os.path, "isjunction", lambda _: False)(path)


def own_place(root: Path, path: Path) -> Path:
    """Return a path below ``root`` after it was seen that no link stands between them, or in its place.

    Raises
    ------
    StudyDamagedError
        A link does: what is written there would be elsewhere, and what is read may be the reader's own.
    """
    place = Path(root)
    for part in Path(path).relative_to(root).parts:
        place = place / part
        if is_link(place):
            raise StudyDamagedError(
                f"{place} is a link, and leads out of the study: put what it leads to in its place, and"
                " repeat"
            )
    return Path(path)


def own_file(root: Path, path: Path) -> Path:
    """Return a path below ``root`` where it is a plain file, or a folder, and no link.

    Raises StudyDamagedError, FileNotFoundError.
    """
    mode = own_place(root, path).stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise StudyDamagedError(
            f"{path} is not a plain file: put the file itself there, and repeat"
        )  # a pipe never ends
    return Path(path)


def read_own(root: Path, path: Path) -> bytes:
    """Return the bytes of a file below ``root``. Raises as `own_file`."""
    return own_file(root, path).read_bytes()


def check_links(study: Path) -> None:
    """Raise StudyDamagedError for a link in a study's folder, or in those that are always read.

    A link in place of the folder of all embeddings is let through: where it leads is asked as of any other
    address (see `StudyAddress`).
    """
    for folder in (study, *(study / name for name in ("fits", "derived", "embeddings.zarr"))):
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(folder):
                if entry.name != "embeddings.zarr":
                    own_place(folder, folder / entry.name)


def remove_file(path: Path) -> None:
    """Remove a file that is called so by us, if it is there; of a link the link, never what it leads to."""
    Path(path).unlink(missing_ok=True)


def remove_made(folder: Path) -> None:
    """Remove a folder that this very call has made under a name that nothing else has."""
    if not is_link(folder):
        shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: Path, known: Callable[[str], object]) -> None:
    """Remove a folder of a study, if it is there, after every file in it was seen to be ours.

    Parameters
    ----------
    folder : Path
    known : callable
        Takes the name of a file from the folder on, with slashes; false for what Prospector does not write.

    Raises
    ------
    StudyDamagedError
        Something in it is not ours, or a link; then nothing is removed.
    """
    check_folder(folder, known)
    if folder.exists():
        shutil.rmtree(folder, onerror=_said)


def check_folder(folder: Path, known: Callable[[str], object]) -> None:
    """Raise StudyDamagedError, as `remove_folder` would, where something in a folder is not ours."""
    if is_link(folder):
        raise StudyDamagedError(
            f"{folder} is a link, which Prospector did not make: take it away, and repeat"
        )
    with suppress(FileNotFoundError):  # it is not there, or another run was quicker
        for path in _files(folder):
            if is_link(path) or not known(path.relative_to(folder).as_posix()):
                raise StudyDamagedError(
                    f"{path} was not written by Prospector, so nothing was removed: move it away, and repeat"
                )


def _said(function: object, path: str, info: tuple) -> None:
    error = info[1]
    if not isinstance(error, FileNotFoundError):
        raise StudyError(
            f"{path} cannot be removed ({getattr(error, 'strerror', None) or error}): check its permissions"
        ) from error


def check_group(attributes: object) -> bool:
    """Return whether these are the attributes of a datum's embeddings.

    Those of embeddings whose making was cut short count, too.
    """
    return isinstance(attributes, dict) and (not attributes or "block" in attributes)


def _files(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and below it, but for folders themselves; links are not followed."""
    for entry in os.scandir(folder):
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False) and not is_link(path):
            yield from _files(path)
        else:
            yield path
