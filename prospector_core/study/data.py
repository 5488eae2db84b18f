"""The data of a study: what each is, their labels, their files, and what their embeddings are known by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInputError, EmbeddingError, StoreNotAllowedError
from ..modalities.parts import Rect
from ..store.database import Database
from ..store.stamps import edition_of, short_hash
from .records import datum_row, job_rows

if TYPE_CHECKING:
    from .journal import CurationState
    from .sources import Source
    from .study import Study

__all__ = [
    "DataTable",
    "Datum",
    "as_given",
    "at_hand",
    "content",
    "data",
    "datum",
    "edition",
    "embedded",
    "fitted_on",
    "is_embedded",
    "jobs",
    "not_embedded",
    "open_source",
    "source_path",
    "sources",
    "stamp",
]


@dataclass(frozen=True)
class Datum:
    """One labelled object of a study.

    Attributes
    ----------
    uid : str
        Opaque.
    name : str
    source : str
        Uid of its file.
    field : Rect or None
        In level-0 pixels, None = all of it.
    label : int or None
        The class, 0..n-1; as corrected.
    split : str or None
        "train", "test", ...
    part : dict or None
        Which part of another kind of file it is, such as {"chain": "A"}, None = all of it.
    """

    uid: str
    name: str
    source: str
    field: Rect | None
    label: int | None
    split: str | None
    part: dict | None = field(default=None, hash=False)


class DataTable:
    """The data as they were given: corrections of labels, and which data count, are in the journal.

    Parameters
    ----------
    database : Database
    n_classes : int
    changed : function()
        Called when data were added since they were read.
    """

    def __init__(self, database: Database, n_classes: int, changed: Callable[[], object]) -> None:
        self._database, self._n_classes, self._changed = database, n_classes, changed
        self._followed: set[str] = set()

    def follow(self, state: CurationState) -> None:
        """Read again where edits added data, here or in another process, since they were read."""
        if state.added is not self._followed:
            if not state.added <= {row.uid for row in self.rows}:
                self.forget()
            self._followed = state.added

    def forget(self) -> None:
        """Read the rows again when they are asked for next."""
        for name in ("rows", "places", "at_first"):
            self.__dict__.pop(name, None)
        self._changed()

    def shown(self, state: CurationState) -> list[Datum]:
        """Rows that count: those that the study was made with or that were added, and not removed."""
        self.follow(state)
        return [row for place, row in enumerate(self.rows) if self.counts(place, state)]

    def counts(self, place: int, state: CurationState) -> bool:
        """Whether the row at a place counts."""
        uid = self.rows[place].uid
        return (place < self.at_first or uid in state.added) and uid not in state.removed

    @cached_property
    def at_first(self) -> int:
        """How many rows the study was made with; those after them were added."""
        return self._database.read_meta("data_at_first", len(self.rows))

    @cached_property
    def rows(self) -> list[Datum]:
        """All data, in the order of the labels table."""
        rows = self._database.read(
            "SELECT uid, name, source, field, label, split FROM data ORDER BY position"
        )
        return [_datum(*datum_row(self._database.path, row, self._n_classes)) for row in rows]

    @cached_property
    def places(self) -> dict[str, int]:
        """{uid or name: place in ``rows``}; where a name is another's uid, what comes first."""
        places: dict[str, int] = {}
        for place, row in enumerate(self.rows):
            places.setdefault(row.uid, place)
            places.setdefault(row.name, place)
        return places


def data(study: Study) -> list[Datum]:
    """All data in the order of the labels table, labels as corrected: list of Datum."""
    state = study.curation.state
    labels, rows = state.labels, study.table.shown(state)
    return [replace(row, label=labels[row.uid]) if row.uid in labels else row for row in rows]


def datum(study: Study, key: Any) -> Datum:
    """A Datum by uid or name (or itself). Raises BadInputError.

    One that was removed is found by its uid: the history and earlier fits tell of it.
    """
    if isinstance(key, Datum):
        return key
    state = study.curation.state
    study.table.follow(state)
    place = study.table.places.get(key)
    if place is not None and (study.table.rows[place].uid == key or study.table.counts(place, state)):
        row, labels = study.table.rows[place], state.labels
        return replace(row, label=labels[row.uid]) if row.uid in labels else row
    names = _some([row.name for row in data(study)])
    raise BadInputError(f"the study {study.name!r} has no datum {key!r}: its data are {names}")


