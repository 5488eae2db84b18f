"""What a modality has to say: its words, how tokens become a graph, and how a datum is embedded."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ..method.graphs import TokenGraph
from .layouts import Layout

__all__ = ["Embedder", "Modality", "Words"]


@dataclass(frozen=True)
class Words:
    """What people call its things: a datum ("slide"), data, a token ("tile"), tokens.

    And the file that data come from.
    """

    datum: str
    data: str
    token: str
    tokens: str
    source: str

    def count(self, n):
        """A number of tokens in words: "1 tile", "1,200 tiles"."""
        return f"{n:,} {self.token if n == 1 else self.tokens}"


class Embedder(AbstractContextManager, Protocol):
    """Embeds the data of one study, one after the other; closed at the end, which frees what it kept open.

    Attributes: encoder, with ``record()`` and ``name`` as every Encoder.
    """

    encoder: Any

    def embed(self, datum, progress, stopped):
        """Write a datum's embeddings into ``study.store``, taking up what was finished before.

        Parameters: datum, Datum; progress, function(tokens done, tokens), called often; stopped, function()
        -> bool, asked often. Returns whether it is complete; False where it was asked to stop. Raises
        ProspectorError.
        """

    def note(self, datum):
        """What the user must know of a datum that was embedded all the same, else ""."""


class Modality(Protocol):
    """A kind of study. Stateless: one object serves every study of its kind.

    Attributes: name, as in study.sqlite; words, Words; encoder, name of the default encoder; exports, names
    of the export formats that make sense of it; keeps_edges, whether the edges of a graph are kept beside the
    embeddings; layout, what else is; place_names, the words in which ``place`` says where a token is.
    """

    name: str
    words: Words
    encoder: str
    exports: tuple
    keeps_edges: bool
    layout: type[Layout]
    place_names: tuple

    def create(self, path, sources, labels, **options):
        """Write a new study folder; nothing is embedded yet.

        Parameters: sources, what ``Study.create`` was given.
        """

    def graph(self, n, positions, edges, attrs) -> TokenGraph:
        """TokenGraph of a datum from what its embedding left in the store.

        Positions and edges may be None.
        """

    def places(self, study, datum):
        """Where each token of an embedded datum is, as columns of a table: {column: (n,) values}."""

    def place(self, study, datum, token):
        """Where one token is, as a person names it: {word of ``place_names``: plain value}."""

    def attributes(self, study, datum, kept):
        """What is kept beside a datum's embeddings, dict, completed by what is kept elsewhere."""

    def embedder(self, study, encoder=None, threads=None) -> Embedder:
        """What embeds the study's data, with its own encoder or another.

        Raises EmbeddingError, MissingExtraError.
        """
