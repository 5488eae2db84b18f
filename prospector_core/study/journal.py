"""The journal of edits, and what it amounts to when replayed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StudyDamagedError
from ..store.checked import read_json
from .action import Action, Region, Split
from .actions import read_action

if TYPE_CHECKING:
    import sqlite3

    from ..store.database import Database

__all__ = [
    "Entry",
    "CurationState",
    "Region",
    "Split",
    "apply",
    "begun",
    "check_state",
    "standing",
    "undone_by",
    "replay",
    "read_journal",
    "last_id",
    "append",
]


@dataclass(frozen=True)
class Entry:
    """One line of the journal: id (1, 2, ...), time (UTC, ISO), action, payload, author, and why (note)."""

    id: int
    at: str
    action: str
    payload: dict
    author: str = ""
    note: str = ""

    @cached_property
    def edit(self) -> Action:
        """What it says, checked. Raises StudyDamagedError."""
        return read_action(self.action, self.payload, self.id)


@dataclass
class CurationState:
    """What the expert has said so far.

    Attributes: names {concept: str}, colours {concept: "#rrggbb"}, merged {concept: concept it went into},
    excluded {concept: reason}, pins {concept or (a, b): weight} of every kernel, class_pins {class: the
    same}, of the kernels of classes that were pinned by themselves (see ``pins_of``), labels {datum uid:
    class or None}, added and removed (sets of datum uids), steps (splits and reassigned tokens in the order
    they were made: Split, or (datum uid, tokens, concept)), regions (list of Region), families (list of
    ({concept: share}, name), see ``families.name_of``), fitted (how many concepts the fit found that the
    edits are about; None where the entries do not say).
    """

    names: dict = field(default_factory=dict)
    colours: dict = field(default_factory=dict)
    merged: dict = field(default_factory=dict)
    excluded: dict = field(default_factory=dict)
    pins: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    steps: list = field(default_factory=list)
    regions: list = field(default_factory=list)
    class_pins: dict = field(default_factory=dict)
    families: list = field(default_factory=list)
    fitted: int | None = field(default=None, compare=False)
    added: set = field(default_factory=set)
    removed: set = field(default_factory=set)

    def pins_of(self, target: int) -> dict:
        """Pins that count in the kernel of a class: {concept or (a, b): weight}."""
        return self.class_pins.get(target, self.pins)

    @property
    def n_extra(self) -> int:
        """How many concepts splits have added."""
        return sum(len(step.ids) - 1 for step in self.steps if isinstance(step, Split))

    def members(self, concept: int, n_concepts: int) -> frozenset[int]:
        """Original ids that this concept consists of."""
        return frozenset(k for k, home in enumerate(self.homes(n_concepts)) if home == concept)

    def homes(self, n_concepts: int) -> list[int]:
        """The concept that each of 0..n-1 has been merged into, itself if none: list of int."""
        found = {}
        for concept in range(n_concepts):
            way = []
            while concept not in found and concept in self.merged:
                way.append(concept)
                concept = self.merged[concept]
            home = found.get(concept, concept)
            found.update(dict.fromkeys((*way, concept), home))
        return [found[concept] for concept in range(n_concepts)]

    def ignored(self, uid: str) -> np.ndarray:
        """Tokens of a datum that were marked to be ignored: sorted array."""
        tokens = [
            region.tokens for region in self.regions if region.datum == uid and region.evidence == "ignore"
        ]
        return np.unique(np.concatenate(tokens)) if tokens else np.empty(0, np.int64)

    def home(self, concept: int) -> int:
        """The concept that this one has been merged into, itself if none."""
        while concept in self.merged:
            concept = self.merged[concept]
        return concept

    def active(self, n_concepts: int) -> list[int]:
        """Concepts that are neither merged away nor excluded, ascending."""
        return [k for k in range(n_concepts) if k not in self.merged and k not in self.excluded]

    def layer_two(self) -> tuple:
        """The part of the state that a kernel depends on.

        Equal for equal fits (names and colours are not in it).
        """
        return (
            sorted(self.merged.items()),
            sorted(self.excluded),
            _sorted_pins(self.pins),
            sorted(self.labels.items()),
            self.steps,
            self.regions,
            sorted((target, _sorted_pins(pins)) for target, pins in self.class_pins.items()),
            sorted(self.added),
            sorted(self.removed),
        )


def _sorted_pins(pins: Mapping[Any, float]) -> list[tuple[tuple[int, ...], float]]:
    return sorted((key if isinstance(key, tuple) else (key,), weight) for key, weight in pins.items())


def standing(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Entries that count, and undone ones that a redo would bring back (last = next to redo)."""
    return _follow(entries, {})