def as_given(study: Study, some: Iterable[Datum]) -> list[Datum]:
    """Data with the labels that they were given at first."""
    rows = {row.uid: row for row in study.table.rows}
    return [rows[one.uid] for one in some]


# ---- files


def sources(study: Study) -> dict[str, Source]:
    """{uid: Source} of the files."""
    return study.files.all()


def at_hand(study: Study, one: Any) -> bool:
    """Whether the datum's file is there, and the one that the study was made of; else maps lie on white."""
    return study.files.state(study.datum(one).source) == "there"


def source_path(study: Study, one: Any) -> Path:
    """Where the datum's file lies. Raises the error of its kind if it is gone, or was never there."""
    return study.files.path(study.datum(one).source, study.kind.source_error)


def open_source(study: Study, one: Any) -> Any:
    """The datum's file, open, as its kind of data reads it. Raises as ``source_path``."""
    source = study.sources[study.datum(one).source]
    study.files.path(source.uid, study.kind.source_error)  # raises where it is gone, or is another
    return study.kind.open_source(source)


# ---- embeddings


def stamp(study: Study, datum: Any) -> str:
    """What the content of a datum's embeddings is known by; another one once they are others."""
    uid = study.datum(datum).uid
    try:
        return study.store.stamp(uid)
    except EmbeddingError:
        if study.store.has(uid):
            raise
        raise not_embedded(study, uid) from None


def content(study: Study, data: Iterable[Any] | None = None) -> str:
    """What the content of all embeddings (or those of some data) is known by."""
    stamps = study.store.stamps()
    if data is not None:
        return short_hash([(datum.uid, stamps.get(datum.uid)) for datum in map(study.datum, data)])
    known = study.memory.get("content")
    if known is None or known[0] is not stamps:  # pages ask at every rerun
        known = stamps, short_hash(sorted(stamps.items()))
        study.memory.put("content", known)
    return known[1]


def edition(study: Study) -> int:
    """How often embeddings that this process knew have been replaced by others, by whichever process."""
    return edition_of(getattr(study.store, "url", study.store.path), study.store.stamps())


def is_embedded(study: Study, datum: Any) -> bool:
    """Whether a datum's embeddings are complete."""
    return study.store.has(study.datum(datum).uid)


def embedded(study: Study) -> list[Datum]:
    """Data whose embeddings are complete: list of Datum."""
    there = set(study.store.uids())
    return [datum for datum in study.data if datum.uid in there]


def fitted_on(study: Study) -> list[Datum]:
    """Data that the next fit is made of: embedded, labelled, and not set aside for tests."""
    return [datum for datum in embedded(study) if datum.label is not None and datum.split != "test"]


def jobs(study: Study, kind: str = "embed") -> dict[str, dict[str, Any]]:
    """{uid: {"state", "done", "total", "message", "updated"}} of long work."""
    rows = job_rows(study.database, kind)
    return {row[0]: dict(zip(("state", "done", "total", "message", "updated"), row[1:])) for row in rows}


def not_embedded(study: Study, uid: str) -> EmbeddingError | StoreNotAllowedError:
    """The error that says so, or that the place of the embeddings was not looked at."""
    why = study.address.refusal()
    if why is not None:
        return StoreNotAllowedError(why)
    return EmbeddingError(f"{study.datum(uid).name} is not embedded yet: run `prospector embed` first")


def _datum(uid: str, name: str, source: str, where: Any, label: int | None, split: str | None) -> Datum:
    """A Datum; ``where``: [x, y, width, height], a part of a file, or None."""
    rect = Rect(*where) if isinstance(where, list) else None
    return Datum(uid, name, source, rect, label, split, where if isinstance(where, dict) else None)


def _some(names: list[str], limit: int = 4) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
