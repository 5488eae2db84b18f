"""The journal told in plain words: what each entry did, who made it and why, and what became of it."""

from dataclasses import dataclass

from ..wording import is_colour
from .journal import Entry, parts_of, undone_by

__all__ = ["Event", "chronicle", "describe"]


@dataclass(frozen=True)
class Event:
    """One journal entry in words.

    Attributes: entry (Entry); text; about, id of the entry that an undo or redo is about, else None; status: "stands",
    "undone", "ended" (a later fit found new concepts), or "" for undo, redo and fit.
    """

    entry: Entry
    text: str
    about: int | None
    status: str

    def record(self):
        """As a dict of plain values, for JSON."""
        entry = self.entry
        return {
            "id": entry.id, "at": entry.at, "author": entry.author, "action": entry.action, "text": self.text,
            "note": entry.note, "status": self.status, "undone": self.status == "undone", "about": self.about,
        }  # fmt: skip


def chronicle(study, entries, datum_name=None):
    """Every entry in words, concepts named as they were at that time: list of Event.

    Parameters: study; entries, oldest first; datum_name, function uid -> str (default: the datum's own name).
    """
    targets, status = undone_by(entries), {}
    done, texts, by_id = [], {}, {entry.id: entry for entry in entries}
    names = {}  # {concept: its names up to now, the present one last}

    def name(concept):
        return names[concept][-1] if names.get(concept) else f"concept {concept}"

    def called(entry):
        if entry.action == "rename":
            names.setdefault(entry.payload["concept"], []).append(entry.payload["name"])

    for entry in entries:
        target = targets.get(entry.id)
        if target is None and entry.action in ("undo", "redo"):
            texts[entry.id] = entry.action
        elif entry.action == "undo":
            done.pop()
            if target.action == "rename":
                names[target.payload["concept"]].pop()
            status[target.id] = "undone"
            texts[entry.id] = f"undo {target.id}: {texts[target.id]}"
        elif entry.action == "redo":
            done.append(target)
            called(target)
            status[target.id] = "stands"
            texts[entry.id] = f"redo {target.id}: {texts[target.id]}"
        elif entry.action == "fit":
            for each in done:
                if each.action != "relabel":
                    status[each.id] = "ended"
            done, names = [each for each in done if each.action == "relabel"], {}
            texts[entry.id] = describe(study, entry)
        else:
            done.append(entry)
            status[entry.id] = "stands"
            texts[entry.id] = describe(study, entry, name, datum_name, by_id)
            called(entry)
    return [
        Event(entry, texts[entry.id], targets[entry.id].id if entry.id in targets else None, status.get(entry.id, ""))
        for entry in entries
    ]


def describe(study, entry, name=None, datum_name=None, by_id=None):
    """An entry in plain words.

    Parameters: name, function concept -> str (default: its present name); datum_name, function uid -> str; by_id,
    {id: Entry} of the journal, if it is at hand.
    """
    payload, action = entry.payload, entry.action
    before = name or "concept {}".format  # its present name may be the new one
    name = name or study.concept_name
    datum_name = datum_name or (lambda uid: study.datum(uid).name)
    if action == "fit":
        kernel = payload.get("kernel", "")
        return f"new fit: {payload.get('concepts')} concepts, radius {payload.get('radius')}, {kernel} kernel"
    if action == "rename":
        return f"rename {before(payload['concept'])} to “{payload['name']}”"
    if action == "family":
        made = sorted(payload["composition"].items(), key=lambda each: -each[1])[:2]
        what = " and ".join(name(int(concept)) for concept, _ in made)
        return (
            f"name the family of {what} “{payload['name']}”"
            if payload["name"]
            else f"take back the name of the family of {what}"
        )
    if action == "recolour":
        wrong = "" if is_colour(payload["colour"]) else " (what stands there is no colour: it keeps its own)"
        return f"recolour {name(payload['concept'])}{wrong}"
    if action == "merge":
        gone = ", ".join(name(k) for k in payload["concepts"] if k != payload["into"])
        return f"merge {gone} into {name(payload['into'])}"
    if action in ("exclude", "include"):
        reason = f" ({payload['reason']})" if payload.get("reason") else ""
        return f"{action} {name(payload['concept'])}{reason}"
    if action == "pin":
        what = " + ".join(name(k) for k in payload["concepts"])
        said = f"unpin {what}" if payload["weight"] is None else f"pin {what} at {payload['weight']:g}"
        target = payload.get("target")
        everywhere = " in every class" if study.several else ""
        return said + (everywhere if target is None else f" for {study.classes[target]}")
    if action == "reassign":
        parts = parts_of(payload)
        where = f" of {len(parts)} data" if len(parts) > 1 else ""
        return f"move {study.kind.words.count(sum(len(part['tokens']) for part in parts))}{where} to {name(payload['concept'])}"
    if action == "split":
        return f"split {name(payload['concept'])} into {len(payload['ids'])}"
    if action == "annotate":
        parts = parts_of(payload)
        data = datum_name(parts[0]["datum"]) if len(parts) == 1 else f"{len(parts)} data"
        where = f"{study.kind.words.count(sum(len(part['tokens']) for part in parts))} of {data}"
        if payload["evidence"] == "ignore":
            return f"ignore {where}"
        target = payload.get("target")
        if target is None:  # of two classes, what speaks against the one speaks for the other
            return f"mark {where} as evidence for {study.classes[int(payload['evidence'] == 'for')]}"
        return f"mark {where} as evidence {payload['evidence']} {study.classes[target]}"
    if action == "withdraw":
        marked = (by_id or {each.id: each for each in study.curation.history()}).get(payload["entry"])
        return f"take back: {describe(study, marked, name, datum_name)}" if marked else "take back a region"
    if action == "relabel":
        label = "not known" if payload["label"] is None else study.classes[payload["label"]]
        return f"relabel {datum_name(payload['datum'])} as {label}"
    return action
