"""Which folders may be read.

All may, as on the command line, until an app limits this for itself and the processes it starts.

An app is asked for files by its pages, where a path may be typed, and by studies, which may come from a
stranger. Every reader of this package therefore asks here before it opens anything.
"""

import contextlib
import json
import os
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ..errors import BadInputError, ProspectorError

__all__ = [
    "DATA_FOLDERS",
    "is_ordinary",
    "is_readable",
    "limit_reading",
    "named_folders",
    "remember_sources",
    "remembered_folders",
    "require_readable",
    "source_folders",
    "why_not_readable",
    "working_folder",
]

DATA_FOLDERS = "PROSPECTOR_DATA_FOLDERS"  # folders of data beside one's own, separated as those of PATH are

_LIMIT = "PROSPECTOR_READABLE"  # in the environment, so that workers are held to it too
_SYSTEM = [
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/run",
    "/private/etc",
    "/var/run",
    "/var/log",
    "/var/spool",
]
_SYSTEM += [os.environ[name] for name in ("SystemRoot", "ProgramData", "ProgramFiles") if name in os.environ]
_MOUNTED = "/run/media"  # where Linux shows disks that were plugged in
_HOMES = ("/home", "/Users", "/root")
_PRIVATE = {"darwin": ("Library",), "win32": ("AppData",)}.get(sys.platform, ())  # of a home, without a dot


def limit_reading(folders: Iterable[str | os.PathLike[str]]) -> None:
    """From now on this process and those it starts read only from these folders and what is in them.

    Never from folders of the system; from hidden folders and other people's homes only where they are named
    themselves.
    """
    os.environ[_LIMIT] = json.dumps(sorted({os.path.realpath(folder) for folder in folders}))


def require_readable(path: str | os.PathLike[str], error: type[ProspectorError] = BadInputError) -> None:
    """Raise ``error``, which names the way out, if the path may not be read. Links are followed first."""
    if not is_readable(path):
        raise error(why_not_readable(path))


def why_not_readable(path: str | os.PathLike[str]) -> str:
    """Why a path may not be read, and the way out, in one line."""
    place = Path(os.path.abspath(path))
    if _of_the_system(place):
        return f"{place} is in a folder of the system, which the app does not read: copy it elsewhere"
    folder = place.parent if place.suffix else place
    return f"{place} is outside the folders that this app may read: start it with --data {folder}"


