"""What a study is about: its files, its data, their embeddings, and where their tokens lie."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import cached_property
from pathlib import Path

import numpy as np
import shapely

from ..errors import (
    BadInputError,
    EmbeddingError,
    StoreNotAllowedError,
    StudyDamagedError,
    StudyError,
)
from ..modalities.base import Rect
from ..modalities.layouts import check_layout
from ..modalities.registry import modality_of
from ..store.database import Database
from ..store.derived import unchanged
from ..store.removal import check_links
from ..store.stamps import edition_of, short_hash
from .address import StudyAddress
from .curation import Curation
from .embed import embed_study, work_on_queue
from .own_vectors import OwnEmbedder
from .queue import Queue
from .records import check_meta, datum_row, job_rows
from .sources import Source, Sources

_TOKENS_KEPT = 30_000_000  # tokens whose places are kept in memory, some 40 bytes each

__all__ = ["Datum", "Source", "StudyData"]


@dataclass(frozen=True)
class Datum:
    """One labelled object of a study.

    Attributes: uid (opaque), name, source (uid of its file), field (Rect in level-0 pixels, None = all of
    it), label (the class, 0..n-1, or None; as corrected), split ("train", "test", ... or None), part (which
    part of another kind of file it is, such as {"chain": "A"}, None = all of it).
    """

    uid: str
    name: str
    source: str
    field: Rect | None
    label: int | None
    split: str | None
    part: dict | None = dataclass_field(default=None, hash=False)


class StudyData(StudyAddress):
    """The part of a study that labels and slides make, before anything is fitted. Base of ``Study``."""

    def __init__(self, path, copy=None):
        self.path = Path(path)
        if not self.path.is_dir():
            raise StudyError(f"there is no study {self.path}: make one with `prospector new`")
        check_links(self.path)
        self.database = Database(self.path / (copy or "study.sqlite"), copy is not None)
        meta = {key: self.database.read_meta(key) for key in ("name", "modality", "classes", "embedding")}
        meta["name"] = self.path.name if meta["name"] is None else meta["name"]
        check_meta(self.database.path, meta)
        self.name, self.modality, self.embedding = meta["name"], meta["modality"], meta["embedding"]
        self.classes = tuple(meta["classes"])
        self.kind = modality_of(self.modality).of(self.embedding)
        self.files = Sources(self)
        self.target = len(self.classes) - 1
        self.chosen = None if self.several else self.target
        self.curation = Curation(self)
        self._lock = threading.RLock()
        self._graphs, self._sizes, self._content = OrderedDict(), {}, (None, "")
        self._tokens_kept = _TOKENS_KEPT

    @property
    def read_only(self):
        """Why the study is open for looking only, in words ("read-only file system").

        "" where it can be edited.
        """
        return self.database.read_only

    def __repr__(self):
        return f"Study({self.name!r}, {len(self.data)} data)"

    # ---- classes

    @property
    def several(self):
        """Whether there are more than two classes, and so one kernel per class."""
        return len(self.classes) > 2

    def class_index(self, key):
        """The number of a class, given as number or name. Raises BadInputError."""
        if key in self.classes:
            return self.classes.index(key)
        if isinstance(key, (int, np.integer)) and 0 <= key < len(self.classes):
            return int(key)
        raise BadInputError(
            f"the study {self.name!r} has no class {key!r}: its classes are {', '.join(self.classes)}"
        )

    @property
    def sides(self):
        """What negative and positive weights and scores speak for, in words.

        ("for normal", "for tumour"), or of several classes ("against tumour", "for tumour").
        """
        name = self.classes[self.target]
        return f"against {name}" if self.several else f"for {self.classes[1 - self.target]}", f"for {name}"

    @property
    def others(self):
        """What all but the class that the study is seen from are called.

        The other class, or "other classes".
        """
        return "other classes" if self.several else self.classes[1 - self.target]

    # ---- data

    @property
    def sources(self):
        """{uid: Source} of the files."""
        return self.files.all()

    @cached_property
    def _rows(self):
        rows = self.database.read("SELECT uid, name, source, field, label, split FROM data ORDER BY position")
        return [
            Datum(uid, name, source, field, label, split, part)
            for uid, name, source, kept, label, split in (
                datum_row(self.database.path, row, len(self.classes)) for row in rows
            )
            for field, part in [_field_and_part(kept)]
        ]

    @cached_property
    def _row_at(self):
        """{uid or name: place in ``_rows``}; where a name is another's uid, what comes first."""
        found = {}
        for at, row in enumerate(self._rows):
            found.setdefault(row.uid, at)
            found.setdefault(row.name, at)
        return found

    @property
    def data(self):
        """All data in the order of the labels table, labels as corrected: list of Datum."""
        labels = self.curation.state.labels
        return [replace(row, label=labels[row.uid]) if row.uid in labels else row for row in self._rows]

    def datum(self, key):
        """A Datum by uid or name (or itself). Raises BadInputError."""
        if isinstance(key, Datum):
            return key
        at = self._row_at.get(key)
        if at is not None:
            row, labels = self._rows[at], self.curation.state.labels
            return replace(row, label=labels[row.uid]) if row.uid in labels else row
        raise BadInputError(
            f"the study {self.name!r} has no datum {key!r}: its data are {_some(d.name for d in self._rows)}"
        )

    def slide_path(self, datum):
        """Where the datum's slide lies. Raises SlideError if it is gone, or was never there."""
        return self.files.path(self.datum(datum).source, self.kind.source_error)

    def at_hand(self, datum):
        """Whether the datum's file is there, and the one that the study was made of.

        Else maps lie on white.
        """
        return self.files.state(self.datum(datum).source) == "there"

    def open_slide(self, datum):
        """The datum's slide, open, its microns per pixel as given to the study.

        Raises SlideError if it is gone.
        """
        return self._open_source(datum)

    def structure_path(self, datum):
        """Where the datum's structure file lies. Raises StructureError if it is gone."""
        return self.files.path(self.datum(datum).source, self.kind.source_error)

    def open_structure(self, datum):
        """The datum's structure file, read: readers.structure.Structure.

        Raises StructureError if it is gone or damaged.
        """
        return self._open_source(datum)

    def _open_source(self, datum):
        source = self.sources[self.datum(datum).source]
        self.files.path(source.uid, self.kind.source_error)  # raises where it is gone, or is another
        return self.kind.open_source(source)

    # ---- embeddings

    def embedder(self, encoder=None, threads=None):
        """What embeds the study's data (``modalities.Embedder``), with its own encoder, or vectors.

        Or another encoder.
        """
        if encoder is None and self.embedding.get("vectors"):
            return OwnEmbedder(self)
        return self.kind.embedder(self, encoder or self.kind.encoder_of(self, threads))

    def embed(self, **options):
        """Embed every datum that is not embedded yet; resumable. See ``embed.embed_study``."""
        return embed_study(self, **options)

    def work_on_queue(self, **options):
        """Embed what waits on the queue. See ``embed.work_on_queue``."""
        return work_on_queue(self, **options)

    @cached_property
    def queue(self):
        """Queue of what is to be embedded: see it, and pause, go on, cancel, reorder from any process."""
        return Queue(self)

    def stamp(self, datum):
        """What the content of a datum's embeddings is known by.

        Another one once it is embedded with another result.
        """
        uid = self.datum(datum).uid
        try:
            return self.store.stamp(uid)
        except EmbeddingError:
            if self.store.has(uid):
                raise
            raise self._not_embedded(uid) from None

    def content(self, data=None):
        """What the content of all embeddings (or those of some data) is known by: str."""
        stamps = self.store.stamps()
        if data is None:
            if self._content[0] is not stamps:  # pages ask at every rerun
                self._content = stamps, short_hash(sorted(stamps.items()))
            return self._content[1]
        return short_hash([(datum.uid, stamps.get(datum.uid)) for datum in map(self.datum, data)])

    def edition(self):
        """How often embeddings that this process knew have been replaced by others, by whichever process.

        Int.
        """
        return edition_of(getattr(self.store, "url", self.store.path), self.store.stamps())

    def is_embedded(self, datum):
        """Whether a datum's embeddings are complete."""
        return self.store.has(self.datum(datum).uid)

    def embedded(self):
        """Data whose embeddings are complete: list of Datum."""
        there = set(self.store.uids())
        return [datum for datum in self.data if datum.uid in there]

    def jobs(self, kind="embed"):
        """{uid: {"state", "done", "total", "message", "updated"}} of long work."""
        rows = job_rows(self.database, kind)
        return {row[0]: dict(zip(("state", "done", "total", "message", "updated"), row[1:])) for row in rows}

    def grid(self, datum):
        """Where a datum's tiles lie: {"positions" (n, 2) row, column, "origin" (x, y), "pitch".

        "shape"} in level-0 pixels.
        """
        return self.kind.grid(self, self.datum(datum))

    def graph(self, datum):
        """A datum's TokenGraph."""
        return self._layout(self.datum(datum).uid)[0]

    def _layout(self, uid):
        """Graph, positions and attributes of a datum; those used last are kept."""
        if not self.store.has(uid):
            raise self._not_embedded(uid)
        stamp, found = unchanged(
            lambda: self.store.stamp(uid), lambda stamp: (stamp, self._read_layout(uid, stamp))
        )
        with self._lock:
            self._graphs[uid] = *found, stamp
            self._graphs.move_to_end(uid)
            tokens = sum(graph.n for graph, *_ in self._graphs.values())
            while tokens > self._tokens_kept and len(self._graphs) > 1:
                tokens -= self._graphs.popitem(last=False)[1][0].n
        return found

    def _read_layout(self, uid, stamp):
        with self._lock:
            if uid in self._graphs and self._graphs[uid][3] == stamp:
                return self._graphs[uid][:3]
        # outside the lock: many data are read side by side
        positions, attrs = self.store.layout(uid)
        n = self.store.shape(uid)[0]
        edges = self.store.edges(uid) if self.kind.keeps_edges else None
        try:
            check_layout(self.kind.layout(), n, positions, edges, attrs)
            graph = self.kind.graph(n, positions, edges, attrs)
        except (ValueError, KeyError, TypeError) as error:
            raise StudyDamagedError(
                f"{self.store.path.name}: the embeddings of {uid} contradict themselves ({error}); remove its"
                " folder and embed it again"
            ) from error
        return graph, positions, attrs

    def _not_embedded(self, uid):
        """The error that says so, or that the place of the embeddings was not looked at."""
        why = self.refusal()
        if why is not None:
            return StoreNotAllowedError(why)
        return EmbeddingError(f"{self.datum(uid).name} is not embedded yet: run `prospector embed` first")

    def positions(self, datum):
        """Where a datum's tokens are, as their modality counts it: (n, 2) or (n, 3), or None."""
        return self._layout(self.datum(datum).uid)[1]

    def under(self, datum):
        """What lies under a datum's tokens, where its file has more than them.

        `readers.under.Under`, empty where it has not.
        """
        return self.kind.background(self, self.datum(datum))

    def attrs(self, datum):
        """What is kept beside a datum's embeddings: dict. What is in it is the modality's own."""
        datum = self.datum(datum)
        return self.kind.attributes(self, datum, self._layout(datum.uid)[2])

    def n_tokens(self, datum):
        """How many tokens a datum has. Neither its places nor its graph are read.

        Pages ask it of all data.
        """
        uid = self.datum(datum).uid
        if not self.store.has(uid):
            raise self._not_embedded(uid)
        if not self._sizes and self.database.read_meta("store"):
            # what embedding has noted in the database is one look for all data, where each is a journey
            rows = self.database.read(
                "SELECT uid, total FROM jobs WHERE kind = 'embed' AND state = 'done' AND total > 0"
            )
            stamps = self.store.stamps()
            with self._lock:
                self._sizes.update({one: (stamps[one], total) for one, total in rows if one in stamps})
        stamp = self.store.stamp(uid)
        if self._sizes.get(uid, ("",))[0] != stamp:
            self._sizes[uid] = unchanged(
                lambda: self.store.stamp(uid), lambda stamp: (stamp, self.store.shape(uid)[0])
            )
        return self._sizes[uid][1]

    def token_at(self, datum, x, y):
        """The token whose tile holds a level-0 point, or None."""
        grid = self.grid(datum)
        column, row = np.floor((np.array([x, y]) - grid["origin"]) / grid["pitch"]).astype(int)
        rows, columns = grid["positions"].T
        found = np.flatnonzero(rows == row)  # one row of the grid: few tokens, however many there are in all
        found = found[columns[found] == column]
        return int(found[0]) if found.size else None

    def token_rect(self, datum, token):
        """A token's tile in level-0 pixels: (x, y, width, height) floats."""
        grid = self.grid(datum)
        row, column = grid["positions"][token]
        (x, y), pitch = grid["origin"], grid["pitch"]
        return x + column * pitch, y + row * pitch, pitch, pitch

    def tokens_inside(self, datum, polygon):
        """Tokens whose centre lies inside a polygon, (m, 2) level-0 pixels (or the datum's own unit).

        Sorted array of token ids.
        """
        centres = self.kind.centres(self, datum)
        return np.flatnonzero(shapely.contains_xy(shapely.make_valid(shapely.Polygon(polygon)), *centres.T))

    def regions(self, datum, scores, threshold):
        """Connected tokens of a datum with values at or above a threshold.

        List of HotSpot, the largest sum first.

        Parameters: scores (n,) float, NaN for tokens that separate; threshold. Raises BadInputError.
        """
        return self.kind.hot_spots(self, self.datum(datum), scores, threshold)

    def _embeddings(self, uid):
        return self.store.vectors(uid)


def _field_and_part(kept):
    """Which part of its file a datum is: (Rect or None, dict or None)."""
    return Rect(*kept) if isinstance(kept, list) else None, kept if isinstance(kept, dict) else None


def _some(names, limit=4):
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
