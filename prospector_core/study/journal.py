"""The journal of edits, and what it amounts to when replayed."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from ..wording import is_colour

__all__ = ["Entry", "CurationState", "Region", "Split", "apply", "parts_of", "standing", "undone_by", "replay", "read_journal",
           "last_id", "append"]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line of the journal: id (1, 2, ...), time (UTC, ISO), action, payload, author, and why (note)."""

    id: int
    at: str
    action: str
    payload: dict
    author: str = ""
    note: str = ""


@dataclass(frozen=True)
class Split:
    """A concept cut in two or more: its tokens go to the nearest of ``centroids`` (m, d) float32.

    ``concept``: the one that was cut; ``members``: original ids that it consisted of; ``ids`` (m,): the first is the
    concept itself, the others are new, at the end. ``leaves``: where it was cut along a tree, the fine concepts of each part.
    """

    concept: int
    members: frozenset
    ids: tuple
    centroids: np.ndarray = field(compare=False, repr=False)
    digest: str = ""
    leaves: tuple | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Region:
    """A marked region: datum uid, its token ids, evidence "for", "against" or "ignore", weight, outline (x, y) or None.

    ``entry``: id of the journal entry that marked it; regions that say the same are equal whenever they were made.
    ``target``: the class that it speaks for or against, where there are more than two; else None, which means class 1.
    """

    datum: str
    tokens: tuple
    evidence: str
    weight: float
    polygon: tuple | None
    entry: int = field(default=0, compare=False)
    target: int | None = None


