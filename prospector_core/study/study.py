"""The study: what pages, plugins and commands talk to.

A record. Functions of other modules compute what a study says; those called often are bound to it here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..store.cache import Cache
from ..store.database import Database
from ..store.embeddings import EmbeddingStore
from . import concepts as concept_table
from . import data as data_table
from . import explanations, fitting, growth, layouts, maps, opening, views
from .concept_search import given_concepts
from .curation import Curation
from .data import DataTable
from .edit_log import EditLog
from .embed import embed_study
from .embeddings_address import StudyAddress
from .fits import FitView
from .queue import Queue
from .sources import Sources
from .token_atlas import atlas

__all__ = ["Study"]


@dataclass(eq=False, repr=False)
class Study:
    """A study folder: data, labels, embeddings, concepts, kernels, maps, and the journal of edits.

    Use ``Study.create`` or ``Study.open``. Thread-safe: pages and jobs may share one.

    Attributes
    ----------
    path, database, address : the folder, its ``study.sqlite``, and where the embeddings lie
    name, modality, kind, classes, embedding : what the study says of itself
    table, files, queue : its data as given, the files that they come from, what is to be embedded
    memory : what was computed, under the content that it came from; all views of a study share it
    target, chosen : int, int or None
        The class that the study is seen from (of several at first the last); the same where it was chosen.
    through : FitView or None
        What is looked through in place of the latest fit.
    log, curation : the journal as it grows, and the edits that can be made
    """

    path: Path
    database: Database
    name: str
    modality: str
    kind: Any
    classes: tuple[str, ...]
    embedding: dict[str, Any]
    address: StudyAddress
    table: DataTable
    files: Sources
    queue: Queue
    memory: Cache
    target: int
    chosen: int | None
    through: FitView | None = None
    log: EditLog = None  # type: ignore[assignment]  # made below, where it is not another view's
    curation: Curation = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.log or EditLog(self)
        self.curation = Curation(self, self.log)

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {len(self.data)} data)"

    @classmethod
    def open(cls, path: str | Path, copy: str | Path | None = None, little: bool = False) -> Study:
        """Open a study folder. See ``opening.parts_of``."""
        return cls(**opening.parts_of(path, copy, little))

    create = classmethod(opening.create)

    @property
    def store(self) -> EmbeddingStore:
        """The embeddings, where they lie by now."""
        return self.address.store

    # what it is about
    data = property(data_table.data)
    sources = property(data_table.sources)
    datum = data_table.datum
    at_hand = data_table.at_hand
    open_source = data_table.open_source
    source_path = data_table.source_path
    several = property(views.several)
    sides = property(views.sides)
    others = property(views.others)

    # embeddings and tokens
    embed = embed_study
    embedded = data_table.embedded
    is_embedded = data_table.is_embedded
    add_data = growth.add_data
    remove_data = growth.remove_data
    compare_labels = growth.compare_labels
    jobs = data_table.jobs
    stamp = data_table.stamp
    content = data_table.content
    graph = layouts.graph
    grid = layouts.grid
    positions = layouts.positions
    attrs = layouts.attrs
    n_tokens = layouts.n_tokens
    token_at = layouts.token_at
    token_rect = layouts.token_rect
    tokens_inside = layouts.tokens_inside
    regions = layouts.regions
    under = layouts.under

    # fits
    fit = fitting.fit
    refit = fitting.refit
    preview = fitting.preview
    change = fitting.change
    settings = property(fitting.settings)
    given_concepts = given_concepts
    fits = views.fits
    load_fit = views.load_fit
    seen_from = views.seen_from
    class_views = views.class_views
    view = property(views.view_of)

    # what a fit says
    prospect = maps.prospect
    explain = explanations.explain
    neighbours = explanations.neighbours
    what_if = explanations.what_if
    uncertainty = explanations.uncertainty
    predictions = maps.predictions
    evidence = maps.evidence
    score_limit = maps.score_limit
    strongest_class = maps.strongest_class
    save_maps = maps.save_maps
    sprite = concept_table.sprite
    concepts_of = concept_table.concepts_of
    concepts = concept_table.concepts
    concept_name = concept_table.concept_name
    colours = concept_table.colours
    typical_tokens = concept_table.typical_tokens
    atlas = atlas