def named_folders(folders: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The folders that somebody names as holding data, absolute.

    Raises
    ------
    BadInputError
        If one is not there, is the system's own, or cannot be named among others.
    """
    found = [Path(os.path.abspath(Path(folder).expanduser())) for folder in folders]
    for folder in found:
        if _of_the_system(folder):
            raise BadInputError(f"--data {folder}: a folder of the system, which the app never reads")
        if not folder.is_dir():
            raise BadInputError(f"--data {folder}: there is no such folder")
        if os.pathsep in str(folder):
            raise BadInputError(
                f"--data {folder}: its name holds {os.pathsep!r}: give a link to it with another name"
            )
    return found


def working_folder() -> list[Path]:
    """The working directory, unless it is so wide that others' folders are in it: [] or one folder."""
    try:
        folder = Path.cwd()
    except OSError:  # it was removed
        return []
    wide = folder == Path(folder.anchor) or (folder in Path.home().parents)
    return [] if wide or _of_the_system(folder) else [folder]


def is_readable(path: str | os.PathLike[str]) -> bool:
    """Whether the path may be read."""
    limit = os.environ.get(_LIMIT)
    if limit is None:
        return True
    real = Path(os.path.realpath(path))
    return not _of_the_system(real) and any(_open_within(real, root) for root in _roots(limit))


def _of_the_system(path: str | os.PathLike[str]) -> bool:
    """Whether that is a folder of the system, or in one: nobody keeps data there."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(folder) for folder in _SYSTEM) and not real.is_relative_to(_MOUNTED)


def is_ordinary(path: str | os.PathLike[str]) -> bool:
    """Whether a folder that nobody named (a study brought it) may be read from.

    It may if it is not hidden, not the system's, nobody else's, and not so wide that others' folders are in
    it.
    """
    real, home = Path(os.path.realpath(path)), Path(os.path.realpath(Path.home()))
    wide = home.is_relative_to(real) or any(
        Path(homes).is_relative_to(real) for homes in _HOMES if homes != "/root"
    )
    return (
        not wide
        and not _of_the_system(real)
        and _open_within(real, home if real.is_relative_to(home) else Path(real.anchor))
    )


def source_folders(study: str | os.PathLike[str]) -> list[Path]:
    """Folders in which the data of a study are (slides, structures, documents, vectors), as it says itself.

    [] if it cannot be read.
    """
    study = Path(study).absolute()
    try:
        with contextlib.closing(
            sqlite3.connect(f"{(study / 'study.sqlite').as_uri()}?mode=ro", uri=True)
        ) as connection:
            rows = connection.execute("SELECT path, info FROM sources").fetchall()
            embedding = connection.execute("SELECT value FROM meta WHERE key = 'embedding'").fetchone()
        places = [place for path, info in rows for place in (path, json.loads(info).get("absolute")) if place]
        vectors = json.loads(embedding[0]).get("vectors") if embedding else None
        folders = [study / Path(place).parent for place in places]
        return [*folders, *(study / place for place in (vectors or {}).values())]
    except (sqlite3.Error, ValueError, TypeError, AttributeError, OSError):
        return []


def remember_sources(study: str | os.PathLike[str]) -> None:
    """Keep, for this account, that the study's data are where they are.

    It was made here, so the app may read them later too.

    What is in the home is read anyway, and what is temporary is not worth it. Where nothing can be kept,
    nothing is.
    """
    from .files import write_atomic  # late: `prospector --help` stays quick

    passing = [os.path.realpath(Path.home()), os.path.realpath(tempfile.gettempdir())]
    found = {os.path.realpath(each) for each in source_folders(study) if is_ordinary(each)}
    found = {each for each in found if not any(Path(each).is_relative_to(folder) for folder in passing)}
    kept = set(map(str, remembered_folders()))
    if found <= kept:
        return
    with contextlib.suppress(OSError, ProspectorError):
        file = _remembered()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(file, json.dumps(sorted(found | kept)).encode())


def remembered_folders() -> list[Path]:
    """Folders outside the home from which this account has made studies on this machine.

    As far as they are still there.
    """
    try:
        folders = json.loads(_remembered().read_text(encoding="utf-8"))
        return [Path(each) for each in folders if os.path.isdir(each) and is_ordinary(each)]
    except (OSError, ValueError, TypeError):
        return []


def _remembered() -> Path:
    import platformdirs

    return (
        platformdirs.user_state_path("prospector", appauthor=False) / f"folders-{socket.gethostname()}.json"
    )


@lru_cache(maxsize=8)
def _roots(limit: str) -> list[Path]:
    return [Path(folder) for folder in json.loads(limit)]


def _open_within(path: Path, root: Path) -> bool:
    """Whether the path is in the root, with nothing hidden and nobody else's home between them."""
    if not path.is_relative_to(root):
        return False
    if any(part.startswith(".") for part in path.relative_to(root).parts):
        return False
    home = Path(os.path.realpath(Path.home()))
    private = [home / name for name in _PRIVATE] + _others(path, home)
    return not any(path.is_relative_to(folder) and not root.is_relative_to(folder) for folder in private)


def _others(path: Path, home: Path) -> list[Path]:
    """The home of somebody else that the path is in: [] or one folder."""
    if path.is_relative_to(home):
        return []
    if path.is_relative_to("/root"):
        return [Path("/root")]
    homes = {Path(each) for each in _HOMES} | ({home.parent} if home.parent != Path(home.anchor) else set())
    return [above / path.relative_to(above).parts[0] for above in homes if above in path.parents]
