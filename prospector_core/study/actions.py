"""The actions of the journal: of each, which fields it has, what it does to the state, how it is told.

And what it is about.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from ..errors import StudyDamagedError
from ..store.checked import Number, Record, record_of
from ..wording import is_colour

__all__ = ["ACTIONS", "MOST_CONCEPTS", "Action", "Region", "Split", "Touched", "read_action"]

MOST_CONCEPTS = 2**15  # sprites are kept as int16
_Concept = Annotated[int, Field(ge=0, lt=MOST_CONCEPTS)]
_Token = Annotated[int, Field(ge=0, lt=2**31)]
_Class = Annotated[int, Field(ge=0, lt=1000)]
_Text = Annotated[str, Field(max_length=100_000)]
_SIGNED_ENOUGH = 64  # characters of a split's centroids that tell it from others


@dataclass(frozen=True)
class Split:
    """A concept cut in two or more: its tokens go to the nearest of ``centroids`` (m, d) float32.

    ``concept``: the one that was cut; ``members``: original ids that it consisted of; ``ids`` (m,): the first
    is the concept itself, the others are new, at the end. ``leaves``: where it was cut along a tree, the fine
    concepts of each part.
    """

    concept: int
    members: frozenset
    ids: tuple
    centroids: np.ndarray = field(compare=False, repr=False)
    digest: str = ""
    leaves: tuple | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Region:
    """A marked region: datum uid, its token ids, evidence "for", "against" or "ignore", weight.

    Outline (x, y) or None.

    ``entry``: id of the journal entry that marked it; regions that say the same are equal whenever they were
    made. ``target``: the class that it speaks for or against, where there are more than two; else None, which
    means class 1.
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
    """What an edit is about: concepts, whole data, and tokens {uid.

    Set}; ``anew``: all concepts are others.
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
    """

    def apply(self, state: Any, entry: int) -> None:
        """Change a `CurationState`. ``entry``: number of the journal's entry.

        Raises ValueError where they contradict.
        """

    def tell(self, told: Any) -> str:
        """Return it in plain words. ``told``: a `chronicle.Teller`."""
        raise NotImplementedError

    def touched(self, by_id: dict) -> Touched:
        """Return what it is about. ``by_id``: the journal, {id: Entry}."""
        return Touched()


class _OfConcept(Action):
    concept: _Concept

    def touched(self, by_id):
        return Touched(concepts={self.concept})


class Rename(_OfConcept):
    """A concept gets a name."""

    name: _Text

    def apply(self, state, entry):
        state.names[self.concept] = self.name

    def tell(self, told):
        return f"rename {told.before(self.concept)} to “{self.name}”"


class Recolour(_OfConcept):
    """A concept gets a colour."""

    colour: Any

    def apply(self, state, entry):
        # none of our programs writes anything else; what a stranger wrote in its place reaches no page and no
        # file
        if is_colour(self.colour):
            state.colours[self.concept] = self.colour

    def tell(self, told):
        wrong = "" if is_colour(self.colour) else " (what stands there is no colour: it keeps its own)"
        return f"recolour {told.name(self.concept)}{wrong}"


class Merge(Action):
    """Concepts become one."""

    concepts: Annotated[list[_Concept], Field(min_length=1)]
    into: _Concept

    def apply(self, state, entry):
        for concept in self.concepts:
            if concept != self.into:
                if state.home(self.into) == concept:
                    raise ValueError(
                        f"it merges concept {concept} into {self.into}, which was merged into {concept}"
                    )
                state.merged[concept] = self.into
                state.excluded.pop(concept, None)

    def tell(self, told):
        gone = ", ".join(told.name(k) for k in self.concepts if k != self.into)
        return f"merge {gone} into {told.name(self.into)}"

    def touched(self, by_id):
        return Touched(concepts={*self.concepts, self.into})


class Exclude(_OfConcept):
    """A concept's tokens leave the graph."""

    reason: _Text = ""

    def apply(self, state, entry):
        state.excluded[self.concept] = self.reason

    def tell(self, told):
        return f"exclude {told.name(self.concept)}{f' ({self.reason})' if self.reason else ''}"


class Include(_OfConcept):
    """And come back."""

    def apply(self, state, entry):
        state.excluded.pop(self.concept, None)

    def tell(self, told):
        return f"include {told.name(self.concept)}"


