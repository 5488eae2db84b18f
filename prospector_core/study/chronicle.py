"""The journal told in plain words: what each entry did, who made it and why, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .journal import Entry, undone_by

if TYPE_CHECKING:
    from .study import Study

__all__ = ["Event", "Teller", "chronicle", "describe"]


@dataclass(frozen=True)
class Event:
    """One journal entry in words.

    Attributes: entry (Entry); text; about, id of the entry that an undo or redo is about, else None; status:
    "stands", "undone", "ended" (a later fit found new concepts), or "" for undo, redo and fit.
    """

    entry: Entry
    text: str
    about: int | None
    status: str

    def record(self) -> dict[str, Any]:
        """As a dict of plain values, for JSON."""
        entry = self.entry
        return {
            "id": entry.id,
            "at": entry.at,
            "author": entry.author,
            "action": entry.action,
            "text": self.text,
            "note": entry.note,
            "status": self.status,
            "undone": self.status == "undone",
            "about": self.about,
        }


def chronicle(
    study: Study, entries: Sequence[Entry], datum_name: Callable[[str], str] | None = None
) -> list[Event]:
    """Every entry in words, concepts named as they were at that time: list of Event.

    Parameters: study; entries, oldest first; datum_name, function uid -> str (default: the datum's own name).
    """
    targets, status = undone_by(entries), {}
    done, texts, by_id = [], {}, {entry.id: entry for entry in entries}
    names = {}  # {concept: its names up to now, the present one last}

    def name(concept: int) -> str:
        return names[concept][-1] if names.get(concept) else f"concept {concept}"

    def called(entry: Entry) -> None:
        if entry.action == "rename":
            names.setdefault(entry.edit.concept, []).append(entry.edit.name)

    for entry in entries:
        target = targets.get(entry.id)
        if target is None and entry.action in ("undo", "redo"):
            texts[entry.id] = entry.action
        elif entry.action == "undo":
            done.pop()
            if target.action == "rename":
                names[target.edit.concept].pop()
            status[target.id] = "undone"
            texts[entry.id] = f"undo {target.id}: {texts[target.id]}"
        elif entry.action == "redo":
            done.append(target)
            called(target)
            status[target.id] = "stands"
            texts[entry.id] = f"redo {target.id}: {texts[target.id]}"
        elif entry.action == "fit":
            for each in done:
                if not each.edit.lasting:
                    status[each.id] = "ended"
            done, names = [each for each in done if each.edit.lasting], {}
            texts[entry.id] = describe(study, entry)
        else:
            done.append(entry)
            status[entry.id] = "stands"
            texts[entry.id] = describe(study, entry, name, datum_name, by_id)
            called(entry)
    return [
        Event(
            entry,
            texts[entry.id],
            targets[entry.id].id if entry.id in targets else None,
            status.get(entry.id, ""),
        )
        for entry in entries
    ]


def describe(
    study: Study,
    entry: Entry,
    name: Callable[[int], str] | None = None,
    datum_name: Callable[[str], str] | None = None,
    by_id: Mapping[int, Entry] | None = None,
) -> str:
    """An entry in plain words.

    Parameters: name, function concept -> str (default: its present name); datum_name, function uid -> str;
    by_id, {id: Entry} of the journal, if it is at hand.
    """
    before = name or "concept {}".format  # its present name may be the new one
    teller = Teller(
        study, name or study.concept_name, before, datum_name or (lambda uid: study.datum(uid).name), by_id
    )
    return teller.of(entry)


@dataclass(frozen=True)
class Teller:
    """What actions are told with.

    It holds the study; names of concepts, also as before the edit; names of data; and {id: Entry} of the
    journal, or None.
    """

    study: Any
    name: Callable
    before: Callable
    datum_name: Callable
    by_id: Any

    def of(self, entry: Entry) -> str:
        """An entry in plain words."""
        return entry.edit.tell(self)

    def entry(self, id: int) -> Entry | None:
        """The journal's entry of that number, or None."""
        by_id = (
            {each.id: each for each in self.study.curation.history()} if self.by_id is None else self.by_id
        )
        return by_id.get(id)

    def class_name(self, label: int) -> str:
        """A class by number."""
        classes = self.study.classes
        return classes[label] if label < len(classes) else f"class {label}"
