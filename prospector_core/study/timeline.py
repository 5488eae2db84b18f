"""A journal followed as it grows.

An edit, an undo or a redo costs the same, however many entries there are before it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import fields, replace

from .journal import CurationState, Entry, apply, begun, check_state

__all__ = ["Timeline"]

_STEP = 128  # states of the last so many edits are kept, and of the earlier ones every so many


class Timeline:
    """What a journal amounts to, entry by entry.

    At any moment it is the same as ``journal.replay`` and ``journal.standing``.

    Attributes
    ----------
    entries : list of Entry
        Oldest first. To be read only, as all that is given here.
    standing, undone : list of Entry
        Edits that count, and undone ones that a redo would bring back (last = next to undo, or redo).
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.standing: list[Entry] = []
        self.undone: list[Entry] = []
        self._states = {0: begun()}  # {how many edits stand: what they amount to}

    @property
    def last(self) -> int:
        """Id of the last entry, 0 before the first."""
        return self.entries[-1].id if self.entries else 0

    def add(self, entry: Entry) -> None:
        """Follow the journal by one entry (the rules are those of ``journal.standing``)."""
        self.entries.append(entry)
        if entry.action == "undo":
            if self.standing:
                self._states.pop(len(self.standing), None)
                self.undone.append(self.standing.pop())
        elif entry.action == "redo":
            if self.undone:
                self.standing.append(self.undone.pop())
        elif entry.action == "fit":  # concepts are new, edits of the old ones no longer apply
            self.standing = [each for each in self.standing if each.edit.lasting]
            self.undone, self._states = [], {0: begun(entry)}
        else:
            self.standing.append(entry)
            self.undone.clear()

    @property
    def state(self) -> CurationState:
        """What the edits that stand amount to; to be read only.

        Raises StudyDamagedError as ``journal.replay``.
        """
        now = len(self.standing)
        if now not in self._states:
            before = now - 1
            while before not in self._states:  # at most a step back, where all were followed
                before -= 1
            several, state = now - before > 1, _copied(self._states[before])
            for number in range(before + 1, now + 1):
                apply(state, self.standing[number - 1])
                if number > now - _STEP or number % _STEP == 0:
                    self._states[number] = state
                    state = _copied(state)
            if several:  # read from the disk, not made here, where each was checked
                check_state(self._states[now])
            if len(self._states) > 3 * _STEP + now // _STEP:
                self._states = {
                    n: kept for n, kept in self._states.items() if n > now - _STEP or n % _STEP == 0
                }
        return self._states[now]

    def fork(self) -> Timeline:
        """Return another timeline that goes on from here by itself."""
        other = Timeline()
        other.entries, other.standing, other.undone = (
            list(self.entries),
            list(self.standing),
            list(self.undone),
        )
        other._states = dict(self._states)
        return other


def _copied(state: CurationState) -> CurationState:
    """Return a state that can be changed while the other stays."""
    own = {each.name: copy(getattr(state, each.name)) for each in fields(state)}
    own["class_pins"] = {target: dict(pins) for target, pins in state.class_pins.items()}
    return replace(state, **own)
