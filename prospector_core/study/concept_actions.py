"""Actions of the journal on concepts: named, coloured, merged, split, excluded, pinned."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from ..store.checked import Number
from ..wording import is_colour
from .action import Action, ClassNumber, Concept, Split, Text, Touched

if TYPE_CHECKING:
    from .chronicle import Teller
    from .journal import CurationState, Entry

__all__ = ["Exclude", "Family", "Include", "Merge", "Pin", "Recolour", "Rename", "SplitUp"]

_DIGEST = 64  # characters of a split's centroids that tell it from others


class _OfConcept(Action):
    concept: Concept

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        return Touched(concepts={self.concept})


class Rename(_OfConcept):
    """A concept gets a name."""

    name: Text

    def apply(self, state: CurationState, entry: int) -> None:
        state.names[self.concept] = self.name

    def tell(self, told: Teller) -> str:
        return f"rename {told.before(self.concept)} to “{self.name}”"


class Recolour(_OfConcept):
    """A concept gets a colour."""

    colour: Any

    def apply(self, state: CurationState, entry: int) -> None:
        # none of our programs writes anything else; what a stranger wrote in its place reaches no page and no
        # file
        if is_colour(self.colour):
            state.colours[self.concept] = self.colour

    def tell(self, told: Teller) -> str:
        wrong = "" if is_colour(self.colour) else " (what stands there is not a colour: it keeps its own)"
        return f"recolour {told.name(self.concept)}{wrong}"


class Merge(Action):
    """Concepts become one."""

    concepts: Annotated[list[Concept], Field(min_length=1)]
    into: Concept

    def apply(self, state: CurationState, entry: int) -> None:
        for concept in self.concepts:
            if concept != self.into:
                if state.home(self.into) == concept:
                    raise ValueError(
                        f"it merges concept {concept} into {self.into}, which was merged into {concept}"
                    )
                state.merged[concept] = self.into
                state.excluded.pop(concept, None)

    def tell(self, told: Teller) -> str:
        gone = ", ".join(told.name(k) for k in self.concepts if k != self.into)
        return f"merge {gone} into {told.name(self.into)}"

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        return Touched(concepts={*self.concepts, self.into})


class Exclude(_OfConcept):
    """A concept's tokens leave the graph."""

    reason: Text = ""

    def apply(self, state: CurationState, entry: int) -> None:
        state.excluded[self.concept] = self.reason

    def tell(self, told: Teller) -> str:
        return f"exclude {told.name(self.concept)}{f' ({self.reason})' if self.reason else ''}"


class Include(_OfConcept):
    """An excluded concept comes back."""

    def apply(self, state: CurationState, entry: int) -> None:
        state.excluded.pop(self.concept, None)

    def tell(self, told: Teller) -> str:
        return f"include {told.name(self.concept)}"


class Pin(Action):
    """The weight of a concept, or of a pair, is the expert's (None: again the fitted one)."""

    concepts: Annotated[list[Concept], Field(min_length=1, max_length=2)]
    weight: Annotated[Number, Field(gt=-1e6, lt=1e6)] | None
    target: ClassNumber | None = None

    def apply(self, state: CurationState, entry: int) -> None:
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

    def tell(self, told: Teller) -> str:
        what = " + ".join(told.name(k) for k in self.concepts)
        done = f"unpin {what}" if self.weight is None else f"pin {what} at {self.weight:g}"
        everywhere = " in every class" if told.study.several else ""
        return done + (everywhere if self.target is None else f" for {told.class_name(self.target)}")

    def touched(self, by_id: Mapping[int, Entry]) -> Touched:
        return Touched(concepts=set(self.concepts))


class SplitUp(_OfConcept):
    """A concept is cut in several."""

    ids: Annotated[list[Concept], Field(min_length=2, max_length=20)]
    centroids: Annotated[str, Field(max_length=2**27)]
    leaves: list[list[Annotated[int, Field(ge=0, lt=2**16)]]] | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.ids[0] != self.concept or self.ids[1:] != list(
            range(self.ids[1], self.ids[1] + len(self.ids) - 1)
        ):
            raise ValueError("its ids are not those of a split")
        if self.leaves and len(self.leaves) != len(self.ids):
            raise ValueError("its branches are not as many as its parts")
        self._centroids()
        return self

    def _centroids(self) -> np.ndarray:
        try:
            content = base64.b64decode(self.centroids, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("its centroids are not base64") from None
        if not content or len(content) % (4 * len(self.ids)):
            raise ValueError("its centroids are not one row per part")
        centroids = np.frombuffer(content, np.float32).reshape(len(self.ids), -1)
        if not np.isfinite(centroids).all():
            raise ValueError("its centroids are not finite")
        return centroids

    def apply(self, state: CurationState, entry: int) -> None:
        if state.fitted is not None and self.ids[1] != state.fitted + state.n_extra:
            raise ValueError(f"its new concepts begin with {self.ids[1]}")
        members = state.members(self.concept, self.ids[1])
        leaves = tuple(map(tuple, self.leaves)) if self.leaves else None
        digest = self.centroids[:_DIGEST]
        state.steps.append(Split(self.concept, members, tuple(self.ids), self._centroids(), digest, leaves))

    def tell(self, told: Teller) -> str:
        return f"split {told.name(self.concept)} into {len(self.ids)}"


class Family(Action):
    """A family of sites gets a name, or loses it ("")."""

    composition: dict[Annotated[str, Field(pattern=r"^[0-9]{1,5}\z")], Number]
    name: Text

    def apply(self, state: CurationState, entry: int) -> None:
        shares = {int(concept): share for concept, share in self.composition.items()}
        state.families = [each for each in state.families if each[0] != shares]
        if self.name:
            state.families.insert(0, (shares, self.name))

    def tell(self, told: Teller) -> str:
        made = sorted(self.composition.items(), key=lambda each: -each[1])[:2]
        what = " and ".join(told.name(int(concept)) for concept, _ in made)
        if self.name:
            return f"name the family of {what} “{self.name}”"
        return f"take back the name of the family of {what}"
