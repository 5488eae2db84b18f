"""Who asks: the person that a door of the app has let in."""

import json
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["KEY", "PERSON_HEADER", "Door", "Person", "person_of", "sound_name"]

# Headers that the gate itself sets, for pages: Streamlit tells them of a session's headers, not of the ASGI
# scope.
PERSON_HEADER = "X-Prospector-Person"
_LONGEST = 200

KEY = "prospector.person"  # of the ASGI scope


@dataclass(frozen=True)
class Person:
    """Someone who was let in.

    Parameters
    ----------
    name : str
        As the journal keeps it.
    groups : tuple of str
    how : str "token" (the client itself brought it: no page of a stranger can), else what a browser sends
        along by itself, as "cookie".
    login : str
        Tells the logins of one person apart.
    until : float
        When the login runs out, in seconds since 1970.
    """

    name: str
    groups: tuple[str, ...] = ()
    how: str = ""
    login: str = ""
    until: float = float("inf")

    def written(self) -> str:
        """The person as a header's value."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Person":
        """The person of :meth:`written`."""
        found = json.loads(text)
        return cls(**{**found, "groups": tuple(found["groups"])})


# Who the request of this ASGI scope comes from, or None if this door does not know them.
Door = Callable[[MutableMapping[str, Any]], Person | None]


def person_of(scope: Mapping[str, Any]) -> Person | None:
    """Whom the gate has let in for this request."""
    return scope.get(KEY)


def sound_name(name: object) -> str:
    """A name of a person or group without spaces at its ends; "" if it cannot be one."""
    name = name.strip() if isinstance(name, str) else ""
    return name if name.isprintable() and len(name) <= _LONGEST else ""