@dataclass
class CurationState:
    """What the expert has said so far.

    Attributes: names {concept: str}, colours {concept: "#rrggbb"}, merged {concept: concept it went into},
    excluded {concept: reason}, pins {concept or (a, b): weight} of every kernel, class_pins {class: the same}, of the
    kernels of classes that were pinned by themselves (see ``pins_of``), labels {datum uid: class or None}, steps (splits
    and reassigned tokens in the order they were made: Split, or (datum uid, tokens, concept)), regions (list of Region), families (list of ({concept: share}, name), see ``families.name_of``).
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

    def pins_of(self, target):
        """Pins that count in the kernel of a class: {concept or (a, b): weight}."""
        return self.class_pins.get(target, self.pins)

    @property
    def n_extra(self):
        """How many concepts splits have added."""
        return sum(len(step.ids) - 1 for step in self.steps if isinstance(step, Split))

    def members(self, concept, n_concepts):
        """Original ids that this concept consists of."""
        return frozenset(k for k in range(n_concepts) if self.home(k) == concept)

    def ignored(self, uid):
        """Tokens of a datum that were marked to be ignored: sorted array."""
        tokens = [region.tokens for region in self.regions if region.datum == uid and region.evidence == "ignore"]
        return np.unique(np.concatenate(tokens)) if tokens else np.empty(0, np.int64)

    def home(self, concept):
        """The concept that this one has been merged into, itself if none."""
        while concept in self.merged:
            concept = self.merged[concept]
        return concept

    def active(self, n_concepts):
        """Concepts that are neither merged away nor excluded, ascending."""
        return [k for k in range(n_concepts) if k not in self.merged and k not in self.excluded]

    def layer_two(self):
        """The part of the state that a kernel depends on: equal for equal fits (names and colours are not in it)."""
        return (
            sorted(self.merged.items()),
            sorted(self.excluded),
            _sorted_pins(self.pins),
            sorted(self.labels.items()),
            self.steps,
            self.regions,
            sorted((target, _sorted_pins(pins)) for target, pins in self.class_pins.items()),
        )


def _sorted_pins(pins):
    return sorted((key if isinstance(key, tuple) else (key,), weight) for key, weight in pins.items())


def parts_of(payload):
    """Which tokens an entry marks or moves: list of {"datum", "tokens"}. Where there is one, it may stand without a list."""
    return payload.get("parts") or [payload]


def apply(state, entry):
    """Make one edit count in a state, which is changed in place: the containers in its fields, not what they hold."""
    action, payload = entry.action, entry.payload
    if action == "rename":
        state.names[payload["concept"]] = payload["name"]
    elif action == "recolour":
        # none of our programs writes anything else; what a stranger wrote in its place reaches no page and no file
        if is_colour(payload["colour"]):
            state.colours[payload["concept"]] = payload["colour"]
    elif action == "merge":
        for concept in payload["concepts"]:
            if concept != payload["into"]:
                state.merged[concept] = payload["into"]
                state.excluded.pop(concept, None)
    elif action == "exclude":
        state.excluded[payload["concept"]] = payload.get("reason", "")
    elif action == "include":
        state.excluded.pop(payload["concept"], None)
    elif action == "pin":
        concepts = payload["concepts"]
        key = concepts[0] if len(concepts) == 1 else tuple(sorted(concepts))
        target = payload.get("target")
        if target is None:  # every kernel's
            changed = [state.pins, *state.class_pins.values()]
        else:
            changed = [state.class_pins.setdefault(target, dict(state.pins))]
        for pins in changed:
            if payload["weight"] is None:
                pins.pop(key, None)
            else:
                pins[key] = payload["weight"]
    elif action == "reassign":
        for part in parts_of(payload):
            state.steps.append((part["datum"], tuple(part["tokens"]), payload["concept"]))
    elif action == "split":
        centroids = np.frombuffer(base64.b64decode(payload["centroids"]), np.float32).reshape(len(payload["ids"]), -1)
        members = state.members(payload["concept"], payload["ids"][1])
        leaves = payload.get("leaves") and tuple(map(tuple, payload["leaves"]))
        said = payload["centroids"][:64]
        state.steps.append(Split(payload["concept"], members, tuple(payload["ids"]), centroids, said, leaves))
    elif action == "annotate":
        polygon = payload["polygon"] and tuple(tuple(point) for point in payload["polygon"])
        for part in parts_of(payload):
            tokens, said = tuple(part["tokens"]), (payload["evidence"], payload["weight"])
            state.regions.append(Region(part["datum"], tokens, *said, polygon, entry.id, payload.get("target")))
    elif action == "withdraw":
        state.regions = [region for region in state.regions if region.entry != payload["entry"]]
    elif action == "family":
        shares = {int(concept): share for concept, share in payload["composition"].items()}
        state.families = [each for each in state.families if each[0] != shares]
        if payload["name"]:
            state.families.insert(0, (shares, payload["name"]))
    elif action == "relabel":
        state.labels[payload["datum"]] = payload["label"]
    else:
        raise ValueError(f"unknown action {action!r}")


def standing(entries):
    """Entries that count, and undone ones that a redo would bring back (last = next to redo)."""
    return _follow(entries, {})


def undone_by(entries):
    """Which entry each undo took back and each redo brought back: {id of the undo or redo: Entry}."""
    found = {}
    _follow(entries, found)
    return found


def _follow(entries, found):
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
        elif entry.action != "fit":  # a new quantiser: concepts are new, edits of the old ones no longer apply
            done.append(entry)
            undone.clear()
        else:
            done, undone = [each for each in done if each.action == "relabel"], []
    return done, undone


def replay(entries):
    """The state that a journal amounts to. Parameters: entries, oldest first. Returns CurationState."""
    state = CurationState()
    for entry in standing(entries)[0]:
        apply(state, entry)
    return state


def read_journal(database, up_to=None, since=0):
    """Entries oldest first, from id ``since``, to id ``up_to`` if given: list of Entry."""
    rows = database.read(
        "SELECT id, at, action, payload, author, note FROM journal WHERE id >= ? AND (? IS NULL OR id <= ?) ORDER BY id",
        (since, up_to, up_to),
    )
    return [Entry(id, at, action, json.loads(payload), *said) for id, at, action, payload, *said in rows]


def last_id(database):
    """Id of the last entry, 0 before the first."""
    return database.read("SELECT COALESCE(MAX(id), 0) FROM journal")[0][0]


def append(connection, action, payload, author="", note=""):
    """Append one entry inside a transaction. Returns its id."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    cursor = connection.execute(
        "INSERT INTO journal (at, action, payload, author, note) VALUES (?, ?, ?, ?, ?)",
        (at, action, json.dumps(payload, sort_keys=True), author, note),
    )
    return cursor.lastrowid