class Pin(Action):
    """The weight of a concept, or of a pair, is the expert's (None: again the fitted one)."""

    concepts: Annotated[list[_Concept], Field(min_length=1, max_length=2)]
    weight: Annotated[Number, Field(gt=-1e6, lt=1e6)] | None
    target: _Class | None = None

    def apply(self, state, entry):
        key = self.concepts[0] if len(self.concepts) == 1 else tuple(sorted(self.concepts))
        if self.target is None:  # every kernel's
            changed = [state.pins, *state.class_pins.values()]
        else:
            changed = [state.class_pins.setdefault(self.target, dict(state.pins))]
        for pins in changed:
            if self.weight is None:
                pins.pop(key, None)
            else:
                pins[key] = self.weight

    def tell(self, told):
        what = " + ".join(told.name(k) for k in self.concepts)
        said = f"unpin {what}" if self.weight is None else f"pin {what} at {self.weight:g}"
        everywhere = " in every class" if told.study.several else ""
        return said + (everywhere if self.target is None else f" for {told.class_name(self.target)}")

    def touched(self, by_id):
        return Touched(concepts=set(self.concepts))


class _Part(Record):
    datum: str
    tokens: list[_Token]


class _OfTokens(Action):
    """Of tokens of one datum, or of several (``parts``)."""

    datum: str | None = None
    tokens: list[_Token] | None = None
    parts: Annotated[list[_Part], Field(max_length=100_000)] | None = None

    @model_validator(mode="after")
    def _somewhere(self):
        if not self.parts and (self.datum is None or self.tokens is None):
            raise ValueError("it names no tokens")
        return self

    @property
    def where(self) -> list[tuple[str, list[int]]]:
        """(uid of the datum, its tokens) of each part."""
        if self.parts:
            return [(part.datum, part.tokens) for part in self.parts]
        return [(self.datum, self.tokens)]

    def touched(self, by_id):
        found = Touched()
        for datum, tokens in self.where:
            found.tokens.setdefault(datum, set()).update(tokens)
        return found

    def _count(self, told):
        return told.study.kind.words.count(sum(len(tokens) for _, tokens in self.where))


class Reassign(_OfTokens):
    """Tokens belong to another concept."""

    concept: _Concept

    def apply(self, state, entry):
        for datum, tokens in self.where:
            state.steps.append((datum, tuple(tokens), self.concept))

    def tell(self, told):
        where = f" of {len(self.where)} data" if len(self.where) > 1 else ""
        return f"move {self._count(told)}{where} to {told.name(self.concept)}"

    def touched(self, by_id):
        found = super().touched(by_id)
        found.concepts = {self.concept}
        return found


class SplitUp(_OfConcept):
    """A concept is cut in several."""

    ids: Annotated[list[_Concept], Field(min_length=2, max_length=20)]
    centroids: Annotated[str, Field(max_length=2**27)]
    leaves: list[list[Annotated[int, Field(ge=0, lt=2**16)]]] | None = None

    @model_validator(mode="after")
    def _sound(self):
        if self.ids[0] != self.concept or self.ids[1:] != list(
            range(self.ids[1], self.ids[1] + len(self.ids) - 1)
        ):
            raise ValueError("its ids are not those of a split")
        if self.leaves and len(self.leaves) != len(self.ids):
            raise ValueError("its branches are not as many as its parts")
        self._centroids()
        return self

    def _centroids(self):
        try:
            content = base64.b64decode(self.centroids, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("its centroids are not base64") from None
        if not content or len(content) % (4 * len(self.ids)):
            raise ValueError("its centroids are not a row a part")
        found = np.frombuffer(content, np.float32).reshape(len(self.ids), -1)
        if not np.isfinite(found).all():
            raise ValueError("its centroids are not finite")
        return found

    def apply(self, state, entry):
        if state.fitted is not None and self.ids[1] != state.fitted + state.n_extra:
            raise ValueError(f"its new concepts begin with {self.ids[1]}")
        members = state.members(self.concept, self.ids[1])
        leaves = tuple(map(tuple, self.leaves)) if self.leaves else None
        said = self.centroids[:_SIGNED_ENOUGH]
        state.steps.append(Split(self.concept, members, tuple(self.ids), self._centroids(), said, leaves))

    def tell(self, told):
        return f"split {told.name(self.concept)} into {len(self.ids)}"


class Annotate(_OfTokens):
    """A region speaks for or against a class, or is ignored."""

    polygon: (
        Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(max_length=10**6)]
        | None
    )
    evidence: Literal["for", "against", "ignore"]
    weight: Annotated[Number, Field(gt=0, lt=1e6)]
    target: _Class | None = None

    def apply(self, state, entry):
        polygon = tuple(tuple(point) for point in self.polygon) if self.polygon else None
        for datum, tokens in self.where:
            said = (self.evidence, self.weight)
            state.regions.append(Region(datum, tuple(tokens), *said, polygon, entry, self.target))

    def tell(self, told):
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

    def apply(self, state, entry):
        state.regions = [region for region in state.regions if region.entry != self.entry]

    def tell(self, told):
        marked = told.entry(self.entry)
        return (
            f"take back: {told.of(marked)}"
            if marked and marked.action == "annotate"
            else "take back a region"
        )

    def touched(self, by_id):
        marked = by_id.get(self.entry)
        return marked.edit.touched(by_id) if marked and marked.action == "annotate" else Touched()


