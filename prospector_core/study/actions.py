"""The actions of the journal, by the names that it keeps: read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field

from ..errors import StudyDamagedError
from ..store.checked import record_of
from .action import MOST_CONCEPTS, Action, Text, Touched
from .concept_actions import Exclude, Family, Include, Merge, Pin, Recolour, Rename, SplitUp
from .token_actions import AddData, Annotate, Reassign, Relabel, RemoveData, Withdraw

if TYPE_CHECKING:
    from .chronicle import Teller
    from .journal import Entry

__all__ = ["ACTIONS", "read_action"]


class NewFit(Action):
    """Concepts were found anew; its fields are settings."""

    model_config = ConfigDict(extra="allow")
    concepts: Annotated[int, Field(ge=1, le=MOST_CONCEPTS)] | None = None
    radius: Annotated[int, Field(ge=0, le=64)] | None = None
    kernel: Text = ""

    def tell(self, told: Teller) -> str:
        return f"new fit: {self.concepts} concepts, radius {self.radius}, {self.kernel} kernel"

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        return Touched(anew=True)


class Undo(Action):
    """The last edit that stands is taken back; which one that is, the journal says."""

    model_config = ConfigDict(extra="ignore")

    def tell(self, told: Teller) -> str:
        return type(self).__name__.lower()


class Redo(Undo):
    """The edit that was undone last is brought back."""


ACTIONS: dict[str, type[Action]] = {
    "rename": Rename,
    "recolour": Recolour,
    "merge": Merge,
    "exclude": Exclude,
    "include": Include,
    "pin": Pin,
    "reassign": Reassign,
    "split": SplitUp,
    "annotate": Annotate,
    "withdraw": Withdraw,
    "family": Family,
    "relabel": Relabel,
    "add": AddData,
    "remove": RemoveData,
    "fit": NewFit,
    "undo": Undo,
    "redo": Redo,
}


def read_action(name: Any, payload: Any, entry: int) -> Action:
    """Return what an entry of the journal says, checked. Raises StudyDamagedError."""
    if not isinstance(name, str) or name not in ACTIONS:
        what = f"{name!r:.40}" if isinstance(name, str) else f"a {type(name).__name__}"
        raise StudyDamagedError(
            f"entry {entry} of the journal has the action {what}, which this Prospector does not know: update"
            " Prospector, or restore study.sqlite from a backup"
        )
    try:
        return record_of(ACTIONS[name], payload, f"entry {entry} of the journal ({name})")
    except ValueError as error:
        raise StudyDamagedError(f"{error}: restore study.sqlite from a backup") from None
