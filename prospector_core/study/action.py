"""What an entry of the journal is: one class an action, and what actions are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from ..method.split import Split
from ..store.checked import Record

if TYPE_CHECKING:
    from .chronicle import Teller
    from .journal import CurationState, Entry

__all__ = ["MOST_CONCEPTS", "Action", "ClassNumber", "Concept", "Region", "Split", "Text", "Token", "Touched"]

MOST_CONCEPTS = 2**15  # sprites are kept as int16
Concept = Annotated[int, Field(ge=0, lt=MOST_CONCEPTS)]
Token = Annotated[int, Field(ge=0, lt=2**31)]
ClassNumber = Annotated[int, Field(ge=0, lt=1000)]
Text = Annotated[str, Field(max_length=100_000)]


@dataclass(frozen=True)
class Region:
    """A region of one datum that an expert marked.

    Regions that say the same are equal, whenever they were made.

    Attributes
    ----------
    datum : uid
    tokens : tuple of int
    evidence : "for", "against" or "ignore"
    weight : float
    polygon : tuple of (x, y) in level-0 pixels, or None
    entry : int
        Id of the journal entry that marked it.
    target : int or None
        The class that it speaks for or against, where there are more than two; None means class 1.
    """

    datum: str
    tokens: tuple
    evidence: str
    weight: float
    polygon: tuple | None
    entry: int = field(default=0, compare=False)
    target: int | None = None


@dataclass
class Touched:
    """What an edit is about.

    Attributes
    ----------
    concepts : set of int
    data : set of uids of whole data
    tokens : dict {uid: set of int}
    anew : bool
        All concepts are others.
    """

    concepts: set = field(default_factory=set)
    data: set = field(default_factory=set)
    tokens: dict = field(default_factory=dict)
    anew: bool = False

    def meets(self, other: Touched) -> bool:
        """Return whether two edits are about the same thing."""
        if self.anew or other.anew:
            return self.anew and other.anew or bool(self.concepts or other.concepts)
        both = self.tokens.keys() & other.tokens.keys()
        return bool(
            self.concepts & other.concepts
            or self.data & (other.data | other.tokens.keys())
            or other.data & self.tokens.keys()
            or any(self.tokens[uid] & other.tokens[uid] for uid in both)
        )


class Action(Record):
    """What one entry of the journal says.

    A field that is missing, of another type or unknown makes a study damaged.

    Attributes
    ----------
    lasting : bool
        Whether it still counts once concepts were found anew: it is about data, not about concepts.
    """

    lasting: ClassVar[bool] = False

    def apply(self, state: CurationState, entry: int) -> None:
        """Change a `CurationState`. ``entry``: number of the journal's entry.

        Raises ValueError where they contradict.
        """

    def tell(self, told: Teller) -> str:
        """Return it in plain words. ``told``: a `chronicle.Teller`."""
        raise NotImplementedError

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        """Return what it is about. ``by_id``: the journal, {id: Entry}."""
        return Touched()
