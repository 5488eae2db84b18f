"""Actions of the journal on tokens and data: moved to a concept, marked as evidence, given another class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from ..store.checked import Number, Record
from .action import Action, ClassNumber, Concept, Region, Token, Touched

if TYPE_CHECKING:
    from .chronicle import Teller
    from .journal import CurationState, Entry

__all__ = ["AddData", "Annotate", "Reassign", "Relabel", "RemoveData", "Withdraw"]


class _Part(Record):
    datum: str
    tokens: list[Token]


class _OfTokens(Action):
    """Of tokens of one datum, or of several (``parts``)."""

    datum: str | None = None
    tokens: list[Token] | None = None
    parts: Annotated[list[_Part], Field(max_length=100_000)] | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.parts and (self.datum is None or self.tokens is None):
            raise ValueError("it names no tokens")
        return self

    @property
    def where(self) -> list[tuple[str, list[int]]]:
        """(uid of the datum, its tokens) of each part."""
        if self.parts:
            return [(part.datum, part.tokens) for part in self.parts]
        return [(self.datum, self.tokens)]

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        touched = Touched()
        for datum, tokens in self.where:
            touched.tokens.setdefault(datum, set()).update(tokens)
        return touched

    def _count(self, told: Teller) -> str:
        return told.study.kind.words.count(sum(len(tokens) for _, tokens in self.where))


class Reassign(_OfTokens):
    """Tokens belong to another concept."""

    concept: Concept

    def apply(self, state: CurationState, entry: int) -> None:
        for datum, tokens in self.where:
            state.steps.append((datum, tuple(tokens), self.concept))

    def tell(self, told: Teller) -> str:
        where = f" of {len(self.where)} data" if len(self.where) > 1 else ""
        return f"move {self._count(told)}{where} to {told.name(self.concept)}"

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        touched = super().touched(by_id)
        touched.concepts = {self.concept}
        return touched


class Annotate(_OfTokens):
    """A region speaks for or against a class, or is ignored."""

    polygon: (
        Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(max_length=10**6)]
        | None
    )
    evidence: Literal["for", "against", "ignore"]
    weight: Annotated[Number, Field(gt=0, lt=1e6)]
    target: ClassNumber | None = None

    def apply(self, state: CurationState, entry: int) -> None:
        polygon = tuple(tuple(point) for point in self.polygon) if self.polygon else None
        for datum, tokens in self.where:
            marked = Region(datum, tuple(tokens), self.evidence, self.weight, polygon, entry, self.target)
            state.regions.append(marked)

    def tell(self, told: Teller) -> str:
        where = self.where
        data = told.datum_name(where[0][0]) if len(where) == 1 else f"{len(where)} data"
        place = f"{self._count(told)} of {data}"
        if self.evidence == "ignore":
            return f"ignore {place}"
        if self.target is None:  # of two classes, what speaks against the one speaks for the other
            return f"mark {place} as evidence for {told.class_name(int(self.evidence == 'for'))}"
        return f"mark {place} as evidence {self.evidence} {told.class_name(self.target)}"


class Withdraw(Action):
    """A marked region is taken back."""

    entry: Annotated[int, Field(ge=0)]

    def apply(self, state: CurationState, entry: int) -> None:
        state.regions = [region for region in state.regions if region.entry != self.entry]

    def tell(self, told: Teller) -> str:
        marked = told.entry(self.entry)
        return (
            f"take back: {told.of(marked)}"
            if marked and marked.action == "annotate"
            else "take back a region"
        )

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        marked = by_id.get(self.entry)
        return marked.edit.touched(by_id) if marked and marked.action == "annotate" else Touched()


class Relabel(Action):
    """A datum is of another class (None: not known)."""

    lasting = True

    datum: str
    label: ClassNumber | None

    def apply(self, state: CurationState, entry: int) -> None:
        state.labels[self.datum] = self.label

    def tell(self, told: Teller) -> str:
        label = "not known" if self.label is None else told.class_name(self.label)
        return f"relabel {told.datum_name(self.datum)} as {label}"

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        return Touched(data={self.datum})


class _OfData(Action):
    """Which data the study has."""

    lasting = True
    data: Annotated[list[str], Field(min_length=1, max_length=10**6)]

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        return Touched(data=set(self.data))

    def _names(self, told: Teller) -> str:
        some = ", ".join(told.datum_name(uid) for uid in self.data[:3])
        return some + (f" and {len(self.data) - 3} more" if len(self.data) > 3 else "")


class AddData(_OfData):
    """Data are added to the study, or brought back; undone, they are hidden."""

    def apply(self, state: CurationState, entry: int) -> None:
        state.added = state.added | set(self.data)
        state.removed = state.removed - set(self.data)

    def tell(self, told: Teller) -> str:
        return f"add {self._names(told)}"


class RemoveData(_OfData):
    """Data no longer count: what was embedded and edited of them stays."""

    def apply(self, state: CurationState, entry: int) -> None:
        state.removed = state.removed | set(self.data)

    def tell(self, told: Teller) -> str:
        return f"remove {self._names(told)}"
