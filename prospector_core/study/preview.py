"""Edits that are only tried: recorded in memory on top of the journal, with all the checks of real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .curation import Curation
from .edit_log import EditLog
from .journal import Entry
from .timeline import Timeline

if TYPE_CHECKING:
    from .study import Study

__all__ = ["Draft"]


class Draft(Curation):
    """The study's curation as it stands, plus edits that are written nowhere.

    The same methods as ``study.curation``, raising the same errors; ids of entries go on from the journal's
    last.
    """

    def __init__(self, study: Study) -> None:
        self._draft = _DraftLog(study)
        super().__init__(study, self._draft)

    @property
    def base(self) -> int:
        """Id of the last entry of the journal that is under the draft."""
        return self._draft.base

    @property
    def edits(self) -> list[Entry]:
        """What was recorded here."""
        return [entry for entry in self._draft.entries() if entry.id > self.base]


class _DraftLog(EditLog):
    """A journal that goes on in memory."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        with study.log.timeline() as timeline:
            self._draft = timeline.fork()
        self.base = self._draft.last

    def last(self) -> int:
        return self._draft.last

    @contextmanager
    def timeline(self) -> Iterator[Timeline]:
        yield self._draft

    @contextmanager
    def recording(self) -> Iterator[Callable[[str, dict], int]]:
        def record(action: str, payload: dict) -> int:
            # through JSON, as the journal's own: a state must not depend on whether it was kept
            self._draft.add(Entry(self.last() + 1, "", action, json.loads(json.dumps(payload))))
            return self.last()

        yield record
