"""Edits that are only tried: recorded in memory on top of the journal, with all the checks of real ones."""

import json
from contextlib import contextmanager

from .curation import Curation
from .journal import Entry

__all__ = ["Draft"]


class Draft(Curation):
    """The study's curation as it stands, plus edits that are written nowhere.

    The same methods as ``study.curation``, raising the same errors; ids of entries go on from the journal's
    last.
    """

    def __init__(self, study):
        super().__init__(study)
        with study.curation._timeline() as timeline:
            self._followed = timeline.fork()
        self.base = self._followed.last

    @property
    def edits(self):
        """What was recorded here: list of Entry."""
        return [entry for entry in self._followed.entries if entry.id > self.base]

    def _last(self):
        return self._followed.last

    @contextmanager
    def _timeline(self):
        yield self._followed

    @contextmanager
    def _recording(self):
        def record(action, payload, **said):
            # through JSON, as the journal's own: a state must not depend on whether it was kept
            self._followed.add(Entry(self._last() + 1, "", action, json.loads(json.dumps(payload))))
            return self._last()

        yield record
