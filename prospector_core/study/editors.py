"""Several people at one study: who edits, what they have seen of the journal, and edits that would collide."""

from dataclasses import dataclass, field

from ..errors import CurationConflictError
from ..people import default_author
from .journal import parts_of, standing, undone_by

__all__ = ["Editor", "check_conflict", "default_author", "moment", "touched_concepts"]


@dataclass
class Editor:
    """One person in one window.

    Attributes: author (None: the curation's own); seen, id of the last journal entry that this person has been shown
    (None: edits are not checked against those of others); own, ids of the entries made through this object.
    """

    author: str | None = None
    seen: int | None = None
    own: set = field(default_factory=set)

    def behind(self, last):
        """How many entries up to number ``last`` are neither seen nor one's own; they are numbered without gaps."""
        return 0 if self.seen is None else last - self.seen - sum(self.seen < id <= last for id in self.own)

    def unseen(self, entries):
        """Those of the entries that came after what was seen, and are not one's own."""
        if self.seen is None:
            return []
        return [entry for entry in entries if entry.id > self.seen and entry.id not in self.own]


def moment(at):
    """A time of the journal as people read it: "2026-05-04 14:02 UTC"."""
    return f"{at[:10]} {at[11:16]} UTC"


def check_conflict(entries, editor, action, payload, describe):
    """Raise CurationConflictError if an edit is about what others have edited after what its editor has seen.

    Parameters: entries, the whole journal; editor, Editor; action and payload of the edit; describe, function of Entry.
    """
    unseen = editor.unseen(entries)
    if not unseen:
        return
    if action in ("undo", "redo"):
        which = 0 if action == "undo" else 1
        known = standing([entry for entry in entries if entry.id <= editor.seen or entry.id in editor.own])[which]
        now = standing(entries)[which]
        if [entry.id for entry in known[-1:]] == [entry.id for entry in now[-1:]]:
            return
        said = {"undo": "not undone", "redo": "not redone"}[action]
        then = f"{action} would now be of “{describe(now[-1])}”" if now else f"there is nothing to {action} now"
        met = unseen
    else:
        targets, by_id = undone_by(entries), {entry.id: entry for entry in entries}
        own = _touched(action, payload, by_id)
        met = [entry for entry in unseen if _meet(own, _touched_by(entry, targets, by_id))]
        said, then = "not done", "it is about the same"
    if met:
        last = met[-1]
        what = describe(last)
        if last.action in ("undo", "redo") and (target := undone_by(entries).get(last.id)) is not None:
            what = f"{last.action}: {describe(target)}"
        more = f", the last of {len(met)} edits" if len(met) > 1 else ""
        raise CurationConflictError(
            f"{said}: {last.author or 'someone'} has edited since (edit {last.id}, “{what}”, {moment(last.at)}{more}) and {then}: "
            "look at it, then repeat yours if it still holds",
            met,
        )


def touched_concepts(entry, entries):
    """Ids of the concepts that an entry of the journal is about, those it made included: set of int."""
    targets, by_id = undone_by(entries), {each.id: each for each in entries}
    entry = targets.get(entry.id, entry)
    made = entry.payload["ids"] if entry.action == "split" else ()
    return {*_touched(entry.action, entry.payload, by_id).concepts, *made}


@dataclass
class _Touched:
    """What an edit is about: concepts, whole data, and tokens {uid: set}; ``anew``: all concepts are others."""

    concepts: set = field(default_factory=set)
    data: set = field(default_factory=set)
    tokens: dict = field(default_factory=dict)
    anew: bool = False


def _touched_by(entry, targets, by_id):
    entry = targets.get(entry.id, entry)  # an undo is about what it takes back
    return _touched(entry.action, entry.payload, by_id)


def _touched(action, payload, by_id):
    found = _Touched(anew=action == "fit")
    if action == "fit":
        return found  # its payload are settings
    if action == "withdraw":
        action, payload = "annotate", by_id[payload["entry"]].payload
    found.concepts = {*payload.get("concepts", ()), *(payload[key] for key in ("concept", "into") if key in payload)}
    if action == "relabel":
        found.data = {payload["datum"]}
    elif action in ("annotate", "reassign"):
        for part in parts_of(payload):
            found.tokens.setdefault(part["datum"], set()).update(part["tokens"])
    return found


def _meet(a, b):
    """Whether two edits are about the same thing."""
    if a.anew or b.anew:
        return a.anew and b.anew or bool(a.concepts or b.concepts)
    both = a.tokens.keys() & b.tokens.keys()
    return bool(
        a.concepts & b.concepts
        or a.data & (b.data | b.tokens.keys())
        or b.data & a.tokens.keys()
        or any(a.tokens[uid] & b.tokens[uid] for uid in both)
    )
