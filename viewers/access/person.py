"""Who asks: the person that a door of the app has let in."""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

__all__ = ["KEY", "Door", "Person", "person_of"]

KEY = "prospector.person"  # of the ASGI scope


@dataclass(frozen=True)
class Person:
    """Someone who was let in.

    Parameters
    ----------
    name : str
        As the journal keeps it.
    groups : tuple of str
    how : str
        "token" (the client itself brought it: no page of a stranger can), else what a browser sends along by itself, as "cookie".
    """

    name: str
    groups: tuple[str, ...] = ()
    how: str = ""


# Who the request of this ASGI scope comes from, or None if this door does not know them.
Door = Callable[[MutableMapping[str, Any]], Person | None]


def person_of(scope: Mapping[str, Any]) -> Person | None:
    """Whom the gate has let in for this request."""
    return scope.get(KEY)
