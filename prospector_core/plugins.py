"""What other packages add through entry points.

Found by group and name, and said in one line where it cannot be loaded.
"""

from __future__ import annotations

import sys
import tomllib
import warnings
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import EmbeddingError, PluginError, PluginWarning, ProspectorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["load_all", "load_one", "make_encoder", "names_of", "origin_of"]

_OURS = "prospector-heads"
_PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def names_of(group: str) -> list[Any]:
    """Names under which packages add something to a group: sorted list, each once. Nothing is loaded."""
    return sorted({point.name for point in _points(group)})


def load_one(group: str, name: str) -> Callable[..., Any]:
    """What an entry point names, or None if there is none.

    Raises PluginError, naming package and entry point, where it cannot be loaded.
    """
    for point in _points(group, name):
        return _loaded(point)
    return None


def origin_of(group: Any, name: str) -> Any:
    """Which package an entry point is of, in words; "" if there is none. Nothing is loaded."""
    for point in _points(group, name):
        return f"installed with {point.dist.name if point.dist else point.value}"
    return ""


def make_encoder(group: str, name: str, options: dict[str, Any]) -> str:
    """The encoder that an installed package brings under a name.

    Raises EmbeddingError, PluginError, and its own ProspectorError.
    """
    maker = load_one(group, name)
    if maker is None:
        raise EmbeddingError(f"the encoder {name} is no longer installed")
    try:
        return maker(**options)
    except ProspectorError:
        raise
    except Exception as error:
        raise EmbeddingError(f"the installed encoder {name} cannot be made ({error})") from error


@lru_cache(maxsize=16)
def load_all(group: str) -> list[Any]:
    """All of a group that can be loaded: list of (name, object).

    Each of the others is a PluginWarning, once.
    """
    found = []
    for point in _points(group):
        try:
            found.append((point.name, _loaded(point)))
        except PluginError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=2)
    return found


def _points(group: str, name: str | None = None) -> list[EntryPoint]:
    """Entry points of a group, or of one name in it: those of installed packages and of this clone."""
    own = _points_of_clone()
    points = list(entry_points(group=group))
    if own:  # metadata of a clone are as old as its installation
        points = [point for point in points if point.dist is None or point.dist.name != _OURS]
    points += [point for point in own if point.group == group]
    named = (point for point in points if name is None or point.name == name)
    return sorted(named, key=lambda point: point.name)


@lru_cache(maxsize=1)
def _points_of_clone() -> list[EntryPoint]:
    """What pyproject.toml beside the code declares, also where nothing was installed; [] outside a clone."""
    try:
        declared = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if declared.get("project", {}).get("name") != _OURS:
        return []
    if str(_PYPROJECT.parent) not in sys.path:  # what lies beside the core is found from any folder
        sys.path.insert(0, str(_PYPROJECT.parent))  # first: others have folders `benchmarks`, too
    tables = (declared["project"]["entry-points"], declared["tool"]["prospector"]["entry-points-of-clone"])
    return [
        EntryPoint(name, value, group)
        for table in tables
        for group, points in table.items()
        for name, value in points.items()
    ]


def _loaded(point: Any) -> Callable[..., Any]:
    try:
        return point.load()
    except ProspectorError as error:
        reason = str(error)
    except (Exception, SystemExit) as error:  # whatever a package does when it is imported
        reason = f"{type(error).__name__}: {error}"
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "a package"
    reason = " ".join(reason.split())
    raise PluginError(
        f"{package}: its entry point {point.name} ({point.group}) cannot be loaded ({reason}): update or"
        " uninstall it"
    )
