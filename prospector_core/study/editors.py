"""Several people at one study: who edits, what each has seen of the journal, and edits that would collide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import CurationConflictError
from ..people import default_author
from .actions import read_action
from .journal import standing, undone_by

if TYPE_CHECKING:
    from .journal import Entry

__all__ = ["Editor", "check_conflict", "default_author", "moment", "touched_concepts"]


@dataclass
class Editor:
    """One person in one window.

    Attributes: author (None: the curation's own); seen, id of the last journal entry that this person has
    been shown (None: edits are not checked against those of others); own, ids of the entries made through
    this object.
    """

    author: str | None = None
    seen: int | None = None
    own: set = field(default_factory=set)

    def behind(self, last: int) -> int:
        """How many entries up to number ``last`` are neither seen nor one's own.

        They are numbered without gaps.
        """
        return 0 if self.seen is None else last - self.seen - sum(self.seen < id <= last for id in self.own)

    def unseen(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of the entries that came after what was seen, and are not one's own."""
        if self.seen is None:
            return []
        return [entry for entry in entries if entry.id > self.seen and entry.id not in self.own]


def moment(at: str) -> str:
    """A time of the journal as people read it: "2026-05-04 14:02 UTC"."""
    return f"{at[:10]} {at[11:16]} UTC"


def check_conflict(
    entries: Sequence[Entry],
    editor: Editor,
    action: str,
    payload: Mapping[str, Any],
    describe: Callable[[Entry], str],
) -> None:
    """Raise CurationConflictError if an edit is about what others have edited after what its editor has seen.

    Parameters: entries, the whole journal; editor, Editor; action and payload of the edit; describe, function
    of Entry.
    """
    unseen = editor.unseen(entries)
    if not unseen:
        return
    if action in ("undo", "redo"):
        which = 0 if action == "undo" else 1
        known = standing([entry for entry in entries if entry.id <= editor.seen or entry.id in editor.own])[
            which
        ]
        now = standing(entries)[which]
        if [entry.id for entry in known[-1:]] == [entry.id for entry in now[-1:]]:
            return
        said = {"undo": "not undone", "redo": "not redone"}[action]
        then = (
            f"{action} would now be of “{describe(now[-1])}”" if now else f"there is nothing to {action} now"
        )
        met = unseen
    else:
        targets, by_id = undone_by(entries), {entry.id: entry for entry in entries}
        own = read_action(action, payload, 0).touched(by_id)
        met = [entry for entry in unseen if own.meets(targets.get(entry.id, entry).edit.touched(by_id))]
        said, then = "not done", "it is about the same"
    if met:
        last = met[-1]
        what = describe(last)
        if last.action in ("undo", "redo") and (target := undone_by(entries).get(last.id)) is not None:
            what = f"{last.action}: {describe(target)}"
        more = f", the last of {len(met)} edits" if len(met) > 1 else ""
        raise CurationConflictError(
            f"{said}: {last.author or 'someone'} has edited since (edit {last.id}, “{what}”,"
            f" {moment(last.at)}{more}) and {then}: look at it, then repeat yours if it still holds",
            met,
        )


def touched_concepts(entry: Entry, entries: Sequence[Entry]) -> set[int]:
    """Ids of the concepts that an entry of the journal is about, those it made included: set of int."""
    targets, by_id = undone_by(entries), {each.id: each for each in entries}
    entry = targets.get(entry.id, entry)
    made = entry.edit.ids if entry.action == "split" else ()
    return {*entry.edit.touched(by_id).concepts, *made}