class Family(Action):
    """A family of sites gets a name, or loses it ("")."""

    composition: dict[Annotated[str, Field(pattern=r"^[0-9]{1,5}\z")], Number]
    name: _Text

    def apply(self, state, entry):
        shares = {int(concept): share for concept, share in self.composition.items()}
        state.families = [each for each in state.families if each[0] != shares]
        if self.name:
            state.families.insert(0, (shares, self.name))

    def tell(self, told):
        made = sorted(self.composition.items(), key=lambda each: -each[1])[:2]
        what = " and ".join(told.name(int(concept)) for concept, _ in made)
        if self.name:
            return f"name the family of {what} “{self.name}”"
        return f"take back the name of the family of {what}"


class Relabel(Action):
    """A datum is of another class (None: not known)."""

    datum: str
    label: _Class | None

    def apply(self, state, entry):
        state.labels[self.datum] = self.label

    def tell(self, told):
        label = "not known" if self.label is None else told.class_name(self.label)
        return f"relabel {told.datum_name(self.datum)} as {label}"

    def touched(self, by_id):
        return Touched(data={self.datum})


class NewFit(Action):
    """Concepts were found anew; its fields are settings."""

    model_config = ConfigDict(extra="allow")
    concepts: Annotated[int, Field(ge=1, le=MOST_CONCEPTS)] | None = None
    radius: Annotated[int, Field(ge=0, le=64)] | None = None
    kernel: _Text = ""

    def tell(self, told):
        return f"new fit: {self.concepts} concepts, radius {self.radius}, {self.kernel} kernel"

    def touched(self, by_id):
        return Touched(anew=True)


class Undo(Action):
    """The last edit that stands is taken back; which one that is, the journal says."""

    model_config = ConfigDict(extra="ignore")

    def tell(self, told):
        return type(self).__name__.lower()


class Redo(Undo):
    """And brought back."""


ACTIONS: dict[str, type[Action]] = {
    "rename": Rename,
    "recolour": Recolour,
    "merge": Merge,
    "exclude": Exclude,
    "include": Include,
    "pin": Pin,
    "reassign": Reassign,
    "split": SplitUp,
    "annotate": Annotate,
    "withdraw": Withdraw,
    "family": Family,
    "relabel": Relabel,
    "fit": NewFit,
    "undo": Undo,
    "redo": Redo,
}


def read_action(name: Any, payload: Any, entry: int) -> Action:
    """Return what an entry of the journal says, checked. Raises StudyDamagedError."""
    if not isinstance(name, str) or name not in ACTIONS:
        what = f"{name!r:.40}" if isinstance(name, str) else f"a {type(name).__name__}"
        raise StudyDamagedError(
            f"entry {entry} of the journal has the action {what}, which this Prospector does not know: update"
            " Prospector, or restore study.sqlite from a backup"
        )
    try:
        return record_of(ACTIONS[name], payload, f"entry {entry} of the journal ({name})")
    except ValueError as error:
        raise StudyDamagedError(f"{error}: restore study.sqlite from a backup") from None
