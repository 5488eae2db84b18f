"""What a kind of data is described in: its words, fields of slides, formats, new studies and embedders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..study import Datum
    from .labels import LabelRow

__all__ = ["Embedder", "Export", "NewStudy", "Rect", "Words"]


@dataclass(frozen=True)
class Words:
    """What people call its things: a datum, data, a token, tokens, and the file that data come from.

    A datum is, for instance, a "slide", and a token a "tile".
    """

    datum: str
    data: str
    token: str
    tokens: str
    source: str

    def count(self, n: int) -> str:
        """Return a number of tokens in words: "1 tile", "1,200 tiles"."""
        return f"{n:,} {self.token if n == 1 else self.tokens}"


@dataclass(frozen=True)
class Rect:
    """A rectangle of a slide, in level-0 pixels. One that is a datum of its own is called a field."""

    x: int
    y: int
    width: int
    height: int


class Export(NamedTuple):
    """A format that maps are written in.

    Attributes
    ----------
    suffix : str
        Of the files: ".geojson".
    write : function(study, datum, **options) -> bytes
        One of a module, so that workers can be sent it.
    options : tuple of str
        Names of the options that ``write`` takes.
    """

    suffix: str
    write: Callable[..., bytes]
    options: tuple[str, ...] = ()


@dataclass
class NewStudy:
    """What a kind has found in its sources: what the folder of a new study is written of.

    Attributes
    ----------
    rows : list of LabelRow
        One a datum, in the order of the labels.
    classes : list of str
    files : list
        For each row the key in ``sources`` of the file that it lies in.
    sources : dict
        {file: (what its opaque number is made of, what is known of it, where it lies)}: (str, dict, Path).
    embedding : dict
        What embedding must know, as ``study.embedding`` has it from then on; plain values. With ``imported``
        true the embeddings are there already.
    fill : function(folder, Database), optional
        Adds what else there is, before the folder gets its name.
    """

    rows: list[LabelRow]
    classes: list[str]
    files: list
    sources: dict[Any, tuple[str, dict, Path]]
    embedding: dict[str, Any]
    fill: Callable[[Path, Any], None] | None = None


class Embedder(ABC):
    """Embeds the data of one study, one after the other; closed at the end, which frees what it kept open.

    Attributes
    ----------
    encoder : Encoder
        With ``record()`` and ``name`` as every encoder.
    """

    encoder: Any

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, *error: object) -> None:
        """Close what is open."""
        return None

    @abstractmethod
    def embed(self, datum: Datum, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        """Write a datum's embeddings into ``study.store``, taking up what was finished before.

        Parameters
        ----------
        datum : Datum
        progress : function(tokens done, tokens)
            Called often.
        stopped : function() -> bool
            Asked often.

        Returns
        -------
        bool
            Whether it is complete; False where it was asked to stop. Raises ProspectorError.
        """

    def note(self, datum: Datum) -> str:
        """Return what the user must know of a datum that was embedded all the same, else ""."""
        return ""
