"""Who sits at this session of the app, what they may do, and the record of what they did.

On a server everything that a session does to a study passes here. In the app of one account its owner may do
all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.requests import HTTPConnection
from streamlit.runtime.scriptrunner import get_script_run_ctx

from prospector_core.errors import AccessError
from prospector_core.server import EDITOR

from .person import Person, person_of
from .server import Server, server

if TYPE_CHECKING:
    from prospector_core.study import Study

__all__ = [
    "exported",
    "folders",
    "guarded",
    "identity_here",
    "identity_of",
    "may_edit",
    "may_open",
    "note",
    "person_here",
    "require_editor",
    "require_role",
]


def person_here() -> Person | None:
    """Who has logged in to this session; None in the app of one account, and outside a session."""
    if server() is None or get_script_run_ctx(suppress_warning=True) is None:
        return None
    text = st.user.to_dict().get("person")
    return Person.read(text) if isinstance(text, str) else None


def identity_here() -> tuple | None:
    """What tiles that are asked for in this session belong to; None in the app of one account."""
    return None if server() is None else _identity(person_here())


def identity_of(request: HTTPConnection) -> tuple | None:
    """The same of a request."""
    return None if server() is None else _identity(person_of(request.scope))


def role_here(folder: str | Path) -> str | None:
    """The role that this session has in the study of a folder: "editor", "viewer" or None."""
    started = server()
    if started is None:
        return EDITOR
    person = person_here()
    if person is None or not started.still(person):
        return None
    return started.settings.role_of(folder, person.name, person.groups)


def may_open(folder: str | Path) -> bool:
    """Whether this session may look at the study of a folder."""
    return role_here(folder) is not None


def may_edit(folder: str | Path) -> bool:
    """Whether this session may edit the study of a folder."""
    return role_here(folder) == EDITOR


def folders(beside: Path) -> list[Path]:
    """Folders that may be studies.

    On a server they are below its folders of studies, else in the one that is given.
    """
    started = server()
    roots = started.settings.studies if started else (beside,)
    patterns = ["*"]
    if started:
        depths = [
            len(Path(rule.folder).parts)
            for rule in started.settings.rules
            if not Path(rule.folder).is_absolute()
        ]
        patterns = ["/".join("*" * depth) for depth in sorted({1, *depths})]
    return sorted(path for root in roots for pattern in patterns for path in root.glob(pattern))


def require_role(folder: str | Path) -> None:
    """Raise AccessError if this session may not look at a study.

    The same is said of one that is not there.
    """
    if not may_open(folder):
        _refused(folder, "open")
        raise AccessError(
            "there is no such study here for you: ask those who run the server for a role in it"
        )


def require_editor(folder: str | Path) -> None:
    """Raise AccessError if this session may not edit a study."""
    if not may_edit(folder):
        _refused(folder, "edit")
        raise AccessError(
            f"you may look at {Path(folder).name}, but not edit it: ask those who run the server to name you"
            " among its editors"
        )


def guarded(study: Study) -> Study:
    """The study, whose database is from now on written by sessions of editors alone."""
    if server() is not None:
        study.database.guard = functools.partial(require_editor, study.path)
    return study


def note(what: str, study: Study | str | Path | None = None, detail: str = "") -> None:
    """Add a line to the record of a server; a record that cannot be written is said, and undoes nothing."""
    started = server()
    if started is not None:
        _say(started.note(what, person_here(), _address_here(), _name(started, study), detail))


def exported(study: Study, what: str, make: Callable[[], object]) -> Callable[[], object]:
    """``make``, for a button that saves what it returns: on a server it is on record who saved it.

    The button is pressed outside the session's script, so that it is remembered here who that is.
    """
    started = server()
    if started is None:
        return make
    person, address, name = person_here(), _address_here(), _name(started, study)

    def made() -> object:
        if (
            person is None
            or not started.still(person)
            or not started.settings.role_of(study.path, person.name, person.groups)
        ):
            raise AccessError("your login has ended: log in again")
        content = make()
        started.note("exported", person, address, name, what)
        return content

    return made


def _identity(person: Person | None) -> tuple:
    return (person.name, person.groups) if person else ()


def _address_here() -> str:
    return st.context.ip_address or "localhost"


def _name(started: Server, study: Study | str | Path | None) -> str:
    """A study as the record names it: below its folder of studies."""
    if study is None:
        return ""
    path = Path(getattr(study, "path", study)).resolve()
    root = next((root for root in started.settings.studies if path.is_relative_to(root)), None)
    return path.relative_to(root).as_posix() if root else path.as_posix()


def _refused(folder: str | Path, what: str) -> None:
    started, person = server(), person_here()
    # a page asks many times while it is drawn
    if started is not None and started.first("refused", person.name if person else "", str(folder), what):
        note("refused", folder, what)


def _say(wrong: str) -> None:
    if wrong:
        st.toast(wrong, icon=":material/error:", duration="long")
