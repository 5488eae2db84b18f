"""The journal of a study as programs follow it: who edits, what is new, and one transaction an edit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..wording import one_line
from .chronicle import describe
from .editors import Editor, check_conflict, default_author
from .journal import CurationState, Entry, append, last_id, read_journal
from .records import check_edits
from .timeline import Timeline

if TYPE_CHECKING:
    from .study import Study

__all__ = ["EditLog"]

_MAX_NAME = 60
_MAX_NOTE = 2000


class EditLog:
    """What all views of a study share of its edits.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        self._study, self._database = study, study.database
        self._followed, self._following = Timeline(), threading.RLock()
        self._checked = False  # whether what the journal says was compared with the data that there are
        self._author: str | None = None
        self._own: set[int] = set()  # ids of entries made here by no particular editor
        self._context = threading.local()

    # ---- who edits

    @property
    def author(self) -> str:
        """Who edits, as the journal keeps it."""
        editor = self._editor
        return (editor and editor.author) or self._author or default_author()

    @author.setter
    def author(self, name: str | None) -> None:
        self._author = one_line(name or "")[:_MAX_NAME] or None

    @property
    def _editor(self) -> Editor | None:
        return getattr(self._context, "editor", None)

    @contextmanager
    def by(self, editor: Editor | None = None, note: str = "") -> Iterator[None]:
        """Edits of this thread inside the block are made by an editor, for the reason ``note``."""
        context = self._context
        before = self._editor, getattr(context, "note", "")
        context.editor, context.note = editor or before[0], one_line(note)[:_MAX_NOTE] or before[1]
        try:
            yield
        finally:
            context.editor, context.note = before

    def own_entries(self) -> set[int]:
        """Ids of the entries that this thread's editor has made, or this program where none is named."""
        return self._own if self._editor is None else self._editor.own

    # ---- what there is

    def last(self) -> int:
        """Id of the last entry, 0 before the first."""
        return last_id(self._database)

    def entries(self) -> list[Entry]:
        """Every entry ever made, oldest first."""
        with self.timeline() as timeline:
            return list(timeline.entries)

    @property
    def state(self) -> CurationState:
        """What all edits so far amount to, to be read only."""
        with self.timeline() as timeline:
            state = timeline.state
            if not self._checked:  # once: what comes later was checked where it was made
                check_edits(self._study, state)
                self._checked = True
            return state

    @contextmanager
    def timeline(self) -> Iterator[Timeline]:
        """The Timeline of all that is in the journal by now, for this thread alone inside the block."""
        with self._following:
            # Pages ask many times a rerun. The journal only grows, so its last id says whether there is
            # anything new.
            if self._followed.last == last_id(self._database):
                yield self._followed
            elif self._database.in_transaction:  # what is new may be this thread's own, and never be kept
                yield self._caught_up(self._followed.fork())
            else:
                self._followed = self._caught_up(self._followed)
                yield self._followed

    def _caught_up(self, timeline: Timeline) -> Timeline:
        """A timeline after all that is in the journal by now.

        It, or another where it followed what is not there.
        """
        new = read_journal(self._database, since=timeline.last)
        if timeline.last and new[:1] != timeline.entries[-1:]:
            timeline, new = Timeline(), read_journal(self._database)
        for entry in new[bool(timeline.last) :]:
            timeline.add(entry)
        return timeline

    # ---- what is added

    @contextmanager
    def recording(self) -> Iterator[Callable[[str, dict], int]]:
        """One transaction: yields a function (action, payload) -> journal id."""
        with self.timeline():  # so that hardly anything is new inside of it
            pass
        with self._database.transaction() as connection:
            yield partial(self.record, connection)

    def record(self, connection: Any, action: str, payload: dict) -> int:
        """Append one entry inside a transaction. Raises CurationConflictError."""
        editor = self._editor
        if editor is not None and editor.behind(self.last()):
            check_conflict(self.entries(), editor, action, payload, partial(describe, self._study))
        id = append(connection, action, payload, self.author, getattr(self._context, "note", ""))
        self.own_entries().add(id)
        return id
