"""What a kind of data has to say: every hook, with what it is where a kind says nothing.

Which way arrows run: a kind's folder imports from here, from ``store``, ``method`` and ``encoders``, and the
steps that all kinds share of making a study (``study.create``, ``labels``). The study, the exporters
and the commands import this module and ``registry``, and no kind's folder: what they need of a kind they ask
of ``study.kind``. Nothing is found by ``hasattr``, nothing compares a kind's name.

A kind's own module is imported by every command, for its words and options: what does the work is imported
inside the hooks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInputError, CurationError, EmbeddingError, ProspectorError
from .parts import Export

if TYPE_CHECKING:
    import numpy as np

    from ..method.graphs import TokenGraph
    from ..method.hotspots import HotSpot
    from ..method.markers import Markers
    from ..study import Datum, Study
    from ..study.sources import Source
    from .labels import LabelTable
    from .layouts import Layout
    from .parts import Embedder, NewStudy, Words

__all__ = ["Modality"]


class Modality(ABC):
    """A kind of data. Stateless: one object serves every study of its kind.

    Attributes
    ----------
    name : str
        As in study.sqlite; keyword of ``Study.create`` and option of `prospector new`.
    words : Words
    place_names : tuple of str
        The words in which `place` says where a token is.
    options : dataclass
        Options of `prospector new` and of ``Study.create`` (see ``options.option``), with their defaults;
        ``encoder`` is among them.
    source_form : str
        How the option of its sources is written: "DIR", "FILE|DIR".
    source_help : str
        What `prospector new --help` says of that option.
    encoders : mapping
        {name: class} of encoders that are made without arguments; a kind with others has its own
        `list_encoders`, `check_encoder` and `make_encoder`.
    encoder_help : str
        The names of its encoders, in words; "" where there is one only.
    looking : str
        What `prospector new` does meanwhile: "looking at slides".
    needs_labels : bool
        Whether a labels table is needed: its sources never say the labels themselves.
    on_workers : bool
        Whether ``--workers`` and ``--cluster`` look at its files.
    vectors_option : str or None
        The option that takes vectors of one's own, where the kind reads them itself.
    keeps_edges : bool
        Whether the edges of a graph are kept beside the embeddings.
    tiled : bool
        Whether tokens are the tiles of a `grid`.
    planar : bool
        Whether tokens lie in a plane (`centres`): outlines can be drawn around them, and napari shows them.
    part_columns : tuple of str
        Columns of a labels table that say which part of its file a datum is.
    source_error : type
        What is raised where a file is gone.
    """

    name: str
    words: Words
    place_names: tuple[str, ...]
    options: type[Any]
    source_form = "DIR"
    source_help: str
    encoders: Mapping[str, Callable[[], Any]] = {}
    encoder_help = ""
    looking = "looking at files"
    needs_labels = True
    on_workers = False
    vectors_option: str | None = None
    keeps_edges = False
    tiled = False
    planar = False
    part_columns: tuple[str, ...] = ()
    source_error: type[ProspectorError] = BadInputError

    # ---- making a study

    def check_options(self, given: Mapping[str, Any]) -> None:
        """Raise BadInputError where options of `prospector new` contradict each other.

        Parameters
        ----------
        given : dict
            {name: value} of the kind's options, and of its sources, that were given.
        """
        return None

    def imports(self, given: Mapping[str, Any]) -> bool:
        """Return whether the sources are embeddings that are made already, so that nothing is embedded."""
        return False

    @abstractmethod
    def look(
        self,
        path: Path,
        sources: Any,
        labels: LabelTable,
        options: Any,
        progress: Callable[[int, int], None] | None = None,
        on: Any = None,
    ) -> NewStudy:
        """Look at the sources of a new study once, and at its labels; nothing is embedded yet.

        Parameters
        ----------
        path : Path
            Where the study will lie.
        sources : path, list of paths, or objects in memory
            What ``Study.create`` was given under the kind's name.
        labels : LabelTable
        options : object
            Made by ``self.options``.
        progress : function(files looked at, files), optional
        on : scheduler, optional
            Where files are looked at, for kinds with ``on_workers``.

        Raises
        ------
        ProspectorError
            What is wrong with sources, labels or options; nothing was written.
        """

    def options_of(self, embedding: Mapping[str, Any]) -> Any:
        """Return the options that a study was made with: new data of it are looked at with the same.

        Parameters
        ----------
        embedding : dict
            ``study.embedding``.
        """
        names = {each.name for each in fields(self.options)}
        return self.options(**{name: value for name, value in embedding.items() if name in names})

    def check_growth(self, study: Study, new: NewStudy) -> None:
        """Raise BadInputError where data that were looked at cannot be added to a study."""
        return None

    def facts(self, study: Study) -> dict[str, Any]:
        """Return what `prospector new --json` says of a new study beside what all kinds have."""
        return {}

    def notes(self, study: Study) -> list[str]:
        """Return what a user must know of a new study, one line each."""
        note = self.note(study)
        return [note] if note else []

    def summary(self, study: Study) -> list[str]:
        """Return what else there is to say of a new study, one line each."""
        return []

    # ---- reading

    def of(self, embedding: Mapping[str, Any]) -> Modality:
        """Return the kind for a study with these settings (``study.embedding``): its words may differ."""
        return self

    def open_source(self, source: Source) -> Any:
        """Return the file of a datum, open. Raises ``source_error``."""
        raise self.source_error(f"there is nothing to look at in {source.name}: its numbers are in the study")

    def may_be(self, source: Source, path: Path) -> bool:
        """Return whether a file may be that of a study which kept no fingerprint of its content."""
        return True

    def attributes(self, study: Study, datum: Datum, kept: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept beside a datum's embeddings, completed by what is kept elsewhere."""
        return kept

    # ---- encoders

    def list_encoders(self) -> list[str]:
        """Return the names of the encoders that are here, sorted."""
        return sorted(self.encoders)

    def check_encoder(self, name: str) -> None:
        """Raise EmbeddingError for a name that no encoder can have; nothing is loaded."""
        if name not in self.list_encoders():
            raise EmbeddingError(
                f"there is no encoder of {self.words.tokens} named {name!r}; choose one of"
                f" {', '.join(self.list_encoders())}"
            )

    def make_encoder(self, name: str, **options: Any) -> Any:
        """Return an encoder; ``options``: of it, such as ``threads``, where it takes any.

        Raises EmbeddingError, MissingExtraError.
        """
        self.check_encoder(name)
        return self.encoders[name]()

    @property
    def encoder(self) -> str:
        """Name of the default encoder."""
        return self.options().encoder

    def has_text_side(self, encoder: str) -> bool:
        """Return whether an encoder gives phrases vectors that compare with those of tokens."""
        return False

    def note(self, study: Study) -> str:
        """Return what a user must know of the study's encoder before believing its maps, else ""."""
        return ""

    def encoder_of(self, study: Study, threads: int | None = None) -> Any:
        """Return the study's own encoder, which may compute on so many threads.

        Raises EmbeddingError, MissingExtraError.
        """
        return self.make_encoder(study.embedding["encoder"], **({"threads": threads} if threads else {}))

    @abstractmethod
    def embedder(self, study: Study, encoder: Any) -> Embedder:
        """Return what embeds the study's data with an encoder."""

    # ---- tokens

    def layout(self) -> type[Layout]:
        """Return what lies beside a datum's embeddings, as a model that checks it."""
        from .layouts import Layout

        return Layout

    @abstractmethod
    def graph(
        self, n: int, positions: np.ndarray | None, edges: np.ndarray | None, attrs: dict[str, Any]
    ) -> TokenGraph:
        """Return the graph of a datum's n tokens from what its embedding left in the store.

        Parameters
        ----------
        n : int
        positions : (n, 2) or (n, 3), or None
        edges : (m, 2) int, or None
            Kept where ``keeps_edges``.
        attrs : dict
        """

    def places(self, study: Study, datum: Datum) -> dict[str, Any]:
        """Return where each token of a datum is, as columns of a table: {column: (n,) values}."""
        positions: Any = study.positions(datum)
        return dict(zip(self.place_names, positions.T))

    def place(self, study: Study, datum: Datum, token: int) -> dict[str, Any]:
        """Return where one token is, as a person names it: {word of ``place_names``: plain value}."""
        positions: Any = study.positions(datum)
        return dict(zip(self.place_names, positions[token].tolist()))

    def grid(self, study: Study, datum: Datum) -> dict[str, Any]:
        """Return the grid of a datum's tiles, in level-0 pixels, where the kind is ``tiled``.

        Returns
        -------
        dict
            positions (n, 2) int row and column, origin (x, y), pitch float, shape (rows, columns). Raises
            BadInputError.
        """
        raise BadInputError(f"{self.words.data} have no grid: ask for Study.graph or Study.positions")

    def centres(self, study: Study, datum: Datum) -> np.ndarray:
        """Return where outlines that are drawn find each token, where the kind is ``planar``.

        Returns
        -------
        (n, 2) float
            In level-0 pixels, or the datum's own unit. Raises CurationError.
        """
        raise CurationError(
            f"outlines are drawn on what is in a plane: name the {self.words.tokens} by their numbers instead"
        )

    def background(self, study: Study, datum: Datum) -> Any:
        """Return what lies under a datum's tokens (``graphs.background.Under``), or None."""
        return None

    def hot_spots(self, study: Study, datum: Datum, scores: np.ndarray, threshold: float) -> list[HotSpot]:
        """Return connected tokens of a datum that score at or above a threshold, the largest sum first.

        Parameters
        ----------
        scores : (n,) float
            NaN for tokens that separate.
        threshold : float
            Raises BadInputError.
        """
        from ..method.hotspots import graph_spots

        return graph_spots(study.graph(datum), scores, threshold)

    def partial_map(self, study: Study, uid: str, view: Any) -> Any:
        """Return the map of a datum as far as it is embedded; None where nothing of it is, or all."""
        return None

    def partial_version(self, study: Study, uid: str, view: Any) -> tuple | None:
        """Return what changes when `partial_map` does, None where there is none; cheap to ask for."""
        return None

    # ---- concepts

    def given_concepts(self, study: Study) -> tuple[list[str], np.ndarray] | None:
        """Return the concepts that the study's encoder brings: names, (K, dim) float32 centroids.

        None where clusters are looked for.
        """
        return None

    def atlas_vectors(self, study: Study, uid: str) -> Any:
        """Return the vectors of a datum's tokens that the atlas is laid out by: (n, d) float32."""
        return study.store.vectors(uid)

    def markers(self, study: Study) -> Markers | None:
        """Return what concepts are by the named features of their tokens; None where they have no such."""
        return None

    # ---- exports

    @property
    def exports(self) -> dict[str, Export]:
        """Formats that maps of this kind are written in, by name; figures are drawn by the viewers."""
        return self.tables()

    @staticmethod
    def tables() -> dict[str, Export]:
        """Return the formats of every kind: tables with one row per token."""
        from .tables import csv_table, parquet_table

        return {"csv": Export(".csv", csv_table), "parquet": Export(".parquet", parquet_table)}