def undone_by(entries: Iterable[Entry]) -> dict[int, Entry]:
    """Which entry each undo took back and each redo brought back: {id of the undo or redo: Entry}."""
    found = {}
    _follow(entries, found)
    return found


def _follow(entries: Iterable[Entry], found: dict[int, Entry]) -> tuple[list[Entry], list[Entry]]:
    done, undone = [], []
    for entry in entries:
        if entry.action == "undo":
            if done:
                undone.append(done.pop())
                found[entry.id] = undone[-1]
        elif entry.action == "redo":
            if undone:
                done.append(undone.pop())
                found[entry.id] = done[-1]
        elif (
            entry.action != "fit"
        ):  # a new quantiser: concepts are new, edits of the old ones no longer apply
            done.append(entry)
            undone.clear()
        else:
            done, undone = [each for each in done if each.edit.lasting], []
    return done, undone


def replay(entries: Sequence[Entry]) -> CurationState:
    """The state that a journal amounts to. Parameters: entries, oldest first. Returns CurationState.

    Raises StudyDamagedError where entries contradict each other, as no edit of ours does.
    """
    state = begun(next((entry for entry in reversed(entries) if entry.action == "fit"), None))
    for entry in standing(entries)[0]:
        apply(state, entry)
    check_state(state)
    return state


def begun(fit: Entry | None = None) -> CurationState:
    """What there is before any edit: CurationState.

    ``fit``: the entry of the fit whose concepts are edited.
    """
    return CurationState(fitted=None if fit is None else fit.edit.concepts)


def apply(state: CurationState, entry: Entry) -> None:
    """Make one edit count in a state, which is changed in place.

    The containers in its fields, not what they hold.

    Raises StudyDamagedError where it contradicts those before it.
    """
    try:
        entry.edit.apply(state, entry.id)
    except ValueError as error:
        raise StudyDamagedError(
            f"entry {entry.id} of the journal ({entry.action}) contradicts those before it: {error}; restore"
            " study.sqlite from a backup"
        ) from None


def check_state(state: CurationState) -> None:
    """Raise StudyDamagedError where edits name a concept that there is not."""
    if state.fitted is not None:
        last = max(_concepts_of(state), default=0)
        if last >= state.fitted + state.n_extra:
            raise StudyDamagedError(
                f"the journal names concept {last}, but there are {state.fitted + state.n_extra}: restore"
                " study.sqlite from a backup"
            )


def _concepts_of(state: CurationState) -> Iterator[int]:
    """Every concept that edits name: yields int."""
    for named in (state.names, state.colours, state.merged, state.merged.values(), state.excluded):
        yield from named
    for pins in (state.pins, *state.class_pins.values()):
        for key in pins:
            yield from key if isinstance(key, tuple) else (key,)
    for shares, _ in state.families:
        yield from shares
    for step in state.steps:
        yield from step.ids if isinstance(step, Split) else step[2:]


def read_journal(database: Database, up_to: int | None = None, since: int = 0) -> list[Entry]:
    """Entries oldest first, from id ``since``, to id ``up_to`` if given: list of Entry.

    Raises StudyDamagedError for one that is not as ours are.
    """
    rows = database.read(
        "SELECT id, at, action, payload, author, note FROM journal WHERE id >= ? AND (? IS NULL OR id <= ?)"
        " ORDER BY id",
        (since, up_to, up_to),
    )
    return [_entry(*row) for row in rows]


def _damaged(text: str) -> StudyDamagedError:
    return StudyDamagedError(f"{text}: restore study.sqlite from a backup")


def _entry(id: int, at: Any, action: Any, payload: Any, author: Any, note: Any) -> Entry:
    what = f"entry {id} of the journal"
    if not all(isinstance(each, str) for each in (at, author, note)):
        raise StudyDamagedError(f"{what} has no time, author or note: restore study.sqlite from a backup")
    entry = Entry(id, at, action, read_json(payload, what, _damaged), author, note)
    entry.edit  # noqa: B018 (checked where it is read, and kept)
    return entry


def last_id(database: Database) -> int:
    """Id of the last entry, 0 before the first."""
    return database.read("SELECT COALESCE(MAX(id), 0) FROM journal")[0][0]


def append(
    connection: sqlite3.Connection, action: str, payload: Mapping[str, Any], author: str = "", note: str = ""
) -> int:
    """Append one entry inside a transaction. Returns its id."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    cursor = connection.execute(
        "INSERT INTO journal (at, action, payload, author, note) VALUES (?, ?, ?, ?, ?)",
        (at, action, json.dumps(payload, sort_keys=True), author, note),
    )
    return cursor.lastrowid
